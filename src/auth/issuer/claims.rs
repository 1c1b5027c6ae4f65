//! The claims of a token or of an answer about one (RFC 7519 §4, RFC 7662 §2.2), and how they are found.

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// Where a claim is: `realm_access.roles` is the member `roles` of `realm_access`. A list, where a name has dots of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClaimPath(Vec<String>);

/// What the issuer claims.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Claims(Map<String, Value>);

impl ClaimPath {
    pub fn new(path: &str) -> Self {
        Self(path.split('.').map(str::to_owned).collect())
    }

    /// Whether it can lead anywhere.
    pub fn is_path(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|name| !name.is_empty())
    }
}

impl Claims {
    /// Claims of our own making, for an issuer that has others; what is null is not there.
    pub(super) fn of<const N: usize>(claims: [(&str, Value); N]) -> Self {
        let told = claims.into_iter().filter(|(_, value)| !value.is_null());
        Self(told.map(|(name, value)| (name.to_owned(), value)).collect())
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    pub fn at(&self, path: &ClaimPath) -> Option<&Value> {
        let (first, rest) = path.0.split_first()?;
        let mut found = self.0.get(first)?;
        for name in rest {
            found = found.get(name)?;
        }
        Some(found)
    }

    /// Words of a text, or of a list of texts (RFC 6749 §3.3 knows the first, many issuers the second).
    pub fn words(&self, path: &ClaimPath) -> Vec<&str> {
        match self.at(path) {
            Some(Value::String(text)) => text.split(' ').filter(|word| !word.is_empty()).collect(),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

impl<'de> Deserialize<'de> for ClaimPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "a claim, such as \"realm_access.roles\", or the list of its parts"
        )]
        enum Written {
            Dotted(String),
            Parts(Vec<String>),
        }
        let path = match Written::deserialize(deserializer)? {
            Written::Dotted(path) => Self::new(&path),
            Written::Parts(parts) => Self(parts),
        };
        let is_path = path.is_path();
        is_path
            .then_some(path)
            .ok_or_else(|| de::Error::custom("a claim has a name"))
    }
}

/// A claim that is there twice is refused: which of them counts must not depend on who reads it (RFC 8725 §2.6).
impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;
        impl<'de> Visitor<'de> for Once {
            type Value = Map<String, Value>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of claims")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut claims = Map::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if claims.insert(name, value).is_some() {
                        return Err(de::Error::custom("a claim is there twice"));
                    }
                }
                Ok(claims)
            }
        }
        deserializer.deserialize_map(Once).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(text: &str) -> Claims {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_path_leads_to_a_member_of_a_member() {
        let claims =
            claims(r#"{"realm_access":{"roles":["a b","c",1]},"scope":"x  y","a.b":{"c":"z"}}"#);
        let words = |path: &str| claims.words(&ClaimPath::new(path));
        assert_eq!(words("realm_access.roles"), ["a b", "c"]);
        assert_eq!(words("scope"), ["x", "y"]);
        for nowhere in ["realm_access", "realm_access.roles.x", "scope.x", "", "no"] {
            assert!(words(nowhere).is_empty(), "{nowhere}");
        }
        let parts: ClaimPath = serde_json::from_str(r#"["a.b","c"]"#).unwrap();
        assert_eq!(claims.words(&parts), ["z"]);
    }

    #[test]
    fn m13_a_claim_that_is_there_twice_is_refused() {
        let twice = r#"{"sub":"ann","sub":"bob"}"#;
        assert!(serde_json::from_str::<Claims>(twice).is_err());
        assert!(serde_json::from_str::<Claims>("[]").is_err());
    }

    #[test]
    fn a_path_without_a_name_is_refused() {
        for path in [r#""""#, r#""a..b""#, "[]", r#"["a",""]"#, "1"] {
            assert!(serde_json::from_str::<ClaimPath>(path).is_err(), "{path}");
        }
    }
}
