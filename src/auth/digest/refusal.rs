//! Why a digest opens nothing. An unknown domain, an unknown user, one without a digest and a wrong one are told alike.

use crate::kalliope::FormError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DigestRefusal {
    #[error("the X-authenticate header is not understood: {0}")]
    Form(FormError),
    #[error("a digest is taken over TLS alone: use https")]
    Plain,
    #[error(
        "Created is too long ago or too far ahead by the clock here: set the clock right, and sign each request anew"
    )]
    Time,
    #[error(
        "the digest is not right: there is no such user in this domain, or the password is another"
    )]
    Wrong,
    #[error("the digest was used before: each request needs a nonce of its own")]
    Used,
    /// Seconds until the next attempt counts.
    #[error("too many attempts: wait {0} seconds")]
    TooMany(u64),
}

impl DigestRefusal {
    /// As a label of metrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Form(_) => "malformed",
            Self::Plain => "plain",
            Self::Time => "untimely",
            Self::Wrong => "wrong",
            Self::Used => "replayed",
            Self::TooMany(_) => "throttled",
        }
    }
}
