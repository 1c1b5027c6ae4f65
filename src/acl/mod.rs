//! Authorization: may this principal do that?

use crate::auth::Principal;
use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use std::sync::Arc;

/// Proof that a principal holds an access.
///
/// Only [`authorize`] makes one, so what takes a `Permit` cannot be reached by a request that was not authorized.
#[derive(Debug, Clone)]
pub struct Permit {
    principal: Principal,
    access: Arc<str>,
}

impl Permit {
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The access that was required and is held.
    pub fn access(&self) -> &str {
        &self.access
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the access `{required}` was not granted")]
pub struct Denied {
    pub required: Arc<str>,
    /// Whether the token is bound to a key, so that it was asked for under `DPoP` (RFC 9449 §7.1).
    pub is_bound: bool,
}

/// Returns the permit when the principal's accesses cover `required`.
pub fn authorize(principal: Principal, required: Arc<str>) -> Result<Permit, Denied> {
    if principal.allow(&required) {
        let access = required;
        return Ok(Permit { principal, access });
    }
    Err(Denied {
        required,
        is_bound: principal.jkt.is_some(),
    })
}

/// A handler takes the permit that the gateway put beside the request.
impl<S: Sync> FromRequestParts<S> for Permit {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        // A route that is public by mistake ends here: what needs a permit is never open.
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or(StatusCode::UNAUTHORIZED)
    }
}
