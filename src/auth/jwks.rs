//! The keys of another issuer (RFC 7517), fetched by the rules of [`Remote`].

use crate::http::remote::{Fetching, Remote, Terms};
use crate::token::jwk::{Key, KeySet};
use crate::token::jws::Algorithm;
use std::sync::Arc;

/// The keys at an issuer's `jwks_uri`.
#[derive(Debug)]
pub struct Jwks(Remote<KeySet>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the issuer has no such key")]
    Unknown,
    /// It is not known whether the issuer has it: whoever sent it must not be told that it is wrong (AT-36).
    #[error("the issuer's keys cannot be had now")]
    Unavailable,
}

impl Jwks {
    pub fn new(uri: String, fetching: Fetching) -> Self {
        Self::with(uri, Terms::default(), fetching)
    }

    pub fn with(uri: String, terms: Terms, fetching: Fetching) -> Self {
        Self(Remote::new(uri, terms, fetching, KeySet::read))
    }

    /// Goes on with the keys that `other` has fetched from the same address.
    pub fn resume(&self, other: &Self) {
        self.0.resume(&other.0);
    }

    /// Fetches them ahead of the first who needs them; returns at once.
    pub fn warm_up(&self) {
        self.0.warm_up();
    }

    pub fn uri(&self) -> &str {
        self.0.uri()
    }

    /// The key of this name for this algorithm. A name that is not known is looked for once more, with restraint: issuers
    /// change their keys, and attackers invent names.
    pub async fn key(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, KeyError> {
        let keys = self.0.get().await;
        if let Some(key) = keys.and_then(|keys| keys.find(kid, algorithm)) {
            return Ok(key);
        }
        self.0.fetch_again().await;
        let keys = self.0.kept().ok_or(KeyError::Unavailable)?;
        keys.find(kid, algorithm).ok_or(KeyError::Unknown)
    }
}
