//! How placing, ending or listing calls fails. What is known decides about the slot (calls.md S4, S5).

use crate::http::client::OutboundError;
use crate::upstream_auth::CredentialError;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// A definite no: nothing rings.
    #[error("the telephone system refused: {reason}")]
    Refused {
        why: Refusal,
        /// For whoever placed the call: what to do.
        reason: String,
    },
    /// What is presented there cannot be had, so nothing was sent: nothing rings.
    #[error(transparent)]
    Credential(CredentialError),
    /// Not a byte was sent: nothing rings.
    #[error("the telephone system cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No definite answer: something may ring.
    #[error("the telephone system did not answer")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Which kind of no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its account has no money left.
    Funds,
    /// Whoever calls may not do this there.
    Forbidden,
    /// It does not know the number, the line or the device, or cannot dial it.
    Unknown,
    /// Too many requests.
    Rate {
        retry_after: Option<Duration>,
    },
    /// It does not take the gateway's credential.
    Credential,
    Other,
}

impl Refusal {
    /// As clients match on it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Funds => "backend_funds",
            Self::Forbidden => "backend_forbids",
            Self::Unknown => "backend_unknown_number",
            Self::Rate { .. } => "backend_busy",
            Self::Credential => "backend_credential",
            Self::Other => "call_refused",
        }
    }
}

impl BackendError {
    /// A definite no, for a reason of no further kind.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused {
            why: Refusal::Other,
            reason: reason.into(),
        }
    }

    /// As a label of metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Credential(_) => "credential",
            Self::Unreachable(_) => "unreachable",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// A request that was not sent rings nowhere; one that was may.
impl From<OutboundError> for BackendError {
    fn from(error: OutboundError) -> Self {
        if error.is_unsent() {
            Self::Unreachable(Box::new(error))
        } else {
            Self::Unknown(Box::new(error))
        }
    }
}

impl From<CredentialError> for BackendError {
    fn from(error: CredentialError) -> Self {
        Self::Credential(error)
    }
}
