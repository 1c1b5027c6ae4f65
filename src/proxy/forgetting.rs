//! Tokens of other issuers that end by a request through the gateway: what is known of them here is forgotten.

use super::context::Context;
use pingora::http::{RequestHeader, ResponseHeader};

/// Hears the upstream's answer. The last part of the path is the token that has ended; who sent the request hears so only
/// after nobody here knows it any more.
pub(super) fn hear(ctx: &Context, request: &RequestHeader, response: &ResponseHeader) {
    let Some(issuer) = ctx.forward().and_then(|forward| forward.forgets.as_deref()) else {
        return;
    };
    if !response.status.is_success() {
        return;
    }
    let token = request.uri.path().rsplit('/').next().unwrap_or_default();
    let mut issuers = ctx.site.issuers.iter();
    if let Some(tokens) = issuers.find(|tokens| tokens.issuer() == issuer) {
        tokens.forget(token, ctx.site.gateway.clock.now());
    }
}
