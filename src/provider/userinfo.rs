//! Who has logged in at a provider without ID tokens: its own word for it, got with the access token over TLS.

use super::{Person, ProviderError, Result, TokenSet};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{Request, Response, StatusCode};
use serde::Deserialize;

#[derive(Deserialize)]
struct Answer {
    sub: String,
    name: Option<String>,
}

pub(super) fn request(endpoint: &str, set: &TokenSet) -> Result<Request<Bytes>> {
    let request = Request::get(endpoint)
        .header(ACCEPT, "application/json")
        .header(AUTHORIZATION, format!("Bearer {}", set.access.expose()));
    let request = request.body(Bytes::new());
    request.map_err(|_| ProviderError::Answer("its access token cannot be sent"))
}

/// The person; the endpoint stands for the issuer, which has no other name.
pub(super) fn read(endpoint: &str, answer: &Response<Bytes>) -> Result<Person> {
    if answer.status() != StatusCode::OK {
        return Err(ProviderError::Answer("its userinfo endpoint failed"));
    }
    let unreadable = |_| ProviderError::Answer("it does not say who has logged in");
    let answer: Answer = serde_json::from_slice(answer.body()).map_err(unreadable)?;
    if answer.sub.is_empty() || answer.sub.len() > 255 || answer.sub.contains(char::is_control) {
        return Err(ProviderError::Answer("it does not say who has logged in"));
    }
    Ok(Person {
        issuer: endpoint.to_owned(),
        subject: answer.sub,
        email: None,
        name: answer.name,
    })
}
