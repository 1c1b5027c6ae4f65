//! Exchanges that failed: whether they are tried again, and what the client is told.

use super::context::Context;
use super::frame::FrameError;
use super::{patience, watch};
use crate::auth::AuthError;
use crate::error::Error;
use crate::upstream_auth::Signer;
use pingora::proxy::Session;
use pingora::{ErrorSource, ErrorType};

/// Whether what was sent, or may have been, may be sent again: only if that is as good as once (RFC 9110 §9.2.2).
pub(super) fn may_be_sent_again(session: &Session, ctx: &Context) -> bool {
    ctx.signer.as_ref().is_none_or(Signer::may_repeat)
        && session.req_header().method.is_idempotent()
        && !session.as_ref().retry_buffer_truncated()
}

/// Somebody between the client and the proxy in front of the gateway may have read it, and its credential (RFC 6750 §5.3).
pub(super) fn plain_http() -> Error {
    Error::BadRequest(
        "this came to a proxy in front of the gateway over plain http: use https".to_owned(),
    )
}

/// Whether the body of a request or answer that lasts is passed on any further.
pub(super) fn goes_on() -> pingora::Result<()> {
    if patience::is_over() {
        let why = "the caller may no longer";
        return pingora::Error::e_explain(ErrorType::HTTPStatus(401), why);
    }
    Ok(())
}

/// What to tell the client; nothing when it is the client that failed.
pub(super) fn told(error: &pingora::Error, limit: u64) -> Option<Error> {
    use ErrorType::{
        ConnectTimedout, ConnectionClosed, HTTPStatus, ReadError, ReadTimedout,
        TLSHandshakeTimedout, WriteError, WriteTimedout,
    };
    match (error.esource(), error.etype()) {
        (_, HTTPStatus(413)) => Some(Error::BodyTooLarge { limit }),
        (_, HTTPStatus(401)) => Some(AuthError::Invalid.into()),
        (
            ErrorSource::Upstream,
            ConnectTimedout | TLSHandshakeTimedout | ReadTimedout | WriteTimedout,
        ) => Some(Error::UpstreamTimeout),
        (ErrorSource::Upstream, _) => Some(Error::UpstreamUnreachable),
        (ErrorSource::Downstream, ReadError) if watch::is_broken() => {
            Some(Error::BadRequest(FrameError::Chunk.to_string()))
        }
        (ErrorSource::Downstream, ReadError | WriteError | ConnectionClosed) => None,
        (ErrorSource::Downstream, ReadTimedout | WriteTimedout) => Some(Error::Timeout),
        (ErrorSource::Downstream, _) => Some(Error::BadRequest(
            "the request cannot be read to its end".to_owned(),
        )),
        (ErrorSource::Internal | ErrorSource::Unset, _) => Some(Error::Internal),
    }
}
