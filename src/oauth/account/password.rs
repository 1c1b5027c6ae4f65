//! Somebody changes their own password: all other sessions and all tokens end, this session goes on under a new name.

use super::visit::{Refusal, Visit};
use super::{ask_for_login, done, page, render};
use crate::auth::password;
use crate::error::Result;
use crate::http::Response;
use crate::oauth::Oauth;
use crate::oauth::parameters::Parameters;
use crate::oauth::texts::Texts;
use crate::storage::StoreError;
use crate::storage::audit::Event;
use crate::storage::users::NewPassword;
use askama::Template;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use std::sync::Arc;

pub(super) const PATH: &str = "/account/password";

#[derive(Template)]
#[template(path = "account/password.html")]
struct Section<'s> {
    texts: Texts,
    action: &'static str,
    csrf_token: &'s str,
    hidden: Vec<(&'s str, &'s str)>,
    username: &'s str,
    /// Characters at the least.
    shortest: u64,
    error: Option<&'s str>,
}

/// Nothing for who has no password.
pub(super) fn section(oauth: &Oauth, visit: &Visit) -> String {
    let user = &visit.login.user;
    if user.password_hash.is_none() {
        return String::new();
    }
    render(&Section {
        texts: visit.texts,
        action: PATH,
        csrf_token: &visit.csrf_token,
        hidden: visit.hidden(),
        username: &user.username,
        shortest: shortest(oauth),
        error: visit.refusal("password"),
    })
}

/// Asks for the current password whatever was proved before.
pub(super) async fn change(
    State(oauth): State<Arc<Oauth>>,
    head: Parts,
    body: Bytes,
) -> Result<Response> {
    let Some((visit, sent)) = Visit::posted(&oauth, &head, &body).await? else {
        return ask_for_login(&oauth);
    };
    let new = match check(&oauth, &visit, &sent)? {
        Ok(new) => new,
        Err(text) => return refuse(&oauth, visit, (StatusCode::BAD_REQUEST, text)).await,
    };
    if visit.prove(&oauth, &head, &sent).await?.is_none() {
        let text = visit.texts.get("password-not-current");
        return refuse(&oauth, visit, (StatusCode::FORBIDDEN, text)).await;
    }
    let hash = password::hash(new).await?;
    set(&oauth, &head, &visit, hash).await
}

/// The new password, or why it will not do (NIST SP 800-63B §3.1.1.2: its length counts, not what letters are in it).
fn check<'s>(
    oauth: &Oauth,
    visit: &Visit,
    sent: &'s Parameters,
) -> Result<std::result::Result<&'s str, String>> {
    let new = sent.get("new_password")?.unwrap_or_default();
    let texts = visit.texts;
    let name = visit.login.user.username.to_lowercase();
    if sent.get("new_password_again")?.unwrap_or_default() != new {
        return Ok(Err(texts.get("password-differ")));
    }
    if new.chars().count() < oauth.settings.shortest_password {
        return Ok(Err(texts.counted("password-short", shortest(oauth))));
    }
    if new.len() > password::LONGEST {
        return Ok(Err(texts.get("password-long")));
    }
    if new.to_lowercase().contains(&name) {
        return Ok(Err(texts.get("password-name")));
    }
    if sent.get("current_password")? == Some(new) {
        return Ok(Err(texts.get("password-same")));
    }
    Ok(Ok(new))
}

fn shortest(oauth: &Oauth) -> u64 {
    u64::try_from(oauth.settings.shortest_password).unwrap_or(u64::MAX)
}

async fn set(oauth: &Oauth, head: &Parts, visit: &Visit, hash: String) -> Result<Response> {
    let user = &visit.login.user;
    let (cookie, session) = oauth.new_session(user, head);
    let new = NewPassword {
        user: user.id.clone(),
        former_hash: user.password_hash.clone().unwrap_or_default(),
        former_session: visit.login.session.hash.clone(),
        hash,
        session,
    };
    let entry = oauth.entry(Event::PasswordChanged, head).user(user);
    match oauth.store.change_password(new, entry, visit.now).await {
        // Another change, or an administrator, came first.
        Err(StoreError::Missing(_)) => return ask_for_login(oauth),
        changed => changed?,
    }
    oauth.follower.catch_up().await?;
    let mut response = done(oauth, "password")?;
    oauth.set_session_cookie(&mut response, cookie.expose());
    Ok(response)
}

async fn refuse(
    oauth: &Oauth,
    visit: Visit,
    (status, text): (StatusCode, String),
) -> Result<Response> {
    let refusal = Refusal {
        section: "password",
        status,
        text,
    };
    let visit = Visit {
        refusal: Some(refusal),
        ..visit
    };
    page(oauth, &visit).await
}
