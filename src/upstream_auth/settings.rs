//! A `[[credential]]` of the configuration, and what can be wrong with it.

use super::header;
use super::setting::Setting;
use crate::http::client::may_be_asked;
use crate::kalliope::{self, DigestPassword, Salt, X_AUTHENTICATE};
use http::header::AUTHORIZATION;
use http::{HeaderName, Uri};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// In routes, in the store and in metrics.
    pub name: String,
    pub kind: Kind,
    /// Whose it is: `service`, or `user`, which that of a provider always is.
    pub of: Option<Of>,
    /// `basic` and `digest`
    pub username: Option<String>,
    pub password: Option<Setting>,
    /// `digest`: the tenant's domain at the PBX.
    pub domain: Option<String>,
    /// `digest`: in place of `password`, what Kalliope keeps of one.
    pub digest_password: Option<Setting>,
    /// `digest`: what the password is salted with; or whom to ask for it, the PBX's origin.
    pub salt: Option<String>,
    pub salt_from: Option<String>,
    /// `bearer`
    pub token: Option<Setting>,
    /// The header of a bearer's or a provider's token, if not `Authorization: Bearer`.
    pub header: Option<String>,
    /// `provider`: the `[[provider]]` whose tokens they are.
    pub provider: Option<String>,
    /// May be presented over plain http to another machine.
    #[serde(default)]
    pub insecure: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// RFC 7617
    Basic,
    /// RFC 6750
    Bearer,
    /// Kalliope's `X-authenticate`, made anew for each attempt.
    Digest,
    /// The access token of a user's account at a `[[provider]]`.
    Provider,
}

/// Whose a credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Of {
    /// The same for whoever may use the route.
    Service,
    /// Each user's own.
    User,
}

/// What a kind of credential takes.
struct Keys {
    needed: &'static [&'static str],
    allowed: &'static [&'static str],
}

impl Spec {
    pub fn of(&self) -> Of {
        match (self.of, self.kind) {
            (Some(of), _) => of,
            (None, Kind::Provider) => Of::User,
            (None, Kind::Basic | Kind::Bearer | Kind::Digest) => Of::Service,
        }
    }

    /// The header that it is sent in.
    pub fn header_name(&self) -> Option<HeaderName> {
        match &self.header {
            None if self.kind == Kind::Digest => Some(X_AUTHENTICATE),
            None => Some(AUTHORIZATION),
            Some(name) => name.parse().ok(),
        }
    }

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
        check(
            "of",
            (self.kind, self.of()) != (Kind::Provider, Of::Service),
            "an account at a provider is a user's own",
        );
        check(
            "username",
            self.kind != Kind::Basic || self.username.as_deref().is_none_or(header::is_username),
            "1 to 256 characters without `:` and control characters (RFC 7617 §2)",
        );
        check(
            "header",
            self.header_name().is_some(),
            "it is no header name",
        );
        let keys = self.keys();
        for (key, is_given) in self.given() {
            let message = format!("`{key}` is for another kind of credential");
            let is_known = keys.needed.contains(&key) || keys.allowed.contains(&key);
            check(key, is_known || !is_given, &message);
            let message = format!("a credential of this kind needs `{key}`");
            check(key, is_given || !keys.needed.contains(&key), &message);
        }
        let domain = self.domain.as_deref().map(kalliope::domain);
        if let Some(Err(error)) = domain {
            faults.push(("domain", error.to_string()));
        }
        if (self.kind, self.of()) == (Kind::Digest, Of::Service) {
            faults.extend(self.digest_faults());
        }
        faults
    }

    fn digest_faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let mut check = |key, right: bool, message: &str| {
            if !right {
                faults.push((key, message.to_owned()));
            }
        };
        check(
            "password",
            self.password.is_some() != self.digest_password.is_some(),
            "give either `password` or `digest_password`",
        );
        let digest = self.digest_password.as_ref().map(Setting::expose);
        check(
            "digest_password",
            digest.is_none_or(|text| DigestPassword::parse(text).is_ok()),
            "it has 64 hexadecimal digits",
        );
        let given = [&self.salt, &self.salt_from].into_iter().flatten().count();
        check(
            "salt",
            given == usize::from(self.password.is_some()),
            "a `password` needs either `salt` or `salt_from`, a `digest_password` neither",
        );
        let salt = self.salt.as_deref().map(Salt::parse);
        check(
            "salt",
            salt.is_none_or(|salt| salt.is_ok()),
            "1 to 128 visible ASCII characters, none of them `{`, `}` or `\"`",
        );
        check(
            "salt_from",
            self.salt_from.as_deref().is_none_or(is_origin),
            "an https origin, such as https://pbx.example; http only to a literal loopback address",
        );
        let username = self.username.as_deref().map(kalliope::username);
        check(
            "username",
            username.is_none_or(|username| username.is_ok()),
            "1 to 128 characters, none of them `\"`, `@` or a control character",
        );
        faults
    }

    const fn keys(&self) -> Keys {
        let (needed, allowed): (&[_], &[_]) = match (self.kind, self.of) {
            (Kind::Basic, Some(Of::User)) => (&[], &[]),
            (Kind::Digest, Some(Of::User)) => (&[], &["domain"]),
            (Kind::Digest, _) => (
                &["username", "domain"],
                &["password", "digest_password", "salt", "salt_from"],
            ),
            (Kind::Basic, _) => (&["username", "password"], &[]),
            (Kind::Bearer, Some(Of::User)) => (&[], &["header"]),
            (Kind::Bearer, _) => (&["token"], &["header"]),
            (Kind::Provider, _) => (&["provider"], &["header"]),
        };
        Keys { needed, allowed }
    }

    fn given(&self) -> [(&'static str, bool); 9] {
        [
            ("username", self.username.is_some()),
            ("password", self.password.is_some()),
            ("domain", self.domain.is_some()),
            ("digest_password", self.digest_password.is_some()),
            ("salt", self.salt.is_some()),
            ("salt_from", self.salt_from.is_some()),
            ("token", self.token.is_some()),
            ("header", self.header.is_some()),
            ("provider", self.provider.is_some()),
        ]
    }
}

/// Where requests of ours may go, and nothing after it.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    may_be_asked(&uri) && uri.path() == "/" && uri.query().is_none()
}

fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=32).contains(&name.len())
        && name.bytes().all(plain)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<(&'static str, String)> {
        let spec: Spec = toml::from_str(&format!("name = 'pbx'\n{text}")).unwrap();
        spec.faults()
    }

    fn keys(text: &str) -> Vec<&'static str> {
        faults(text).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn each_kind_has_its_keys() {
        for right in [
            "kind = 'basic'\nusername = 'id'\npassword = 'p'",
            "kind = 'basic'\nof = 'user'",
            "kind = 'bearer'\ntoken = 't'",
            "kind = 'bearer'\ntoken = 't'\nheader = 'X-Auth-Token'",
            "kind = 'bearer'\nof = 'user'\nheader = 'X-Auth-Token'",
            "kind = 'provider'\nprovider = 'sipgate'",
            "kind = 'digest'\nof = 'user'",
            "kind = 'digest'\nof = 'user'\ndomain = 'default'",
            &digest("password = 'p'\nsalt = 's'"),
            &digest("password = 'p'\nsalt_from = 'https://pbx.example'"),
            &digest(&format!("digest_password = '{}'", "0f".repeat(32))),
        ] {
            assert_eq!(faults(right), [], "{right}");
        }
    }

    fn digest(more: &str) -> String {
        format!("kind = 'digest'\nusername = 'click2call'\ndomain = 'default'\n{more}")
    }

    #[test]
    fn a_digest_has_a_password_in_one_way() {
        assert_eq!(
            keys("kind = 'digest'\npassword = 'p'\nsalt = 's'"),
            ["username", "domain"]
        );
        for (more, wrong) in [
            ("", "password"),
            ("password = 'p'", "salt"),
            (
                "password = 'p'\nsalt = 's'\nsalt_from = 'https://pbx.example'",
                "salt",
            ),
            ("password = 'p'\nsalt = '{'", "salt"),
            (
                "password = 'p'\nsalt_from = 'http://pbx.example'",
                "salt_from",
            ),
            (
                "password = 'p'\nsalt_from = 'https://pbx.example/rest'",
                "salt_from",
            ),
            ("digest_password = 'short'", "digest_password"),
            ("header = 'X-Other'\npassword = 'p'\nsalt = 's'", "header"),
        ] {
            assert_eq!(keys(&digest(more)), [wrong], "{more}");
        }
        let both = format!(
            "password = 'p'\nsalt = 's'\ndigest_password = '{}'",
            "0f".repeat(32)
        );
        assert_eq!(keys(&digest(&both)), ["password"]);
        let other =
            |name: &str, value: &str| digest("password = 'p'\nsalt = 's'").replace(name, value);
        assert_eq!(keys(&other("'click2call'", "'a@b'")), ["username"]);
        assert_eq!(keys(&other("'default'", "'a\"b'")), ["domain"]);
    }

    #[test]
    fn what_is_missing_and_what_is_of_another_kind_is_named() {
        assert_eq!(keys("kind = 'basic'"), ["username", "password"]);
        assert_eq!(keys("kind = 'bearer'"), ["token"]);
        assert_eq!(keys("kind = 'provider'"), ["provider"]);
        assert_eq!(
            keys("kind = 'basic'\nof = 'user'\npassword = 'p'"),
            ["password"]
        );
        assert_eq!(
            keys("kind = 'bearer'\ntoken = 't'\nusername = 'u'"),
            ["username"]
        );
        assert_eq!(
            keys("kind = 'provider'\nprovider = 'p'\nof = 'service'"),
            ["of"]
        );
        assert_eq!(
            keys("kind = 'basic'\nusername = 'a:b'\npassword = 'p'"),
            ["username"]
        );
        assert_eq!(
            keys("kind = 'bearer'\ntoken = 't'\nheader = 'a b'"),
            ["header"]
        );
    }
}
