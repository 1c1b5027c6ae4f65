//! `POST /oauth/introspect` (RFC 7662): what a token is worth, told to its own client and to those whom it is for.

use super::Oauth;
use super::errors::ClientError;
use super::issue::{audience, subject, token_type};
use super::parameters::Parameters;
use crate::clock::EpochMs;
use crate::error::Result;
use crate::http::{Response, json, no_store};
use crate::storage::clients::Client;
use crate::storage::live_tokens::LiveToken;
use crate::token::TokenHash;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use http::header::AUTHORIZATION;
use http::request::Parts;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// RFC 7662 §2.2. What has no value is left out.
#[derive(Serialize)]
struct Worth<'t> {
    active: bool,
    scope: String,
    client_id: &'t str,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'t str>,
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    /// Seconds since 1970, as the next two.
    iat: EpochMs,
    nbf: EpochMs,
    exp: EpochMs,
    aud: Value,
    iss: &'t str,
    jti: &'t str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation<'t>>,
}

/// The key that whoever presents the token must prove (RFC 9449 §6.2).
#[derive(Serialize)]
struct Confirmation<'t> {
    jkt: &'t str,
}

pub(super) async fn post(
    State(oauth): State<Arc<Oauth>>,
    head: Parts,
    body: Bytes,
) -> Result<Response, ClientError> {
    let form = Parameters::form(&head.headers, &body)?;
    let caller = authenticate(&oauth, &head, &form).await?;
    let token = form.get("token")?;
    let token = token
        .ok_or_else(|| ClientError::InvalidRequest("the parameter token is missing".to_owned()))?;
    // Whatever was sent costs the same look, garbage too; a token tells by itself what it is, without
    // `token_type_hint` (RFC 7662 §2.1).
    let hash = TokenHash::of(token).to_string();
    let now = oauth.clock.now();
    let live = oauth.store.live_token(&hash).await?;
    let live = live.filter(|live| live.token.expires_at > now && may_ask(&caller, live));
    let Some(live) = live else {
        count_guess(&oauth, &head, &caller, &hash).await?;
        // RFC 7662 §2.2: not a word about why.
        return Ok(no_store(json(StatusCode::OK, &json!({ "active": false }))));
    };
    let worth = Worth::of(&live, &oauth.origin);
    Ok(no_store(json(StatusCode::OK, &worth)))
}

/// RFC 7662 §2.1: never a stranger, and so no public client; RFC 7662 §2.3: who says nothing of themselves is a `401` too.
async fn authenticate(
    oauth: &Oauth,
    head: &Parts,
    form: &Parameters,
) -> Result<Client, ClientError> {
    let named = form.get("client_id")?.or(form.get("client_assertion")?);
    if named.is_none() && !head.headers.contains_key(AUTHORIZATION) {
        return Err(ClientError::InvalidClient);
    }
    let client = oauth.authenticate_client(head, form).await?;
    if client.is_public() {
        return Err(ClientError::InvalidClient);
    }
    Ok(client)
}

/// Its own tokens, and the access tokens that are for it: a refresh token is for nobody but its client and us. Tenants
/// know nothing of one another.
fn may_ask(
    caller: &Client,
    LiveToken {
        token, audience, ..
    }: &LiveToken,
) -> bool {
    let is_for_caller = token.class == "access" && audience.contains(&caller.id);
    token.tenant_id == caller.tenant_id && (token.client_id == caller.id || is_for_caller)
}

/// A client that asks about what never was is guessing, unless it is a resource server: that asks about whatever strangers
/// send it, and any of them could have it locked out.
async fn count_guess(oauth: &Oauth, head: &Parts, caller: &Client, hash: &str) -> Result<()> {
    let unknown = oauth.store.token(hash).await?.is_none();
    if unknown && !oauth.store.is_resource_server(&caller.id).await? {
        oauth.count_guess(head, caller, &ClientError::UnknownGrant);
    }
    Ok(())
}

impl<'t> Worth<'t> {
    fn of(
        LiveToken {
            token,
            username,
            audience: others,
        }: &'t LiveToken,
        origin: &'t str,
    ) -> Self {
        // A refresh token has no type, and is for us alone: nobody takes it for an access token.
        let is_access = token.class == "access";
        Self {
            active: true,
            scope: token.scope.to_string(),
            client_id: &token.client_id,
            username: username.as_deref(),
            sub: subject(token).to_string(),
            token_type: is_access.then(|| token_type(token)),
            iat: seconds(token.created_at),
            nbf: seconds(token.created_at),
            exp: seconds(token.expires_at),
            aud: if is_access {
                audience(origin, others)
            } else {
                json!(origin)
            },
            iss: origin,
            jti: &token.id,
            cnf: token.jkt.as_deref().map(|jkt| Confirmation { jkt }),
        }
    }
}

pub(super) fn seconds(at: EpochMs) -> EpochMs {
    at.div_euclid(1000)
}
