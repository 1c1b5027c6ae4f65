//! `GET /.well-known/jwks.json` (RFC 7517): the public keys that access tokens are signed with.

use super::Oauth;
use crate::error::Result;
use crate::http::{Response, json};
use axum::extract::State;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use serde_json::json;
use std::sync::Arc;

pub(super) const PATH: &str = "/.well-known/jwks.json";

/// Far shorter than the time for which a key is published before it signs.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=300");

pub(super) async fn get(State(oauth): State<Arc<Oauth>>) -> Result<Response> {
    let keys = oauth.keys.published().await?;
    let mut response = json(StatusCode::OK, &json!({ "keys": keys }));
    response.headers_mut().insert(CACHE_CONTROL, CACHED);
    Ok(response)
}
