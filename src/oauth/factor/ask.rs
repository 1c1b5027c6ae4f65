//! `GET|POST /auth/factor`: asks for the second factor, or to set one up, before anybody is logged in.

use super::answer::{self, Step};
use super::pages;
use super::passkey::Passkeys;
use super::pending::Pending;
use super::setup::App;
use crate::error::Result;
use crate::http::Response;
use crate::oauth::csrf::Form;
use crate::oauth::destination::Destination;
use crate::oauth::parameters::Parameters;
use crate::oauth::request::Stopped;
use crate::oauth::texts::Texts;
use crate::oauth::{Oauth, authorize, page, provenance};
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use std::sync::Arc;

pub(in crate::oauth) async fn get(State(oauth): State<Arc<Oauth>>, head: Parts) -> Response {
    let shown = async {
        let sent = authorize::query(&head)?;
        let destination = Destination::read(&oauth, &head, &sent).await?;
        let Some(pending) = Pending::read(&oauth, &head.headers, &sent).await? else {
            return Ok(destination.ask_for_login(&oauth)?);
        };
        Ok(show(&oauth, &head, Step(&pending, &destination), None).await?)
    };
    shown
        .await
        .unwrap_or_else(|stopped: Stopped| stopped.respond(&oauth))
}

pub(in crate::oauth) async fn post(
    State(oauth): State<Arc<Oauth>>,
    head: Parts,
    body: Bytes,
) -> Response {
    let answered = async {
        provenance::of(&oauth, &head.headers)?;
        let sent = authorize::query(&head)?.and(Parameters::form(&head.headers, &body)?);
        let destination = Destination::read(&oauth, &head, &sent).await?;
        let Some(pending) = Pending::read(&oauth, &head.headers, &sent).await? else {
            return Ok(destination.ask_for_login(&oauth)?);
        };
        let form = Form::Factor {
            pending: &pending.row.hash,
        };
        oauth.check_form(form, &destination.query(), &sent)?;
        Ok(answer::take(&oauth, &head, Step(&pending, &destination), &sent).await?)
    };
    answered
        .await
        .unwrap_or_else(|stopped: Stopped| stopped.respond(&oauth))
}

/// An answer that was not taken, to be told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wrong<'w> {
    /// The text that says so.
    pub(super) text: &'static str,
    /// The app that was being set up.
    pub(super) setup: Option<&'w str>,
}

pub(super) async fn show(
    oauth: &Oauth,
    head: &Parts,
    step: Step<'_>,
    wrong: Option<Wrong<'_>>,
) -> Result<Response> {
    let Step(pending, destination) = step;
    let query = destination.query();
    let form = Form::Factor {
        pending: &pending.row.hash,
    };
    let frame = Frame {
        texts: Texts::of(head),
        action: pending.path(destination),
        csrf_token: oauth.form_token(form, &query),
        login: format!("/auth/login?{query}"),
        status: wrong.map_or(StatusCode::OK, |_| StatusCode::FORBIDDEN),
    };
    let mut response = if pending.factors.any() {
        question(oauth, step, &frame, wrong).await?
    } else {
        setup(oauth, step, &frame, wrong).await?
    };
    page::allow_script(response.headers_mut());
    Ok(response)
}

/// What both pages have.
struct Frame {
    texts: Texts,
    action: String,
    csrf_token: String,
    login: String,
    status: StatusCode,
}

async fn question(
    oauth: &Oauth,
    Step(pending, destination): Step<'_>,
    frame: &Frame,
    wrong: Option<Wrong<'_>>,
) -> Result<Response> {
    let passkey = match Passkeys::of(oauth) {
        Some(passkeys) => passkeys.ask(oauth, &pending.owner(), &pending.user).await?,
        None => None,
    };
    let page = pages::Ask {
        texts: frame.texts,
        brand: oauth.brand(&pending.user.tenant_id),
        action: &frame.action,
        csrf_token: &frame.csrf_token,
        hidden: Vec::new(),
        login: &frame.login,
        username: &pending.user.username,
        totp: pending.factors.totp > 0,
        passkey: passkey.as_deref(),
        error: wrong.map(|wrong| frame.texts.get(wrong.text)),
    };
    Ok(oauth.page(frame.status, &destination.source(), &page))
}

async fn setup(
    oauth: &Oauth,
    Step(pending, destination): Step<'_>,
    frame: &Frame,
    wrong: Option<Wrong<'_>>,
) -> Result<Response> {
    let (owner, user) = (pending.owner(), &pending.user);
    let sealed = wrong.and_then(|wrong| wrong.setup);
    let app = App::offer(oauth, (&owner, user), sealed).await?;
    let passkey = match Passkeys::of(oauth) {
        Some(passkeys) => passkeys.offer(oauth, &owner, user).await?,
        None => None,
    };
    let page = pages::SetUp {
        texts: frame.texts,
        brand: oauth.brand(&pending.user.tenant_id),
        action: &frame.action,
        csrf_token: &frame.csrf_token,
        hidden: Vec::new(),
        login: &frame.login,
        username: &user.username,
        qr: &app.qr,
        secret: &app.secret,
        setup: &app.sealed,
        passkey: passkey.as_deref(),
        error: wrong.map(|wrong| frame.texts.get(wrong.text)),
    };
    Ok(oauth.page(frame.status, &destination.source(), &page))
}
