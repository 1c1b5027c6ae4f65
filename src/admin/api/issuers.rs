//! `/admin/issuers`

use super::input::Body;
use super::{Admin, Id, nothing};
use crate::acl::Permit;
use crate::admin::{Administration, Ending};
use crate::error::Result;
use crate::http::Response;
use crate::route::Endpoints;
use axum::extract::{Path, State};
use axum::routing::post;
use http::Method;
use std::sync::Arc;

const REVOKE: &str = "/admin/issuers/{name}/revoke";

pub(super) fn endpoints(administration: &Arc<Administration>) -> Endpoints {
    let revoke = post(revoke).with_state(Arc::clone(administration));
    Endpoints::default().on(Method::POST, REVOKE, "admin.issuers.revoke", revoke)
}

async fn revoke(
    State(admin): Admin,
    permit: Permit,
    Path(name): Id,
    Body(ending): Body<Ending>,
) -> Result<Response> {
    admin.revoke_external(&permit, &name, ending).await?;
    Ok(nothing())
}
