//! `/admin/dialling`, and `…/dialling` of a tenant, a user, a client and a policy

use super::input::Body;
use super::{Admin, Id, list, nothing, shown};
use crate::acl::Permit;
use crate::admin::{Administration, DiallingQuestion};
use crate::dialling::{Holder, RuleSet};
use crate::error::Result;
use crate::http::Response;
use crate::route::Endpoints;
use axum::extract::{Path, State};
use axum::routing::{MethodRouter, get, post};
use http::Method;
use std::sync::Arc;

const ALL: &str = "/admin/dialling";
const TEST: &str = "/admin/dialling/test";
const TENANT: &str = "/admin/tenants/{id}/dialling";
const USER: &str = "/admin/users/{id}/dialling";
const CLIENT: &str = "/admin/clients/{id}/dialling";
const POLICY: &str = "/admin/policies/{name}/dialling";
const READ: &str = "admin.dialling.read";
const UPDATE: &str = "admin.dialling.update";

pub(super) fn endpoints(administration: &Arc<Administration>) -> Endpoints {
    let state = || Arc::clone(administration);
    let endpoints = Endpoints::default()
        .on(Method::GET, ALL, READ, get(index).with_state(state()))
        .on(Method::POST, TEST, READ, post(test).with_state(state()));
    let holders: [(_, Named); 4] = [
        (TENANT, Holder::Tenant),
        (USER, Holder::User),
        (CLIENT, Holder::Client),
        (POLICY, Holder::Policy),
    ];
    holders.into_iter().fold(endpoints, |all, (path, named)| {
        all.on(Method::GET, path, READ, of(named).with_state(state()))
            .also(Method::PUT, path, UPDATE)
            .also(Method::DELETE, path, UPDATE)
    })
}

/// Makes a holder of the name in the path.
type Named = fn(String) -> Holder;

/// The rules of one holder.
fn of(named: Named) -> MethodRouter<Arc<Administration>> {
    let show = async move |State(admin): Admin, _: Permit, Path(id): Id| -> Result<Response> {
        Ok(shown(&admin.dialling(&named(id)).await?))
    };
    let set = async move |State(admin): Admin,
                          permit: Permit,
                          Path(id): Id,
                          Body(rules): Body<RuleSet>|
                -> Result<Response> {
        let holder = named(id);
        Ok(shown(&admin.set_dialling(&permit, &holder, rules).await?))
    };
    let remove =
        async move |State(admin): Admin, permit: Permit, Path(id): Id| -> Result<Response> {
            admin.remove_dialling(&permit, &named(id)).await?;
            Ok(nothing())
        };
    get(show).put(set).delete(remove)
}

async fn index(State(admin): Admin, _: Permit) -> Result<Response> {
    Ok(list(&admin.all_dialling().await?))
}

async fn test(
    State(admin): Admin,
    _: Permit,
    Body(question): Body<DiallingQuestion>,
) -> Result<Response> {
    Ok(shown(&admin.try_dialling(question).await?))
}
