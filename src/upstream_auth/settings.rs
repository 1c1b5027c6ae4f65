//! A `[[credential]]` of the configuration, and what can be wrong with it.

use super::header;
use super::setting::Setting;
use http::HeaderName;
use http::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// In routes, in the store and in metrics.
    pub name: String,
    pub kind: Kind,
    /// Whose it is: `service`, or `user`, which that of a provider always is.
    pub of: Option<Of>,
    /// `basic`
    pub username: Option<String>,
    pub password: Option<Setting>,
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
            (None, Kind::Basic | Kind::Bearer) => Of::Service,
        }
    }

    /// The header that it is sent in.
    pub fn header_name(&self) -> Option<HeaderName> {
        match &self.header {
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
            self.username.as_deref().is_none_or(header::is_username),
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
        faults
    }

    const fn keys(&self) -> Keys {
        let (needed, allowed): (&[_], &[_]) = match (self.kind, self.of) {
            (Kind::Basic, Some(Of::User)) => (&[], &[]),
            (Kind::Basic, _) => (&["username", "password"], &[]),
            (Kind::Bearer, Some(Of::User)) => (&[], &["header"]),
            (Kind::Bearer, _) => (&["token"], &["header"]),
            (Kind::Provider, _) => (&["provider"], &["header"]),
        };
        Keys { needed, allowed }
    }

    fn given(&self) -> [(&'static str, bool); 5] {
        [
            ("username", self.username.is_some()),
            ("password", self.password.is_some()),
            ("token", self.token.is_some()),
            ("header", self.header.is_some()),
            ("provider", self.provider.is_some()),
        ]
    }
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
        ] {
            assert_eq!(faults(right), [], "{right}");
        }
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
