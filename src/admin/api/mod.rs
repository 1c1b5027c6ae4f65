//! `/admin/…` over HTTP, on the operations listener: JSON in and out, one file a noun.

mod audit;
mod calls;
mod clients;
mod credentials;
mod dialling;
mod digests;
mod factors;
mod grants;
mod identities;
mod input;
mod issuers;
mod keys;
mod policies;
mod sessions;
mod tenants;
mod tokens;
mod users;

use super::Administration;
use crate::http::{Response, empty, json, no_store};
use crate::route::Endpoints;
use axum::extract::{Path, State};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

/// What handlers take as their state.
type Admin = State<Arc<Administration>>;
/// An id, or a name, that stands in the path.
type Id = Path<String>;

pub fn endpoints(administration: &Arc<Administration>) -> Endpoints {
    tenants::endpoints(administration)
        .and(users::endpoints(administration))
        .and(factors::endpoints(administration))
        .and(digests::endpoints(administration))
        .and(credentials::endpoints(administration))
        .and(issuers::endpoints(administration))
        .and(clients::endpoints(administration))
        .and(policies::endpoints(administration))
        .and(dialling::endpoints(administration))
        .and(tokens::endpoints(administration))
        .and(keys::endpoints(administration))
        .and(calls::endpoints(administration))
        .and(grants::endpoints(administration))
        .and(identities::endpoints(administration))
        .and(sessions::endpoints(administration))
        .and(audit::endpoints(administration))
}

fn shown(view: &impl Serialize) -> Response {
    no_store(json(StatusCode::OK, view))
}

fn list(items: &[impl Serialize]) -> Response {
    shown(&json!({ "items": items }))
}

fn created(collection: &str, id: &str, view: &impl Serialize) -> Response {
    let mut response = json(StatusCode::CREATED, view);
    if let Ok(location) = HeaderValue::from_str(&format!("/admin/{collection}/{id}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    no_store(response)
}

fn nothing() -> Response {
    no_store(empty(StatusCode::NO_CONTENT))
}
