//! Requests on their way through the gateway: answered here, refused, or readied to go upstream.

use super::context::Context;
use super::forwarded::Hop;
use super::visit::{self, Visit};
use super::{Proxy, credential, local, patience};
use crate::error::Error;
use crate::http::{AboutCall, Fault, Peer, Request, Response};
use http::Method;
use pingora::proxy::Session;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

impl Proxy {
    /// Answers a request here. It runs to its end even if the client goes away meanwhile (calls.md S5).
    pub(super) async fn answer(
        &self,
        session: &mut Session,
        ctx: &mut Context,
    ) -> pingora::Result<bool> {
        let mut head = local::head(session);
        let body = match local::body(session, ctx.body_limit()).await? {
            Ok(body) => body,
            Err(error) => return self.refuse(session, ctx, &error).await,
        };
        head.extensions
            .insert(Peer(self.arrival(session, ctx).client));
        let permit = ctx.permit().cloned();
        let (site, id) = (Arc::clone(&ctx.site), ctx.id);
        let request = Request::from_parts(head, body);
        let answer = self
            .runtime
            .spawn(async move { site.gateway.answer(request, permit, id).await });
        match answer.await {
            Ok(response) => self.write(session, ctx, response).await,
            Err(error) => {
                tracing::error!(%error, "a handler did not come to its end");
                self.refuse(session, ctx, &Error::Internal).await
            }
        }
    }

    /// Sees to what must be settled before a request goes upstream.
    pub(super) async fn prepare(
        &self,
        session: &mut Session,
        ctx: &mut Context,
    ) -> pingora::Result<bool> {
        // RFC 9110 §9.3.1: such a body means nothing, and an upstream that leaves it unread takes it for the next
        // request, which nobody has decided on.
        let method = &session.req_header().method;
        if ctx.has_body && matches!(*method, Method::GET | Method::HEAD) {
            let told = "a GET or HEAD request goes on without a body only".to_owned();
            return self.refuse(session, ctx, &Error::BadRequest(told)).await;
        }
        let limit = ctx.body_limit();
        if local::announced(session).is_some_and(|length| length > limit) {
            return self
                .refuse(session, ctx, &Error::BodyTooLarge { limit })
                .await;
        }
        match credential::prepare(ctx).await {
            Ok(signer) => ctx.signer = signer,
            Err(error) => return self.refuse(session, ctx, &error).await,
        }
        local::say_continue(session).await?;
        let is_empty = session.as_downstream_mut().is_body_empty();
        if !is_empty && visit::may_last(&session.req_header().headers) {
            self.lasts(session, ctx);
        }
        Ok(false)
    }

    /// From now on it is asked whether the caller still may; on a public route everybody may.
    pub(super) fn lasts(&self, session: &Session, ctx: &Context) {
        if ctx.permit().is_some() {
            patience::lasts(|| Visit::new(&self.site, local::head(session)));
        }
    }

    pub(super) async fn refuse(
        &self,
        session: &mut Session,
        ctx: &mut Context,
        error: &Error,
    ) -> pingora::Result<bool> {
        let response = ctx.site.gateway.refuse(session.req_header(), error, ctx.id);
        self.send_refusal(session, ctx, response).await
    }

    /// Answers a request that will not be served. Its body is read if it is small; else the connection ends.
    pub(super) async fn send_refusal(
        &self,
        session: &mut Session,
        ctx: &mut Context,
        response: Response,
    ) -> pingora::Result<bool> {
        if session.get_keepalive().is_some() {
            local::drain(session).await;
        }
        self.write(session, ctx, response).await
    }

    pub(super) async fn write(
        &self,
        session: &mut Session,
        ctx: &mut Context,
        response: Response,
    ) -> pingora::Result<bool> {
        ctx.status = response.status().as_u16();
        ctx.about = response.extensions().get::<AboutCall>().cloned();
        if let Some(Fault(fault)) = response.extensions().get() {
            ctx.fault = fault;
        }
        local::write(session, response).await?;
        Ok(true)
    }

    pub(super) fn hop<'c>(&self, ctx: &'c Context) -> Hop<'c> {
        Hop {
            peer: ctx.peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            https: self.https,
            trusted: &ctx.site.trusted,
        }
    }
}
