//! Where somebody is logged in: this browser and others, and how to end that.

use super::visit::{Visit, time};
use super::{ask_for_login, done, render};
use crate::clock::millis;
use crate::error::{Error, Result};
use crate::http::Response;
use crate::oauth::Oauth;
use crate::oauth::texts::Texts;
use crate::storage::StoreError;
use crate::storage::audit::Event;
use crate::storage::sessions::Session;
use askama::Template;
use axum::extract::State;
use bytes::Bytes;
use http::request::Parts;
use std::sync::Arc;

pub(super) const PATH: &str = "/account/sessions";

#[derive(Template)]
#[template(path = "account/sessions.html")]
struct Section<'s> {
    texts: Texts,
    action: &'static str,
    csrf_token: &'s str,
    hidden: Vec<(&'s str, &'s str)>,
    sessions: Vec<Shown<'s>>,
}

struct Shown<'s> {
    /// Names it in the form; it opens nothing.
    hash: &'s str,
    is_this: bool,
    browser: Option<&'s str>,
    address: Option<&'s str>,
    since: String,
    last_seen: String,
}

pub(super) async fn section(oauth: &Oauth, visit: &Visit) -> Result<String> {
    let (user, this) = (&visit.login.user.id, &visit.login.session.hash);
    let idle_since = visit
        .now
        .saturating_sub(millis(oauth.settings.session_idle));
    let found = oauth.store.sessions_of(user, visit.now, idle_since).await?;
    let mut sessions: Vec<_> = found.iter().map(|session| shown(session, this)).collect();
    sessions.sort_by_key(|session| !session.is_this);
    Ok(render(&Section {
        texts: visit.texts,
        action: PATH,
        csrf_token: &visit.csrf_token,
        hidden: visit.hidden(),
        sessions,
    }))
}

fn shown<'s>(session: &'s Session, this: &str) -> Shown<'s> {
    Shown {
        hash: &session.hash,
        is_this: session.hash == this,
        browser: session.browser.as_deref(),
        address: session.address.as_deref(),
        since: time(session.created_at),
        last_seen: time(session.last_seen_at),
    }
}

/// `session` names one of the user's sessions, or is `others`.
pub(super) async fn end(
    State(oauth): State<Arc<Oauth>>,
    head: Parts,
    body: Bytes,
) -> Result<Response> {
    let Some((visit, sent)) = Visit::posted(&oauth, &head, &body).await? else {
        return ask_for_login(&oauth);
    };
    let user = &visit.login.user;
    let entry = oauth.entry(Event::SessionEnded, &head).user(user);
    let missing = || Error::BadRequest("the parameter session is missing".to_owned());
    match sent.get("session")?.ok_or_else(missing)? {
        "others" => {
            let this = Some(visit.login.session.hash.as_str());
            let entry = entry.with("which", "others");
            oauth
                .store
                .end_sessions(&user.id, this, entry, visit.now)
                .await?;
            done(&oauth, "sessions")
        }
        hash => {
            let ended = oauth
                .store
                .end_session_of(&user.id, hash, entry, visit.now)
                .await;
            unless_ended_before(ended)?;
            done(&oauth, "session")
        }
    }
}

/// Who presses twice wants it once.
pub(super) fn unless_ended_before(ended: Result<(), StoreError>) -> Result<()> {
    match ended {
        Ok(()) | Err(StoreError::Missing(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
