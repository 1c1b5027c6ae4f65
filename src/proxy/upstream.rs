//! Upstreams: the systems that requests are proxied to, their peers, and whether those are well.

use super::tunnel::Polite;
use super::visit::Visit;
use async_trait::async_trait;
use http::HeaderValue;
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use pingora::lb::discovery::ServiceDiscovery;
use pingora::lb::health_check::{HealthCheck, HttpHealthCheck, TcpHealthCheck};
use pingora::lb::selection::RoundRobin;
use pingora::lb::{Backend, Backends, LoadBalancer};
use pingora::prelude::{Error, ErrorType, HttpPeer, OrErr};
use pingora::protocols::l4::socket::SocketAddr;
use pingora::protocols::tls::CaType;
use pingora::upstreams::peer::PeerOptions;
use pingora::utils::tls::{WrappedX509, parse_x509};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap};
use std::net;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// What `[[upstream]]` says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    pub name: String,
    /// `address:port` or `name:port`; requests go to them in turn.
    pub peers: Vec<String>,
    /// Speak TLS to the peers, and verify who they are.
    #[serde(default)]
    pub tls: bool,
    /// The host that peers are asked for, whose name a certificate must bear; needed with `tls`.
    pub server_name: Option<String>,
    /// PEM file of the authorities that may vouch for the peers, instead of the system's.
    pub ca: Option<PathBuf>,
    #[serde(default = "connect_timeout", with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// Keep it below the peer's own, or requests meet connections that are being closed.
    #[serde(default = "idle_timeout", with = "humantime_serde")]
    pub idle_timeout: Duration,
    #[serde(default)]
    pub health: Health,
}

/// How the peers' health is checked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// A path that answers 200 when the peer is well; without one, a peer that accepts connections is well.
    pub path: Option<String>,
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// Failures in a row after which a peer is left out, successes after which it is back.
    pub failures: usize,
    pub successes: usize,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            path: None,
            interval: Duration::from_secs(5),
            failures: 2,
            successes: 1,
        }
    }
}

const fn connect_timeout() -> Duration {
    Duration::from_secs(3)
}

const fn idle_timeout() -> Duration {
    Duration::from_secs(30)
}

impl Spec {
    /// Whether a request to it can be read on the way: it is plain http, and not all on this machine.
    pub fn is_overheard(&self) -> bool {
        let here = |peer: &String| {
            let address: Option<net::SocketAddr> = peer.parse().ok();
            address.is_some_and(|address| address.ip().is_loopback())
        };
        !self.tls && !self.peers.iter().all(here)
    }

    /// What is wrong with it: the key, and why.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let bad_peer = self.peers.iter().find(|peer| authority(peer).is_none());
        let faults = [
            self.peers
                .is_empty()
                .then(|| ("peers", "name at least one peer".to_owned())),
            bad_peer.map(|peer| ("peers", format!("`{peer}` is not of the form host:port"))),
            // Without a name Pingora would verify nothing.
            (self.tls && self.server_name.as_deref().unwrap_or_default().is_empty()).then(|| {
                (
                    "server_name",
                    "TLS needs the name that the peer's certificate bears".to_owned(),
                )
            }),
            self.ca
                .as_deref()
                .and_then(|path| authorities(path).err())
                .map(|error| ("ca", error)),
        ];
        faults.into_iter().flatten().collect()
    }
}

static GROUPS: AtomicU64 = AtomicU64::new(1);

/// An upstream in use. Its health checks end when it is dropped.
pub struct Upstream {
    balancer: Arc<LoadBalancer<RoundRobin>>,
    tls: bool,
    server_name: String,
    host: Option<HeaderValue>,
    first_peer: Option<HeaderValue>,
    options: PeerOptions,
    /// Unlike any other upstream's, of this configuration or one before: connections are not shared, since who
    /// vouched for one may not be trusted here.
    group: u64,
    /// Of the connections on which WebSockets are opened.
    tunnels: u64,
    checks: AbortHandle,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.checks.abort();
    }
}

impl Upstream {
    /// Resolves the peers, and from then on checks their health on `runtime`. A peer counts as well until it is
    /// found not to be.
    pub async fn start(spec: &Spec, runtime: &Handle) -> Result<Self, String> {
        let mut options = PeerOptions::new();
        options.connection_timeout = Some(spec.connect_timeout);
        options.total_connection_timeout = Some(spec.connect_timeout.saturating_mul(2));
        options.idle_timeout = Some(spec.idle_timeout);
        options.ca = spec.ca.as_deref().map(authorities).transpose()?;
        let discovery = Names(spec.peers.clone());
        let mut balancer = LoadBalancer::from_backends(Backends::new(Box::new(discovery)));
        balancer.set_health_check(check(spec, &options));
        let balancer = Arc::new(balancer);
        if let Err(error) = balancer.update().await {
            tracing::warn!(upstream = spec.name, %error, "the peers cannot be resolved yet");
        }
        let checks = runtime.spawn(keep_checking(Arc::clone(&balancer), spec.health.interval));
        Ok(Self {
            balancer,
            tls: spec.tls,
            server_name: spec.server_name.clone().unwrap_or_default(),
            host: spec
                .server_name
                .as_deref()
                .and_then(|name| HeaderValue::from_str(name).ok()),
            first_peer: spec
                .peers
                .first()
                .and_then(|peer| HeaderValue::from_str(peer).ok()),
            options,
            group: GROUPS.fetch_add(1, Ordering::Relaxed),
            tunnels: GROUPS.fetch_add(1, Ordering::Relaxed),
            checks: checks.abort_handle(),
        })
    }

    /// Whom its peers are asked for: the configured name, else what the client asked for. In HTTP/1.0 that may be nobody;
    /// then it is the first peer, as it is configured, since HTTP/1.1 goes up (RFC 9112 §3.2).
    pub fn host(&self, received: &Parts) -> Option<HeaderValue> {
        let authority = received.uri.authority().map(Authority::as_str);
        let authority = authority.and_then(|host| HeaderValue::from_str(host).ok());
        let asked = || authority.or_else(|| received.headers.get(HOST).cloned());
        let host = self.host.clone().or_else(asked);
        host.or_else(|| self.first_peer.clone())
    }

    /// The next peer that is well; if none is, the next, since a check may be wrong; `None` when no peer is known.
    pub fn peer(&self, read_timeout: Duration) -> Option<HttpPeer> {
        let backend = self
            .balancer
            .select(b"", 256)
            .or_else(|| self.balancer.select_with(b"", 1, |_, _| true))?;
        let SocketAddr::Inet(address) = backend.addr else {
            return None;
        };
        let mut peer = HttpPeer::new(address, self.tls, self.server_name.clone());
        peer.options = self.options.clone();
        peer.options.read_timeout = Some(read_timeout);
        peer.options.write_timeout = Some(read_timeout);
        peer.group_key = self.group;
        Some(peer)
    }

    /// As [`Upstream::peer`], for a WebSocket that may be silent for `timeout`, and ends when `visit` may not go on.
    pub fn tunnel(&self, timeout: Duration, visit: Visit) -> Option<HttpPeer> {
        let mut peer = self.peer(timeout)?;
        peer.options.custom_l4 = Some(Arc::new(Polite { visit }));
        peer.group_key = self.tunnels;
        Some(peer)
    }
}

async fn keep_checking(balancer: Arc<LoadBalancer<RoundRobin>>, interval: Duration) {
    let mut tick = tokio::time::interval(interval.max(Duration::from_millis(100)));
    loop {
        tick.tick().await;
        if let Err(error) = balancer.update().await {
            tracing::debug!(%error, "the peers cannot be resolved");
        }
        balancer.backends().run_health_check(true).await;
    }
}

fn check(spec: &Spec, options: &PeerOptions) -> Box<dyn HealthCheck + Send + Sync> {
    let name = spec.server_name.as_deref().unwrap_or_default();
    let Some(path) = &spec.health.path else {
        let mut check = TcpHealthCheck::default();
        check.peer_template.options.connection_timeout = Some(spec.connect_timeout);
        check.consecutive_failure = spec.health.failures.max(1);
        check.consecutive_success = spec.health.successes.max(1);
        return Box::new(check);
    };
    let host = if name.is_empty() {
        spec.peers.first().map_or("", String::as_str)
    } else {
        name
    };
    let mut check = HttpHealthCheck::new(host, spec.tls);
    name.clone_into(&mut check.peer_template.sni);
    check.peer_template.options.ca.clone_from(&options.ca);
    check.peer_template.options.connection_timeout = Some(spec.connect_timeout);
    check.consecutive_failure = spec.health.failures.max(1);
    check.consecutive_success = spec.health.successes.max(1);
    if let Ok(uri) = path.parse() {
        check.req.set_uri(uri);
    }
    Box::new(check)
}

/// Peers by name, resolved anew at each check.
struct Names(Vec<String>);

#[async_trait]
impl ServiceDiscovery for Names {
    async fn discover(&self) -> pingora::Result<(BTreeSet<Backend>, HashMap<u64, bool>)> {
        let mut backends = BTreeSet::new();
        for name in &self.0 {
            let found = tokio::net::lookup_host(name).await;
            for address in
                found.or_err_with(ErrorType::ConnectNoRoute, || format!("resolving {name}"))?
            {
                backends.insert(Backend::new(&address.to_string())?);
            }
        }
        if backends.is_empty() {
            return Error::e_explain(ErrorType::ConnectNoRoute, "no peer has an address");
        }
        Ok((backends, HashMap::new()))
    }
}

fn authority(peer: &str) -> Option<Authority> {
    let authority: Authority = peer.parse().ok()?;
    authority.port_u16().map(|_| authority)
}

/// The certificates of a PEM file.
fn authorities(path: &Path) -> Result<Arc<CaType>, String> {
    let unusable =
        |error: rustls::pki_types::pem::Error| format!("cannot use `{}`: {error}", path.display());
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_file_iter(path).map_err(unusable)? {
        let certificate = certificate.map_err(unusable)?;
        certificates.push(WrappedX509::new(certificate.to_vec(), parse_x509));
    }
    if certificates.is_empty() {
        return Err(format!("`{}` has no certificate", path.display()));
    }
    Ok(certificates.into())
}
