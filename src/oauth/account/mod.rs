//! `/account`: what people see of their own account, and what they may end or change. One section a file.
//!
//! A section renders itself (`section`), and answers its own form below `/account/`; to add one takes a file, a template
//! and a line in [`sections`]. What its form needs is in the [`Visit`].

mod activity;
mod applications;
mod browser;
mod devices;
mod factor_setup;
mod factors;
mod fresh;
mod identities;
mod password;
mod sessions;
mod visit;

pub(super) use browser::browser;

use super::Oauth;
use super::brand::Brand;
use super::destination::Destination;
use super::parameters::Parameters;
use super::request::Stopped;
use super::texts::Texts;
use super::{authorize, redirect};
use crate::error::Result;
use crate::http::Response;
use crate::route::Endpoints;
use askama::Template;
use axum::extract::State;
use axum::routing::{get, post};
use http::request::Parts;
use http::{Method, StatusCode};
use std::sync::Arc;
use visit::Visit;

pub(super) fn endpoints(oauth: &Arc<Oauth>) -> Endpoints {
    let state = || Arc::clone(oauth);
    let change = |path, handler| Endpoints::default().public(Method::POST, path, handler);
    Endpoints::default()
        .public(Method::GET, "/account", get(show).with_state(state()))
        .and(change(
            sessions::PATH,
            post(sessions::end).with_state(state()),
        ))
        .and(change(
            applications::PATH,
            post(applications::end).with_state(state()),
        ))
        .and(change(
            devices::PATH,
            post(devices::end).with_state(state()),
        ))
        .and(change(
            factors::PATH,
            post(factors::change).with_state(state()),
        ))
        .public(
            Method::GET,
            factor_setup::PATH,
            get(factor_setup::get).with_state(state()),
        )
        .and(change(
            factor_setup::PATH,
            post(factor_setup::post).with_state(state()),
        ))
        .and(change(
            identities::PATH,
            post(identities::change).with_state(state()),
        ))
        .and(change(
            password::PATH,
            post(password::change).with_state(state()),
        ))
}

/// The sections in the order in which they are shown.
async fn sections(oauth: &Oauth, visit: &Visit) -> Result<Vec<String>> {
    Ok(vec![
        sessions::section(oauth, visit).await?,
        applications::section(oauth, visit).await?,
        devices::section(oauth, visit).await?,
        identities::section(oauth, visit).await?,
        password::section(oauth, visit),
        factors::section(oauth, visit).await?,
        activity::section(oauth, visit).await?,
    ])
}

#[derive(Template)]
#[template(path = "account/page.html")]
struct Page<'p> {
    texts: Texts,
    brand: Option<Brand<'p>>,
    username: &'p str,
    tenant: &'p str,
    /// What has just been done.
    notice: Option<String>,
    /// Markup, each made by its own template.
    sections: Vec<String>,
}

async fn show(State(oauth): State<Arc<Oauth>>, head: Parts) -> Response {
    let shown = async {
        let query = authorize::query(&head)?;
        let Some(visit) = Visit::begin(&oauth, &head).await? else {
            let query = query.and(Parameters::parse(b"to=account")?);
            let destination = Destination::read(&oauth, &head, &query).await?;
            return Ok(destination.ask_for_login(&oauth)?);
        };
        let done = query.get("done").ok().flatten();
        let visit = Visit {
            notice: done.and_then(notice),
            ..visit
        };
        Ok(page(&oauth, &visit).await?)
    };
    shown
        .await
        .unwrap_or_else(|stopped: Stopped| stopped.respond(&oauth))
}

/// The page, which says what was done or why it was not.
async fn page(oauth: &Oauth, visit: &Visit) -> Result<Response> {
    let page = Page {
        texts: visit.texts,
        brand: oauth.brand(&visit.tenant.id),
        username: &visit.login.user.username,
        tenant: &visit.tenant.name,
        notice: visit.notice.map(|id| visit.texts.get(id)),
        sections: sections(oauth, visit).await?,
    };
    let status = visit.refusal.as_ref().map(|refusal| refusal.status);
    let source = oauth.provider_sources(&visit.tenant.id);
    Ok(oauth.page(status.unwrap_or(StatusCode::OK), &source, &page))
}

/// Back to the page, which says by its name what was done: a reload does not do it again.
fn done(oauth: &Oauth, what: &str) -> Result<Response> {
    redirect::see_other(oauth, &format!("/account?done={what}"))
}

/// Nobody is logged in any more.
fn ask_for_login(oauth: &Oauth) -> Result<Response> {
    Destination::Account(None).ask_for_login(oauth)
}

/// The text that says what was done.
fn notice(name: &str) -> Option<&'static str> {
    match name {
        "session" => Some("done-session"),
        "sessions" => Some("done-sessions"),
        "application" => Some("done-application"),
        "device" => Some("done-device"),
        "password" => Some("done-password"),
        "factor" => Some("done-factor"),
        "factor_removed" => Some("done-factor-removed"),
        "codes" => Some("done-codes"),
        "linked" => Some("done-linked"),
        "unlinked" => Some("done-unlinked"),
        _ => None,
    }
}

/// A section's markup. A template that fails, which none does, costs its section alone.
fn render(section: &impl Template) -> String {
    section.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a section cannot be rendered");
        String::new()
    })
}
