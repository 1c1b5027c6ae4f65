//! `/admin/sessions`

use super::input::Params;
use super::{Admin, shown};
use crate::acl::Permit;
use crate::admin::Administration;
use crate::error::Result;
use crate::http::Response;
use crate::route::Endpoints;
use axum::extract::State;
use axum::routing::delete;
use http::Method;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

const ALL: &str = "/admin/sessions";

/// All of one user: nobody means everybody's by leaving something out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    user: String,
}

pub(super) fn endpoints(administration: &Arc<Administration>) -> Endpoints {
    let all = delete(end).with_state(Arc::clone(administration));
    Endpoints::default().on(Method::DELETE, ALL, "admin.sessions.delete", all)
}

async fn end(
    State(admin): Admin,
    permit: Permit,
    Params(Whose { user }): Params<Whose>,
) -> Result<Response> {
    let ended = admin.end_sessions(&permit, &user).await?;
    Ok(shown(&json!({ "ended": ended })))
}
