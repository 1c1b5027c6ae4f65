//! `/admin/users/{id}/identities`

use super::{Admin, Id, list, nothing};
use crate::acl::Permit;
use crate::admin::Administration;
use crate::error::Result;
use crate::http::Response;
use crate::route::Endpoints;
use axum::extract::{Path, State};
use axum::routing::{delete, get};
use http::Method;
use std::sync::Arc;

const ALL: &str = "/admin/users/{id}/identities";
const ONE: &str = "/admin/users/{id}/identities/{provider}";

pub(super) fn endpoints(administration: &Arc<Administration>) -> Endpoints {
    let state = || Arc::clone(administration);
    let all = get(index).with_state(state());
    let one = delete(unlink).with_state(state());
    Endpoints::default()
        .on(Method::GET, ALL, "admin.users.read", all)
        .on(Method::DELETE, ONE, "admin.users.update", one)
}

async fn index(State(admin): Admin, _: Permit, Path(id): Id) -> Result<Response> {
    Ok(list(&admin.identities(&id).await?))
}

async fn unlink(
    State(admin): Admin,
    permit: Permit,
    Path((id, provider)): Path<(String, String)>,
) -> Result<Response> {
    admin.unlink(&permit, &id, &provider).await?;
    Ok(nothing())
}
