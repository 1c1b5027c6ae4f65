//! `GET|POST /auth/login`: asks for user name and password, and begins a session.

use super::csrf::Form;
use super::pages;
use super::parameters::Parameters;
use super::request::{AuthorizationRequest, Stopped};
use super::throttling::address;
use super::wanted::Wanted;
use super::{Oauth, authorize, documents, provenance, redirect};
use crate::auth::password;
use crate::error::{Error, Result};
use crate::http::Response;
use crate::storage::users::User;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use std::sync::Arc;

pub(super) async fn get(State(oauth): State<Arc<Oauth>>, head: Parts) -> Response {
    let shown = async {
        let request = authorize::read(&oauth, &head).await?;
        Ok(show(&oauth, &head, &request).await?)
    };
    shown
        .await
        .unwrap_or_else(|stopped: Stopped| stopped.respond(&oauth))
}

pub(super) async fn post(State(oauth): State<Arc<Oauth>>, head: Parts, body: Bytes) -> Response {
    let answered = async {
        let provenance = provenance::of(&oauth, &head.headers)?;
        let sent = authorize::query(&head)?.and(Parameters::form(&head.headers, &body)?);
        let request = AuthorizationRequest::read(&oauth, &sent).await?;
        if !oauth.is_scripted(provenance, &request, &sent) {
            let (cookie, _) = oauth.form_cookie(&head.headers);
            oauth.check_form(Form::Login { cookie: &cookie }, &request, &sent)?;
        }
        Ok(log_in(&oauth, &head, &request, &sent).await?)
    };
    answered
        .await
        .unwrap_or_else(|stopped: Stopped| stopped.respond(&oauth))
}

async fn show(oauth: &Oauth, head: &Parts, request: &AuthorizationRequest) -> Result<Response> {
    if oauth
        .login(&head.headers, &request.tenant.id)
        .await?
        .is_some()
    {
        return redirect::to_page(oauth, "/auth/grant", request);
    }
    match oauth.wanted(&head.headers, request) {
        Wanted::Html => Ok(page(oauth, head, request, None)),
        other => Ok(documents::login(request, other)),
    }
}

async fn log_in(
    oauth: &Oauth,
    head: &Parts,
    request: &AuthorizationRequest,
    sent: &Parameters,
) -> Result<Response> {
    let username = sent.get("username")?.ok_or_else(|| missing("username"))?;
    let password = sent.get("password")?.ok_or_else(|| missing("password"))?;
    if password.len() > password::LONGEST {
        return Err(Error::BadRequest("the password is too long".to_owned()));
    }
    let Some(user) = authenticate(oauth, head, request, (username, password)).await? else {
        return wrong(oauth, head, request, username);
    };
    let session = match oauth.begin_session(&user, &head.headers).await {
        Err(Error::Missing(_)) => return wrong(oauth, head, request, username),
        session => session?,
    };
    tracing::info!(target: "audit", event = "login", user = user.id, client = request.client.id);
    let mut response = redirect::to_page(oauth, "/auth/grant", request)?;
    oauth.set_session_cookie(&mut response, &session);
    Ok(response)
}

/// An unknown user, one who is disabled and a wrong password take the same time and look the same.
async fn authenticate(
    oauth: &Oauth,
    head: &Parts,
    request: &AuthorizationRequest,
    (username, password): (&str, &str),
) -> Result<Option<User>> {
    let tenant = &request.tenant.id;
    let attempt = oauth
        .attempts
        .login(tenant, username, &address(head), oauth.clock.now())?;
    let user = oauth.store.user_named(tenant, username).await?;
    let user = user.filter(|user| user.disabled_at.is_none());
    let hash = user.as_ref().and_then(|user| user.password_hash.as_deref());
    if password::verify(password, hash).await {
        attempt.succeeded();
        return Ok(user);
    }
    // What was typed as a name may be a password: only a name that we know is written down.
    let known = user.as_ref().map(|user| user.id.as_str());
    tracing::warn!(target: "audit", event = "login_failed", user = known, client = request.client.id);
    Ok(None)
}

fn wrong(
    oauth: &Oauth,
    head: &Parts,
    request: &AuthorizationRequest,
    username: &str,
) -> Result<Response> {
    let text = "That user name or password is not right.";
    if oauth.wanted(&head.headers, request) == Wanted::Html {
        return Ok(page(oauth, head, request, Some((username, text))));
    }
    Err(Error::Forbidden(
        "the user name or the password is not right".to_owned(),
    ))
}

fn page(
    oauth: &Oauth,
    head: &Parts,
    request: &AuthorizationRequest,
    failed: Option<(&str, &str)>,
) -> Response {
    let (cookie, is_new) = oauth.form_cookie(&head.headers);
    let token = oauth.form_token(Form::Login { cookie: &cookie }, request);
    let page = pages::Login {
        action: &format!("/auth/login?{}", request.query()),
        csrf_token: &token,
        hidden: Vec::new(),
        client_name: Some(&request.client.name),
        tenant: &request.tenant.name,
        username: failed.map_or("", |(username, _)| username),
        error: failed.map(|(_, text)| text),
    };
    let status = if failed.is_some() {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::OK
    };
    let mut response = oauth.page(status, request, &page);
    if is_new {
        oauth.set_form_cookie(&mut response, &cookie);
    }
    response
}

fn missing(name: &str) -> Error {
    Error::BadRequest(format!("the parameter {name} is missing"))
}
