//! Which applications may act for somebody, what each may do, and how to end that.

use super::sessions::unless_ended_before;
use super::visit::{Visit, time};
use super::{ask_for_login, done, render};
use crate::error::{Error, Result};
use crate::http::Response;
use crate::oauth::Oauth;
use crate::oauth::texts::Texts;
use crate::storage::audit::Event;
use crate::storage::grants::GrantInUse;
use askama::Template;
use axum::extract::State;
use bytes::Bytes;
use http::request::Parts;
use std::sync::Arc;

pub(super) const PATH: &str = "/account/applications";

#[derive(Template)]
#[template(path = "account/applications.html")]
struct Section<'s> {
    texts: Texts,
    action: &'static str,
    csrf_token: &'s str,
    hidden: Vec<(&'s str, &'s str)>,
    applications: Vec<Application>,
}

struct Application {
    grant: String,
    name: String,
    /// What it may do, in words.
    may: Vec<String>,
    since: String,
    last_used: Option<String>,
}

pub(super) async fn section(oauth: &Oauth, visit: &Visit) -> Result<String> {
    let user = visit.login.user.id.as_str();
    let mut applications = Vec::new();
    for grant in oauth.store.grants(Some(user), None).await? {
        applications.push(shown(oauth, grant).await?);
    }
    Ok(render(&Section {
        texts: visit.texts,
        action: PATH,
        csrf_token: &visit.csrf_token,
        hidden: visit.hidden(),
        applications,
    }))
}

async fn shown(oauth: &Oauth, shown: GrantInUse) -> Result<Application> {
    let policies = oauth.store.policies_of(&shown.grant.scope).await?;
    Ok(Application {
        name: shown.client_name,
        may: policies
            .into_iter()
            .map(|policy| policy.description)
            .collect(),
        since: time(shown.grant.created_at),
        last_used: shown.used_at.map(time),
        grant: shown.grant.id,
    })
}

/// Takes back what an application was allowed: its tokens end before the answer.
pub(super) async fn end(
    State(oauth): State<Arc<Oauth>>,
    head: Parts,
    body: Bytes,
) -> Result<Response> {
    let Some((visit, sent)) = Visit::posted(&oauth, &head, &body).await? else {
        return ask_for_login(&oauth);
    };
    let missing = || Error::BadRequest("the parameter grant is missing".to_owned());
    let id = sent.get("grant")?.ok_or_else(missing)?;
    let user = &visit.login.user;
    let grant = oauth.store.live_grant(id).await?;
    // Another user's grant is none.
    if let Some(grant) = grant.filter(|grant| grant.user_id == user.id) {
        let entry = oauth.entry(Event::GrantRevoked, &head).user(user);
        let entry = entry.client(grant.client_id.as_str());
        let ended = oauth.store.revoke_grant(&grant, entry, visit.now).await;
        unless_ended_before(ended)?;
        oauth.follower.catch_up().await?;
    }
    done(&oauth, "application")
}
