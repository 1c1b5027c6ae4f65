//! A `[[provider]]` of the configuration, and what can be wrong with it.

use super::issuer::DIRECTORY;
use crate::http::client::may_be_asked;
use crate::http::client_form::ClientAuthentication;
use crate::secret::Secret;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// In paths, in the store and in metrics.
    pub name: String,
    /// On buttons and pages; the name, if left out.
    pub display_name: Option<String>,
    /// Whose users may use it.
    pub tenant: String,
    /// An OpenID provider, which is discovered; or `endpoints`.
    pub issuer: Option<String>,
    /// Where its metadata is, if not where it usually is.
    pub discovery: Option<String>,
    /// Microsoft's directories (tenants) whose people may come, where the issuer is a template; none means all.
    #[serde(default)]
    pub directories: Vec<String>,
    /// A provider without discovery and ID tokens.
    pub endpoints: Option<Endpoints>,
    pub client_id: String,
    /// Without one, we are a public client.
    pub client_secret: Option<Secret>,
    /// How the secret is sent; as the metadata says, if left out.
    pub client_authentication: Option<ClientAuthentication>,
    #[serde(default = "scopes")]
    pub scopes: Vec<String>,
    /// Further parameters of the authorization request, such as Google's `access_type`.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    #[serde(default)]
    pub link: Link,
    /// Make a user of somebody with a verified address whom nobody here is linked to.
    #[serde(default)]
    pub create_users: bool,
    /// Do not ask for the user's second factor here, because the provider sees to it.
    #[serde(default)]
    pub trusted_second_factor: bool,
    /// Keep the tokens that it gives, sealed.
    #[serde(default = "yes")]
    pub keep_tokens: bool,
}

/// Plain OAuth 2.0, where who has logged in is asked with the access token.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoints {
    pub authorization: String,
    pub token: String,
    /// Answers JSON with a `sub`.
    pub userinfo: String,
}

/// How an account there comes to belong to a user here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// By the user, who is signed in here, on the account page.
    #[default]
    Manual,
    /// Also by itself, to the user whose name is the address that the provider has verified.
    VerifiedEmail,
}

/// What only the flow itself may say.
const OURS: [&str; 12] = [
    "response_type",
    "response_mode",
    "client_id",
    "client_secret",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "request",
    "request_uri",
];

fn scopes() -> Vec<String> {
    vec!["openid".to_owned()]
}

const fn yes() -> bool {
    true
}

impl Spec {
    /// Keys and what is wrong with them.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let mut check = |key, right: bool, message: &str| {
            if !right {
                faults.push((key, message.to_owned()));
            }
        };
        check(
            "name",
            is_name(&self.name),
            "1 to 32 of a-z, 0-9 and `-`, beginning with a letter: it stands in paths",
        );
        let shown = self.display_name.as_deref().unwrap_or("x");
        check(
            "display_name",
            (1..=64).contains(&shown.chars().count()) && !shown.contains(char::is_control),
            "1 to 64 characters, no control characters",
        );
        check(
            "tenant",
            !self.tenant.is_empty(),
            "say whose users it is for",
        );
        check("client_id", !self.client_id.is_empty(), "it is empty");
        let taken = self.parameters.keys().find(|n| OURS.contains(&n.as_str()));
        check(
            "parameters",
            taken.is_none(),
            "the flow itself says response_type, client_id, redirect_uri, scope, state, nonce, code_challenge",
        );
        check(
            "scopes",
            self.endpoints.is_some() || self.scopes.iter().any(|scope| scope == "openid"),
            "OpenID Connect needs `openid` among them",
        );
        check(
            "scopes",
            self.scopes.iter().all(|scope| is_scope(scope)),
            "a scope is visible ASCII without `\"` and `\\` (RFC 6749 §3.3)",
        );
        match (&self.issuer, &self.endpoints) {
            (Some(issuer), None) => faults.extend(self.issuer_faults(issuer)),
            (None, Some(endpoints)) => faults.extend(self.endpoint_faults(endpoints)),
            _ => faults.push(("issuer", "give either `issuer` or `endpoints`".to_owned())),
        }
        faults
    }

    fn issuer_faults(&self, issuer: &str) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let mut check = |key, right: bool, message: &str| {
            if !right {
                faults.push((key, message.to_owned()));
            }
        };
        let is_template = issuer.contains(DIRECTORY);
        // RFC 8414 §2
        let filled = issuer.replace(DIRECTORY, "x");
        check(
            "issuer",
            is_address(&filled) && !filled.contains(['?', '#']),
            "it is an https address without query and fragment",
        );
        let discovery = self.discovery.as_deref();
        check(
            "discovery",
            discovery.map_or(!is_template, is_address),
            "say the https address of the metadata: an issuer with {tenantid} has none of its own",
        );
        check(
            "directories",
            is_template || self.directories.is_empty(),
            "only with {tenantid} in the issuer",
        );
        // Anybody can have a directory of their own, and say in it what address they please.
        let is_trusting = self.create_users || self.link == Link::VerifiedEmail;
        check(
            "directories",
            !(is_template && is_trusting && self.directories.is_empty()),
            "list those whose addresses you trust, or take neither `create_users` nor `link = \"verified_email\"`",
        );
        faults
    }

    fn endpoint_faults(&self, endpoints: &Endpoints) -> Vec<(&'static str, String)> {
        let addresses = [
            &endpoints.authorization,
            &endpoints.token,
            &endpoints.userinfo,
        ];
        let mut faults = Vec::new();
        if addresses
            .iter()
            .any(|address| !is_address(address) || address.contains('#'))
        {
            let message = "they are https addresses without a fragment".to_owned();
            faults.push(("endpoints", message));
        }
        if self.create_users || self.link == Link::VerifiedEmail {
            let message = "without ID tokens nobody vouches for an address".to_owned();
            faults.push(("link", message));
        }
        if self.discovery.is_some() || !self.directories.is_empty() {
            let message = "`discovery` and `directories` go with `issuer`".to_owned();
            faults.push(("discovery", message));
        }
        faults
    }

    pub(super) fn discovery_address(&self) -> String {
        let issuer = self.issuer.as_deref().unwrap_or_default();
        self.discovery.clone().unwrap_or_else(|| {
            // OpenID Connect Discovery 1.0 §4.1
            let issuer = issuer.trim_end_matches('/');
            format!("{issuer}/.well-known/openid-configuration")
        })
    }
}

fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.len() <= 32
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(plain)
}

fn is_scope(scope: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    !scope.is_empty() && scope.bytes().all(plain)
}

fn is_address(text: &str) -> bool {
    text.parse().is_ok_and(|uri| may_be_asked(&uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(changes: &str) -> Vec<&'static str> {
        let least = "name = 'idp'\ntenant = 'acme'\nclient_id = 'gate'\n";
        let spec: Spec = toml::from_str(&format!("{least}{changes}")).unwrap();
        spec.faults().into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn what_cannot_work_is_named_by_its_key() {
        assert!(faults("issuer = 'https://idp.example'").is_empty());
        for (changes, key) in [
            ("", "issuer"),
            ("issuer = 'http://idp.example'", "issuer"),
            ("issuer = 'https://idp.example?x'", "issuer"),
            (
                "issuer = 'https://idp.example'\nscopes = ['email']",
                "scopes",
            ),
            (
                "issuer = 'https://idp.example'\nparameters = { state = 'x' }",
                "parameters",
            ),
            (
                "issuer = 'https://idp.example'\ndisplay_name = ''",
                "display_name",
            ),
            ("issuer = 'https://ms.example/{tenantid}/v2.0'", "discovery"),
            (
                "link = 'verified_email'\nendpoints = { authorization = 'https://a.example', token = 'https://a.example', userinfo = 'https://a.example' }",
                "link",
            ),
            (
                "endpoints = { authorization = 'https://a.example', token = 'http://a.example', userinfo = 'https://a.example' }",
                "endpoints",
            ),
        ] {
            assert_eq!(faults(changes), [key], "{changes}");
        }
    }

    #[test]
    fn q06_the_addresses_of_every_directory_are_trusted_by_nobody() {
        let template =
            "issuer = 'https://ms.example/{tenantid}/v2.0'\ndiscovery = 'https://ms.example/x'\n";
        assert!(faults(template).is_empty());
        for trusting in ["link = 'verified_email'", "create_users = true"] {
            assert_eq!(faults(&format!("{template}{trusting}")), ["directories"]);
            let listed = format!("{template}{trusting}\ndirectories = ['one']");
            assert!(faults(&listed).is_empty());
        }
    }

    #[test]
    fn nothing_links_by_itself_unless_it_is_told_to() {
        let text =
            "name = 'idp'\ntenant = 'acme'\nclient_id = 'gate'\nissuer = 'https://idp.example'";
        let spec: Spec = toml::from_str(text).unwrap();
        assert_eq!(spec.link, Link::Manual);
        assert!(!spec.create_users && !spec.trusted_second_factor);
    }
}
