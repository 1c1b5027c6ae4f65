//! The credential that a proxied request has upstream: ours, in place of the client's.

use super::context::Context;
use crate::error::Error;
use crate::upstream_auth::Signer;
use http::HeaderName;
use http::header::{PROXY_AUTHENTICATE, SET_COOKIE, WWW_AUTHENTICATE};
use pingora::ErrorType;
use pingora::http::{RequestHeader, ResponseHeader};

/// What an upstream says to whom it knows by the credential: us. A challenge would make the client doubt its token, and a
/// cookie would be a login of ours in the client's hands.
const FOR_US: [HeaderName; 5] = [
    WWW_AUTHENTICATE,
    PROXY_AUTHENTICATE,
    SET_COOKIE,
    HeaderName::from_static("authentication-info"),
    HeaderName::from_static("proxy-authentication-info"),
];

const REFUSED: ErrorType = ErrorType::Custom("UpstreamRefusedCredential");

/// Finds what the route's credential needs, if it has one: all that may have to be waited for.
pub(super) async fn prepare(ctx: &Context) -> Result<Option<Signer>, Error> {
    let Some(name) = ctx
        .forward()
        .and_then(|forward| forward.credential.as_deref())
    else {
        return Ok(None);
    };
    let subject = ctx.permit().map(|permit| &permit.principal().subject);
    let signer = ctx.site.credentials.prepare(name, subject).await?;
    Ok(Some(signer))
}

/// Signs one attempt. Without what was prepared for it, none goes out.
pub(super) fn sign(ctx: &Context, upstream: &mut RequestHeader) -> pingora::Result<()> {
    if ctx
        .forward()
        .is_none_or(|forward| forward.credential.is_none())
    {
        return Ok(());
    }
    let unsigned = || pingora::Error::explain(ErrorType::InternalError, "the attempt is unsigned");
    let signer = ctx.signer.as_ref().ok_or_else(unsigned)?;
    let (name, value) = signer.header().map_err(|_| unsigned())?;
    upstream.insert_header(name, value)
}

/// Hears the upstream's answer. When it refuses our credential, its answer is not for the client.
pub(super) async fn hear(ctx: &Context, response: &mut ResponseHeader) -> pingora::Result<()> {
    let Some(signer) = &ctx.signer else {
        return Ok(());
    };
    let heard = signer.hear(response.status, &response.headers).await;
    heard.map_err(|_| {
        pingora::Error::explain(REFUSED, "the upstream refuses our credential").into_up()
    })?;
    for name in &FOR_US {
        response.remove_header(name);
    }
    Ok(())
}

/// What the client is told, if `error` is of [`hear`].
pub(super) fn refusal(error: &pingora::Error, ctx: &Context) -> Option<Error> {
    let signer = ctx.signer.as_ref()?;
    (*error.etype() == REFUSED).then(|| signer.refused().into())
}
