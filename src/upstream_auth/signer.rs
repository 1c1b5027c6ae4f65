//! What signs the attempts of one request, and hears how the upstream took it.

use super::credential::Credential;
use super::{CredentialError, Result};
use crate::kalliope::{Account, X_AUTHENTICATE};
use crate::secret::Secret;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Ready to sign the attempts of one request, for whom it was prepared and for nobody else.
pub struct Signer {
    credential: Arc<Credential>,
    user: Option<String>,
    presented: Presented,
    /// When the last attempt was.
    signed_at: AtomicI64,
}

pub(super) enum Presented {
    /// The same in each attempt.
    Fixed {
        header: HeaderName,
        value: HeaderValue,
        /// Of a provider, to name it when it is refused.
        token: Option<Secret>,
    },
    /// Made in each attempt.
    Digest(Account),
}

impl Signer {
    pub(super) fn new(
        credential: Arc<Credential>,
        user: Option<&str>,
        presented: Presented,
    ) -> Self {
        Self {
            credential,
            user: user.map(str::to_owned),
            presented,
            signed_at: AtomicI64::default(),
        }
    }

    /// The header for one attempt, to be set in place of any that the request has under this name.
    pub fn header(&self) -> Result<(HeaderName, HeaderValue)> {
        let now = self.credential.now();
        self.signed_at.store(now, Ordering::Relaxed);
        match &self.presented {
            Presented::Fixed { header, value, .. } => Ok((header.clone(), value.clone())),
            Presented::Digest(account) => {
                let value = self.credential.digest(account, now)?;
                Ok((X_AUTHENTICATE, value))
            }
        }
    }

    /// Whether an idempotent request may be sent again once it may have been received. Not to a Kalliope: there GET dials.
    pub const fn may_repeat(&self) -> bool {
        !matches!(self.presented, Presented::Digest(_))
    }

    /// Hears how the upstream answered an attempt.
    ///
    /// # Errors
    /// [`CredentialError::Refused`] when it does not take the credential (401, or 407 of a proxy before it): the client,
    /// whose own credential is good, must not hear that. A 403 is about what was asked for, and goes through.
    pub async fn hear(&self, status: StatusCode, headers: &HeaderMap) -> Result<()> {
        let signed_at = self.signed_at.load(Ordering::Relaxed);
        self.credential.hear_time(headers, signed_at);
        if !is_refusal(status) && status != StatusCode::FORBIDDEN {
            return Ok(());
        }
        self.credential.count_refusal(status);
        if !is_refusal(status) {
            return Ok(());
        }
        let user = self.user.as_deref();
        self.credential.refused(user, &self.presented).await;
        Err(self.refused())
    }

    /// What is told of an upstream that does not take the credential.
    pub fn refused(&self) -> CredentialError {
        CredentialError::Refused(self.credential.name.clone())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.credential.name)
    }
}

const fn is_refusal(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED
    )
}
