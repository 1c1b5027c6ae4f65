//! Salts: one for each domain, told to whoever asks.

use super::digest::hex;
use crate::secret::{self, Secret};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The salt of a domain. It is no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salt(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SaltError {
    #[error("a salt has 1 to 128 visible ASCII characters, none of them `{{`, `}}` or `\"`")]
    Form,
    #[error("the key cannot be used")]
    Key,
}

/// Bytes of a salt, which is twice as many hexadecimal digits: as Kalliope makes them.
const BYTES: usize = 16;
const LONGEST: usize = 128;

impl Salt {
    /// Reads the salt of a telephone system. Braces would end it elsewhere than where it ends.
    pub fn parse(text: &str) -> Result<Self, SaltError> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'{' | b'}' | b'"');
        let good = (1..=LONGEST).contains(&text.len()) && text.bytes().all(plain);
        good.then(|| Self(text.to_owned())).ok_or(SaltError::Form)
    }

    /// A new one.
    pub fn generate() -> Self {
        Self(hex(&secret::random::<BYTES>()))
    }

    /// What a domain that nobody has is given: always the same, at all gateways with this key, so that it cannot be told
    /// from a domain that somebody has.
    ///
    /// # Errors
    /// [`SaltError::Key`] when the library takes no such key.
    pub fn pretend(key: &Secret, domain: &str) -> Result<Self, SaltError> {
        let keyed = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes());
        let mut mac = keyed.map_err(|_| SaltError::Key)?;
        // Of a constant length, so that no domain ends up as another purpose of the key.
        mac.update(b"callgate: kalliope pretended salt, 1");
        mac.update(domain.as_bytes());
        let bytes: Vec<_> = mac
            .finalize()
            .into_bytes()
            .into_iter()
            .take(BYTES)
            .collect();
        Ok(Self(hex(&bytes)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Secret {
        Secret::new(text.repeat(32))
    }

    #[test]
    fn a_pretended_salt_looks_like_any_and_stays_the_same() {
        let one = Salt::pretend(&key("k"), "nowhere").unwrap();
        assert_eq!(one, Salt::pretend(&key("k"), "nowhere").unwrap());
        assert_ne!(one, Salt::pretend(&key("k"), "elsewhere").unwrap());
        assert_ne!(one, Salt::pretend(&key("x"), "nowhere").unwrap());
        for salt in [one, Salt::generate()] {
            let digits = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            assert_eq!(salt.as_str().len(), 32);
            assert!(salt.as_str().bytes().all(digits), "{salt:?}");
        }
    }

    #[test]
    fn no_two_generated_salts_are_alike() {
        assert_ne!(Salt::generate(), Salt::generate());
    }

    #[test]
    fn a_salt_that_would_change_the_merge_is_refused() {
        assert!(Salt::parse("b5a8fdcf2f8d5acdad33c4a072a97d7a").is_ok());
        for wrong in [
            "",
            "a{b",
            "a}b",
            "a b",
            "a\"b",
            "é",
            "a\n",
            &"x".repeat(129),
        ] {
            assert_eq!(Salt::parse(wrong), Err(SaltError::Form), "{wrong}");
        }
    }
}
