//! The second factors of an account: which there are, and how to remove one or to renew the recovery codes.

use super::fresh::Fresh;
use super::visit::{Refusal, Visit, time};
use super::{ask_for_login, done, factor_setup, page, render};
use crate::error::{Error, Result};
use crate::http::Response;
use crate::oauth::Oauth;
use crate::oauth::destination::Destination;
use crate::oauth::factor::{Codes, RecoveryCodes};
use crate::oauth::texts::Texts;
use crate::storage::StoreError;
use crate::storage::audit::Event;
use crate::storage::factors::{Factors, OldFactor};
use askama::Template;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use std::sync::Arc;

pub(super) const PATH: &str = "/account/factors";
/// The section's name.
const SECTION: &str = "factors";

#[derive(Template)]
#[template(path = "account/factors.html")]
struct Section<'s> {
    texts: Texts,
    action: &'static str,
    setup: &'static str,
    csrf_token: &'s str,
    hidden: Vec<(&'s str, &'s str)>,
    factors: Vec<Shown>,
    /// How many are left.
    recovery_codes: u64,
    /// What signs out and in again, when that comes first.
    sign_in_again: Option<Again>,
    error: Option<&'s str>,
}

struct Shown {
    /// Names it in the form.
    id: String,
    name: String,
    since: String,
    last_used: Option<String>,
}

/// The form that leads to another login.
pub(super) struct Again {
    pub(super) action: String,
    pub(super) csrf_token: String,
    pub(super) number: String,
}

impl Again {
    pub(super) fn of(oauth: &Oauth, visit: &Visit) -> Self {
        let query = Destination::Account(Some(visit.tenant.clone())).query();
        let (number, csrf_token) = oauth.consent_form(&visit.login, &query);
        Self {
            action: format!("/auth/logout?{query}"),
            csrf_token,
            number,
        }
    }
}

pub(super) async fn section(oauth: &Oauth, visit: &Visit) -> Result<String> {
    let user = visit.login.user.id.as_str();
    let app = oauth.store.totp(user).await?.map(|totp| Shown {
        id: APP.to_owned(),
        name: visit.texts.get("factors-app"),
        since: time(totp.created_at),
        last_used: totp.last_used_at.map(time),
    });
    let passkeys = oauth.store.passkeys(user).await?;
    let passkeys = passkeys.into_iter().map(|passkey| Shown {
        id: passkey.id,
        name: passkey.name,
        since: time(passkey.created_at),
        last_used: passkey.last_used_at.map(time),
    });
    let factors: Vec<_> = app.into_iter().chain(passkeys).collect();
    let is_stale = !factors.is_empty() && !visit.gave_factor();
    let left = oauth.store.recovery_codes_left(user).await?;
    Ok(render(&Section {
        texts: visit.texts,
        action: PATH,
        setup: factor_setup::PATH,
        csrf_token: &visit.csrf_token,
        hidden: visit.hidden(),
        recovery_codes: left.unsigned_abs(),
        sign_in_again: is_stale.then(|| Again::of(oauth, visit)),
        factors,
        error: visit.refusal(SECTION),
    }))
}

const APP: &str = "totp";

/// `factor` names one to remove, or is `recovery_codes`, which are made anew.
pub(super) async fn change(
    State(oauth): State<Arc<Oauth>>,
    head: Parts,
    body: Bytes,
) -> Result<Response> {
    let Some((visit, sent)) = Visit::posted(&oauth, &head, &body).await? else {
        return ask_for_login(&oauth);
    };
    let missing = || Error::BadRequest("the parameter factor is missing".to_owned());
    let named = sent.get("factor")?.ok_or_else(missing)?;
    let factors = oauth.store.factors(&visit.login.user.id).await?;
    let fresh = visit.freshen_factors(&oauth, &head, &sent, factors).await?;
    let Some(fresh) = fresh else {
        return refuse(&oauth, visit, "factors-stale").await;
    };
    match named {
        "recovery_codes" => renew(&oauth, &head, &visit, &fresh).await,
        named if is_last(factors) && is_required(&oauth, &visit) => {
            tracing::debug!(named, "the last factor stays");
            refuse(&oauth, visit, "factors-required").await
        }
        named => remove(&oauth, &head, &visit, (named, &fresh)).await,
    }
}

const fn is_last(factors: Factors) -> bool {
    factors.totp + factors.passkeys <= 1
}

fn is_required(oauth: &Oauth, visit: &Visit) -> bool {
    oauth.settings.requires_factor(&visit.tenant.id)
}

async fn remove(
    oauth: &Oauth,
    head: &Parts,
    visit: &Visit,
    (named, _fresh): (&str, &Fresh),
) -> Result<Response> {
    let user = &visit.login.user;
    let (factor, kind) = match named {
        APP => (OldFactor::Totp, "totp"),
        id => (OldFactor::Passkey(id.to_owned()), "passkey"),
    };
    let entry = oauth.entry(Event::FactorRemoved, head).user(user);
    let entry = entry.with("factor", kind);
    match oauth.store.remove_factor(&user.id, factor, entry).await {
        // It was removed before: that is what was asked for.
        Err(StoreError::Missing(_)) => {}
        removed => removed?,
    }
    done(oauth, "factor_removed")
}

async fn renew(oauth: &Oauth, head: &Parts, visit: &Visit, _fresh: &Fresh) -> Result<Response> {
    let user = &visit.login.user;
    let codes = Codes::generate();
    let hashes = codes.hashes(oauth, &user.id);
    let entry = oauth.entry(Event::RecoveryCodesRenewed, head).user(user);
    let renewed = oauth
        .store
        .renew_recovery_codes(&user.id, hashes, entry, visit.now)
        .await;
    match renewed {
        // There is nothing to recover from.
        Err(StoreError::Missing(_)) => return done(oauth, "factor_removed"),
        renewed => renewed?,
    }
    Ok(shown_once(oauth, visit, &codes, "/account?done=codes"))
}

/// The codes, in their one appearance.
pub(super) fn shown_once(oauth: &Oauth, visit: &Visit, codes: &Codes, next: &str) -> Response {
    let page = RecoveryCodes {
        texts: visit.texts,
        codes: &codes.shown(),
        next,
    };
    oauth.page(StatusCode::OK, "", &page)
}

async fn refuse(oauth: &Oauth, visit: Visit, text: &'static str) -> Result<Response> {
    let refusal = Refusal {
        section: SECTION,
        status: StatusCode::FORBIDDEN,
        text: visit.texts.get(text),
    };
    let visit = Visit {
        refusal: Some(refusal),
        ..visit
    };
    page(oauth, &visit).await
}
