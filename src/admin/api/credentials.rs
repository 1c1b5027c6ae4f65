//! `/admin/users/{id}/credentials`

use super::input::Body;
use super::{Admin, Id, list, nothing};
use crate::acl::Permit;
use crate::admin::{Administration, GivenCredential};
use crate::error::Result;
use crate::http::Response;
use crate::route::Endpoints;
use axum::extract::{Path, State};
use axum::routing::{get, put};
use http::Method;
use std::sync::Arc;

const ALL: &str = "/admin/users/{id}/credentials";
const ONE: &str = "/admin/users/{id}/credentials/{name}";

pub(super) fn endpoints(administration: &Arc<Administration>) -> Endpoints {
    let state = || Arc::clone(administration);
    let all = get(index).with_state(state());
    let one = put(set).delete(remove).with_state(state());
    Endpoints::default()
        .on(Method::GET, ALL, "admin.users.read", all)
        .on(Method::PUT, ONE, "admin.users.update", one)
        .also(Method::DELETE, ONE, "admin.users.update")
}

async fn index(State(admin): Admin, _: Permit, Path(id): Id) -> Result<Response> {
    Ok(list(&admin.user_credentials(&id).await?))
}

async fn set(
    State(admin): Admin,
    permit: Permit,
    Path((id, name)): Path<(String, String)>,
    Body(given): Body<GivenCredential>,
) -> Result<Response> {
    admin
        .set_user_credential(&permit, &id, &name, given)
        .await?;
    Ok(nothing())
}

async fn remove(
    State(admin): Admin,
    permit: Permit,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response> {
    admin.remove_user_credential(&permit, &id, &name).await?;
    Ok(nothing())
}
