//! `/admin/users`

use super::input::{Body, OfTenant, Params};
use super::{Admin, Id, created, list, nothing, shown};
use crate::acl::Permit;
use crate::admin::{Administration, NewUser, UserChanges};
use crate::error::Result;
use crate::http::Response;
use crate::route::Endpoints;
use crate::storage::lines::Line;
use axum::extract::{Path, State};
use axum::routing::{get, put};
use http::Method;
use std::sync::Arc;

const ALL: &str = "/admin/users";
const ONE: &str = "/admin/users/{id}";
const LINE: &str = "/admin/users/{id}/lines/{backend}";

pub(super) fn endpoints(administration: &Arc<Administration>) -> Endpoints {
    let state = || Arc::clone(administration);
    let all = get(index).post(create).with_state(state());
    let one = get(show).patch(update).with_state(state());
    let line = put(set_line).delete(remove_line).with_state(state());
    Endpoints::default()
        .on(Method::GET, ALL, "admin.users.read", all)
        .also(Method::POST, ALL, "admin.users.create")
        .on(Method::GET, ONE, "admin.users.read", one)
        .also(Method::PATCH, ONE, "admin.users.update")
        .on(Method::PUT, LINE, "admin.users.update", line)
        .also(Method::DELETE, LINE, "admin.users.update")
}

async fn index(State(admin): Admin, _: Permit, Params(of): Params<OfTenant>) -> Result<Response> {
    Ok(list(&admin.users(of.tenant.as_deref()).await?))
}

async fn create(State(admin): Admin, permit: Permit, Body(new): Body<NewUser>) -> Result<Response> {
    let made = admin.create_user(&permit, new).await?;
    Ok(created("users", &made.user.id, &made))
}

async fn show(State(admin): Admin, _: Permit, Path(id): Id) -> Result<Response> {
    Ok(shown(&admin.user(&id).await?))
}

async fn update(
    State(admin): Admin,
    permit: Permit,
    Path(id): Id,
    Body(changes): Body<UserChanges>,
) -> Result<Response> {
    Ok(shown(&admin.change_user(&permit, &id, changes).await?))
}

async fn set_line(
    State(admin): Admin,
    permit: Permit,
    Path((id, backend)): Path<(String, String)>,
    Body(line): Body<Line>,
) -> Result<Response> {
    admin.set_user_line(&permit, &id, &backend, &line).await?;
    Ok(nothing())
}

async fn remove_line(
    State(admin): Admin,
    permit: Permit,
    Path((id, backend)): Path<(String, String)>,
) -> Result<Response> {
    admin.remove_user_line(&permit, &id, &backend).await?;
    Ok(nothing())
}
