//! `/admin/tokens`

use super::input::{Body, Params};
use super::{Admin, Id, list, nothing, shown};
use crate::acl::Permit;
use crate::admin::{Administration, Holder, TokenFilter};
use crate::error::Result;
use crate::http::Response;
use crate::route::Endpoints;
use axum::extract::{Path, State};
use axum::routing::{delete, get, post};
use http::Method;
use serde_json::json;
use std::sync::Arc;

const ALL: &str = "/admin/tokens";
const ONE: &str = "/admin/tokens/{id}";
const REVOKE: &str = "/admin/tokens/revoke";

pub(super) fn endpoints(administration: &Arc<Administration>) -> Endpoints {
    let state = || Arc::clone(administration);
    let all = get(index).with_state(state());
    let one = delete(revoke).with_state(state());
    let many = post(revoke_all).with_state(state());
    Endpoints::default()
        .on(Method::GET, ALL, "admin.tokens.read", all)
        .on(Method::DELETE, ONE, "admin.tokens.delete", one)
        .on(Method::POST, REVOKE, "admin.tokens.delete", many)
}

async fn index(
    State(admin): Admin,
    _: Permit,
    Params(filter): Params<TokenFilter>,
) -> Result<Response> {
    Ok(list(&admin.tokens(filter).await?))
}

async fn revoke(State(admin): Admin, permit: Permit, Path(id): Id) -> Result<Response> {
    admin.revoke_token(&permit, &id).await?;
    Ok(nothing())
}

async fn revoke_all(
    State(admin): Admin,
    permit: Permit,
    Body(holder): Body<Holder>,
) -> Result<Response> {
    let revoked = admin.revoke_all(&permit, holder).await?;
    Ok(shown(&json!({ "revoked": revoked })))
}
