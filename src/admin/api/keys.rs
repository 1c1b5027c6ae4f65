//! `/admin/keys`

use super::input::Params;
use super::{Admin, Id, list, shown};
use crate::acl::Permit;
use crate::admin::{Administration, Rotation};
use crate::error::Result;
use crate::http::Response;
use crate::route::Endpoints;
use axum::extract::{Path, State};
use axum::routing::{delete, get, post};
use http::Method;
use serde_json::json;
use std::sync::Arc;

const ALL: &str = "/admin/keys";
const ROTATE: &str = "/admin/keys/rotate";
const ONE: &str = "/admin/keys/{kid}";

pub(super) fn endpoints(administration: &Arc<Administration>) -> Endpoints {
    let state = || Arc::clone(administration);
    let all = get(index).with_state(state());
    let next = post(rotate).with_state(state());
    let one = delete(retire).with_state(state());
    Endpoints::default()
        .on(Method::GET, ALL, "admin.keys.read", all)
        .on(Method::POST, ROTATE, "admin.keys.create", next)
        .on(Method::DELETE, ONE, "admin.keys.delete", one)
}

async fn index(State(admin): Admin, _: Permit) -> Result<Response> {
    Ok(list(&admin.keys().await?))
}

async fn rotate(
    State(admin): Admin,
    permit: Permit,
    Params(rotation): Params<Rotation>,
) -> Result<Response> {
    Ok(list(&admin.rotate_keys(&permit, rotation).await?))
}

async fn retire(State(admin): Admin, permit: Permit, Path(kid): Id) -> Result<Response> {
    let revoked = admin.retire_key(&permit, &kid).await?;
    Ok(shown(&json!({ "revoked": revoked })))
}
