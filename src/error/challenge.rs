//! What a refused credential is answered with: how to come in (`WWW-Authenticate`).

use super::value;
use crate::auth::{Refusal, dpop};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue};

/// RFC 9110 §15.5.2 demands one, though no client of Kalliope waits for it.
pub(super) const DIGEST: HeaderValue =
    HeaderValue::from_static("RestApiUsernameToken realm=\"callgate\"");

pub(super) fn bearer(more: &str) -> HeaderValue {
    value(&format!("Bearer realm=\"callgate\"{more}"))
}

/// RFC 9449 §7.1, with a nonce for the next attempt (§9).
pub(super) fn dpop_of(refusal: &Refusal) -> [(HeaderName, HeaderValue); 2] {
    let (code, description) = (refusal.code, quotable(refusal));
    let challenge = format!(", error=\"{code}\", error_description=\"{description}\"");
    [
        (WWW_AUTHENTICATE, dpop_scheme(&challenge)),
        (dpop::DPOP_NONCE, refusal.nonce.clone()),
    ]
}

pub(super) fn dpop_scheme(more: &str) -> HeaderValue {
    let algorithms = dpop::ALGORITHMS.join(" ");
    value(&format!(
        "DPoP realm=\"callgate\", algs=\"{algorithms}\"{more}"
    ))
}

/// RFC 6750 §3: an error description has no quotes and no backslashes.
pub(super) fn quotable(error: &impl ToString) -> String {
    error.to_string().replace(['"', '\\', '`'], "'")
}
