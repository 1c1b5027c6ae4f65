//! The grant `refresh_token` (RFC 6749 §6): every use gives a new one, and a second use ends all (RFC 9700 §4.14.2).

use super::errors::ClientError;
use super::issue::{Answer, Basis, Outcome};
use super::parameters::Parameters;
use super::{Oauth, dpop, scope};
use crate::clock::millis;
use crate::storage::Words;
use crate::storage::audit::Event;
use crate::storage::clients::Client;
use crate::storage::codes::family_began;
use crate::storage::tokens::{Rotation, Succession, Token};
use crate::token::Class;
use http::request::Parts;

pub(super) async fn tokens(
    oauth: &Oauth,
    head: &Parts,
    client: &Client,
    form: &Parameters,
    key: Option<&str>,
) -> Outcome {
    let sent = form.get("refresh_token")?;
    let sent = sent.ok_or_else(|| {
        ClientError::InvalidRequest("the parameter refresh_token is missing".to_owned())
    })?;
    let presented = find(oauth, client, sent).await?;
    // RFC 9449 §5: a public client proves with the key who it is.
    dpop::must_prove(presented.jkt.as_deref(), key)?;
    let scope = granted(client, &presented, form.get("scope")?)?;
    let basis = Basis::of_token(&presented).bound_to(client, key);
    let began = family_began(&presented.family_id).unwrap_or(presented.created_at);
    let access = oauth
        .next_access_token(client, &basis, &scope, sent)
        .await?;
    // The new refresh token keeps the whole scope (RFC 6749 §6).
    let next = oauth.mint.successor(Class::Refresh, sent);
    let refresh = oauth.refresh_token(&basis, &presented.scope, next, began);
    let answer = Answer::new(&access, Some(&refresh));
    let now = oauth.clock.now();
    let succession = Succession {
        access: access.row.clone(),
        refresh: refresh.row,
        repeat_since: now.saturating_sub(millis(oauth.settings.refresh_grace)),
    };
    let entry = basis.named_in(oauth.entry(Event::TokenRefreshed, head));
    match oauth
        .store
        .rotate(&presented, succession, entry, now)
        .await?
    {
        Rotation::Done => Ok(answer),
        Rotation::Repeated(given) => {
            must_ask_the_same(&given, &access.row)?;
            let token = oauth.given_token(sent, &given)?;
            Ok(answer.again(&token, &given, now))
        }
        Rotation::Reused => {
            oauth.follower.catch_up().await?;
            Err(ClientError::InvalidGrant(
                "the refresh token was used before",
            ))
        }
    }
}

/// Whoever repeats gets what the first gave and nothing else: a wider scope would be a second set of tokens, a narrower
/// one would not be what is given, and a token bound to another key (RFC 9449) could not be used. It is no misuse
/// either: parts of one client may ask for different things. The one that came late goes on from the new refresh token.
fn must_ask_the_same(given: &Token, asked: &Token) -> Result<(), ClientError> {
    let same_scope = given.scope.all_in(&asked.scope) && asked.scope.all_in(&given.scope);
    if !same_scope {
        return Err(ClientError::OtherScope);
    }
    if given.jkt != asked.jkt {
        return Err(ClientError::InvalidGrant(
            "the refresh token was used a moment ago, with another key",
        ));
    }
    Ok(())
}

/// The token's row, if it is this client's and has not ended. One that was used is found: that is for the store to judge.
async fn find(oauth: &Oauth, client: &Client, sent: &str) -> Result<Token, ClientError> {
    let hash = oauth
        .mint
        .recognise(Class::Refresh, sent)
        .ok_or(ClientError::UnknownGrant)?;
    let token = oauth
        .store
        .token(&hash.to_string())
        .await?
        .ok_or(ClientError::UnknownGrant)?;
    if token.client_id != client.id {
        return Err(ClientError::InvalidGrant(
            "the refresh token was given to another client",
        ));
    }
    if token.revoked_at.is_some() || token.expires_at <= oauth.clock.now() {
        return Err(ClientError::InvalidGrant("the refresh token has ended"));
    }
    Ok(token)
}

/// What was granted or less of it, as far as the client may still ask for it.
fn granted(client: &Client, presented: &Token, asked: Option<&str>) -> Result<Words, ClientError> {
    let asked = match asked {
        Some(text) => scope::asked(text, &client.policies),
        None => presented.scope.clone(),
    };
    if asked.is_empty() && !presented.scope.is_empty() || !asked.all_in(&presented.scope) {
        return Err(ClientError::InvalidScope);
    }
    Ok(asked
        .iter()
        .filter(|name| client.policies.contains(name))
        .collect())
}
