//! Secrets: values that never print themselves, and the randomness that makes them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, de};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A secret text. It prints as `***` and is wiped from memory when dropped.
///
/// In the configuration it is the value itself, `file:PATH` (its content without the trailing newline)
/// or `env:NAME`.
#[derive(Clone, Eq)]
pub struct Secret(Zeroizing<String>);

/// In a time that does not depend on where two secrets differ.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.expose())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("cannot read the secret file `{path}`: {source}")]
    File {
        path: String,
        source: std::io::Error,
    },
    #[error("the environment variable `{0}` is not set")]
    Environment(String),
    #[error("the secret is empty")]
    Empty,
}

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// A new secret of 192 random bits, in base64url.
    pub fn generate() -> Self {
        Self::new(encode(&random::<24>()))
    }

    /// Reads what a setting says: the value, `file:PATH` or `env:NAME`.
    pub fn resolve(setting: &str) -> Result<Self, SecretError> {
        let secret = if let Some(path) = setting.strip_prefix("file:") {
            let text = std::fs::read_to_string(path).map_err(|source| SecretError::File {
                path: path.to_owned(),
                source,
            })?;
            Self::new(text.trim_end_matches(['\r', '\n']))
        } else if let Some(name) = setting.strip_prefix("env:") {
            environment(name)?
        } else {
            Self::new(setting)
        };
        if secret.0.is_empty() {
            return Err(SecretError::Empty);
        }
        Ok(secret)
    }

    /// The text itself. Whoever asks must neither log it nor put it into a URL.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Compares in a time that does not depend on where the texts differ.
    pub fn matches(&self, presented: &str) -> bool {
        sha256(self.expose().as_bytes())
            .ct_eq(&sha256(presented.as_bytes()))
            .into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let setting = Zeroizing::new(String::deserialize(deserializer)?);
        Self::resolve(&setting).map_err(de::Error::custom)
    }
}

/// Random bytes from the operating system.
///
/// # Panics
/// When the operating system has no randomness: nothing safe can be done then.
#[expect(
    clippy::expect_used,
    reason = "without randomness nothing here is safe to go on"
)]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// SHA-256 (FIPS 180-4).
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 of the parts, one after the other.
pub fn sha256_of(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().into()
}

/// Base64url without padding (RFC 4648 §5).
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What [`encode`] made, or `None`.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the configuration named this variable"
)]
fn environment(name: &str) -> Result<Secret, SecretError> {
    std::env::var(name)
        .map(Secret::new)
        .map_err(|_| SecretError::Environment(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
    }

    #[test]
    fn a_file_secret_loses_its_newline() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s3cret\n").unwrap();
        let secret = Secret::resolve(&format!("file:{}", file.path().display())).unwrap();
        assert!(secret.matches("s3cret"));
        assert!(!secret.matches("s3cret\n"));
    }

    #[test]
    fn an_empty_secret_is_refused() {
        assert!(matches!(Secret::resolve(""), Err(SecretError::Empty)));
    }

    #[test]
    fn a_missing_variable_is_named() {
        let error = Secret::resolve("env:CALLGATE_NO_SUCH").unwrap_err();
        assert!(error.to_string().contains("CALLGATE_NO_SUCH"));
    }
}
