//! `GET /oauth/authorize`, and `/oauth/auth` as in 2012: checks a request and leads to the login.

use super::parameters::Parameters;
use super::request::{AuthorizationRequest, Stopped};
use super::{Oauth, redirect};
use crate::http::Response;
use axum::extract::State;
use axum::response::IntoResponse;
use http::request::Parts;
use std::sync::Arc;

/// Nothing is kept: the request travels along, and every page checks it anew.
pub(super) async fn get(State(oauth): State<Arc<Oauth>>, head: Parts) -> Response {
    match begin(&oauth, &head).await {
        Ok(request) => redirect::to_page(&oauth, "/auth/login", &request)
            .unwrap_or_else(IntoResponse::into_response),
        Err(stopped) => stopped.respond(&oauth),
    }
}

async fn begin(oauth: &Oauth, head: &Parts) -> Result<AuthorizationRequest, Stopped> {
    let request = read(oauth, head).await?;
    if let Some(reference) = &request.pushed {
        reference.check_fresh(oauth.clock.now())?;
    }
    Ok(request)
}

/// The request in the query of this or a later page.
pub(super) async fn read(oauth: &Oauth, head: &Parts) -> Result<AuthorizationRequest, Stopped> {
    let parameters = query(head)?;
    AuthorizationRequest::read(oauth, &parameters).await
}

pub(super) fn query(head: &Parts) -> crate::error::Result<Parameters> {
    Parameters::parse(head.uri.query().unwrap_or_default().as_bytes())
}
