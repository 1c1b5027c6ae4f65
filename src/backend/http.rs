//! Requests to a telephone system over HTTP: signed, sent once, answered whole.

use super::{BackendError, Means, Refusal};
use crate::clock::EpochMs;
use crate::http::client::{Client, ClientError};
use crate::http::date;
use crate::token::Subject;
use crate::upstream_auth::Credentials;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// RFC 3986 §2.3: what needs no escape wherever it stands.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// No system is waited for longer than this because it says so.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// The API of one telephone system, asked with one credential.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    credentials: Arc<Credentials>,
    credential: String,
    base: String,
}

/// What it answered, whatever that means.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Api {
    /// `base` is what all paths stand below.
    ///
    /// # Errors
    /// [`ClientError`] when there is no way out.
    pub fn new(base: &str, credential: &str, means: &Means) -> Result<Self, ClientError> {
        Ok(Self {
            client: means.client()?,
            credentials: Arc::clone(&means.credentials),
            credential: credential.to_owned(),
            base: base.trim_end_matches('/').to_owned(),
        })
    }

    /// A request that wants JSON. Parts of `path` that are not ours went through [`segment`].
    ///
    /// # Errors
    /// [`BackendError::Refused`]: what cannot be written as a request was not sent.
    pub fn request(&self, method: Method, path: &str) -> Result<Request<Bytes>, BackendError> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(ACCEPT, JSON)
            .body(Bytes::new());
        request.map_err(|_| BackendError::refused("its address cannot be asked for this"))
    }

    /// As [`Api::request`], with a body of JSON.
    ///
    /// # Errors
    /// [`BackendError::Refused`]: what cannot be written as a request was not sent.
    pub fn with_json(
        &self,
        method: Method,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<Request<Bytes>, BackendError> {
        let mut request = self.request(method, path)?;
        let body = serde_json::to_vec(body);
        let body = body.map_err(|_| BackendError::refused("the request cannot be written"))?;
        *request.body_mut() = body.into();
        request.headers_mut().insert(CONTENT_TYPE, JSON);
        Ok(request)
    }

    /// Sends a request of `owner` (`user:ID`), signed. It is sent once: whatever may have arrived is never sent again.
    ///
    /// # Errors
    /// [`BackendError::Credential`] and [`BackendError::Unreachable`] when nothing was sent, [`BackendError::Unknown`] when
    /// nobody knows. An answer that does not take the credential is a definite no; the next request presents another, if
    /// there is one.
    pub async fn send(
        &self,
        owner: &str,
        mut request: Request<Bytes>,
    ) -> Result<Answer, BackendError> {
        // Who is nobody has no credential of his own; that of a service needs none.
        let subject = owner.parse().unwrap_or(Subject::Operator);
        let headers = request.headers_mut();
        let signer = self.credentials.sign(&self.credential, &subject, headers);
        let signer = signer.await?;
        let (head, body) = self.client.send(request).await?.into_parts();
        let taken = signer.hear(head.status, &head.headers).await;
        taken.map_err(|_| not_taken())?;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

impl Answer {
    /// # Errors
    /// [`BackendError::Unknown`] when it is not the JSON that is expected: whether it did what it was asked is open.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, BackendError> {
        serde_json::from_slice(&self.body).map_err(|error| BackendError::Unknown(Box::new(error)))
    }

    /// How long to wait before the next request (RFC 9110 §10.2.3), if it says; `now` is our clock's.
    pub fn retry_after(&self, now: EpochMs) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        let seconds = text.parse().map(Duration::from_secs).ok();
        let wait = seconds.or_else(|| self.until_retry(now))?;
        Some(wait.min(LONGEST_WAIT))
    }

    fn until_retry(&self, now: EpochMs) -> Option<Duration> {
        let at = date(&self.headers, &RETRY_AFTER)?;
        let left = u64::try_from(at.saturating_sub(now)).unwrap_or(0);
        Some(Duration::from_millis(left))
    }

    /// An answer that is neither the yes nor a no that is known: something may ring.
    pub fn unexpected(&self) -> BackendError {
        BackendError::Unknown(format!("its status is {}", self.status).into())
    }
}

/// A part of a path or a query, as it stands there.
pub fn segment(text: &str) -> String {
    // A name of dots alone would lead elsewhere (RFC 3986 §5.2.4).
    if !text.is_empty() && text.bytes().all(|b| b == b'.') {
        return text.replace('.', "%2E");
    }
    utf8_percent_encode(text, ESCAPED).to_string()
}

fn not_taken() -> BackendError {
    let reason =
        "it does not take the gateway's credential: try once more, then ask your administrator";
    BackendError::Refused {
        why: Refusal::Credential,
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(retry_after: &str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
        Answer {
            status: StatusCode::TOO_MANY_REQUESTS,
            headers,
            body: Bytes::new(),
        }
    }

    /// Sun, 06 Nov 1994 08:49:37 GMT
    const THEN: EpochMs = 784_111_777_000;

    #[test]
    fn a_wait_is_seconds_or_a_date_and_has_an_end() {
        let wait = |text: &str| answer(text).retry_after(THEN).map(|wait| wait.as_secs());
        assert_eq!(wait("7"), Some(7));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:49 GMT"), Some(12));
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(wait("86400"), Some(3600));
        for text in ["", "-1", "soon", "99999999999999999999999"] {
            assert_eq!(wait(text), None, "{text}");
        }
    }

    #[test]
    fn what_others_name_cannot_lead_elsewhere() {
        assert_eq!(segment("ABC-1.2_3~"), "ABC-1.2_3~");
        assert_eq!(segment("a/b?c#d e\u{e9}"), "a%2Fb%3Fc%23d%20e%C3%A9");
        assert_eq!(segment(".."), "%2E%2E");
    }
}
