//! How the public listener behaves: the `[server]` section.

use super::forwarded::Network;
use serde::{Deserialize, Deserializer, de};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where the API and the OAuth server listen.
    pub listen: SocketAddr,
    /// The origin by which clients know this gateway; also the issuer of its tokens (RFC 8414).
    pub public_origin: String,
    /// Worker threads; 0 for one a core.
    pub threads: usize,
    pub tls: Option<Tls>,
    /// Networks of proxies whose `X-Forwarded-*` are believed.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<Network>,
    /// How long an idle client connection is kept.
    #[serde(with = "humantime_serde")]
    pub keepalive: Duration,
    /// How long a client may be silent while it sends a request or takes its answer.
    #[serde(with = "humantime_serde")]
    pub client_timeout: Duration,
    /// How long a WebSocket may be silent.
    #[serde(with = "humantime_serde")]
    pub tunnel_timeout: Duration,
    /// How long requests under way may take to end after SIGTERM.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,
    /// The socket over which a new process takes the listeners over.
    pub upgrade_socket: PathBuf,
    /// Idle connections to upstreams that are kept.
    pub upstream_pool: usize,
}

/// A certificate chain and its private key, PEM files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_origin: "http://127.0.0.1:8080".to_owned(),
            threads: 0,
            tls: None,
            trusted_proxies: Vec::new(),
            keepalive: Duration::from_secs(75),
            client_timeout: Duration::from_secs(30),
            tunnel_timeout: Duration::from_hours(1),
            grace: Duration::from_secs(5),
            upgrade_socket: PathBuf::from("var/upgrade.sock"),
            upstream_pool: 1024,
        }
    }
}

fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Network>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts
        .iter()
        .map(|text| text.parse().map_err(de::Error::custom))
        .collect()
}
