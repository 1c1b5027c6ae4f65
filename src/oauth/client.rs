//! Who the client is: by Basic or by the form (RFC 6749 §2.3.1), by a signature, or by its name alone when it is public.

use super::Oauth;
use super::assertion::Assertion;
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
struct Presented<'f> {
    id: String,
    evidence: Evidence<'f>,
}

/// What is to show that it is so.
enum Evidence<'f> {
    None,
    Secret(String),
    Assertion(Assertion<'f>),
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
        let authentic = match (presented.evidence, &client) {
            (Evidence::Assertion(assertion), Some(client)) => {
                assertion.proves(self, client, head.uri.path()).await?
            }
            (Evidence::Assertion(_), None) => false,
            (Evidence::Secret(secret), _) => is_authentic(client.as_ref(), Some(&secret), now),
            (Evidence::None, _) => is_authentic(client.as_ref(), None, now),
        };
        if authentic {
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
fn presented<'f>(headers: &HeaderMap, form: &'f Parameters) -> Result<Presented<'f>, ClientError> {
    let (id, secret) = (form.get("client_id")?, form.get("client_secret")?);
    let mut headers = headers.get_all(AUTHORIZATION).iter();
    let (header, more) = (headers.next(), headers.next());
    let assertion = Assertion::of(form)?;
    let ways = [
        header.is_some(),
        more.is_some(),
        secret.is_some(),
        assertion.is_some(),
    ];
    if ways.into_iter().filter(|used| *used).count() > 1 {
        return Err(invalid("the client authenticates in more than one way"));
    }
    let presented = match (header, assertion) {
        (Some(header), _) => {
            basic(header.to_str().unwrap_or_default()).ok_or(ClientError::InvalidClient)?
        }
        (None, Some(assertion)) => Presented {
            id: assertion.client.clone(),
            evidence: Evidence::Assertion(assertion),
        },
        (None, None) => return in_form(id, secret),
    };
    if id.is_some_and(|id| id != presented.id) {
        return Err(invalid(
            "client_id and what authenticates the client name different clients",
        ));
    }
    Ok(presented)
}

fn in_form<'f>(id: Option<&str>, secret: Option<&str>) -> Result<Presented<'f>, ClientError> {
    let id = id.ok_or_else(|| invalid("the parameter client_id is missing"))?;
    Ok(Presented {
        id: id.to_owned(),
        evidence: Evidence::of(secret.map(str::to_owned)),
    })
}

/// Id and secret are form-encoded before they are joined; an empty secret is none.
fn basic<'f>(header: &str) -> Option<Presented<'f>> {
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
        evidence: Evidence::of(Some(secret).filter(|secret| !secret.is_empty())),
    })
}

impl Evidence<'_> {
    fn of(secret: Option<String>) -> Self {
        secret.map_or(Self::None, Self::Secret)
    }
}

fn invalid(text: &str) -> ClientError {
    ClientError::InvalidRequest(text.to_owned())
}
