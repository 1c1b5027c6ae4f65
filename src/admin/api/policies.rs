//! `/admin/policies`

use super::input::Body;
use super::{Admin, Id, list, nothing, shown};
use crate::acl::Permit;
use crate::admin::{Administration, PolicyText};
use crate::error::Result;
use crate::http::Response;
use crate::route::Endpoints;
use axum::extract::{Path, State};
use axum::routing::get;
use http::Method;
use std::sync::Arc;

const ALL: &str = "/admin/policies";
const ONE: &str = "/admin/policies/{name}";

pub(super) fn endpoints(administration: &Arc<Administration>) -> Endpoints {
    let state = || Arc::clone(administration);
    let all = get(index).with_state(state());
    let one = get(show).put(replace).delete(delete).with_state(state());
    Endpoints::default()
        .on(Method::GET, ALL, "admin.policies.read", all)
        .on(Method::GET, ONE, "admin.policies.read", one)
        .also(Method::PUT, ONE, "admin.policies.update")
        .also(Method::DELETE, ONE, "admin.policies.delete")
}

async fn index(State(admin): Admin, _: Permit) -> Result<Response> {
    Ok(list(&admin.policies().await?))
}

async fn show(State(admin): Admin, _: Permit, Path(name): Id) -> Result<Response> {
    Ok(shown(&admin.policy(&name).await?))
}

async fn replace(
    State(admin): Admin,
    permit: Permit,
    Path(name): Id,
    Body(text): Body<PolicyText>,
) -> Result<Response> {
    Ok(shown(&admin.put_policy(&permit, &name, text).await?))
}

async fn delete(State(admin): Admin, permit: Permit, Path(name): Id) -> Result<Response> {
    admin.delete_policy(&permit, &name).await?;
    Ok(nothing())
}
