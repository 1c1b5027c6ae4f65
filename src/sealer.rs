//! Sealing what must be kept in clear: secrets of others, which the store holds encrypted (AEAD).

use crate::secret::{Secret, decode, encode};
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

const NONCE: usize = 12;

/// Seals and opens with a key of the configuration. `purpose` says what a value is and whose, so that a sealed value
/// that is moved to another row opens no more.
#[derive(Clone)]
pub struct Sealer(Arc<RandomizedNonceKey>);

#[derive(Debug, thiserror::Error)]
#[error("the value cannot be sealed")]
pub struct SealError;

impl Sealer {
    /// # Errors
    /// [`SealError`] when the library takes no key.
    pub fn new(key: &Secret) -> Result<Self, SealError> {
        let derived = Zeroizing::new(derive(key)?);
        let key = RandomizedNonceKey::new(&AES_256_GCM, derived.as_slice());
        Ok(Self(Arc::new(key.map_err(|_| SealError)?)))
    }

    /// base64url(nonce ‖ ciphertext ‖ tag), each time another.
    ///
    /// # Errors
    /// [`SealError`] when the library refuses, as for a value of many gigabytes.
    pub fn seal(&self, purpose: &str, value: &[u8]) -> Result<String, SealError> {
        let mut text = value.to_vec();
        let purpose = Aad::from(purpose.as_bytes());
        let nonce = self.0.seal_in_place_append_tag(purpose, &mut text);
        let nonce = nonce.map_err(|_| SealError)?;
        Ok(encode(&[nonce.as_ref().as_slice(), &text].concat()))
    }

    /// What was sealed for this very purpose by a holder of this key; `None` for anything else.
    pub fn open(&self, purpose: &str, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = decode(sealed)?;
        let (nonce, text) = bytes.split_at_checked(NONCE)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let purpose = Aad::from(purpose.as_bytes());
        let length = self.0.open_in_place(nonce, purpose, &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

/// Another key than that of the tokens, though from the same secret.
fn derive(key: &Secret) -> Result<[u8; 32], SealError> {
    let keyed = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes());
    let mut mac = keyed.map_err(|_| SealError)?;
    mac.update(b"callgate: sealed values, 1");
    Ok(mac.finalize().into_bytes().into())
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(key: &str) -> Sealer {
        Sealer::new(&Secret::new(key.repeat(32))).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_for_its_purpose_alone() {
        let sealer = sealer("k");
        let closed = sealer.seal("totp:ann", b"value").unwrap();
        assert_eq!(
            sealer.open("totp:ann", &closed).unwrap().as_slice(),
            b"value"
        );
        assert!(sealer.open("totp:bob", &closed).is_none());
    }

    #[test]
    fn no_two_seals_are_alike_and_no_other_key_opens_them() {
        let sealer = sealer("k");
        let (one, two) = (
            sealer.seal("p", b"v").unwrap(),
            sealer.seal("p", b"v").unwrap(),
        );
        assert_ne!(one, two);
        assert!(self::sealer("x").open("p", &one).is_none());
    }

    #[test]
    fn a_changed_or_cut_seal_does_not_open() {
        let sealer = sealer("k");
        let closed = sealer.seal("p", b"value").unwrap();
        for end in 0..closed.len() {
            assert!(sealer.open("p", closed.get(..end).unwrap()).is_none());
        }
        let mut bytes = decode(&closed).unwrap();
        bytes[14] ^= 1;
        assert!(sealer.open("p", &encode(&bytes)).is_none());
        assert!(sealer.open("p", "no base64!").is_none());
    }
}
