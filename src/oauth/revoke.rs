//! `POST /oauth/revoke` (RFC 7009): a client takes back a token of its own.

use super::Oauth;
use super::errors::ClientError;
use super::issue::Basis;
use super::parameters::Parameters;
use crate::http::{Response, empty, no_store};
use crate::storage::audit::Event;
use crate::storage::clients::Client;
use crate::token::{Class, TokenHash, jwt};
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use std::sync::Arc;

pub(super) async fn post(
    State(oauth): State<Arc<Oauth>>,
    head: Parts,
    body: Bytes,
) -> Result<Response, ClientError> {
    let form = Parameters::form(&head.headers, &body)?;
    let client = oauth.authenticate_client(&head, &form).await?;
    let token = form.get("token")?;
    let token = token
        .ok_or_else(|| ClientError::InvalidRequest("the parameter token is missing".to_owned()))?;
    // A token tells by itself what it is, so `token_type_hint` is not needed (RFC 7009 §2.1).
    let jwt = jwt::is_jwt(token).then(|| TokenHash::of(token));
    if let Some(hash) = oauth.mint.recognise(Class::Access, token).or(jwt) {
        end_access(&oauth, &head, &client, &hash.to_string()).await?;
    }
    if let Some(hash) = oauth.mint.recognise(Class::Refresh, token) {
        end_family(&oauth, &head, &client, &hash.to_string()).await?;
    }
    // RFC 7009 §2.2: an unknown token is a success too. So is a foreign one: nobody learns that it exists.
    Ok(no_store(empty(StatusCode::OK)))
}

async fn end_access(
    oauth: &Oauth,
    head: &Parts,
    client: &Client,
    hash: &str,
) -> Result<(), ClientError> {
    let token = oauth.store.token(hash).await?;
    let Some(token) = token.filter(|token| token.client_id == client.id) else {
        return Ok(());
    };
    oauth.store.revoke_token(hash, oauth.clock.now()).await?;
    oauth.follower.catch_up().await?;
    let entry = oauth.entry(Event::TokenRevoked, head);
    let entry = Basis::of_token(&token).named_in(entry);
    oauth.store.audit(entry.with("token", token.id)).await;
    Ok(())
}

/// With a refresh token ends all that came of the same authorization.
async fn end_family(
    oauth: &Oauth,
    head: &Parts,
    client: &Client,
    hash: &str,
) -> Result<(), ClientError> {
    let token = oauth.store.token(hash).await?;
    let Some(token) = token.filter(|token| token.client_id == client.id) else {
        return Ok(());
    };
    oauth
        .store
        .revoke_family(&token.family_id, oauth.clock.now())
        .await?;
    oauth.follower.catch_up().await?;
    let entry = oauth.entry(Event::FamilyRevoked, head);
    let entry = Basis::of_token(&token).named_in(entry);
    oauth.store.audit(entry).await;
    Ok(())
}
