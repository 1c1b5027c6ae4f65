//! `POST /oauth/par` (RFC 9126): a client hands its authorization request over, before any browser sees it.

use super::errors::ClientError;
use super::parameters::Parameters;
use super::request::{AuthorizationRequest, Stopped};
use super::throttling::address;
use super::{Oauth, dpop, pushed};
use crate::clock::millis;
use crate::error::Error;
use crate::http::{Response, json, no_store};
use crate::storage::clients::Client;
use crate::storage::pushed::PushedRequest;
use crate::token::Class;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use serde_json::json;
use std::sync::Arc;

pub(super) async fn post(State(oauth): State<Arc<Oauth>>, head: Parts, body: Bytes) -> Response {
    let outcome = push(&oauth, &head, &body).await;
    oauth.with_nonce(dpop::is_proving(&head), outcome)
}

async fn push(oauth: &Oauth, head: &Parts, body: &Bytes) -> Result<Response, ClientError> {
    let form = Parameters::form(&head.headers, body)?;
    let client = oauth.authenticate_client(head, &form).await?;
    // RFC 9126 §2.1: a reference does not lead to a reference.
    if form.has("request_uri") {
        let text = "the parameter request_uri does not belong into a pushed request";
        return Err(ClientError::InvalidRequest(text.to_owned()));
    }
    let now = oauth.clock.now();
    oauth.attempts.push(&client.id, &address(head), now)?;
    let form = oauth.with_offered_key(head, named(form, &client)).await?;
    let request = AuthorizationRequest::check(oauth, &form).await?;
    keep(oauth, &request).await
}

/// Who authenticates by a header or a signature need not say its name once more.
fn named(form: Parameters, client: &Client) -> Parameters {
    if form.has("client_id") {
        return form;
    }
    form.with("client_id", &client.id)
}

async fn keep(oauth: &Oauth, request: &AuthorizationRequest) -> Result<Response, ClientError> {
    let minted = oauth.mint.mint(Class::PushedRequest);
    let (now, lifetime) = (oauth.clock.now(), oauth.settings.par_lifetime);
    let row = PushedRequest {
        hash: minted.hash.to_string(),
        client_id: request.client.id.clone(),
        // Only what is understood, and no credential.
        parameters: request.query(),
        expires_at: now.saturating_add(millis(lifetime)),
        used_at: None,
    };
    let seconds = lifetime.as_secs();
    if !oauth.store.push_request(row, now).await? {
        return Err(Error::TooManyAttempts { seconds }.into());
    }
    let answer = json!({ "request_uri": pushed::uri(&minted.token), "expires_in": seconds });
    Ok(no_store(json(StatusCode::CREATED, &answer)))
}

impl From<Stopped> for ClientError {
    /// Nobody is sent anywhere: the client hears all of it here (RFC 9126 §2.3).
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Here(error) => Self::Gateway(error),
            Stopped::AtClient(refused) => Self::Refused {
                code: refused.code,
                description: refused.description,
            },
        }
    }
}
