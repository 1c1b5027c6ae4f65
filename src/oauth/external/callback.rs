//! `GET /auth/with/{provider}/callback`: what came of it. Until state, browser and issuer are right nothing is asked of anybody.

use super::super::parameters::Parameters;
use super::super::request::Stopped;
use super::super::{Oauth, authorize};
use super::failure::Failure;
use super::{Person, ProviderError, TokenSet, link, log_in};
use crate::error::Result;
use crate::http::Response;
use crate::provider::{Answered, Provider};
use crate::storage::provider_logins::ProviderLogin;
use crate::token::TokenHash;
use axum::extract::{Path, State};
use http::request::Parts;
use std::sync::Arc;

pub(super) async fn get(
    State(oauth): State<Arc<Oauth>>,
    Path(name): Path<String>,
    head: Parts,
) -> Response {
    let answered = async {
        let provider = oauth.provider(&name)?;
        let query = authorize::query(&head)?;
        match arrive(&oauth, &head, provider, &query).await {
            Err(failure) => Ok(failure.respond(&oauth, &head, provider).await),
            Ok(response) => Ok(response),
        }
    };
    answered
        .await
        .unwrap_or_else(|stopped: Stopped| stopped.respond(&oauth))
}

async fn arrive(
    oauth: &Oauth,
    head: &Parts,
    provider: &Provider,
    query: &Parameters,
) -> Result<Response, Failure> {
    let (browser, is_new) = oauth.provider_cookie(&head.headers);
    let state = query.get("state")?.filter(|_| !is_new);
    let state = state.ok_or(Failure::UnknownLogin)?;
    let login = take(oauth, provider, state, &browser).await?;
    let login = login.ok_or(Failure::UnknownLogin)?;
    let answer = answer(oauth, provider, query, (state, &browser)).await;
    let (person, set) = answer?;
    if login.user_id.is_some() {
        return link::link(oauth, head, provider, login, (person, set)).await;
    }
    log_in::log_in(oauth, head, provider, &login.destination, (person, set)).await
}

/// The login that this browser began at this provider with this state; from now on it has ended.
async fn take(
    oauth: &Oauth,
    provider: &Provider,
    state: &str,
    browser: &str,
) -> Result<Option<ProviderLogin>> {
    let hash = |text: &str| TokenHash::of(text).to_string();
    let (state, browser, now) = (hash(state), hash(browser), oauth.clock.now());
    let store = &oauth.store;
    let taken = store.take_provider_login(&state, &browser, &provider.spec.name, now);
    Ok(taken.await?)
}

/// Who has logged in there. An error, too, counts only if it is the provider's own (RFC 9207 §2.4).
async fn answer(
    oauth: &Oauth,
    provider: &Provider,
    query: &Parameters,
    (state, browser): (&str, &str),
) -> Result<(Person, TokenSet), Failure> {
    let iss = query.get("iss")?;
    provider.check_issuer(iss).await?;
    if let Some(error) = query.get("error")? {
        return Err(Failure::answered(error));
    }
    let code = query
        .get("code")?
        .ok_or(Failure::from(ProviderError::Answer(
            "there is no code in it",
        )))?;
    let proofs = oauth.proofs(state, browser);
    let answered = Answered {
        code,
        iss,
        redirect_uri: &oauth.callback_of(provider),
        nonce: &proofs.nonce,
        verifier: &proofs.verifier,
        now: oauth.clock.now(),
    };
    Ok(provider.redeem(answered).await?)
}
