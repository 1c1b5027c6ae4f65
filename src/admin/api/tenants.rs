//! `/admin/tenants`

use super::input::Body;
use super::{Admin, Id, created, list, shown};
use crate::acl::Permit;
use crate::admin::{Administration, NewTenant, TenantChanges};
use crate::error::Result;
use crate::http::Response;
use crate::route::Endpoints;
use axum::extract::{Path, State};
use axum::routing::get;
use http::Method;
use std::sync::Arc;

const ALL: &str = "/admin/tenants";
const ONE: &str = "/admin/tenants/{id}";

pub(super) fn endpoints(administration: &Arc<Administration>) -> Endpoints {
    let state = || Arc::clone(administration);
    let all = get(index).post(create).with_state(state());
    let one = get(show).patch(update).with_state(state());
    Endpoints::default()
        .on(Method::GET, ALL, "admin.tenants.read", all)
        .also(Method::POST, ALL, "admin.tenants.create")
        .on(Method::GET, ONE, "admin.tenants.read", one)
        .also(Method::PATCH, ONE, "admin.tenants.update")
}

async fn index(State(admin): Admin, _: Permit) -> Result<Response> {
    Ok(list(&admin.tenants().await?))
}

async fn create(
    State(admin): Admin,
    permit: Permit,
    Body(new): Body<NewTenant>,
) -> Result<Response> {
    let tenant = admin.create_tenant(&permit, new).await?;
    Ok(created("tenants", &tenant.id, &tenant))
}

async fn show(State(admin): Admin, _: Permit, Path(id): Id) -> Result<Response> {
    Ok(shown(&admin.tenant(&id).await?))
}

async fn update(
    State(admin): Admin,
    permit: Permit,
    Path(id): Id,
    Body(changes): Body<TenantChanges>,
) -> Result<Response> {
    Ok(shown(&admin.change_tenant(&permit, &id, changes).await?))
}
