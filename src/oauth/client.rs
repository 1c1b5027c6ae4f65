//! Who the client is: by Basic or by the form, or by its name alone when it is public (RFC 6749 §2.3.1).

use super::Oauth;
use super::errors::ClientError;
use super::parameters::{Parameters, decode};
use super::throttling::address;
use crate::clock::EpochMs;
use crate::storage::audit::Event;
use crate::storage::clients::Client;
use crate::token::TokenHash;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use subtle::ConstantTimeEq;

/// What a client says of itself.
struct Presented {
    id: String,
    secret: Option<String>,
}

impl Oauth {
    /// The client that sent `form`, which has proved to be it unless it is public; it may have guessed too often.
    pub(super) async fn authenticate_client(
        &self,
        head: &Parts,
        form: &Parameters,
    ) -> Result<Client, ClientError> {
        let presented = presented(&head.headers, form)?;
        let (address, now) = (address(head), self.clock.now());
        self.attempts.check_client(&presented.id, &address, now)?;
        let found = self.enabled_client(&presented.id).await?;
        let client = found.map(|(client, _)| client);
        if is_authentic(client.as_ref(), presented.secret.as_deref(), now) {
            return client.ok_or(ClientError::InvalidClient);
        }
        self.attempts.count_guess(&presented.id, &address, now);
        self.write_refusal(head, client, (&address, now)).await;
        Err(ClientError::InvalidClient)
    }

    /// What was sent as a name may be a secret: only a name that we know is written down. An unknown one costs the
    /// same, so that nobody learns which there are.
    async fn write_refusal(
        &self,
        head: &Parts,
        client: Option<Client>,
        (address, now): (&str, EpochMs),
    ) {
        let entry = self.entry(Event::ClientRefused, head);
        let entry = match client {
            Some(client) => entry.tenant(&client.tenant_id).client(client.id.as_str()),
            None => entry,
        };
        if self.attempts.is_worth_a_row(address, now) {
            self.store.audit(entry).await;
        } else {
            self.store.tell(&entry);
        }
    }

    /// Counts what looks like guessing.
    pub(super) fn count_guess(&self, head: &Parts, client: &Client, error: &ClientError) {
        if error.is_guess() {
            self.attempts
                .count_guess(&client.id, &address(head), self.clock.now());
        }
    }
}

/// An unknown client costs the same as a wrong secret, and one secret the same as two.
fn is_authentic(client: Option<&Client>, secret: Option<&str>, now: EpochMs) -> bool {
    let actual = TokenHash::of(secret.unwrap_or_default()).to_string();
    let is = |expected: Option<&str>| {
        let expected = expected.unwrap_or_default();
        actual.as_bytes().ct_eq(expected.as_bytes())
    };
    let current = client.and_then(|client| client.secret_hash.as_deref());
    let former = client.and_then(|client| client.former_secret(now));
    let same = bool::from(is(current) | is(former));
    match client {
        Some(client) if client.is_public() => secret.is_none(),
        Some(_) => same && secret.is_some(),
        None => false,
    }
}

/// RFC 6749 §2.3: one method of authentication a request.
fn presented(headers: &HeaderMap, form: &Parameters) -> Result<Presented, ClientError> {
    let (id, secret) = (form.get("client_id")?, form.get("client_secret")?);
    let mut headers = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = headers.next() else {
        return Ok(Presented {
            id: id
                .ok_or_else(|| invalid("the parameter client_id is missing"))?
                .to_owned(),
            secret: secret.map(str::to_owned),
        });
    };
    if headers.next().is_some() || secret.is_some() {
        return Err(invalid("the client authenticates in more than one way"));
    }
    let basic = basic(header.to_str().unwrap_or_default()).ok_or(ClientError::InvalidClient)?;
    if id.is_some_and(|id| id != basic.id) {
        return Err(invalid(
            "client_id and the Authorization header name different clients",
        ));
    }
    Ok(basic)
}

/// Id and secret are form-encoded before they are joined; an empty secret is none.
fn basic(header: &str) -> Option<Presented> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let joined = STANDARD.decode(encoded.trim()).ok()?;
    let mut parts = joined.splitn(2, |byte| *byte == b':');
    let id = String::from_utf8(decode(parts.next()?)).ok()?;
    let secret = String::from_utf8(decode(parts.next()?)).ok()?;
    Some(Presented {
        id,
        secret: Some(secret).filter(|secret| !secret.is_empty()),
    })
}

fn invalid(text: &str) -> ClientError {
    ClientError::InvalidRequest(text.to_owned())
}
