//! The life of a request: route, authenticate, authorize, answer.
//!
//! Nothing here knows Pingora, so a test can hand in a request and look at the response.

use crate::acl::{self, Permit};
use crate::auth::{AuthError, CacheState, Chain, Principal};
use crate::clock::{Clock, EpochMs};
use crate::error::{Error, Failure, Problem, Result};
use crate::http::{
    self as messages, Arrival, DecisionId, Fault, Peer, Request, Response, Transport,
};
use crate::metrics::{AuthOutcome, Metrics};
use crate::route::{Found, Route, Routes};
use axum::Router;
use axum::body::Body;
use futures_util::FutureExt;
use http::HeaderMap;
use http::header::{ACCEPT, VARY};
use http::request::Parts;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tower::ServiceExt;

/// How a failure looks to whoever asked, by the dialect of the path. `None` leaves it in its general form.
pub type Dialect = fn(&Parts, &Problem, DecisionId) -> Option<Response>;

/// All that is built from one version of the configuration, for one listener.
pub struct Gateway {
    pub routes: Routes,
    pub auth: Chain,
    /// The endpoints that are answered here.
    pub router: Router,
    pub dialects: Vec<Dialect>,
    pub clock: Clock,
    pub metrics: Metrics,
}

/// What was decided about a request from its head alone.
#[derive(Debug)]
pub struct Decision {
    pub id: DecisionId,
    /// `None` when no route matched.
    pub route: Option<Arc<Route>>,
    /// Who asked, if that is known, even when the request is refused.
    pub principal: Option<Principal>,
    pub cache: CacheState,
    /// Whether to go on: with a permit, or on a public route without.
    pub verdict: Result<Option<Permit>>,
}

impl Decision {
    /// How authentication ended, for the metrics.
    pub fn auth_outcome(&self) -> AuthOutcome {
        match &self.verdict {
            Ok(Some(_)) => AuthOutcome::Ok,
            Err(Error::Auth(AuthError::Missing)) => AuthOutcome::Missing,
            Err(Error::Auth(AuthError::Unavailable(_))) => AuthOutcome::Unavailable,
            Err(Error::Auth(_)) => AuthOutcome::Invalid,
            Err(Error::Denied(_)) => AuthOutcome::Denied,
            Ok(None) | Err(_) => AuthOutcome::None,
        }
    }

    /// Tells in the answer that the credential came in a legacy way, if it did.
    pub fn tell_legacy(&self, headers: &mut HeaderMap) {
        let principal = self.principal.as_ref();
        if let Some(legacy) = principal.and_then(Principal::legacy) {
            legacy.tell(headers);
        }
    }
}

impl Gateway {
    /// Decides from the head alone, before a byte of the body is read. Its path must be canonical.
    pub async fn decide(&self, head: &Parts) -> Decision {
        let arrival = arrival(head);
        self.decide_at(head, arrival, self.clock.now(), DecisionId::next())
            .await
    }

    /// As [`Gateway::decide`], for a caller that has read the clock and named the decision already.
    pub async fn decide_at(
        &self,
        head: &Parts,
        arrival: Arrival,
        now: EpochMs,
        id: DecisionId,
    ) -> Decision {
        let mut decision = Decision {
            id,
            route: None,
            principal: None,
            cache: CacheState::None,
            verdict: Ok(None),
        };
        let judged = self.judge(head, arrival, now, &mut decision);
        // Nothing panics on input (docs/style.md); if something does, nobody gets in by it.
        let judged = AssertUnwindSafe(judged).catch_unwind().await;
        decision.verdict = judged.unwrap_or(Err(Error::Internal));
        decision
    }

    async fn judge(
        &self,
        head: &Parts,
        arrival: Arrival,
        now: EpochMs,
        decision: &mut Decision,
    ) -> Result<Option<Permit>> {
        let Found { route, required } = self.routes.find(&head.method, head.uri.path())?;
        decision.route = Some(Arc::clone(route));
        let Some(required) = required else {
            return Ok(None);
        };
        let (cache, result) = self.auth.authenticate(head, arrival, now).await;
        decision.cache = cache;
        self.metrics.cache_lookup(cache);
        let principal = result?;
        if let Some(legacy) = principal.legacy() {
            self.metrics.legacy_used(legacy.switch);
        }
        decision.principal = Some(principal.clone());
        Ok(Some(acl::authorize(principal, required)?))
    }

    /// Whether a request that was let in, and still goes on, would be let in now.
    pub async fn still_lets_in(&self, head: &Parts) -> bool {
        let Ok(Found { required, .. }) = self.routes.find(&head.method, head.uri.path()) else {
            return false;
        };
        let Some(required) = required else {
            return true;
        };
        let again = self.auth.authenticate_again(head, self.clock.now()).await;
        again.is_ok_and(|principal| acl::authorize(principal, required).is_ok())
    }

    /// Answers a request for one of the endpoints here, whose head was decided on with `permit`.
    pub async fn answer(
        &self,
        request: Request,
        permit: Option<Permit>,
        id: DecisionId,
    ) -> Response {
        let (mut head, body) = request.into_parts();
        head.extensions.insert(id);
        let carried = permit
            .as_ref()
            .and_then(|permit| permit.principal().legacy());
        if let Some(permit) = permit {
            head.extensions.insert(permit);
        }
        let asked = as_seen_by_dialects(&head);
        let request = http::Request::from_parts(head, Body::from(body));
        let (response, noted) = messages::noting(self.router.clone().oneshot(request)).await;
        let response = response.unwrap_or_else(|never: Infallible| match never {});
        let mut response = match response.extensions().get::<Failure>() {
            Some(Failure(error)) => {
                let mut refused = self.refuse(&asked, error, id);
                refused
                    .headers_mut()
                    .extend(for_other_sites(response.headers()));
                refused
            }
            None => response,
        };
        if let Some(legacy) = carried.or(noted) {
            legacy.tell(response.headers_mut());
        }
        response
    }

    /// The answer to a request that failed, in the dialect of its path.
    pub fn refuse(&self, head: &Parts, error: &Error, id: DecisionId) -> Response {
        let problem = error.problem();
        let mut response = self
            .dialects
            .iter()
            .find_map(|dialect| dialect(head, &problem, id))
            .unwrap_or_else(|| problem.respond(id));
        response.extensions_mut().insert(Fault(error.fault()));
        messages::no_store(response)
    }

    /// Decides on and answers a whole request for one of the endpoints here.
    pub async fn handle(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let decision = self.decide(&head).await;
        match decision.verdict {
            Ok(permit) => {
                self.answer(Request::from_parts(head, body), permit, decision.id)
                    .await
            }
            Err(ref error) => {
                let mut response = self.refuse(&head, error, decision.id);
                decision.tell_legacy(response.headers_mut());
                response
            }
        }
    }
}

/// How a request came that was handed in as a whole: what it says itself, for want of a connection.
fn arrival(head: &Parts) -> Arrival {
    let peer = head.extensions.get::<Peer>();
    let unknown = Arrival {
        client: peer.and_then(|Peer(address)| *address),
        transport: Transport::Plain,
    };
    head.extensions.get().copied().unwrap_or(unknown)
}

/// Who may read an answer is the same when it tells of a failure (Fetch §3.2.3).
fn for_other_sites(headers: &HeaderMap) -> HeaderMap {
    let headers = headers
        .iter()
        .filter(|(name, _)| **name == VARY || name.as_str().starts_with("access-control-"));
    headers
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Method, path and headers: what a dialect needs of a request that a handler has taken.
fn as_seen_by_dialects(head: &Parts) -> Parts {
    let mut request = http::Request::new(());
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    for accept in head.headers.get_all(ACCEPT) {
        request.headers_mut().append(ACCEPT, accept.clone());
    }
    request.into_parts().0
}
