//! `/oauth/token` (RFC 6749 §3.2): a grant becomes tokens.

use super::errors::ClientError;
use super::issue::Outcome;
use super::parameters::Parameters;
use super::{
    Oauth, authorize, client_credentials, device, dpop, exchange, legacy, redirect, refresh,
};
use crate::error::Error;
use crate::http::Response;
use crate::storage::audit::Event;
use crate::storage::clients::Client;
use axum::extract::State;
use bytes::Bytes;
use http::request::Parts;
use std::sync::Arc;

pub(super) async fn post(State(oauth): State<Arc<Oauth>>, head: Parts, body: Bytes) -> Response {
    let outcome = tokens(&oauth, &head, &body).await;
    oauth.with_nonce(dpop::is_proving(&head), outcome)
}

async fn tokens(oauth: &Oauth, head: &Parts, body: &Bytes) -> Outcome {
    let form = Parameters::form(&head.headers, body)?;
    let client = oauth.authenticate_client(head, &form).await?;
    let outcome = answer(oauth, head, &client, &form).await;
    if let Err(error) = &outcome {
        oauth.count_guess(head, &client, error);
    }
    outcome
}

async fn answer(oauth: &Oauth, head: &Parts, client: &Client, form: &Parameters) -> Outcome {
    let named = form.get("grant_type")?;
    let named = named.ok_or_else(|| {
        ClientError::InvalidRequest("the parameter grant_type is missing".to_owned())
    })?;
    let devices = oauth.settings.device.then_some(device::GRANT_TYPE);
    let known = ["authorization_code", "client_credentials", "refresh_token"]
        .into_iter()
        .chain(devices)
        .find(|known| *known == named);
    let grant_type = known.ok_or(ClientError::UnsupportedGrantType)?;
    if !client.grant_types.contains(grant_type) {
        return Err(ClientError::UnauthorizedClient);
    }
    let key = oauth.proved_key(head, client).await?;
    let key = key.as_deref();
    let answer = match grant_type {
        "authorization_code" => exchange::tokens(oauth, head, client, form, key).await?,
        "client_credentials" => client_credentials::token(oauth, head, client, form, key).await?,
        device::GRANT_TYPE => device::tokens(oauth, head, client, form, key).await?,
        _ => refresh::tokens(oauth, head, client, form, key).await?,
    };
    oauth.metrics.tokens_issued(grant_type);
    Ok(answer)
}

/// As in 2012, for clients with the switch `token_get`: a code in, a redirect with the token in the fragment out.
pub(super) async fn get(
    State(oauth): State<Arc<Oauth>>,
    head: Parts,
) -> Result<Response, ClientError> {
    let query = authorize::query(&head)?;
    let id = query.get("client_id")?.unwrap_or_default();
    let found = oauth.enabled_client(id).await?;
    if !found.is_some_and(|(client, _)| client.switches.contains("token_get")) {
        return Err(Error::MethodNotAllowed("POST".to_owned()).into());
    }
    let client = oauth.authenticate_client(&head, &query).await?;
    oauth.metrics.legacy_used("token_get");
    legacy::note(&client, "token_get");
    // It may stand in many a log by now: it should be renewed.
    let entry = oauth.entry(Event::SecretInUrl, &head);
    let entry = entry.tenant(&client.tenant_id).client(client.id.as_str());
    oauth.store.audit(entry).await;
    if query.get("grant_type")? != Some("authorization_code") {
        return Err(ClientError::UnsupportedGrantType);
    }
    let key = oauth.proved_key(&head, &client).await?;
    let redeemed = exchange::in_fragment(&oauth, &head, &client, &query, key.as_deref()).await;
    let (redirect_uri, answer) =
        redeemed.inspect_err(|error| oauth.count_guess(&head, &client, error))?;
    oauth.metrics.tokens_issued("authorization_code");
    Ok(redirect::see_other(
        &oauth,
        &format!("{redirect_uri}#{}", answer.fragment()),
    )?)
}
