//! The two hashes: `digestPassword`, which stands for the password, and the digest of one request.

use super::Salt;
use crate::secret::{self, Secret};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// `digestPassword`: who has it needs no password, so it is kept like one.
#[derive(Clone, Eq)]
pub struct DigestPassword(Zeroizing<String>);

/// In a time that does not depend on where two of them differ.
impl PartialEq for DigestPassword {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digestPassword has 64 hexadecimal digits")]
pub struct NotHex;

/// Characters of a `digestPassword`.
const LENGTH: usize = 64;

impl DigestPassword {
    /// `lowercase_hex(SHA-256(password "{" salt "}"))`
    pub fn of(password: &Secret, salt: &Salt) -> Self {
        let merged = Zeroizing::new(format!("{}{{{}}}", password.expose(), salt.as_str()));
        Self(Zeroizing::new(hex(&secret::sha256(merged.as_bytes()))))
    }

    /// Of no password that anybody knows.
    pub fn generate() -> Self {
        Self(Zeroizing::new(hex(&secret::random::<32>())))
    }

    /// Reads the hexadecimal text itself, as it stands in a telephone system's own records.
    pub fn parse(text: &str) -> Result<Self, NotHex> {
        if text.len() != LENGTH || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotHex);
        }
        Ok(Self(Zeroizing::new(text.to_ascii_lowercase())))
    }

    /// The hexadecimal text. Whoever asks must neither log nor show it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DigestPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The digest of one request, in base64.
pub struct Digest(String);

/// What a digest is taken of, besides the `digestPassword`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'i> {
    pub(super) nonce: &'i str,
    pub(super) username: &'i str,
    pub(super) domain: &'i str,
    pub(super) created: &'i str,
}

impl Digest {
    /// `base64(SHA-256(nonce digestPassword username domain created))`, without delimiters: by itself it does not tell
    /// `admin` of `default` from `admind` of `efault` (AT-42).
    pub(super) fn of(password: &DigestPassword, input: Input<'_>) -> Self {
        let text = Zeroizing::new(
            [
                input.nonce,
                password.expose(),
                input.username,
                input.domain,
                input.created,
            ]
            .concat(),
        );
        Self(STANDARD.encode(secret::sha256(text.as_bytes())))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares in a time that does not depend on where the texts differ.
    pub fn matches(&self, presented: &str) -> bool {
        self.0.as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_password_does_not_print_itself() {
        let password = DigestPassword::parse(&"ab".repeat(32)).unwrap();
        assert_eq!(format!("{password:?}"), "***");
    }

    #[test]
    fn a_digest_password_is_64_hexadecimal_digits_in_either_case() {
        let lower = DigestPassword::parse(&"ab".repeat(32)).unwrap();
        assert_eq!(DigestPassword::parse(&"AB".repeat(32)).unwrap(), lower);
        for wrong in [
            "",
            "ab",
            &"ab".repeat(33),
            &"xy".repeat(32),
            &"é".repeat(32),
        ] {
            assert_eq!(DigestPassword::parse(wrong), Err(NotHex), "{wrong}");
        }
    }
}
