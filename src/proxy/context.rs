//! What the phases of one request share.

use super::Site;
use super::access_log::Entry;
use super::body::Body;
use crate::acl::Permit;
use crate::auth::CacheState;
use crate::clock::EpochMs;
use crate::gateway::Decision;
use crate::http::{AboutCall, DecisionId};
use crate::metrics::AuthOutcome;
use crate::route::{Forward, Target};
use crate::upstream_auth::Signer;
use http::request::Parts;
use pingora::proxy::Session;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub struct Context {
    /// The site that this request began with; a reload does not change it.
    pub(super) site: Arc<Site>,
    /// Names the request in its answer and in the log.
    pub(super) id: DecisionId,
    pub(super) begun: Instant,
    pub(super) now: EpochMs,
    pub(super) decision: Option<Decision>,
    /// Whose fault a failure was.
    pub(super) fault: &'static str,
    pub(super) peer: Option<IpAddr>,
    /// Signs what goes upstream, on a route with a credential.
    pub(super) signer: Option<Signer>,
    pub(super) body_bytes: u64,
    /// Whether something comes after the head.
    pub(super) has_body: bool,
    /// When the upstream's answer began.
    pub(super) upstream_took: Option<Duration>,
    pub(super) about: Option<AboutCall>,
    pub(super) status: u16,
    _under_way: UnderWay,
}

impl Context {
    pub(super) fn new(site: Arc<Site>, under_way: &Arc<AtomicUsize>) -> Self {
        let now = site.gateway.clock.now();
        Self {
            site,
            id: DecisionId::next(),
            begun: Instant::now(),
            now,
            decision: None,
            fault: "none",
            peer: None,
            signer: None,
            body_bytes: 0,
            has_body: false,
            upstream_took: None,
            about: None,
            status: 0,
            _under_way: UnderWay::begin(under_way),
        }
    }

    /// Takes note of the body that the head announced.
    pub(super) fn expect(&mut self, body: Body, session: &mut Session) {
        self.has_body = match body {
            Body::Absent | Body::Sized(0) => false,
            Body::Sized(_) => true,
            Body::Unsized => session.as_http1().is_some() || !session.is_body_empty(),
        };
    }

    /// How the request goes on, if it is proxied.
    pub(super) fn forward(&self) -> Option<&Forward> {
        match &self.decision.as_ref()?.route.as_ref()?.target {
            Target::Upstream(forward) => Some(forward),
            Target::Local => None,
        }
    }

    /// The proof that the caller may, unless the route is public.
    pub(super) fn permit(&self) -> Option<&Permit> {
        self.decision.as_ref()?.verdict.as_ref().ok()?.as_ref()
    }

    /// The bytes that the body may have.
    pub(super) fn body_limit(&self) -> u64 {
        let route = self
            .decision
            .as_ref()
            .and_then(|decision| decision.route.as_ref());
        route.map_or(0, |route| route.body_limit)
    }

    /// The request's line in the access log.
    pub(super) fn entry(&self, head: &Parts) -> Entry {
        let decision = self.decision.as_ref();
        let principal = decision.and_then(|decision| decision.principal.as_ref());
        let took = self.begun.elapsed();
        Entry {
            at: self.now,
            decision: self.id,
            method: head.method.clone(),
            route: decision.and_then(|decision| decision.route.clone()),
            status: self.status,
            auth: self.auth_outcome(),
            cache: decision.map_or(CacheState::None, |decision| decision.cache),
            principal: principal.cloned(),
            call: self.about.clone(),
            took,
            upstream_took: self.upstream_took,
            fault: self.fault,
            peer: self.peer,
            trace: trace_id(head),
        }
    }

    pub(super) fn auth_outcome(&self) -> AuthOutcome {
        self.decision
            .as_ref()
            .map_or(AuthOutcome::None, Decision::auth_outcome)
    }
}

/// The trace that the request belongs to (W3C Trace Context §3.2): 32 hexadecimal digits.
fn trace_id(head: &Parts) -> Option<String> {
    let parent = head.headers.get("traceparent")?.to_str().ok()?;
    let id = parent.split('-').nth(1)?;
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_owned())
}

/// Counts requests that are under way. In `Drop`, since a request's task may be dropped at any point.
struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
