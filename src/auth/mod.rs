//! Authentication: who is asking?
//!
//! An authenticator is one file beside this one and one line where the gateway is composed.

mod bound;
mod credential;
pub mod digest;
pub mod dpop;
pub mod issuer;
pub mod jwks;
mod jwt;
mod opaque;
mod operator;
pub mod password;
pub mod vault;

pub use crate::metrics::CacheState;
pub use bound::Refusal;
pub use credential::{Carrier, Credential};
pub use jwt::Jwts;
pub use opaque::OpaqueTokens;
pub use operator::OperatorToken;

use crate::clock::EpochMs;
use crate::http::{Arrival, Legacy};
use crate::token::Facts;
use async_trait::async_trait;
use digest::{DigestRefusal, Digests};
use dpop::Proofs;
use std::ops::Deref;
use std::sync::Arc;
use vault::SourceError;

/// An authenticated caller: the facts of its credential. Only authenticators hand one out.
#[derive(Debug, Clone)]
pub struct Principal {
    facts: Arc<Facts>,
    legacy: Option<Legacy>,
}

impl Principal {
    const fn new(facts: Arc<Facts>) -> Self {
        Self {
            facts,
            legacy: None,
        }
    }

    /// The legacy way in which the credential came, if it did.
    pub const fn legacy(&self) -> Option<Legacy> {
        self.legacy
    }
}

impl Deref for Principal {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.facts
    }
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum AuthError {
    #[error("no credential was presented")]
    Missing,
    #[error("more than one credential was presented: send exactly one")]
    Ambiguous,
    #[error("the credential is not valid")]
    Invalid,
    #[error("the token has expired")]
    Expired,
    #[error("this client may not send its token in {0}: use the `Authorization: Bearer` header")]
    Carrier(Carrier),
    #[error(transparent)]
    Dpop(Refusal),
    #[error(transparent)]
    Digest(#[from] DigestRefusal),
    #[error("too much that is good once is in use: try again in a moment")]
    Busy,
    #[error(transparent)]
    Unavailable(SourceError),
}

/// An authenticator's answer, and how the cache helped.
pub type Verdict = (CacheState, Result<Principal, AuthError>);

/// What an authenticator says of a credential without waiting.
#[derive(Debug)]
pub enum Glance {
    Verdict(Verdict),
    /// It takes a closer look.
    Unsure,
    /// The credential is not its to judge, so that the next one is asked.
    NotMine,
}

/// Verifies credentials that it issued or knows how to check.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// Answers without waiting, when it can.
    fn glance(&self, credential: &Credential<'_>, now: EpochMs) -> Glance;

    /// Answers. `None` when the credential is not this authenticator's to judge, so that the next one is asked.
    async fn verify(&self, credential: &Credential<'_>, now: EpochMs) -> Option<Verdict>;
}

/// The authenticators of a listener, in the order in which they are asked.
#[derive(Clone)]
pub struct Chain {
    authenticators: Vec<Arc<dyn Authenticator>>,
    proofs: Option<Arc<Proofs>>,
    digests: Option<Digests>,
}

impl Chain {
    /// Without proofs and digests, so that nothing that is bound to a key is accepted, and no digest.
    pub fn new(authenticators: Vec<Arc<dyn Authenticator>>) -> Self {
        Self {
            authenticators,
            proofs: None,
            digests: None,
        }
    }

    #[must_use]
    pub fn with_proofs(self, proofs: Arc<Proofs>) -> Self {
        let proofs = Some(proofs);
        Self { proofs, ..self }
    }

    #[must_use]
    pub fn with_digests(self, digests: Digests) -> Self {
        let digests = Some(digests);
        Self { digests, ..self }
    }

    /// Finds the one credential of the request. A digest has a header of its own; of a token, the first authenticator that
    /// knows it decides.
    pub async fn authenticate(
        &self,
        head: &http::request::Parts,
        arrival: Arrival,
        now: EpochMs,
    ) -> Verdict {
        let credential = match Credential::find(head) {
            Ok(credential) => credential,
            Err(error) => return (CacheState::None, Err(error)),
        };
        if credential.carrier == Carrier::XAuthenticate {
            let result = match &self.digests {
                Some(digests) => digests.verify(&credential.token, arrival, now).await,
                None => Err(AuthError::Invalid),
            };
            return (CacheState::None, result);
        }
        let (cache, result) = self.judge(&credential, now).await;
        let proofs = self.proofs.as_deref();
        let result = bound::check(proofs, head, &credential, result, now).await;
        (cache, result)
    }

    /// Judges the credential of a request that was let in, and still goes on, once more. Its proof was good once, as was its
    /// digest.
    pub async fn authenticate_again(
        &self,
        head: &http::request::Parts,
        now: EpochMs,
    ) -> Result<Principal, AuthError> {
        let credential = Credential::find(head)?;
        if credential.carrier == Carrier::XAuthenticate {
            let digests = self.digests.as_ref().ok_or(AuthError::Invalid)?;
            return digests.verify_again(&credential.token).await;
        }
        self.judge(&credential, now).await.1
    }

    async fn judge(&self, credential: &Credential<'_>, now: EpochMs) -> Verdict {
        for authenticator in &self.authenticators {
            match authenticator.glance(credential, now) {
                Glance::Verdict(verdict) => return verdict,
                Glance::NotMine => continue,
                Glance::Unsure => {}
            }
            if let Some(verdict) = authenticator.verify(credential, now).await {
                return verdict;
            }
        }
        (CacheState::None, Err(AuthError::Invalid))
    }
}
