//! Redirects: to our own pages, and back to the client with what came of its request.

use super::parameters::encode;
use super::request::{AuthorizationRequest, ResponseType, Stopped};
use super::{Oauth, errors, page};
use crate::error::{Error, Result};
use crate::http::{Response, empty};
use axum::response::IntoResponse;
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};

/// A request that failed in a way that its client is told (RFC 6749 §4.1.2.1).
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) redirect_uri: String,
    pub(super) state: Option<Vec<u8>>,
    pub(super) in_fragment: bool,
    pub(super) code: &'static str,
    pub(super) description: String,
}

impl Refused {
    /// The user said no.
    pub(super) fn denied(request: &AuthorizationRequest) -> Self {
        Self::because(request, "access_denied", "the user did not allow it")
    }

    pub(super) fn because(
        request: &AuthorizationRequest,
        code: &'static str,
        description: &str,
    ) -> Self {
        Self {
            redirect_uri: request.redirect_uri.clone(),
            state: request.state.clone(),
            in_fragment: request.response_type == ResponseType::Token,
            code,
            description: description.to_owned(),
        }
    }

    pub(super) fn respond(&self, oauth: &Oauth) -> Result<Response> {
        let description = errors::describable(&self.description);
        let pairs = [
            ("error", self.code.as_bytes()),
            ("error_description", description.as_bytes()),
        ];
        let place = if self.in_fragment { '#' } else { '?' };
        to_client(
            oauth,
            (&self.redirect_uri, place),
            &pairs,
            self.state.as_deref(),
        )
    }
}

impl Stopped {
    pub(super) fn respond(self, oauth: &Oauth) -> Response {
        let response = match self {
            Self::Here(error) => Err(error),
            Self::AtClient(refused) => refused.respond(oauth),
        };
        response.unwrap_or_else(IntoResponse::into_response)
    }
}

/// Back to the client, with `state` as it came and our name (RFC 9207). `place` is `?` or `#`.
pub(super) fn to_client(
    oauth: &Oauth,
    (redirect_uri, place): (&str, char),
    answer: &[(&str, &[u8])],
    state: Option<&[u8]>,
) -> Result<Response> {
    let mut pairs = answer.to_vec();
    pairs.extend(state.map(|state| ("state", state)));
    pairs.push(("iss", oauth.origin.as_bytes()));
    // RFC 6749 §3.1.2: a query that the URI has is kept.
    let place = if place == '?' && redirect_uri.contains('?') {
        '&'
    } else {
        place
    };
    see_other(oauth, &format!("{redirect_uri}{place}{}", encode(&pairs)))
}

/// To the page of ours at `path`, with the request.
pub(super) fn to_page(
    oauth: &Oauth,
    path: &str,
    request: &AuthorizationRequest,
) -> Result<Response> {
    see_other(oauth, &format!("{path}?{}", request.query()))
}

/// 303, so that no browser posts a password again where it is led to (RFC 9700 §4.12).
pub(super) fn see_other(oauth: &Oauth, location: &str) -> Result<Response> {
    let location = HeaderValue::from_str(location).map_err(|_| {
        Error::BadRequest("the redirect_uri cannot be written into a header".to_owned())
    })?;
    let mut response = empty(StatusCode::SEE_OTHER);
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    page::guard(headers);
    if oauth.is_secure() {
        page::strict_transport(headers);
    }
    Ok(response)
}
