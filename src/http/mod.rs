//! HTTP messages as handlers see them: the `http` crate's types, whole bodies in, and nothing of Pingora.

pub mod client;
pub mod client_form;
mod legacy;
pub mod remote;
pub mod websocket;

pub use legacy::{Legacy, noting};

use crate::clock::EpochMs;
use axum::body::Body;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::fmt::rfc2822::DateTimeParser;
use std::net::IpAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A request whose body has been read, up to its limit.
pub type Request = http::Request<Bytes>;
pub type Response = http::Response<Body>;

/// Where a request came from; an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub Option<IpAddr>);

/// How a request came to the gateway: what a decision may look at besides its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The client's address, as far as it is known.
    pub client: Option<IpAddr>,
    pub transport: Transport,
}

/// Who could read a request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Nobody.
    Tls,
    /// Nobody who is not on this machine.
    Local,
    /// Whoever is on the network of the listener.
    Plain,
    /// Whoever is on the way to the proxy before the gateway: that proxy, which is trusted, says so.
    PlainToProxy,
}

/// The call that an answer is about; an extension of the response, for the access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AboutCall(pub String);

/// Whose fault a failure was; an extension of the response, for the access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault(pub &'static str);

/// Names a request in its answer and in the log; an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecisionId(u128);

impl DecisionId {
    /// Unique: a random number a process, counted up. It is no secret.
    pub fn next() -> Self {
        static FIRST: LazyLock<u128> = LazyLock::new(|| {
            u128::from_be_bytes(crate::secret::random::<16>()) & !u128::from(u64::MAX)
        });
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Self(*FIRST | u128::from(COUNT.fetch_add(1, Ordering::Relaxed)))
    }
}

impl std::fmt::Display for DecisionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The time that a header says (RFC 9110 §5.6.7).
pub fn date(headers: &HeaderMap, name: &HeaderName) -> Option<EpochMs> {
    let text = headers.get(name)?.to_str().ok()?;
    let parsed = DateTimeParser::new().parse_timestamp(text);
    parsed.ok().map(jiff::Timestamp::as_millisecond)
}

/// A response with a body of the given type.
pub fn response(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A JSON response.
pub fn json(status: StatusCode, value: &impl serde::Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    response(status, "application/json", body)
}

/// A response without a body.
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Forbids every cache to keep the response (RFC 6749 §5.1).
pub fn no_store(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decision_ids_differ() {
        assert_ne!(DecisionId::next(), DecisionId::next());
    }
}
