//! Statuses and codes of failures that have kinds of their own.

use crate::auth::digest::DigestRefusal;
use crate::backend::Refusal;
use crate::upstream_auth::CredentialError;
use http::StatusCode;

pub(super) const fn of_credential(error: &CredentialError) -> (StatusCode, &'static str) {
    match error {
        CredentialError::NoUser => (StatusCode::FORBIDDEN, "credential_needs_user"),
        CredentialError::Missing(_) | CredentialError::NotLinked(_) => {
            (StatusCode::CONFLICT, "credential_missing")
        }
        CredentialError::LoginAgain(_) => (StatusCode::CONFLICT, "credential_login_again"),
        CredentialError::Unavailable { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, "credential_unavailable")
        }
        CredentialError::Refused(_) => (StatusCode::BAD_GATEWAY, "upstream_refused_credential"),
    }
}

pub(super) const fn of_refusal(why: Refusal) -> StatusCode {
    match why {
        Refusal::Funds => StatusCode::PAYMENT_REQUIRED,
        Refusal::Forbidden => StatusCode::FORBIDDEN,
        Refusal::Unknown => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::Rate { .. } => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Credential | Refusal::Other => StatusCode::BAD_GATEWAY,
    }
}

pub(super) fn of_digest(refusal: &DigestRefusal) -> (StatusCode, &'static str) {
    match refusal {
        DigestRefusal::Plain => (StatusCode::FORBIDDEN, "tls_required"),
        DigestRefusal::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"),
        _ => (StatusCode::UNAUTHORIZED, "invalid_digest"),
    }
}
