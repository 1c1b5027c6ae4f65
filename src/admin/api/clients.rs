//! `/admin/clients`

use super::input::{Body, OfTenant, Params};
use super::{Admin, Id, created, list, nothing, shown};
use crate::acl::Permit;
use crate::admin::{Administration, ClientChanges, NewClient};
use crate::error::Result;
use crate::http::Response;
use crate::route::Endpoints;
use crate::storage::lines::Line;
use axum::extract::{Path, State};
use axum::routing::{get, post, put};
use http::Method;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

const ALL: &str = "/admin/clients";
const ONE: &str = "/admin/clients/{id}";
const SECRET: &str = "/admin/clients/{id}/secret";
const LINE: &str = "/admin/clients/{id}/lines/{backend}";

/// For how long the old secret is good as well.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Overlap {
    #[serde(with = "humantime_serde")]
    overlap: Option<Duration>,
}

pub(super) fn endpoints(administration: &Arc<Administration>) -> Endpoints {
    let state = || Arc::clone(administration);
    let all = get(index).post(create).with_state(state());
    let one = get(show).patch(update).with_state(state());
    let secret = post(rotate_secret).with_state(state());
    let line = put(set_line).delete(remove_line).with_state(state());
    Endpoints::default()
        .on(Method::GET, ALL, "admin.clients.read", all)
        .also(Method::POST, ALL, "admin.clients.create")
        .on(Method::GET, ONE, "admin.clients.read", one)
        .also(Method::PATCH, ONE, "admin.clients.update")
        .on(Method::POST, SECRET, "admin.clients.update", secret)
        .on(Method::PUT, LINE, "admin.clients.update", line)
        .also(Method::DELETE, LINE, "admin.clients.update")
}

async fn index(State(admin): Admin, _: Permit, Params(of): Params<OfTenant>) -> Result<Response> {
    Ok(list(&admin.clients(of.tenant.as_deref()).await?))
}

async fn create(
    State(admin): Admin,
    permit: Permit,
    Body(new): Body<NewClient>,
) -> Result<Response> {
    let made = admin.create_client(&permit, new).await?;
    Ok(created("clients", &made.client.id, &made))
}

async fn show(State(admin): Admin, _: Permit, Path(id): Id) -> Result<Response> {
    Ok(shown(&admin.client(&id).await?))
}

async fn update(
    State(admin): Admin,
    permit: Permit,
    Path(id): Id,
    Body(changes): Body<ClientChanges>,
) -> Result<Response> {
    Ok(shown(&admin.change_client(&permit, &id, changes).await?))
}

async fn rotate_secret(
    State(admin): Admin,
    permit: Permit,
    Path(id): Id,
    Params(Overlap { overlap }): Params<Overlap>,
) -> Result<Response> {
    Ok(shown(&admin.rotate_secret(&permit, &id, overlap).await?))
}

async fn set_line(
    State(admin): Admin,
    permit: Permit,
    Path((id, backend)): Path<(String, String)>,
    Body(line): Body<Line>,
) -> Result<Response> {
    admin.set_client_line(&permit, &id, &backend, &line).await?;
    Ok(nothing())
}

async fn remove_line(
    State(admin): Admin,
    permit: Permit,
    Path((id, backend)): Path<(String, String)>,
) -> Result<Response> {
    admin.remove_client_line(&permit, &id, &backend).await?;
    Ok(nothing())
}
