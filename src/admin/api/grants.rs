//! `/admin/grants`

use super::input::Params;
use super::{Admin, Id, list, nothing};
use crate::acl::Permit;
use crate::admin::{Administration, GrantFilter};
use crate::error::Result;
use crate::http::Response;
use crate::route::Endpoints;
use axum::extract::{Path, State};
use axum::routing::{delete, get};
use http::Method;
use std::sync::Arc;

const ALL: &str = "/admin/grants";
const ONE: &str = "/admin/grants/{id}";

pub(super) fn endpoints(administration: &Arc<Administration>) -> Endpoints {
    let state = || Arc::clone(administration);
    let all = get(index).with_state(state());
    let one = delete(revoke).with_state(state());
    Endpoints::default()
        .on(Method::GET, ALL, "admin.grants.read", all)
        .on(Method::DELETE, ONE, "admin.grants.delete", one)
}

async fn index(
    State(admin): Admin,
    _: Permit,
    Params(filter): Params<GrantFilter>,
) -> Result<Response> {
    Ok(list(&admin.grants(filter).await?))
}

async fn revoke(State(admin): Admin, permit: Permit, Path(id): Id) -> Result<Response> {
    admin.revoke_grant(&permit, &id).await?;
    Ok(nothing())
}
