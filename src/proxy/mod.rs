//! The gateway as a Pingora proxy: one method a phase, in Pingora's order.

mod access_log;
mod admit;
mod answer;
mod arrival;
mod authority;
mod body;
mod chunks;
mod context;
mod credential;
mod failure;
mod follow;
mod forgetting;
pub mod forwarded;
pub mod frame;
pub mod headers;
mod identity;
mod local;
mod names;
pub mod path;
mod patience;
mod phases;
mod raw_head;
mod redirect;
mod rewrite;
mod settings;
mod streams;
pub mod tls;
mod tunnel;
pub mod upstream;
mod visit;
mod watch;

pub use access_log::AccessLog;
pub use patience::Patience;
pub use settings::{Settings, Tls};
pub use watch::Watched;

use crate::auth::issuer::RemoteTokens;
use crate::gateway::Gateway;
use crate::metrics::RouteMetrics;
use crate::upstream_auth::Credentials;
use arc_swap::ArcSwap;
use forwarded::Network;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use tokio::runtime::Handle;
use upstream::Upstream;

/// What one listener serves; a reload swaps it as a whole.
pub struct Site {
    pub gateway: Gateway,
    pub upstreams: BTreeMap<String, Upstream>,
    /// What is presented to them.
    pub credentials: Arc<Credentials>,
    /// Those whose tokens are forgotten when they end by a request to them.
    pub issuers: Vec<Arc<RemoteTokens>>,
    /// Networks of proxies whose `X-Forwarded-*` are believed.
    pub trusted: Vec<Network>,
    /// Whether clients know the gateway by https, so that what came to a proxy in plain is refused.
    pub https_only: bool,
}

/// A listener's proxy.
pub struct Proxy {
    /// The site that requests begin with from now on.
    pub site: Arc<ArcSwap<Site>>,
    /// Where requests that are answered here run to their end, whatever becomes of their connections.
    pub runtime: Handle,
    pub access_log: AccessLog,
    /// Requests under way on all listeners.
    pub under_way: Arc<AtomicUsize>,
    pub keepalive: Duration,
    pub client_timeout: Duration,
    pub tunnel_timeout: Duration,
    pub https: bool,
    /// Where requests are counted that no route matched.
    pub unrouted: RouteMetrics,
}
