//! What signs the attempts of one request, and hears how the upstream took it.

use super::credential::Credential;
use super::{CredentialError, Result};
use crate::secret::Secret;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::fmt;
use std::sync::Arc;

/// Ready to sign the attempts of one request, for whom it was prepared and for nobody else.
pub struct Signer {
    credential: Arc<Credential>,
    user: Option<String>,
    presented: Presented,
}

pub(super) enum Presented {
    /// The same in each attempt.
    Fixed {
        header: HeaderName,
        value: HeaderValue,
        /// Of a provider, to name it when it is refused.
        token: Option<Secret>,
    },
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
        }
    }

    /// The header for one attempt, to be set in place of any that the request has under this name.
    pub fn header(&self) -> Result<(HeaderName, HeaderValue)> {
        match &self.presented {
            Presented::Fixed { header, value, .. } => Ok((header.clone(), value.clone())),
        }
    }

    /// Hears how the upstream answered an attempt.
    ///
    /// # Errors
    /// [`CredentialError::Refused`] when it does not take the credential (401, or 407 of a proxy before it): the client,
    /// whose own credential is good, must not hear that. A 403 is about what was asked for, and goes through.
    pub async fn hear(&self, status: StatusCode, _headers: &HeaderMap) -> Result<()> {
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
