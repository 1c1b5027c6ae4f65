//! JWT access tokens (RFC 9068): who verifies one is found by its `iss`. Our own have the facts of any token of ours.

use super::issuer::Issuers;
use super::vault::Vault;
use super::{AuthError, Authenticator, CacheState, Credential, Glance, Verdict};
use crate::clock::EpochMs;
use crate::token::{KeyError, Keyring, TokenHash, jws, jwt};
use async_trait::async_trait;
use std::sync::Arc;

/// Verifies JWT access tokens: those that this installation issued, and those of the issuers that it knows.
pub struct Jwts {
    own: Own,
    issuers: Issuers,
}

/// What our tokens claim does not matter here, but for who issued them: each has its row, by which it can be revoked.
pub(super) struct Own {
    pub(super) keys: Arc<Keyring>,
    pub(super) vault: Arc<Vault>,
    /// Our `iss`.
    pub(super) origin: String,
}

impl Jwts {
    pub(super) fn new(own: Own, issuers: Issuers) -> Self {
        Self { own, issuers }
    }
}

impl Own {
    /// A token that no key of ours signed is refused without a look for its facts; for an unknown key, the store is
    /// asked once a second at the most.
    async fn check_signature(&self, token: &str) -> Result<(), AuthError> {
        let token = jwt::read(token).ok_or(AuthError::Invalid)?;
        let kid = token.kid.as_deref().unwrap_or_default();
        let key = match self.keys.look_for(kid).await {
            Ok(key) => key.ok_or(AuthError::Invalid)?,
            Err(KeyError::Store(cause)) => return Err(AuthError::Unavailable(cause.into())),
            Err(error) => {
                tracing::error!(%error, "the signing keys cannot be read");
                return Err(AuthError::Invalid);
            }
        };
        key.signed(token).then_some(()).ok_or(AuthError::Invalid)
    }

    async fn verify(&self, credential: &Credential<'_>, now: EpochMs) -> Verdict {
        if let Err(error) = self.check_signature(&credential.token).await {
            return (CacheState::None, Err(error));
        }
        let hash = TokenHash::of(&credential.token);
        self.vault.ask(hash, credential, now).await
    }
}

#[async_trait]
impl Authenticator for Jwts {
    /// A hash is of the whole token, so what it finds had its signature verified.
    fn glance(&self, credential: &Credential<'_>, now: EpochMs) -> Glance {
        let token = &*credential.token;
        if !jws::is_compact(token) {
            return Glance::NotMine;
        }
        let own = self
            .own
            .vault
            .glance(&TokenHash::of(token), credential, now);
        if matches!(own, Glance::Verdict(_)) || self.issuers.is_empty() {
            return own;
        }
        let iss = jws::claimed_issuer(token);
        match iss.and_then(|iss| self.issuers.verifier_of(&iss, token)) {
            Some((vault, hash)) => vault.glance(&hash, credential, now),
            None => own,
        }
    }

    async fn verify(&self, credential: &Credential<'_>, now: EpochMs) -> Option<Verdict> {
        let token = &*credential.token;
        let iss = jws::claimed_issuer(token)?;
        if iss == self.own.origin {
            return Some(self.own.verify(credential, now).await);
        }
        let (vault, hash) = self.issuers.verifier_of(&iss, token)?;
        Some(vault.ask(hash, credential, now).await)
    }
}
