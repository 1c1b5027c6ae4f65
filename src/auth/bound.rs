//! Tokens and their scheme (RFC 9449 §7): what is bound to a key comes with a proof of it, what is not without.

use super::dpop::{ProofError, Proofs};
use super::vault::SourceError;
use super::{AuthError, Carrier, Credential, Principal};
use crate::clock::EpochMs;
use http::HeaderValue;
use http::request::Parts;

/// Why a request under the scheme `DPoP` is refused, or one that should have come under it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    pub code: &'static str,
    pub text: String,
    /// For the next proof.
    pub nonce: HeaderValue,
}

const BOUND: &str = "the token is bound to a key: send it as `Authorization: DPoP`, with a proof";
const UNBOUND: &str = "the token is not bound to a key: send it as `Authorization: Bearer`";

/// Looks at every request, whatever is known of its token: a proof is good once.
pub(super) async fn check(
    proofs: Option<&Proofs>,
    head: &Parts,
    credential: &Credential<'_>,
    result: Result<Principal, AuthError>,
    now: EpochMs,
) -> Result<Principal, AuthError> {
    let proves = credential.carrier == Carrier::Dpop;
    let is_bound = result.as_ref().is_ok_and(|found| found.jkt.is_some());
    if !proves && !is_bound {
        return result;
    }
    // Where no proof is understood, nothing that needs one is good.
    let Some(proofs) = proofs else {
        return result.and(Err(AuthError::Invalid));
    };
    let refused = |code, text: String| {
        let nonce = proofs.nonce(now);
        AuthError::Dpop(Refusal { code, text, nonce })
    };
    let principal = match result {
        Ok(principal) => principal,
        Err(error @ (AuthError::Invalid | AuthError::Expired)) => {
            return Err(refused("invalid_token", error.to_string()));
        }
        Err(error) => return Err(error),
    };
    match &principal.jkt {
        Some(_) if !proves => Err(refused("invalid_token", BOUND.to_owned())),
        None => Err(refused("invalid_token", UNBOUND.to_owned())),
        Some(key) => match proofs
            .check(head, Some((&credential.token, key)), now)
            .await
        {
            Ok(_) => Ok(principal),
            Err(ProofError::Busy) => Err(AuthError::Busy),
            Err(ProofError::Unavailable(cause)) => {
                Err(AuthError::Unavailable(SourceError::Store(cause)))
            }
            Err(error) => Err(refused(error.code(), error.to_string())),
        },
    }
}
