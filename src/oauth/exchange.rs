//! The grant `authorization_code` (RFC 6749 §4.1.3): a code, used once, by whom it was made for.

use super::errors::ClientError;
use super::issue::{Answer, Basis, Outcome};
use super::parameters::Parameters;
use super::{Oauth, dpop, legacy, pkce};
use crate::storage::audit::Event;
use crate::storage::clients::Client;
use crate::storage::codes::{Code, Exchange, family_began};
use crate::token::Class;
use http::request::Parts;

pub(super) async fn tokens(
    oauth: &Oauth,
    head: &Parts,
    client: &Client,
    form: &Parameters,
    key: Option<&str>,
) -> Outcome {
    let code = find(oauth, client, form, key).await?;
    let renewable = client.grant_types.contains("refresh_token");
    redeem(oauth, head, client, (&code, renewable), key).await
}

/// For an answer in an address: without a refresh token. Says where to.
pub(super) async fn in_fragment(
    oauth: &Oauth,
    head: &Parts,
    client: &Client,
    query: &Parameters,
    key: Option<&str>,
) -> Result<(String, Answer), ClientError> {
    let code = find(oauth, client, query, key).await?;
    let answer = redeem(oauth, head, client, (&code, false), key).await?;
    Ok((code.redirect_uri, answer))
}

/// The code, once the client has shown that it may use it. Until then nothing is done to it (OAuth 2.1 §7.5.2).
async fn find(
    oauth: &Oauth,
    client: &Client,
    form: &Parameters,
    key: Option<&str>,
) -> Result<Code, ClientError> {
    let sent = form
        .get("code")?
        .ok_or_else(|| ClientError::InvalidRequest("the parameter code is missing".to_owned()))?;
    let hash = oauth
        .mint
        .recognise(Class::Code, sent)
        .ok_or(ClientError::UnknownGrant)?;
    let code = oauth
        .store
        .code(&hash.to_string())
        .await?
        .ok_or(ClientError::UnknownGrant)?;
    if code.client_id != client.id {
        return Err(ClientError::InvalidGrant(
            "the code was given to another client",
        ));
    }
    check_redirect_uri(&code, form.get("redirect_uri")?)?;
    check_verifier(&code, form.get("code_verifier")?)?;
    // RFC 9449 §10
    dpop::must_prove(code.jkt.as_deref(), key)?;
    if code.challenge.is_none() {
        legacy::note(client, "no_pkce");
    }
    // A code that was used is looked at even when it is old: using it again has consequences.
    if code.used_at.is_none() && code.expires_at <= oauth.clock.now() {
        return Err(ClientError::InvalidGrant("the code has expired"));
    }
    Ok(code)
}

/// RFC 6749 §4.1.3: it must be sent if it was sent before, and be the same.
fn check_redirect_uri(code: &Code, sent: Option<&str>) -> Result<(), ClientError> {
    let same = match sent {
        Some(sent) => sent == code.redirect_uri,
        None => !code.redirect_named.0,
    };
    if same {
        return Ok(());
    }
    Err(ClientError::InvalidGrant(
        "the redirect_uri is not that of the authorization request",
    ))
}

fn check_verifier(code: &Code, sent: Option<&str>) -> Result<(), ClientError> {
    match (&code.challenge, sent) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) if pkce::proves(verifier, challenge) => Ok(()),
        (Some(_), _) => Err(ClientError::InvalidGrant(
            "the code_verifier does not match the code_challenge",
        )),
        // RFC 9700 §2.1.1: somebody took the challenge out of the authorization request.
        (None, Some(_)) => Err(ClientError::InvalidGrant(
            "a code_verifier was sent, but no code_challenge before",
        )),
    }
}

async fn redeem(
    oauth: &Oauth,
    head: &Parts,
    client: &Client,
    (code, renewable): (&Code, bool),
    key: Option<&str>,
) -> Outcome {
    let basis = Basis::of_code(client, code).bound_to(client, key);
    let access = oauth
        .access_token(client, &basis, &code.scope, oauth.settings.access_lifetime)
        .await?;
    let began = family_began(&code.family_id).unwrap_or(code.created_at);
    let refresh = renewable
        .then(|| oauth.refresh_token(&basis, &code.scope, oauth.mint.mint(Class::Refresh), began));
    let answer = Answer::new(&access, refresh.as_ref());
    let rows = std::iter::once(access)
        .chain(refresh)
        .map(|issued| issued.row)
        .collect();
    let entry = basis.named_in(oauth.entry(Event::TokenIssued, head));
    let now = oauth.clock.now();
    match oauth.store.exchange_code(code, rows, entry, now).await? {
        Exchange::Done => Ok(answer),
        Exchange::Reused => {
            oauth.follower.catch_up().await?;
            Err(ClientError::InvalidGrant("the code was used before"))
        }
    }
}
