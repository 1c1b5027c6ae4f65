//! `GET|POST /account/factor`: sets up an authenticator app or a passkey for who is logged in.

use super::factors::{Again, shown_once};
use super::fresh::Fresh;
use super::visit::Visit;
use super::{ask_for_login, done};
use crate::error::{Error, Result};
use crate::http::Response;
use crate::oauth::factor::{App, Passkeys, Ready, app, passkey};
use crate::oauth::parameters::Parameters;
use crate::oauth::texts::Texts;
use crate::oauth::{Oauth, page};
use crate::storage::StoreError;
use crate::storage::audit::Event;
use crate::storage::factors::Factors;
use askama::Template;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use std::sync::Arc;

pub(super) const PATH: &str = "/account/factor";

#[derive(Template)]
#[template(path = "account/factor_setup.html")]
struct SetUp<'s> {
    texts: Texts,
    action: &'static str,
    csrf_token: &'s str,
    hidden: Vec<(&'s str, &'s str)>,
    /// Whether the forms ask for the password.
    asks_password: bool,
    /// `None` for who has one.
    app: Option<App>,
    /// What the script hands to `navigator.credentials.create`; `None` where there can be no further passkey.
    passkey: Option<String>,
    /// What a passkey is called unless its user says otherwise.
    name: &'s str,
    /// What signs out and in again, when that comes first: there is nothing else then.
    sign_in_again: Option<Again>,
    error: Option<String>,
}

pub(super) async fn get(State(oauth): State<Arc<Oauth>>, head: Parts) -> Result<Response> {
    match Visit::begin(&oauth, &head).await? {
        Some(visit) => show(&oauth, &visit, None).await,
        None => ask_for_login(&oauth),
    }
}

pub(super) async fn post(
    State(oauth): State<Arc<Oauth>>,
    head: Parts,
    body: Bytes,
) -> Result<Response> {
    let Some((visit, sent)) = Visit::posted(&oauth, &head, &body).await? else {
        return ask_for_login(&oauth);
    };
    let factors = oauth.store.factors(&visit.login.user.id).await?;
    let setup = sent.get("setup")?;
    let fresh = visit.freshen_factors(&oauth, &head, &sent, factors).await?;
    let Some(fresh) = fresh else {
        return show(&oauth, &visit, Some((PASSWORD, setup))).await;
    };
    match ready(&oauth, &visit, &sent).await? {
        Some(ready) => keep(&oauth, &head, &visit, (ready, &fresh)).await,
        None => show(&oauth, &visit, Some((WRONG, setup))).await,
    }
}

const PASSWORD: &str = "setup-not-password";
const WRONG: &str = "setup-wrong";

/// Letters that the name of a passkey may have.
const LONGEST_NAME: usize = 60;

/// What was set up, once it is shown to work.
async fn ready(oauth: &Oauth, visit: &Visit, sent: &Parameters) -> Result<Option<Ready>> {
    let (owner, user) = (owner(visit), &visit.login.user);
    if let Some(answer) = sent.get("passkey")? {
        let name = sent.get("name")?.unwrap_or_default();
        let name: String = name.trim().chars().take(LONGEST_NAME).collect();
        let name = Some(name.as_str()).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| called(visit));
        return passkey(oauth, (&owner, user), (name, answer)).await;
    }
    let missing = || Error::BadRequest("the parameter code is missing".to_owned());
    let code = sent.get("code")?.ok_or_else(missing)?;
    let sealed = sent.get("setup")?.unwrap_or_default();
    app(oauth, (&owner, user), (sealed, code))
}

async fn keep(
    oauth: &Oauth,
    head: &Parts,
    visit: &Visit,
    (ready, _fresh): (Ready, &Fresh),
) -> Result<Response> {
    let user = &visit.login.user;
    let hashes = ready.codes.hashes(oauth, &user.id);
    let entry = oauth.entry(Event::FactorAdded, head).user(user);
    let added = oauth
        .store
        .add_factor(ready.factor, hashes, entry, visit.now);
    let is_first = match added.await {
        // In another tab.
        Err(StoreError::Exists(_)) => return done(oauth, "factor"),
        added => added?,
    };
    let session = &visit.login.session.hash;
    oauth.store.factor_given(session, visit.now).await?;
    if is_first {
        return Ok(shown_once(
            oauth,
            visit,
            &ready.codes,
            "/account?done=factor",
        ));
    }
    done(oauth, "factor")
}

/// The page, with why the last answer was not taken, and the app that was being set up.
async fn show(
    oauth: &Oauth,
    visit: &Visit,
    wrong: Option<(&'static str, Option<&str>)>,
) -> Result<Response> {
    let factors = oauth.store.factors(&visit.login.user.id).await?;
    let is_stale = factors.any() && !visit.gave_factor();
    let (app, passkey) = if is_stale {
        (None, None)
    } else {
        offer(oauth, visit, factors, wrong.and_then(|(_, setup)| setup)).await?
    };
    let page = SetUp {
        texts: visit.texts,
        action: PATH,
        csrf_token: &visit.csrf_token,
        hidden: visit.hidden(),
        asks_password: !factors.any() && !visit.is_fresh(),
        app,
        passkey,
        name: called(visit),
        sign_in_again: is_stale.then(|| Again::of(oauth, visit)),
        error: wrong.map(|(text, _)| visit.texts.get(text)),
    };
    let status = wrong.map_or(StatusCode::OK, |_| StatusCode::FORBIDDEN);
    let mut response = oauth.page(status, "", &page);
    page::allow_script(response.headers_mut());
    Ok(response)
}

async fn offer(
    oauth: &Oauth,
    visit: &Visit,
    factors: Factors,
    setup: Option<&str>,
) -> Result<(Option<App>, Option<String>)> {
    let (owner, user) = (owner(visit), &visit.login.user);
    let app = if factors.totp == 0 {
        Some(App::offer(oauth, (&owner, user), setup).await?)
    } else {
        None
    };
    let passkey = match Passkeys::of(oauth) {
        Some(passkeys) => passkeys.offer(oauth, &owner, user).await?,
        None => None,
    };
    Ok((app, passkey))
}

/// Whose the challenges are, and what a secret is sealed for while it is set up.
fn owner(visit: &Visit) -> String {
    format!("session:{}", visit.login.session.hash)
}

/// As this browser is called.
fn called(visit: &Visit) -> &str {
    visit.login.session.browser.as_deref().unwrap_or("Passkey")
}
