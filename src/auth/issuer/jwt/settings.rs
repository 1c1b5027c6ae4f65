//! An `[[issuer]]` of JWTs, and what can be wrong with it.

use crate::auth::issuer::is_address;
use crate::auth::issuer::principal::{Settings as PrincipalSettings, Tenant};
use crate::token::jws::{self, Algorithm};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// An `[[issuer]]` of this kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// In the names of those whom it vouches for, and in the log.
    pub name: String,
    /// Whose principals they are.
    pub tenant: Tenant,
    /// Exactly its `iss`.
    pub issuer: String,
    /// Where its metadata is, if not where OpenID Connect has it.
    pub discovery: Option<String>,
    /// Where its keys are, instead of discovery.
    pub jwks_uri: Option<String>,
    /// Names for us; a token is for one of them, or not for us.
    pub audience: Vec<String>,
    /// What it may sign with.
    #[serde(default = "algorithms")]
    pub algorithms: Vec<String>,
    /// What the header's `typ` may be.
    #[serde(default = "types")]
    pub typ: Vec<String>,
    /// Claims that its access tokens have and none of its other tokens: a value, or `true` for any.
    #[serde(default)]
    pub require: BTreeMap<String, Wanted>,
    /// Applications whose tokens are taken; none means all.
    #[serde(default)]
    pub clients: Vec<String>,
    /// By how much clocks may differ.
    #[serde(default = "leeway", with = "humantime_serde")]
    pub leeway: Duration,
    /// How long what is known of a token counts.
    #[serde(default = "lifetime", with = "humantime_serde")]
    pub lifetime: Duration,
    /// Past that, while the keys or the store cannot be had.
    #[serde(default = "stale_if_error", with = "humantime_serde")]
    pub stale_if_error: Duration,
    /// How long keys are used that cannot be fetched again.
    #[serde(default = "max_key_age", with = "humantime_serde")]
    pub max_key_age: Duration,
    #[serde(default)]
    pub principal: PrincipalSettings,
}

/// What a claim must be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a text, or true for any value")]
pub enum Wanted {
    Any(bool),
    Text(String),
}

/// RFC 9068 §2.1; a token of it is nothing else.
const ACCESS_TOKEN: &str = "at+jwt";

/// More would be no skew of clocks.
const MOST_LEEWAY: Duration = Duration::from_mins(1);

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
            "issuer",
            is_address(&self.issuer) && !self.issuer.contains(['?', '#']),
            "it is an https address without query and fragment, exactly as tokens have it in `iss`",
        );
        check(
            "jwks_uri",
            self.discovery.is_none() || self.jwks_uri.is_none(),
            "give either `discovery` or `jwks_uri`",
        );
        check(
            "discovery",
            self.discovery.as_deref().is_none_or(is_address),
            "it is an https address",
        );
        check(
            "jwks_uri",
            self.jwks_uri.as_deref().is_none_or(is_address),
            "it is an https address",
        );
        check(
            "audience",
            !self.audience.is_empty() && self.audience.iter().all(|name| !name.is_empty()),
            "say what the issuer calls this gateway: without it, any token that it gives to anybody would do",
        );
        let known = self.algorithms();
        check(
            "algorithms",
            !known.is_empty() && known.len() == self.algorithms.len(),
            "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA verify what anybody may read; no others do",
        );
        let plain = self
            .typ
            .iter()
            .all(|typ| jws::plain_type(typ) == ACCESS_TOKEN);
        check(
            "typ",
            !self.typ.is_empty(),
            "name at least one, such as \"at+jwt\"",
        );
        check(
            "require",
            plain
                || self
                    .require
                    .values()
                    .any(|wanted| *wanted != Wanted::Any(false)),
            "of other types than at+jwt, say by what claim an access token is told from an ID token, such as { typ = \"Bearer\" }",
        );
        check(
            "require",
            !self
                .require
                .values()
                .any(|wanted| *wanted == Wanted::Any(false)),
            "a claim is wanted with a text, or with `true`",
        );
        check("leeway", self.leeway <= MOST_LEEWAY, "a minute at the most");
        faults.extend(self.principal.faults());
        faults
    }

    /// OpenID Connect Discovery 1.0 §4.1
    pub(super) fn discovery(&self) -> String {
        let issuer = self.issuer.trim_end_matches('/');
        let usual = || format!("{issuer}/.well-known/openid-configuration");
        self.discovery.clone().unwrap_or_else(usual)
    }

    /// What it may sign with, as far as that verifies anything.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let named = self.algorithms.iter();
        named.filter_map(|name| Algorithm::named(name)).collect()
    }
}

fn algorithms() -> Vec<String> {
    jws::OFFERED.map(str::to_owned).to_vec()
}

fn types() -> Vec<String> {
    vec![ACCESS_TOKEN.to_owned()]
}

const fn leeway() -> Duration {
    Duration::from_secs(10)
}

const fn lifetime() -> Duration {
    Duration::from_mins(1)
}

const fn stale_if_error() -> Duration {
    Duration::from_secs(30)
}

const fn max_key_age() -> Duration {
    Duration::from_hours(24)
}
