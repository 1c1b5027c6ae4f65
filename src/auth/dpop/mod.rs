//! Proofs of possession (RFC 9449): a client shows that it holds a key, so that a stolen token opens nothing.

mod nonce;
mod proof;
mod target;

/// What a proof may be signed with (RFC 9449 §5.1).
pub use crate::token::jws::OFFERED as ALGORITHMS;

use crate::clock::{EpochMs, millis};
use crate::replay::{Keeper, Replay, ReplayError};
use crate::secret;
use crate::storage::StoreError;
use crate::token::Mint;
use crate::token::jws::JwsError;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use nonce::Nonces;
use proof::Proof;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;
use target::Origin;

pub const DPOP: HeaderName = HeaderName::from_static("dpop");
/// What the next proof should contain (RFC 9449 §8).
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// How far a client's clock may run ahead.
const AHEAD: EpochMs = 5_000;

#[derive(Debug, Clone)]
pub struct Settings {
    /// By which clients know this gateway.
    pub origin: String,
    /// How old a proof may be.
    pub window: Duration,
    /// Whether a proof must contain a nonce of ours.
    pub nonce: bool,
    /// Who remembers the proofs that were used.
    pub keeper: Keeper,
}

/// Why a proof shows nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProofError {
    #[error("the DPoP header is missing")]
    Missing,
    #[error("more than one DPoP header was sent")]
    Repeated,
    #[error("the proof cannot be read, or is too long")]
    Form,
    #[error("the proof is refused: {0}")]
    Signed(#[from] JwsError),
    #[error("the proof's typ is not dpop+jwt")]
    Type,
    #[error("the proof's jwk is no public key for its alg")]
    Key,
    #[error("the proof is for another method (htm)")]
    Method,
    #[error("the proof is for another address (htu)")]
    Target,
    #[error("the proof is too old, or from the future (iat)")]
    Time,
    #[error("the proof is for another token (ath)")]
    Token,
    #[error("the proof is of another key than the token's, the code's or the request's")]
    OtherKey,
    #[error("the proof was used before (jti)")]
    Replayed,
    #[error("the proof needs the nonce that is sent along")]
    Nonce,
    /// It may be good: that cannot be said now.
    #[error("too many proofs are in use at once")]
    Busy,
    #[error("used proofs cannot be remembered now")]
    Unavailable(#[source] Arc<StoreError>),
}

impl ProofError {
    /// RFC 9449 §5, §8.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Nonce => "use_dpop_nonce",
            _ => "invalid_dpop_proof",
        }
    }
}

/// Checks proofs. All of a process share what was used.
#[derive(Debug)]
pub struct Proofs {
    origin: Origin,
    window: EpochMs,
    nonce_needed: bool,
    nonces: Nonces,
    used: Arc<Replay>,
    keeper: Keeper,
    /// When this process began to remember.
    started_at: EpochMs,
}

impl Proofs {
    pub fn new(settings: &Settings, mint: Mint, used: Arc<Replay>, started_at: EpochMs) -> Self {
        Self {
            origin: Origin::new(&settings.origin),
            window: millis(settings.window),
            nonce_needed: settings.nonce,
            nonces: Nonces::new(mint),
            used,
            keeper: settings.keeper,
            started_at,
        }
    }

    /// The thumbprint (RFC 7638) of the key that the request proves, by all of RFC 9449 §4.3. Where a token is presented,
    /// the proof must be for it, and of its key `bound`.
    pub async fn check(
        &self,
        head: &Parts,
        presented: Option<(&str, &str)>,
        now: EpochMs,
    ) -> Result<String, ProofError> {
        let proof = Proof::read(only(&head.headers)?)?;
        if let Some((token, bound)) = presented {
            must_be_for(&proof, token, bound)?;
        }
        if proof.claims.htm != head.method.as_str() {
            return Err(ProofError::Method);
        }
        if !self.origin.leads(&proof.claims.htu, head.uri.path()) {
            return Err(ProofError::Target);
        }
        let end = self.check_time(&proof, now)?;
        // Last of all: what is not good in every other way is not worth remembering (AT-43).
        let name = [proof.thumbprint.as_str(), proof.claims.jti.as_str()];
        self.used.claim(self.keeper, &name, end, now).await?;
        Ok(proof.thumbprint)
    }

    /// What a client is to put into its next proofs.
    pub fn nonce(&self, now: EpochMs) -> HeaderValue {
        // It is base64url, which every header takes.
        HeaderValue::from_str(&self.nonces.make(now)).unwrap_or(HeaderValue::from_static(""))
    }

    /// Until when the proof could be used. Its own time must be near; a nonce tells besides that it was not made in advance.
    fn check_time(&self, proof: &Proof, now: EpochMs) -> Result<EpochMs, ProofError> {
        let made_at = proof.claims.iat.ok_or(ProofError::Time)?;
        let end = made_at.saturating_add(self.window);
        if end <= now || made_at > now.saturating_add(AHEAD) {
            return Err(ProofError::Time);
        }
        let nonce = match &proof.claims.nonce {
            Some(nonce) => Some(self.nonces.made_at(nonce, now).ok_or(ProofError::Nonce)?),
            None if self.nonce_needed => return Err(ProofError::Nonce),
            None => None,
        };
        let newest = nonce.map_or(made_at, |nonce| nonce.max(made_at));
        if self.may_have_been_forgotten(newest) {
            return Err(ProofError::Nonce);
        }
        Ok(end)
    }

    /// Where only processes remember, the one before this may have taken what was made in its time, and has taken that
    /// knowledge along.
    fn may_have_been_forgotten(&self, made_at: EpochMs) -> bool {
        self.keeper == Keeper::Process && made_at < self.started_at
    }
}

/// RFC 9449 §4.3: exactly one header, of one proof.
fn only(headers: &HeaderMap) -> Result<&str, ProofError> {
    let mut sent = headers.get_all(DPOP).iter();
    let first = sent.next().ok_or(ProofError::Missing)?;
    if sent.next().is_some() {
        return Err(ProofError::Repeated);
    }
    first.to_str().map_err(|_| ProofError::Form)
}

fn must_be_for(proof: &Proof, token: &str, bound: &str) -> Result<(), ProofError> {
    let hash = secret::encode(&secret::sha256(token.as_bytes()));
    let ath = proof.claims.ath.as_deref().unwrap_or_default();
    if !bool::from(ath.as_bytes().ct_eq(hash.as_bytes())) {
        return Err(ProofError::Token);
    }
    if proof.thumbprint != bound {
        return Err(ProofError::OtherKey);
    }
    Ok(())
}

impl From<ReplayError> for ProofError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Used => Self::Replayed,
            ReplayError::Full => Self::Busy,
            ReplayError::Unavailable(cause) => Self::Unavailable(cause),
        }
    }
}
