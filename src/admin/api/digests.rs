//! `/admin/tenants/{id}/digest` and `/admin/users/{id}/digest`

use super::input::Body;
use super::{Admin, Id, nothing, shown};
use crate::acl::Permit;
use crate::admin::{Administration, DigestDomainText, GivenDigest};
use crate::error::Result;
use crate::http::Response;
use crate::route::Endpoints;
use axum::extract::{Path, State};
use axum::routing::get;
use http::Method;
use std::sync::Arc;

const TENANT: &str = "/admin/tenants/{id}/digest";
const USER: &str = "/admin/users/{id}/digest";

pub(super) fn endpoints(administration: &Arc<Administration>) -> Endpoints {
    let state = || Arc::clone(administration);
    let tenant = get(domain).put(set_domain).delete(remove_domain);
    let user = get(show).put(set).delete(remove);
    Endpoints::default()
        .on(
            Method::GET,
            TENANT,
            "admin.tenants.read",
            tenant.with_state(state()),
        )
        .also(Method::PUT, TENANT, "admin.tenants.update")
        .also(Method::DELETE, TENANT, "admin.tenants.update")
        .on(
            Method::GET,
            USER,
            "admin.users.read",
            user.with_state(state()),
        )
        .also(Method::PUT, USER, "admin.users.update")
        .also(Method::DELETE, USER, "admin.users.update")
}

async fn domain(State(admin): Admin, _: Permit, Path(id): Id) -> Result<Response> {
    Ok(shown(&admin.digest_domain(&id).await?))
}

async fn set_domain(
    State(admin): Admin,
    permit: Permit,
    Path(id): Id,
    Body(text): Body<DigestDomainText>,
) -> Result<Response> {
    Ok(shown(&admin.set_digest_domain(&permit, &id, text).await?))
}

async fn remove_domain(State(admin): Admin, permit: Permit, Path(id): Id) -> Result<Response> {
    admin.remove_digest_domain(&permit, &id).await?;
    Ok(nothing())
}

async fn show(State(admin): Admin, _: Permit, Path(id): Id) -> Result<Response> {
    Ok(shown(&admin.user_digest(&id).await?))
}

async fn set(
    State(admin): Admin,
    permit: Permit,
    Path(id): Id,
    Body(given): Body<GivenDigest>,
) -> Result<Response> {
    admin.set_user_digest(&permit, &id, given).await?;
    Ok(nothing())
}

async fn remove(State(admin): Admin, permit: Permit, Path(id): Id) -> Result<Response> {
    admin.remove_user_digest(&permit, &id).await?;
    Ok(nothing())
}
