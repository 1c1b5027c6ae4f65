//! Pingora's phases, in their order.

use super::context::Context;
use super::headers::{self, AllowList};
use super::identity::Identity;
use super::visit::{self, Visit};
use super::{
    Proxy, admit, credential, failure, forgetting, local, patience, redirect, rewrite, watch,
};
use crate::error::Error;
use crate::http::Legacy;
use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use http::header::HOST;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::prelude::HttpPeer;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::{ErrorSource, ErrorType};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = Context;

    fn new_ctx(&self) -> Context {
        patience::head_came();
        Context::new(self.site.load_full(), &self.under_way)
    }

    /// None: Pingora's compression module costs even when it is off.
    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    async fn early_request_filter(
        &self,
        session: &mut Session,
        ctx: &mut Context,
    ) -> pingora::Result<()> {
        // Only ever shorten what Pingora grants: where it closes a connection, it has its reason.
        if session.get_keepalive().is_some() {
            // Zero would be for ever.
            session.set_keepalive(Some(self.keepalive.as_secs().max(1)));
        }
        session.set_read_timeout(Some(self.client_timeout));
        session.set_write_timeout(Some(self.client_timeout));
        ctx.peer = session
            .client_addr()
            .and_then(|address| address.as_inet())
            .map(SocketAddr::ip);
        Ok(())
    }

    async fn request_filter(
        &self,
        session: &mut Session,
        ctx: &mut Context,
    ) -> pingora::Result<bool> {
        match admit::admit(session) {
            Ok(body) => ctx.expect(body, session),
            Err(refusal) => {
                if refusal.closes {
                    session.set_keepalive(None);
                }
                return self.refuse(session, ctx, &refusal.error).await;
            }
        }
        let site = Arc::clone(&ctx.site);
        if site.https_only && self.hop(ctx).came_in_plain(&session.req_header().headers) {
            return self.refuse(session, ctx, &failure::plain_http()).await;
        }
        let (head, arrival) = (session.req_header(), self.arrival(session, ctx));
        let decision = site.gateway.decide_at(head, arrival, ctx.now, ctx.id);
        let decision = decision.await;
        let decision = ctx.decision.insert(decision);
        if let Err(error) = &decision.verdict {
            let mut response = site.gateway.refuse(session.req_header(), error, ctx.id);
            decision.tell_legacy(response.headers_mut());
            return self.send_refusal(session, ctx, response).await;
        }
        if ctx.forward().is_some() {
            return self.prepare(session, ctx).await;
        }
        self.answer(session, ctx).await
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        chunk: &mut Option<Bytes>,
        _: bool,
        ctx: &mut Context,
    ) -> pingora::Result<()> {
        // What a tunnel carries is no body: only the upstream's 101 makes one.
        if session.as_downstream().was_upgraded() {
            return Ok(());
        }
        ctx.body_bytes += chunk.as_ref().map_or(0, Bytes::len) as u64;
        if ctx.body_bytes > ctx.body_limit() {
            return pingora::Error::e_explain(
                ErrorType::HTTPStatus(413),
                "the body is larger than its route allows",
            );
        }
        failure::goes_on()
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        ctx: &mut Context,
    ) -> pingora::Result<Box<HttpPeer>> {
        let is_tunnel = headers::is_websocket_handshake(session.req_header());
        let peer = ctx.forward().and_then(|forward| {
            let upstream = ctx.site.upstreams.get(&forward.upstream)?;
            if is_tunnel {
                let visit = Visit::new(&self.site, local::head(session));
                return upstream.tunnel(self.tunnel_timeout, visit);
            }
            upstream.peer(forward.read_timeout)
        });
        let unknown = || {
            pingora::Error::explain(
                ErrorType::ConnectNoRoute,
                "no peer of the upstream is known",
            )
            .into_up()
        };
        peer.map(Box::new).ok_or_else(unknown)
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream: &mut RequestHeader,
        ctx: &mut Context,
    ) -> pingora::Result<()> {
        let Some(forward) = ctx.forward() else {
            return Ok(());
        };
        let received = session.req_header();
        for name in AllowList::with(&forward.extra_headers).dropped(received) {
            upstream.remove_header(name);
        }
        let hop = self.hop(ctx);
        for (name, value) in headers::added(received, &hop, Identity::of(ctx.permit()).as_ref()) {
            upstream.insert_header(name, value)?;
        }
        let peers = ctx.site.upstreams.get(&forward.upstream);
        if let Some(host) = peers.and_then(|peers| peers.host(received)) {
            upstream.insert_header(HOST, host)?;
        }
        upstream.set_uri(rewrite::target(&received.uri, forward));
        credential::sign(ctx, upstream)
    }

    fn error_while_proxy(
        &self,
        peer: &HttpPeer,
        session: &mut Session,
        error: Box<pingora::Error>,
        ctx: &mut Context,
        reused: bool,
    ) -> Box<pingora::Error> {
        let mut error = error.more_context(format!("Peer: {peer}"));
        if failure::may_be_sent_again(session, ctx) {
            // The peer may have closed a connection that lay idle.
            error.retry.decide_reuse(reused);
        } else {
            error.set_retry(false);
        }
        error
    }

    /// Nothing was sent yet: another peer may be tried, whatever the method.
    fn fail_to_connect(
        &self,
        _: &mut Session,
        _: &HttpPeer,
        _: &mut Context,
        mut error: Box<pingora::Error>,
    ) -> Box<pingora::Error> {
        error.set_retry(true);
        error
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Context,
    ) -> pingora::Result<()> {
        ctx.upstream_took = Some(ctx.begun.elapsed());
        credential::hear(ctx, response).await?;
        redirect::check(session.req_header(), response)?;
        forgetting::hear(ctx, session.req_header(), response);
        // Only now is it a tunnel: who merely asks for one has no longer than others to send a request.
        if response.status == StatusCode::SWITCHING_PROTOCOLS {
            watch::became_a_tunnel();
            session.set_read_timeout(Some(self.tunnel_timeout));
        } else if visit::may_last(&response.headers) && !local::is_bodiless(response.status) {
            self.lasts(session, ctx);
        }
        let legacy = ctx.permit().and_then(|permit| permit.principal().legacy());
        for (name, value) in legacy.into_iter().flat_map(Legacy::headers) {
            response.insert_header(name, value)?;
        }
        Ok(())
    }

    /// What is passed on of an answer that lasts. A tunnel sees to itself.
    fn response_body_filter(
        &self,
        session: &mut Session,
        _: &mut Option<Bytes>,
        _: bool,
        _: &mut Context,
    ) -> pingora::Result<Option<Duration>> {
        if session.as_downstream().was_upgraded() {
            return Ok(None);
        }
        failure::goes_on().map(|()| None)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &pingora::Error,
        ctx: &mut Context,
    ) -> FailToProxy {
        let failure = credential::refusal(error, ctx)
            .or_else(|| redirect::refusal(error, ctx))
            .or_else(|| failure::told(error, ctx.body_limit()));
        ctx.fault = failure.as_ref().map_or("client", Error::fault);
        let begun = session.response_written().is_some();
        if let Some(failure) = failure.filter(|_| !begun) {
            session.set_keepalive(None);
            let response = ctx
                .site
                .gateway
                .refuse(session.req_header(), &failure, ctx.id);
            // The client may be gone: there is nobody to tell.
            drop(self.write(session, ctx, response).await);
        }
        FailToProxy {
            error_code: ctx.status,
            can_reuse_downstream: false,
        }
    }

    async fn logging(
        &self,
        session: &mut Session,
        error: Option<&pingora::Error>,
        ctx: &mut Context,
    ) {
        if error.is_none_or(|error| matches!(error.esource(), ErrorSource::Upstream)) {
            patience::answered();
        }
        if let Some(response) = session.response_written() {
            ctx.status = response.status.as_u16();
        }
        let route = ctx
            .decision
            .as_ref()
            .and_then(|decision| decision.route.as_ref());
        let metrics = route.map_or(&self.unrouted, |route| &route.metrics);
        metrics.answered(ctx.status, ctx.auth_outcome(), ctx.begun.elapsed());
        self.access_log.write(ctx.entry(session.req_header()));
    }

    /// Clients that go away are no errors of ours; all others are told in the access log.
    fn suppress_error_log(&self, _: &Session, _: &Context, error: &pingora::Error) -> bool {
        matches!(error.esource(), ErrorSource::Downstream)
    }

    /// Without path and query, which may hold numbers and tokens.
    fn request_summary(&self, session: &Session, ctx: &Context) -> String {
        let route = ctx
            .decision
            .as_ref()
            .and_then(|decision| decision.route.as_ref());
        let route = route.map_or("no route", |route| route.name.as_str());
        format!(
            "{} {route}, decision {}",
            session.req_header().method,
            ctx.id
        )
    }
}
