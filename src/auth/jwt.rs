//! callgate's own JWT access tokens (RFC 9068): the signature first, then the facts, which are those of any token.

use super::vault::Vault;
use super::{AuthError, Authenticator, CacheState, Credential, Verdict};
use crate::clock::EpochMs;
use crate::token::{KeyError, Keyring, TokenHash, jwt};
use async_trait::async_trait;
use std::sync::Arc;

/// Verifies JWT access tokens that this installation issued. What they claim does not matter here: each has its row, by
/// which it can be revoked.
pub struct JwtTokens {
    keys: Arc<Keyring>,
    vault: Arc<Vault>,
}

impl JwtTokens {
    pub(super) fn new(keys: Arc<Keyring>, vault: Arc<Vault>) -> Self {
        Self { keys, vault }
    }

    /// A token that no key of ours signed is refused without a look for its facts; for an unknown key, the store is
    /// asked once a second at the most.
    async fn check_signature(&self, token: &str) -> Result<(), AuthError> {
        let token = jwt::read(token).ok_or(AuthError::Invalid)?;
        let key = match self.keys.look_for(&token.kid).await {
            Ok(key) => key.ok_or(AuthError::Invalid)?,
            Err(KeyError::Store(cause)) => return Err(AuthError::Unavailable(cause.into())),
            Err(error) => {
                tracing::error!(%error, "the signing keys cannot be read");
                return Err(AuthError::Invalid);
            }
        };
        key.signed(&token).then_some(()).ok_or(AuthError::Invalid)
    }
}

#[async_trait]
impl Authenticator for JwtTokens {
    /// The hash is of the whole token, so what it finds had its signature verified.
    fn verify_cached(&self, credential: &Credential<'_>, now: EpochMs) -> Option<Verdict> {
        if !jwt::is_jwt(&credential.token) {
            return None;
        }
        let hash = TokenHash::of(&credential.token);
        self.vault.cached(&hash, credential, now)
    }

    async fn verify(&self, credential: &Credential<'_>, now: EpochMs) -> Option<Verdict> {
        if !jwt::is_jwt(&credential.token) {
            return None;
        }
        if let Err(error) = self.check_signature(&credential.token).await {
            return Some((CacheState::None, Err(error)));
        }
        let hash = TokenHash::of(&credential.token);
        Some(self.vault.ask(hash, credential, now).await)
    }
}
