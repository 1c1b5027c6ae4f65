//! How failures look to OAuth clients (RFC 6749 §5.2) and to people.

use super::pages::{Message, Tone};
use super::parameters::ParameterError;
use super::texts::Texts;
use super::wanted::Wanted;
use super::{page, wanted};
use crate::auth::AuthError;
use crate::auth::dpop::ProofError;
use crate::auth::vault::SourceError;
use crate::error::{Error, Problem};
use crate::http::{DecisionId, Response, json, no_store};
use crate::storage::StoreError;
use axum::response::IntoResponse;
use http::header::{PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// Why a client did not get what it asked of the token or the revocation endpoint.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("{0}")]
    InvalidRequest(String),
    /// RFC 6749 §5.2: nobody learns whether it was the client or its secret that is unknown.
    #[error("the client is unknown or did not authenticate")]
    InvalidClient,
    #[error("{0}")]
    InvalidGrant(&'static str),
    /// Nothing that this installation ever made, or has not forgotten.
    #[error("the code or token is not known")]
    UnknownGrant,
    #[error("this client may not use this grant type")]
    UnauthorizedClient,
    #[error("this grant type is not supported")]
    UnsupportedGrantType,
    /// RFC 8628 §3.5
    #[error("the user has not answered yet")]
    AuthorizationPending,
    #[error("this was too soon: wait 5 seconds longer between two requests from now on")]
    SlowDown,
    #[error("the user did not allow it")]
    AccessDenied,
    #[error("the device_code has expired: begin again")]
    ExpiredToken,
    #[error("the scope is wider than what may be granted")]
    InvalidScope,
    #[error("the refresh token was used a moment ago, for another scope")]
    OtherScope,
    /// RFC 9449 §5
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// What an authorization request is told (RFC 6749 §4.1.2.1).
    #[error("{description}")]
    Refused {
        code: &'static str,
        description: String,
    },
    #[error(transparent)]
    Gateway(#[from] Error),
}

impl ClientError {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::InvalidRequest(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::InvalidClient => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::InvalidGrant(_) | Self::UnknownGrant => {
                (StatusCode::BAD_REQUEST, "invalid_grant")
            }
            Self::UnauthorizedClient => (StatusCode::BAD_REQUEST, "unauthorized_client"),
            Self::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::AuthorizationPending => (StatusCode::BAD_REQUEST, "authorization_pending"),
            Self::SlowDown => (StatusCode::BAD_REQUEST, "slow_down"),
            Self::AccessDenied => (StatusCode::BAD_REQUEST, "access_denied"),
            Self::ExpiredToken => (StatusCode::BAD_REQUEST, "expired_token"),
            Self::InvalidScope | Self::OtherScope => (StatusCode::BAD_REQUEST, "invalid_scope"),
            Self::Proof(error) => (StatusCode::BAD_REQUEST, error.code()),
            Self::Refused { code, .. } => (StatusCode::BAD_REQUEST, code),
            Self::Gateway(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        }
    }

    /// Whether this is what guessing secrets, codes or tokens looks like.
    pub(super) fn is_guess(&self) -> bool {
        matches!(self, Self::InvalidClient | Self::UnknownGrant)
    }
}

impl From<StoreError> for ClientError {
    fn from(error: StoreError) -> Self {
        Self::Gateway(error.into())
    }
}

impl From<ParameterError> for ClientError {
    fn from(error: ParameterError) -> Self {
        Self::InvalidRequest(error.to_string())
    }
}

impl From<ParameterError> for Error {
    fn from(error: ParameterError) -> Self {
        Self::BadRequest(error.to_string())
    }
}

impl IntoResponse for ClientError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        match self {
            Self::Gateway(error) => return error.into_response(),
            Self::Proof(ProofError::Busy) => return Error::from(AuthError::Busy).into_response(),
            Self::Proof(ProofError::Unavailable(cause)) => {
                return Error::from(AuthError::Unavailable(SourceError::Store(cause)))
                    .into_response();
            }
            _ => {}
        }
        let mut response = object(status, code, &self.to_string());
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"callgate\", charset=\"UTF-8\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// How a failure of the gateway looks here: an OAuth error to clients, a page to people, else its general form.
pub fn dialect(head: &Parts, problem: &Problem, decision: DecisionId) -> Option<Response> {
    let path = head.uri.path();
    let mut response = match path {
        "/oauth/token"
        | "/oauth/revoke"
        | "/oauth/introspect"
        | "/oauth/par"
        | "/oauth/device_authorization" => object(problem.status, problem.code, &problem.detail),
        "/oauth/authorize" | "/oauth/auth" | "/auth/login" | "/auth/factor" | "/auth/grant"
        | "/auth/logout" | "/device" | "/device/grant" | "/device/qr.svg"
            if wanted::of(&head.headers) == Some(Wanted::Html) =>
        {
            message(head, problem, decision)
        }
        path if is_of_account(path) => message(head, problem, decision),
        _ if path.starts_with("/auth/with/") && wanted::of(&head.headers) == Some(Wanted::Html) => {
            message(head, problem, decision)
        }
        _ => return None,
    };
    response
        .headers_mut()
        .extend(problem.headers.iter().cloned());
    Some(response)
}

fn is_of_account(path: &str) -> bool {
    path == "/account" || path.starts_with("/account/")
}

fn message(head: &Parts, problem: &Problem, decision: DecisionId) -> Response {
    let texts = Texts::of(head);
    let decision = decision.to_string();
    let id = meaning(problem.status);
    let message = Message {
        texts,
        tone: Tone::Failure,
        heading: &texts.get(id),
        text: &explanation(texts, id, problem),
        code: Some(problem.code),
        detail: Some(&problem.detail),
        decision: Some(&decision),
    };
    page::plain(problem.status, &message)
}

/// The text that says what a status means to a person.
fn meaning(status: StatusCode) -> &'static str {
    match status {
        StatusCode::TOO_MANY_REQUESTS => "error-attempts",
        StatusCode::CONFLICT => "error-conflict",
        StatusCode::FORBIDDEN => "error-forbidden",
        _ if status.is_server_error() => "error-unavailable",
        _ => "error-bad",
    }
}

fn explanation(texts: Texts, id: &str, problem: &Problem) -> String {
    if problem.status != StatusCode::TOO_MANY_REQUESTS {
        return texts.get(&format!("{id}-text"));
    }
    let wait = problem
        .headers
        .iter()
        .find(|(name, _)| *name == RETRY_AFTER)
        .and_then(|(_, value)| value.to_str().ok()?.parse().ok());
    let wait = texts.duration(wait.unwrap_or(1));
    texts.plain("error-attempts-text", "duration", &wait)
}

fn object(status: StatusCode, code: &str, description: &str) -> Response {
    let body = json!({ "error": code, "error_description": describable(description) });
    let mut response = no_store(json(status, &body));
    response
        .headers_mut()
        .insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// RFC 6749 §5.2: a description is ASCII without quotes and backslashes.
pub(super) fn describable(text: &str) -> String {
    let allowed = |letter: &char| matches!(letter, ' '..='!' | '#'..='[' | ']'..='~');
    text.chars().filter(allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d18_a_description_has_no_quotes_and_no_letters_beyond_ascii() {
        assert_eq!(describable("a \"b\" \\ü\n`c`"), "a b `c`");
    }
}
