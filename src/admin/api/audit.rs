//! `/admin/audit`

use super::input::Params;
use super::{Admin, shown};
use crate::acl::Permit;
use crate::admin::{Administration, AuditFilter};
use crate::error::Result;
use crate::http::Response;
use crate::route::Endpoints;
use axum::extract::State;
use axum::routing::get;
use http::Method;
use std::sync::Arc;

const LOG: &str = "/admin/audit";

pub(super) fn endpoints(administration: &Arc<Administration>) -> Endpoints {
    let log = get(index).with_state(Arc::clone(administration));
    Endpoints::default().on(Method::GET, LOG, "admin.audit.read", log)
}

async fn index(
    State(admin): Admin,
    _: Permit,
    Params(filter): Params<AuditFilter>,
) -> Result<Response> {
    Ok(shown(&admin.audit_log(filter).await?))
}
