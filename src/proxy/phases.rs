//! Pingora's phases, in their order.

use super::context::Context;
use super::forwarded::Hop;
use super::headers::{self, AllowList};
use super::identity::Identity;
use super::tunnel::Visit;
use super::upstream::Upstream;
use super::{Proxy, admit, credential, failure, forgetting, local, patience, rewrite};
use crate::acl::Permit;
use crate::error::Error;
use crate::http::{AboutCall, Fault, Legacy, Peer, Request, Response};
use crate::token::Subject;
use async_trait::async_trait;
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Method, StatusCode};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::prelude::HttpPeer;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::{ErrorSource, ErrorType};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

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
        let decision = site
            .gateway
            .decide_at(session.req_header(), ctx.now, ctx.id)
            .await;
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
        Ok(())
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
        let hop = Hop {
            peer: ctx.peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            https: self.https,
            trusted: &ctx.site.trusted,
        };
        for (name, value) in headers::added(received, &hop, identity(ctx.permit()).as_ref()) {
            upstream.insert_header(name, value)?;
        }
        let named = ctx
            .site
            .upstreams
            .get(&forward.upstream)
            .and_then(Upstream::host);
        if let Some(host) = named.or_else(|| {
            received
                .uri
                .authority()
                .and_then(|host| HeaderValue::from_str(host.as_str()).ok())
        }) {
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
        forgetting::hear(ctx, session.req_header(), response);
        // Only now is it a tunnel: who merely asks for one has no longer than others to send a request.
        if response.status == StatusCode::SWITCHING_PROTOCOLS {
            session.set_read_timeout(Some(self.tunnel_timeout));
        }
        let legacy = ctx.permit().and_then(|permit| permit.principal().legacy());
        for (name, value) in legacy.into_iter().flat_map(Legacy::headers) {
            response.insert_header(name, value)?;
        }
        Ok(())
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &pingora::Error,
        ctx: &mut Context,
    ) -> FailToProxy {
        let failure =
            credential::refusal(error, ctx).or_else(|| failure::told(error, ctx.body_limit()));
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

    async fn logging(&self, session: &mut Session, _: Option<&pingora::Error>, ctx: &mut Context) {
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

impl Proxy {
    /// Answers a request here. It runs to its end even if the client goes away meanwhile (calls.md S5).
    async fn answer(&self, session: &mut Session, ctx: &mut Context) -> pingora::Result<bool> {
        let mut head = local::head(session);
        let body = match local::body(session, ctx.body_limit()).await? {
            Ok(body) => body,
            Err(error) => return self.refuse(session, ctx, &error).await,
        };
        head.extensions.insert(Peer(self.client(session, ctx)));
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
    async fn prepare(&self, session: &mut Session, ctx: &mut Context) -> pingora::Result<bool> {
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
        Ok(false)
    }

    async fn refuse(
        &self,
        session: &mut Session,
        ctx: &mut Context,
        error: &Error,
    ) -> pingora::Result<bool> {
        let response = ctx.site.gateway.refuse(session.req_header(), error, ctx.id);
        self.send_refusal(session, ctx, response).await
    }

    /// Answers a request that will not be served. Its body is read if it is small; else the connection ends.
    async fn send_refusal(
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

    async fn write(
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

    /// The client's address, as far as the peer is trusted to tell it.
    fn client(&self, session: &Session, ctx: &Context) -> Option<IpAddr> {
        let hop = Hop {
            peer: ctx.peer?,
            https: self.https,
            trusted: &ctx.site.trusted,
        };
        hop.client(&session.req_header().headers)
    }
}

/// Who asks, for the upstream; nobody on a public route.
fn identity(permit: Option<&Permit>) -> Option<Identity<'_>> {
    let permit = permit?;
    let principal = permit.principal();
    Some(Identity {
        user: match &principal.subject {
            Subject::User(_) => Some(&principal.name),
            Subject::Client(_) | Subject::External(_) | Subject::Operator => None,
        },
        external: match &principal.subject {
            Subject::External(external) => Some((external.issuer(), external.subject())),
            _ => None,
        },
        tenant: &principal.tenant,
        client: Some(&principal.client),
        access: permit.access(),
    })
}
