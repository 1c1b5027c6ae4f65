//! A provider's token endpoint (RFC 6749 §3.2, §5): a code or a refresh token in, a set of tokens out.

use super::settings::Spec;
use super::{ProviderError, Result};
use crate::clock::EpochMs;
use crate::http::client_form::{ClientAuthentication, ClientOf};
use crate::secret::Secret;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// What a provider gave us for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSet {
    pub access: Secret,
    pub refresh: Option<Secret>,
    /// Only the first set has one that was verified.
    pub id: Option<Secret>,
    /// When the access token ends; unknown if the provider did not say.
    pub expires_at: Option<EpochMs>,
}

/// As it is sealed.
#[derive(Serialize, Deserialize)]
struct Plain<'a> {
    access: &'a str,
    refresh: Option<&'a str>,
    id: Option<&'a str>,
    expires_at: Option<EpochMs>,
}

impl TokenSet {
    /// The set as bytes, to be sealed at once.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let plain = Plain {
            access: self.access.expose(),
            refresh: self.refresh.as_ref().map(Secret::expose),
            id: self.id.as_ref().map(Secret::expose),
            expires_at: self.expires_at,
        };
        Zeroizing::new(serde_json::to_vec(&plain).unwrap_or_default())
    }

    /// Reads what [`TokenSet::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let plain: Owned = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            access: Secret::new(plain.access),
            refresh: plain.refresh.map(Secret::new),
            id: plain.id.map(Secret::new),
            expires_at: plain.expires_at,
        })
    }

    /// What the next set lacks is kept of this one (RFC 6749 §6): a provider need not give a new refresh token.
    pub(super) fn followed_by(self, next: Self) -> Self {
        Self {
            refresh: next.refresh.or(self.refresh),
            id: next.id.or(self.id),
            ..next
        }
    }
}

#[derive(Deserialize)]
struct Owned {
    access: String,
    refresh: Option<String>,
    id: Option<String>,
    expires_at: Option<EpochMs>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    token_type: String,
    expires_in: Option<Seconds>,
    refresh_token: Option<String>,
    id_token: Option<String>,
}

/// Some providers write a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u32),
    Text(String),
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// The request, by which the client proves itself as `how` says.
pub(super) fn request(
    endpoint: &str,
    spec: &Spec,
    how: ClientAuthentication,
    form: &[(&str, &str)],
) -> Result<Request<Bytes>> {
    let client = ClientOf {
        id: &spec.client_id,
        secret: spec.client_secret.as_ref(),
        authentication: how,
    };
    let request = client.post(endpoint, form);
    request.map_err(|_| ProviderError::Answer("its token endpoint is no address"))
}

/// What an answer gives.
pub(super) fn read(answer: &Response<Bytes>, now: EpochMs) -> Result<TokenSet> {
    if answer.status() != StatusCode::OK {
        return Err(refused(answer));
    }
    let unreadable = |_| ProviderError::Answer("it is no token response");
    let answer: Answer = serde_json::from_slice(answer.body()).map_err(unreadable)?;
    if !answer.token_type.eq_ignore_ascii_case("bearer") {
        return Err(ProviderError::Answer("its tokens are no bearer tokens"));
    }
    if answer.access_token.is_empty() {
        return Err(ProviderError::Answer("its access token is empty"));
    }
    let lifetime = answer.expires_in.and_then(Seconds::number);
    Ok(TokenSet {
        access: Secret::new(answer.access_token),
        refresh: answer.refresh_token.map(Secret::new),
        id: answer.id_token.map(Secret::new),
        expires_at: lifetime.map(|seconds| now.saturating_add(i64::from(seconds) * 1000)),
    })
}

/// RFC 6749 §5.2. Only a 400 or 401 that says so is a refusal; all else may have come from something in between.
fn refused(answer: &Response<Bytes>) -> ProviderError {
    let status = answer.status();
    let refusal: Option<Refusal> = serde_json::from_slice(answer.body()).ok();
    match refusal {
        Some(refusal) if status == StatusCode::BAD_REQUEST && refusal.error == "invalid_grant" => {
            ProviderError::InvalidGrant
        }
        Some(refusal) if status.is_client_error() => ProviderError::Refused(plain(&refusal.error)),
        _ => ProviderError::Answer("its token endpoint failed"),
    }
}

/// RFC 6749 §5.2: a code is short ASCII. What is not does not come into a log.
pub(super) fn plain(code: &str) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    code.chars().filter(allowed).take(64).collect()
}

impl Seconds {
    fn number(self) -> Option<u32> {
        match self {
            Self::Number(number) => Some(number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<TokenSet> {
        let response = Response::builder().status(status);
        read(&response.body(Bytes::from(body.to_owned())).unwrap(), 0)
    }

    #[test]
    fn a_set_survives_its_sealing() {
        let set = answer(
            200,
            r#"{"access_token":"a","token_type":"bearer","expires_in":"300","refresh_token":"r"}"#,
        )
        .unwrap();
        assert_eq!(set.expires_at, Some(300_000));
        assert_eq!(TokenSet::from_bytes(&set.to_bytes()), Some(set));
    }

    #[test]
    fn only_a_clear_refusal_of_the_grant_ends_it() {
        let refusal = r#"{"error":"invalid_grant"}"#;
        assert!(matches!(
            answer(400, refusal),
            Err(ProviderError::InvalidGrant)
        ));
        for (status, body) in [
            (500, refusal),
            (503, "<html>"),
            (400, "<html>"),
            (302, ""),
            (200, refusal),
            (200, r#"{"access_token":"a","token_type":"DPoP"}"#),
            (200, r#"{"access_token":"","token_type":"bearer"}"#),
        ] {
            let error = answer(status, body).unwrap_err();
            assert!(matches!(error, ProviderError::Answer(_)), "{status} {body}");
        }
        assert!(matches!(
            answer(401, r#"{"error":"invalid_client"}"#),
            Err(ProviderError::Refused(code)) if code == "invalid_client"
        ));
    }

    #[test]
    fn a_set_without_a_refresh_token_keeps_the_one_before() {
        let first = answer(
            200,
            r#"{"access_token":"a","token_type":"bearer","refresh_token":"r"}"#,
        );
        let next = answer(200, r#"{"access_token":"b","token_type":"bearer"}"#).unwrap();
        let kept = first.unwrap().followed_by(next);
        assert_eq!(kept.access.expose(), "b");
        assert_eq!(kept.refresh.unwrap().expose(), "r");
    }
}
