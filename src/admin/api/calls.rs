//! `/admin/calls`

use super::input::Params;
use super::{Admin, Id, list, shown};
use crate::acl::Permit;
use crate::admin::{Administration, CallFilter};
use crate::error::Result;
use crate::http::Response;
use crate::route::Endpoints;
use axum::extract::{Path, State};
use axum::routing::get;
use http::Method;
use serde::Deserialize;
use std::sync::Arc;

const ALL: &str = "/admin/calls";
const ONE: &str = "/admin/calls/{id}";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Force {
    force: bool,
}

pub(super) fn endpoints(administration: &Arc<Administration>) -> Endpoints {
    let state = || Arc::clone(administration);
    let all = get(index).with_state(state());
    let one = get(show).delete(end).with_state(state());
    Endpoints::default()
        .on(Method::GET, ALL, "admin.calls.read", all)
        .on(Method::GET, ONE, "admin.calls.read", one)
        .also(Method::DELETE, ONE, "admin.calls.delete")
}

async fn index(
    State(admin): Admin,
    _: Permit,
    Params(filter): Params<CallFilter>,
) -> Result<Response> {
    Ok(list(&admin.live_calls(filter).await?))
}

async fn show(State(admin): Admin, _: Permit, Path(id): Id) -> Result<Response> {
    Ok(shown(&admin.call(&id).await?))
}

async fn end(
    State(admin): Admin,
    permit: Permit,
    Path(id): Id,
    Params(Force { force }): Params<Force>,
) -> Result<Response> {
    Ok(shown(&admin.end_call(&permit, &id, force).await?))
}
