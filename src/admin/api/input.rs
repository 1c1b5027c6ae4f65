//! What a request says: a JSON body or a query, in which a mistake is told.

use crate::error::{Error, Result};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

/// The query.
pub(super) struct Params<T>(pub(super) T);

/// Filters a list by tenant.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OfTenant {
    pub(super) tenant: Option<String>,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        if !is_json(&request) {
            return Err(Error::UnsupportedMediaType(
                "send the body as `Content-Type: application/json`".to_owned(),
            ));
        }
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|error| Error::BadRequest(error.to_string()))?;
        let value = serde_json::from_slice(&body);
        value.map(Self).map_err(|error| invalid("body", &error))
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Error;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self> {
        let query = Query::try_from_uri(&head.uri);
        let Query(value) = query.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            invalid("query", &cause.unwrap_or_else(|| error.to_string()))
        })?;
        Ok(Self(value))
    }
}

fn is_json(request: &Request) -> bool {
    let value = request.headers().get(CONTENT_TYPE);
    let essence = value
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn invalid(what: &str, why: &impl ToString) -> Error {
    Error::BadRequest(format!("the {what} is not understood: {}", why.to_string()))
}
