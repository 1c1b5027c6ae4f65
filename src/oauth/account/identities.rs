//! Accounts at other providers that somebody may log in with here: link one, unlink it.

use super::fresh::Fresh;
use super::visit::{Refusal, Visit, time};
use super::{ask_for_login, done, page, render};
use crate::error::{Error, Result};
use crate::http::Response;
use crate::oauth::external::{Purpose, begin};
use crate::oauth::parameters::Parameters;
use crate::oauth::texts::Texts;
use crate::oauth::{Oauth, destination::Destination};
use crate::provider::Provider;
use crate::storage::audit::Event;
use crate::storage::identities::Identity;
use askama::Template;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use std::sync::Arc;

pub(super) const PATH: &str = "/account/identities";

#[derive(Template)]
#[template(path = "account/identities.html")]
struct Section<'s> {
    texts: Texts,
    action: &'static str,
    csrf_token: &'s str,
    hidden: Vec<(&'s str, &'s str)>,
    username: &'s str,
    /// Whether the forms must ask for the password.
    asks_password: bool,
    /// Whoever has none must sign in anew instead.
    must_sign_in: bool,
    error: Option<&'s str>,
    accounts: Vec<Account<'s>>,
}

struct Account<'s> {
    /// Its name in the form.
    provider: &'s str,
    name: &'s str,
    linked: Option<Linked>,
}

struct Linked {
    since: String,
    last_used: Option<String>,
    /// The tokens that the provider gave are good no more.
    must_log_in_again: bool,
}

/// Nothing where there is nobody to link to.
pub(super) async fn section(oauth: &Oauth, visit: &Visit) -> Result<String> {
    let user = &visit.login.user;
    let identities = oauth.store.identities(&user.id).await?;
    let mut accounts = Vec::new();
    for provider in oauth.providers.all() {
        if provider.spec.tenant == user.tenant_id {
            accounts.push(account(oauth, provider, &identities).await?);
        }
    }
    if accounts.is_empty() {
        return Ok(String::new());
    }
    let is_known = visit.is_fresh();
    let has_password = user.password_hash.is_some();
    Ok(render(&Section {
        texts: visit.texts,
        action: PATH,
        csrf_token: &visit.csrf_token,
        hidden: visit.hidden(),
        username: &user.username,
        asks_password: !is_known && has_password,
        must_sign_in: !is_known && !has_password,
        error: visit.refusal("identities"),
        accounts,
    }))
}

async fn account<'s>(
    oauth: &Oauth,
    provider: &'s Provider,
    identities: &[Identity],
) -> Result<Account<'s>> {
    let name = &provider.spec.name;
    let found = identities.iter().find(|known| known.provider == *name);
    let linked = match found {
        Some(identity) => Some(linked(oauth, identity).await?),
        None => None,
    };
    Ok(Account {
        provider: name,
        name: provider.display_name(),
        linked,
    })
}

async fn linked(oauth: &Oauth, identity: &Identity) -> Result<Linked> {
    let tokens = oauth
        .store
        .provider_token(&identity.user_id, &identity.provider)
        .await?;
    Ok(Linked {
        since: time(identity.linked_at),
        last_used: identity.last_used_at.map(time),
        must_log_in_again: tokens.is_some_and(|tokens| tokens.lapsed_at.is_some()),
    })
}

/// `link` or `unlink` names a provider. Both change how somebody logs in, so a browser left alone is not enough.
pub(super) async fn change(
    State(oauth): State<Arc<Oauth>>,
    head: Parts,
    body: Bytes,
) -> Result<Response> {
    let Some((visit, sent)) = Visit::posted(&oauth, &head, &body).await? else {
        return ask_for_login(&oauth);
    };
    if visit.login.user.password_hash.is_none() && !visit.is_fresh() {
        return ask_again(&oauth, &visit);
    }
    let Some(fresh) = visit.freshen(&oauth, &head, &sent).await? else {
        let text = "password-not-current";
        return refuse(&oauth, visit, (StatusCode::FORBIDDEN, text)).await;
    };
    match asked(&sent)? {
        (Some(name), None) => link(&oauth, &head, &visit, name, &fresh).await,
        (None, Some(name)) => unlink(&oauth, &head, visit, name, &fresh).await,
        _ => {
            let text = "either the parameter link or the parameter unlink must be sent";
            Err(Error::BadRequest(text.to_owned()))
        }
    }
}

fn asked(sent: &Parameters) -> Result<(Option<&str>, Option<&str>)> {
    Ok((sent.get("link")?, sent.get("unlink")?))
}

async fn link(
    oauth: &Oauth,
    head: &Parts,
    visit: &Visit,
    name: &str,
    _: &Fresh,
) -> Result<Response> {
    let login = &visit.login;
    let provider = oauth.providers.get(name);
    let provider = provider.filter(|provider| provider.spec.tenant == login.user.tenant_id);
    let purpose = Purpose::Link {
        user: login.user.id.clone(),
        session: login.session.hash.clone(),
    };
    begin(oauth, head, provider.ok_or(Error::NotFound)?, purpose).await
}

async fn unlink(
    oauth: &Oauth,
    head: &Parts,
    visit: Visit,
    name: &str,
    _: &Fresh,
) -> Result<Response> {
    let user = &visit.login.user;
    if user.password_hash.is_none() && oauth.store.identities(&user.id).await?.len() < 2 {
        let text = "linked-last-way";
        return refuse(oauth, visit, (StatusCode::CONFLICT, text)).await;
    }
    let now = oauth.clock.now();
    if oauth.store.unlink_identity(&user.id, name, now).await? {
        oauth.follower.catch_up().await?;
        let entry = oauth.entry(Event::AccountUnlinked, head).user(user);
        oauth.store.audit(entry.with("provider", name)).await;
    }
    done(oauth, "unlinked")
}

/// To the login, as if nobody were logged in.
fn ask_again(oauth: &Oauth, visit: &Visit) -> Result<Response> {
    let mut response = Destination::Account(Some(visit.tenant.clone())).ask_for_login(oauth)?;
    oauth.drop_session_cookie(&mut response);
    Ok(response)
}

async fn refuse(
    oauth: &Oauth,
    visit: Visit,
    (status, text): (StatusCode, &str),
) -> Result<Response> {
    // `text` names a message.
    let refusal = Refusal {
        section: "identities",
        status,
        text: visit.texts.get(text),
    };
    let visit = Visit {
        refusal: Some(refusal),
        ..visit
    };
    page(oauth, &visit).await
}
