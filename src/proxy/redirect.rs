//! Redirects of upstreams, where a client would take its digest along.
//!
//! Clients of Kalliope follow redirects and send `X-authenticate` with them, to whatever host. Ours has seen that header,
//! and takes it no more; the telephone system that the digest is of has not.

use super::context::Context;
use crate::error::Error;
use crate::kalliope::X_AUTHENTICATE;
use http::StatusCode;
use http::request::Parts;
use pingora::ErrorType;
use pingora::http::ResponseHeader;

const REDIRECTS: ErrorType = ErrorType::Custom("UpstreamRedirects");

/// No answer to a digest, and none below `/rest/`, leads elsewhere.
pub(super) fn check(head: &Parts, response: &ResponseHeader) -> pingora::Result<()> {
    let concerned =
        head.headers.contains_key(X_AUTHENTICATE) || head.uri.path().starts_with("/rest/");
    let leads_on = response.status.is_redirection() && response.status != StatusCode::NOT_MODIFIED;
    if !(concerned && leads_on) {
        return Ok(());
    }
    Err(pingora::Error::explain(REDIRECTS, "the upstream redirects").into_up())
}

/// What the client is told, if `error` is of [`check`].
pub(super) fn refusal(error: &pingora::Error, ctx: &mut Context) -> Option<Error> {
    (*error.etype() == REDIRECTS).then(|| {
        tracing::warn!(decision = %ctx.id, "an upstream redirects below /rest/, or in answer to a digest");
        Error::UpstreamRedirects
    })
}
