//! `/admin/users/{id}/factors`

use super::{Admin, Id, nothing, shown};
use crate::acl::Permit;
use crate::admin::Administration;
use crate::error::Result;
use crate::http::Response;
use crate::route::Endpoints;
use axum::extract::{Path, State};
use axum::routing::get;
use http::Method;
use std::sync::Arc;

const OF_USER: &str = "/admin/users/{id}/factors";

pub(super) fn endpoints(administration: &Arc<Administration>) -> Endpoints {
    let factors = get(show)
        .delete(reset)
        .with_state(Arc::clone(administration));
    Endpoints::default()
        .on(Method::GET, OF_USER, "admin.users.read", factors)
        .also(Method::DELETE, OF_USER, "admin.users.update")
}

async fn show(State(admin): Admin, _: Permit, Path(id): Id) -> Result<Response> {
    Ok(shown(&admin.factors(&id).await?))
}

async fn reset(State(admin): Admin, permit: Permit, Path(id): Id) -> Result<Response> {
    admin.reset_factors(&permit, &id).await?;
    Ok(nothing())
}
