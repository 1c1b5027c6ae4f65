//! `GET|POST /device/grant`: asks the user whether a device may, and remembers the answer for its next poll.

use super::{Pending, UserCode, gone, pages, query};
use crate::clock::seconds_until;
use crate::error::{Error, Result};
use crate::http::Response;
use crate::oauth::destination::Destination;
use crate::oauth::pages::{Message, Scope, Tone};
use crate::oauth::parameters::Parameters;
use crate::oauth::session::Login;
use crate::oauth::texts::Texts;
use crate::oauth::{Oauth, authorize, provenance};
use crate::storage::audit::Event;
use crate::storage::devices::Answer;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use std::sync::Arc;

pub(super) async fn get(State(oauth): State<Arc<Oauth>>, head: Parts) -> Result<Response> {
    let sent = authorize::query(&head)?;
    let typed = sent.get("user_code")?.unwrap_or_default();
    let pending = oauth.pending_device(&head, typed).await?.ok_or_else(gone)?;
    let login = oauth.login(&head.headers, &pending.tenant.id).await?;
    let Some(login) = login else {
        return Destination::Device(Box::new(pending)).ask_for_login(&oauth);
    };
    show(&oauth, &head, &login, &pending).await
}

pub(super) async fn post(
    State(oauth): State<Arc<Oauth>>,
    head: Parts,
    body: Bytes,
) -> Result<Response> {
    provenance::of(&oauth, &head.headers)?;
    let asked = authorize::query(&head)?;
    let code = UserCode::parse(asked.get("user_code")?.unwrap_or_default()).ok_or_else(gone)?;
    let sent = Parameters::form(&head.headers, &body)?;
    if let Some(login) = oauth.any_login(&head.headers).await? {
        oauth.consent_number(&login, &query(code), &sent)?;
    }
    let pending = oauth.pending_device(&head, &code.to_string()).await?;
    let pending = pending.ok_or_else(|| {
        Error::Conflict("this code was answered already, or has expired".to_owned())
    })?;
    match oauth.login(&head.headers, &pending.tenant.id).await? {
        Some(login) => decide(&oauth, &head, (&login, &pending), &sent).await,
        // Who was away for too long comes back here after the login.
        None => Destination::Device(Box::new(pending)).ask_for_login(&oauth),
    }
}

async fn show(oauth: &Oauth, head: &Parts, login: &Login, pending: &Pending) -> Result<Response> {
    let query = pending.query();
    let (number, token) = oauth.consent_form(login, &query);
    let device = &pending.device;
    let policies = oauth.store.policies_of(&device.scope).await?;
    let scopes = policies.iter().map(|policy| Scope {
        name: &policy.name,
        description: &policy.description,
    });
    let renewable = pending.client.grant_types.contains("refresh_token");
    let texts = Texts::of(head);
    let asked = seconds_until(oauth.clock.now(), device.created_at);
    let page = pages::Approval {
        texts,
        brand: oauth.brand(&pending.tenant.id),
        action: &format!("/device/grant?{query}"),
        sign_out: &format!("/auth/logout?{query}"),
        csrf_token: &token,
        hidden: vec![("consent", &number)],
        user_code: &pending.code.to_string(),
        client_name: &pending.client.name,
        label: device.label.as_deref(),
        address: device.address.as_deref(),
        asked: &texts.duration(asked.max(1)),
        tenant: &pending.tenant.name,
        username: &login.user.username,
        scopes: scopes.collect(),
        lasts: &texts.duration(oauth.settings.grant_lasts(renewable).as_secs()),
    };
    Ok(oauth.page(StatusCode::OK, "", &page))
}

async fn decide(
    oauth: &Oauth,
    head: &Parts,
    (login, pending): (&Login, &Pending),
    sent: &Parameters,
) -> Result<Response> {
    let allowed = match sent.get("grant")? {
        Some("true") => true,
        Some("false") => false,
        _ => {
            return Err(Error::BadRequest(
                "the parameter grant must be true or false".to_owned(),
            ));
        }
    };
    let answer = Answer {
        hash: pending.device.hash.clone(),
        user_id: login.user.id.clone(),
        session: login.session.hash.clone(),
        allowed,
        at: oauth.clock.now(),
    };
    let entry = oauth.entry(Event::Consent, head).user(&login.user);
    let entry = entry
        .client(pending.client.id.as_str())
        .with("allowed", allowed)
        .with("scope", pending.device.scope.to_string())
        .with(
            "device",
            pending.device.label.as_deref().unwrap_or("unnamed"),
        );
    oauth.store.answer_device(answer, entry).await?;
    Ok(answered(oauth, Texts::of(head), allowed))
}

fn answered(oauth: &Oauth, texts: Texts, allowed: bool) -> Response {
    let id = if allowed {
        "device-allowed"
    } else {
        "device-denied"
    };
    let message = Message {
        texts,
        tone: Tone::Notice,
        heading: &texts.get(id),
        text: &texts.get(&format!("{id}-text")),
        code: None,
        detail: None,
        decision: None,
    };
    oauth.page(StatusCode::OK, "", &message)
}
