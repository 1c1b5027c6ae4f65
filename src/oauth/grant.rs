//! `GET|POST /auth/grant`: asks the user whether the client may, and gives the client its code.

use super::csrf::single_use_number;
use super::issue::Basis;
use super::pages::{self, Scope};
use super::parameters::Parameters;
use super::redirect::Refused;
use super::request::{AuthorizationRequest, ResponseType, Stopped};
use super::session::Login;
use super::texts::Texts;
use super::wanted::Wanted;
use super::{Oauth, authorize, documents, provenance, redirect, redirect_uri};
use crate::clock::millis;
use crate::error::{Error, Result};
use crate::http::Response;
use crate::storage::audit::Event;
use crate::storage::codes::{Code, Consented};
use crate::token::{Class, Minted};
use axum::extract::State;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use std::sync::Arc;

/// Logins in which a client sends one challenge that cannot be chance (RFC 9700 §2.1.1).
const SAME_CHALLENGE: i64 = 3;

pub(super) async fn get(State(oauth): State<Arc<Oauth>>, head: Parts) -> Response {
    let shown = async {
        let request = authorize::read(&oauth, &head).await?;
        Ok(ask(&oauth, &head, &request).await?)
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
        let Some(login) = oauth.login(&head.headers, &request.tenant.id).await? else {
            return Ok(without_login(&oauth, &head, &request)?);
        };
        let number = if oauth.is_scripted(provenance, Some(&request.client), &sent) {
            single_use_number()
        } else {
            oauth.consent_number(&login, &request.query(), &sent)?
        };
        Ok(decide(&oauth, &head, &login, &request, (&sent, number)).await?)
    };
    answered
        .await
        .unwrap_or_else(|stopped: Stopped| stopped.respond(&oauth))
}

async fn ask(oauth: &Oauth, head: &Parts, request: &AuthorizationRequest) -> Result<Response> {
    let Some(login) = oauth.login(&head.headers, &request.tenant.id).await? else {
        return redirect::to_page(oauth, "/auth/login", request);
    };
    // What looks ahead of the user gets no code (RFC 9110 §9.2.1).
    let is_asked = head.method == Method::GET && !provenance::is_prefetch(&head.headers);
    if is_asked && is_remembered(oauth, &login, request).await? {
        return issue(oauth, head, (&login, request), single_use_number()).await;
    }
    show(oauth, head, &login, request).await
}

/// Whether the user allowed as much before. Only a client that proves who it is profits from that (RFC 8252 §8.6), and
/// no token goes into an address unasked.
async fn is_remembered(
    oauth: &Oauth,
    login: &Login,
    request: &AuthorizationRequest,
) -> Result<bool> {
    if request.client.is_public() || request.response_type == ResponseType::Token {
        return Ok(false);
    }
    let grant = oauth
        .store
        .grant(&login.user.id, &request.client.id)
        .await?;
    Ok(grant.is_some_and(|grant| request.scope.all_in(&grant.scope)))
}

async fn show(
    oauth: &Oauth,
    head: &Parts,
    login: &Login,
    request: &AuthorizationRequest,
) -> Result<Response> {
    let query = request.query();
    let (number, token) = oauth.consent_form(login, &query);
    let wanted = oauth.wanted(&head.headers, request);
    if wanted != Wanted::Html {
        return Ok(documents::grant(request, (&token, &number), wanted));
    }
    let policies = oauth.store.policies_of(&request.scope).await?;
    let scopes = policies.iter().map(|policy| Scope {
        name: &policy.name,
        description: &policy.description,
    });
    let renewable = request.client.grant_types.contains("refresh_token");
    let texts = Texts::of(head);
    let page = pages::Consent {
        texts,
        brand: oauth.brand(&request.tenant.id),
        action: &format!("/auth/grant?{query}"),
        sign_out: &format!("/auth/logout?{query}"),
        csrf_token: &token,
        hidden: vec![("consent", &number)],
        client_name: &request.client.name,
        redirect_host: &redirect_uri::shown(&request.redirect_uri),
        tenant: &request.tenant.name,
        username: &login.user.username,
        scopes: scopes.collect(),
        lasts: &texts.duration(oauth.settings.grant_lasts(renewable).as_secs()),
    };
    let source = redirect_uri::as_source(&request.redirect_uri);
    Ok(oauth.page(StatusCode::OK, &source, &page))
}

/// A script is told no; a person may have been away for too long.
fn without_login(oauth: &Oauth, head: &Parts, request: &AuthorizationRequest) -> Result<Response> {
    if oauth.wanted(&head.headers, request) == Wanted::Html {
        return redirect::to_page(oauth, "/auth/login", request);
    }
    Err(Error::Forbidden("nobody is logged in".to_owned()))
}

async fn decide(
    oauth: &Oauth,
    head: &Parts,
    login: &Login,
    request: &AuthorizationRequest,
    (sent, number): (&Parameters, String),
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
    let entry = oauth.entry(Event::Consent, head).user(&login.user);
    let entry = entry
        .client(request.client.id.as_str())
        .with("allowed", allowed);
    let entry = entry.with("scope", request.scope.to_string());
    oauth.store.audit(entry).await;
    if allowed {
        return issue(oauth, head, (login, request), number).await;
    }
    Refused::denied(request).respond(oauth)
}

/// Gives the client a code, or in the implicit flow what it would be exchanged for. `number` is good for one.
async fn issue(
    oauth: &Oauth,
    head: &Parts,
    (login, request): (&Login, &AuthorizationRequest),
    number: String,
) -> Result<Response> {
    let minted = oauth.mint.mint(Class::Code);
    let now = oauth.clock.now();
    let consented = Consented {
        hash: minted.hash.to_string(),
        client_id: request.client.id.clone(),
        user_id: login.user.id.clone(),
        redirect_uri: request.redirect_uri.clone(),
        redirect_named: request.redirect_named,
        scope: request.scope.clone(),
        challenge: request.challenge.clone(),
        jkt: request.jkt.clone(),
        consent: number,
        pushed: request
            .pushed
            .as_ref()
            .map(|reference| reference.hash.clone()),
        session: login.session.hash.clone(),
        created_at: now,
        expires_at: now.saturating_add(millis(oauth.settings.code_lifetime)),
    };
    let logins = oauth.store.create_code(consented).await?;
    if logins >= SAME_CHALLENGE {
        let entry = oauth.entry(Event::ChallengeReused, head);
        let entry = entry
            .tenant(&request.tenant.id)
            .client(request.client.id.as_str());
        oauth.store.audit(entry.with("logins", logins)).await;
    }
    if request.challenge.is_none() && request.response_type == ResponseType::Code {
        oauth.metrics.legacy_used("no_pkce");
    }
    if request.response_type == ResponseType::Token {
        return implicit(oauth, head, request, &minted).await;
    }
    let code = [("code", minted.token.expose().as_bytes())];
    redirect::to_client(
        oauth,
        (&request.redirect_uri, '?'),
        &code,
        request.state.as_deref(),
    )
}

/// RFC 6749 §4.2.2: the token travels in the fragment, and there is no refresh token.
async fn implicit(
    oauth: &Oauth,
    head: &Parts,
    request: &AuthorizationRequest,
    minted: &Minted,
) -> Result<Response> {
    oauth.metrics.legacy_used("implicit");
    let code = oauth.store.code(&minted.hash.to_string()).await?;
    let code: Code = code.ok_or(Error::Missing("code"))?;
    let lifetime = oauth
        .settings
        .implicit_lifetime
        .min(oauth.settings.access_lifetime);
    let basis = Basis::of_code(&request.client, &code);
    let access = oauth
        .access_token(&request.client, &basis, &code.scope, lifetime)
        .await?;
    let (rows, now) = (vec![access.row], oauth.clock.now());
    let entry = basis.named_in(oauth.entry(Event::TokenIssued, head));
    oauth.store.exchange_code(&code, rows, entry, now).await?;
    oauth.metrics.tokens_issued("implicit");
    let (seconds, scope) = (lifetime.as_secs().to_string(), code.scope.to_string());
    let answer = [
        ("access_token", access.token.expose().as_bytes()),
        ("token_type", b"Bearer".as_slice()),
        ("expires_in", seconds.as_bytes()),
        ("scope", scope.as_bytes()),
    ];
    redirect::to_client(
        oauth,
        (&request.redirect_uri, '#'),
        &answer,
        request.state.as_deref(),
    )
}
