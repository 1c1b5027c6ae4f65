//! Failures of a request, and the one place that gives each its status and code.

mod challenge;
mod status;

use crate::acl::Denied;
use crate::admission::{AdmissionError, Lease};
use crate::auth::AuthError;
use crate::auth::digest::DigestRefusal;
use crate::auth::password::PasswordError;
use crate::backend::{BackendError, Refusal};
use crate::dialling;
use crate::http::{self as messages, DecisionId, Response};
use crate::sealer::SealError;
use crate::storage::StoreError;
use crate::token::KeyError;
use crate::upstream_auth::CredentialError;
use axum::response::IntoResponse;
use challenge::{DIGEST, bearer, dpop_of, dpop_scheme, quotable};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};
use status::{of_credential, of_digest, of_refusal};
use std::sync::Arc;

/// Why a request was not answered as it asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no such resource")]
    NotFound,
    #[error("this resource does not take this method; it takes {0}")]
    MethodNotAllowed(String),
    #[error("{0}")]
    BadRequest(String),
    #[error("{0}")]
    UnsupportedMediaType(String),
    #[error("the body is larger than {limit} bytes")]
    BodyTooLarge { limit: u64 },
    #[error("this version of HTTP is not spoken here")]
    VersionNotSupported,
    #[error("the gateway failed")]
    Internal,
    #[error("the head of the request is too large")]
    HeadTooLarge,
    #[error("the request did not arrive in time")]
    Timeout,
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    #[error(transparent)]
    Dialling(#[from] dialling::Refusal),
    #[error("there is no such call")]
    UnknownCall,
    #[error(
        "no line is configured for you at the telephone system `{backend}`: ask your administrator"
    )]
    NoLine { backend: String },
    #[error("the telephone system `{backend}` is not configured: ask your administrator")]
    NoBackend { backend: String },
    #[error("the telephone system cannot end calls; the call goes on until it is hung up there")]
    CannotHangUp,
    /// The call's id, when its slot stays held (S4).
    #[error("{source}")]
    Backend { call: String, source: BackendError },
    #[error("the upstream cannot be reached")]
    UpstreamUnreachable,
    #[error("the upstream did not answer in time")]
    UpstreamTimeout,
    #[error("the upstream wants to lead elsewhere, which is not followed here")]
    UpstreamRedirects,
    #[error(transparent)]
    Credential(#[from] CredentialError),
    #[error("{0} exists already")]
    Exists(&'static str),
    #[error("there is no such {0}")]
    Missing(&'static str),
    #[error("{0}")]
    Conflict(String),
    #[error("too many attempts: wait {seconds} seconds")]
    TooManyAttempts { seconds: u64 },
    #[error("too many passwords are being checked at once: try again in a moment")]
    Busy,
    #[error("{0}")]
    Forbidden(String),
    #[error("the store cannot be used now")]
    Store(#[source] StoreError),
    #[error("tokens cannot be signed now")]
    Keys(#[source] KeyError),
    #[error("a token cannot be sealed")]
    Seal(#[from] SealError),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Exists(what) => Self::Exists(what),
            StoreError::Missing(what) => Self::Missing(what),
            other => Self::Store(other),
        }
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(error) => error.into(),
            KeyError::Waiting(_) => Self::Conflict(error.to_string()),
            error => Self::Keys(error),
        }
    }
}

impl From<PasswordError> for Error {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Length => Self::BadRequest(error.to_string()),
            PasswordError::Busy => Self::Busy,
            PasswordError::Hash => Self::Internal,
        }
    }
}

/// A failure as a client may see it: the meaning, without the cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    /// What clients may match on.
    pub code: &'static str,
    pub detail: String,
    /// Further members, such as the calls that fill the limit.
    pub members: Map<String, Value>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Error {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        use BackendError::{Refused, Unknown, Unreachable};

        match self {
            Self::NotFound | Self::Missing(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed(_) => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::BadRequest(_) | Self::Auth(AuthError::Ambiguous) => {
                (StatusCode::BAD_REQUEST, "invalid_request")
            }
            Self::UnsupportedMediaType(_) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            }
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::HeadTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "head_too_large",
            ),
            Self::VersionNotSupported => (
                StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                "version_not_supported",
            ),
            Self::Internal | Self::Keys(_) | Self::Seal(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, "timeout"),
            Self::Auth(AuthError::Missing) => (StatusCode::UNAUTHORIZED, "missing_token"),
            Self::Auth(AuthError::Dpop(refusal)) => (StatusCode::UNAUTHORIZED, refusal.code),
            Self::Auth(AuthError::Digest(refusal)) => of_digest(refusal),
            Self::Auth(AuthError::Unavailable(_) | AuthError::Busy)
            | Self::Store(_)
            | Self::Busy
            | Self::Admission(AdmissionError::Store(_)) => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
            Self::Auth(_) => (StatusCode::UNAUTHORIZED, "invalid_token"),
            Self::Denied(_) => (StatusCode::FORBIDDEN, "insufficient_scope"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::Admission(AdmissionError::LimitReached { .. }) => {
                (StatusCode::CONFLICT, "call_limit_reached")
            }
            Self::Admission(AdmissionError::KeyReused) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused")
            }
            Self::Dialling(_) => (StatusCode::FORBIDDEN, "dialling_refused"),
            Self::UnknownCall => (StatusCode::CONFLICT, "unknown_call"),
            Self::NoLine { .. } => (StatusCode::CONFLICT, "no_line"),
            Self::NoBackend { .. } => (StatusCode::CONFLICT, "no_backend"),
            Self::CannotHangUp => (StatusCode::CONFLICT, "cannot_hang_up"),
            Self::Backend {
                source: Refused { why, .. },
                ..
            } => (of_refusal(*why), why.code()),
            Self::Backend {
                source: Unreachable(_),
                ..
            } => (StatusCode::BAD_GATEWAY, "backend_unreachable"),
            Self::Backend {
                source: Unknown(_), ..
            } => (StatusCode::GATEWAY_TIMEOUT, "outcome_unknown"),
            Self::UpstreamUnreachable => (StatusCode::BAD_GATEWAY, "upstream_unreachable"),
            Self::UpstreamTimeout => (StatusCode::GATEWAY_TIMEOUT, "upstream_timeout"),
            Self::UpstreamRedirects => (StatusCode::BAD_GATEWAY, "upstream_redirects"),
            Self::Credential(error)
            | Self::Backend {
                source: BackendError::Credential(error),
                ..
            } => of_credential(error),
            Self::Exists(_) => (StatusCode::CONFLICT, "exists"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            Self::TooManyAttempts { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"),
        }
    }

    /// Whose fault it is, for the access log.
    pub fn fault(&self) -> &'static str {
        let (status, _) = self.status_and_code();
        match self {
            Self::Backend { .. }
            | Self::UpstreamUnreachable
            | Self::UpstreamTimeout
            | Self::UpstreamRedirects
            | Self::Credential(CredentialError::Refused(_)) => "upstream",
            Self::VersionNotSupported => "client",
            _ if status.is_server_error() => "gateway",
            _ => "client",
        }
    }

    /// What the client learns. A cause inside the gateway is logged here, once, and never told.
    pub fn problem(&self) -> Problem {
        let (status, code) = self.status_and_code();
        if status.is_server_error() {
            tracing::error!(
                error = self as &dyn std::error::Error,
                code,
                "request failed"
            );
        }
        Problem {
            status,
            code,
            detail: self.to_string(),
            members: self.members(),
            headers: self.headers(),
        }
    }

    fn members(&self) -> Map<String, Value> {
        let members = match self {
            Self::Admission(AdmissionError::LimitReached { limit, live }) => {
                let calls: Vec<_> = live.iter().map(live_call).collect();
                json!({ "limit": limit, "live": live.len(), "calls": calls })
            }
            Self::Denied(denied) => json!({ "required_access": denied.required }),
            Self::Dialling(refusal) => json!({ "rule": refusal.id() }),
            Self::Backend {
                call,
                source: BackendError::Unknown(_),
            } => json!({ "token_call": call }),
            _ => Value::Null,
        };
        match members {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let header = match self {
            // RFC 6750 §3.1: a request without a credential gets a challenge without an error code.
            Self::Auth(AuthError::Missing) => (WWW_AUTHENTICATE, bearer("")),
            Self::Auth(AuthError::Dpop(refusal)) => return dpop_of(refusal).into(),
            Self::Auth(
                AuthError::Ambiguous
                | AuthError::Unavailable(_)
                | AuthError::Busy
                | AuthError::Digest(DigestRefusal::Plain | DigestRefusal::TooMany(_)),
            ) => {
                return self.retry_after();
            }
            Self::Auth(AuthError::Digest(_)) => (WWW_AUTHENTICATE, DIGEST),
            Self::Auth(error) => (
                WWW_AUTHENTICATE,
                bearer(&format!(
                    ", error=\"invalid_token\", error_description=\"{}\"",
                    quotable(error)
                )),
            ),
            Self::Denied(denied) => (
                WWW_AUTHENTICATE,
                if denied.is_bound {
                    dpop_scheme(", error=\"insufficient_scope\"")
                } else {
                    bearer(", error=\"insufficient_scope\"")
                },
            ),
            Self::MethodNotAllowed(methods) => (ALLOW, value(methods)),
            _ => return self.retry_after(),
        };
        vec![header]
    }

    fn retry_after(&self) -> Vec<(HeaderName, HeaderValue)> {
        let (status, _) = self.status_and_code();
        match self {
            Self::TooManyAttempts { seconds }
            | Self::Auth(AuthError::Digest(DigestRefusal::TooMany(seconds))) => {
                vec![(RETRY_AFTER, value(&seconds.to_string()))]
            }
            Self::Auth(AuthError::Unavailable(cause)) => {
                vec![(RETRY_AFTER, value(&cause.retry_after().to_string()))]
            }
            Self::Backend {
                source:
                    BackendError::Refused {
                        why:
                            Refusal::Rate {
                                retry_after: Some(after),
                            },
                        ..
                    },
                ..
            } => vec![(RETRY_AFTER, value(&after.as_secs().max(1).to_string()))],
            _ if status == StatusCode::SERVICE_UNAVAILABLE => {
                vec![(RETRY_AFTER, HeaderValue::from_static("1"))]
            }
            _ => Vec::new(),
        }
    }
}

/// S13: the caller's own calls, so that it can end one.
fn live_call(lease: &Lease) -> Value {
    json!({ "token_call": lease.id, "number": lease.number, "state": lease.state() })
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

impl Problem {
    /// The problem in its general form (RFC 9457).
    pub fn respond(&self, decision: DecisionId) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
            "decision_id": decision.to_string(),
        });
        if let Value::Object(object) = &mut body {
            object.extend(self.members.clone());
        }
        let mut response = messages::json(self.status, &body);
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.extend(self.headers.iter().cloned());
        response
    }
}

/// What a failed request hands to the gateway, which gives it its final form.
#[derive(Debug, Clone)]
pub struct Failure(pub Arc<Error>);

/// A handler's error travels beside an empty response: the gateway knows the decision's id and the dialect.
impl IntoResponse for Error {
    fn into_response(self) -> axum::response::Response {
        let (status, _) = self.status_and_code();
        let mut response = messages::empty(status);
        response.extensions_mut().insert(Failure(Arc::new(self)));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_credential_is_challenged_without_an_error_code() {
        let problem = Error::from(AuthError::Missing).problem();
        assert_eq!(problem.status, 401);
        assert_eq!(
            problem.headers,
            [(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"callgate\"")
            )]
        );
    }

    #[test]
    fn a_denial_names_the_access() {
        let problem = Error::from(Denied {
            required: "calls.create".into(),
            is_bound: false,
        })
        .problem();
        assert_eq!(
            (problem.status.as_u16(), problem.code),
            (403, "insufficient_scope")
        );
        assert_eq!(problem.members["required_access"], "calls.create");
    }

    #[test]
    fn the_cause_of_an_outage_is_not_told() {
        let error = Error::from(StoreError::Version("secret detail".into()));
        assert!(!error.problem().detail.contains("secret detail"));
        assert_eq!(error.fault(), "gateway");
    }
}
