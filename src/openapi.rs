//! What the APIs are, for programs (`OpenAPI` 3.1); `docs/openapi/` holds it, and tests hold it to the truth.

use crate::http::{Response, response};
use crate::route::Endpoints;
use axum::routing::get;
use http::{Method, StatusCode};

/// The public listener: calls and OAuth.
pub const EDGE: &str = include_str!("../docs/openapi/edge.yaml");
/// The operations listener: health, metrics, administration.
pub const OPERATIONS: &str = include_str!("../docs/openapi/operations.yaml");

const PATH: &str = "/openapi.yaml";

/// Serves one of the documents to everybody.
pub fn endpoints(document: &'static str) -> Endpoints {
    Endpoints::default().public(Method::GET, PATH, get(async move || described(document)))
}

/// RFC 9512 registers the media type.
fn described(document: &'static str) -> Response {
    response(StatusCode::OK, "application/yaml", document)
}
