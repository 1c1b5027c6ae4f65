//! What panics in the midst of a request: whoever asked is refused, and everybody else is served.
//!
//! No credential makes the gateway panic, so the listener here is put together of the program's own parts, with an
//! authenticator and an endpoint that do.

use super::wire::Wire;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::routing::get;
use callgate::auth::{Authenticator, CacheState, Chain, Credential, Glance, Verdict};
use callgate::clock::{Clock, EpochMs};
use callgate::gateway::Gateway;
use callgate::metrics::Metrics;
use callgate::proxy::{AccessLog, Patience, Proxy, Site, Watched};
use callgate::route::{Endpoints, Routes};
use http::Method;
use pingora::apps::{HttpServerOptions, ServerApp};
use pingora::protocols::l4::stream::Stream;
use pingora::proxy::http_proxy;
use pingora::server::configuration::ServerConf;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// Panics over a credential that asks for it, at once or once it has waited.
struct Panics;

#[async_trait]
impl Authenticator for Panics {
    fn glance(&self, credential: &Credential<'_>, _: EpochMs) -> Glance {
        assert!(credential.token != "at-once", "planted-panic");
        Glance::Unsure
    }

    async fn verify(&self, credential: &Credential<'_>, _: EpochMs) -> Option<Verdict> {
        tokio::task::yield_now().await;
        assert!(credential.token != "later", "planted-panic");
        None
    }
}

/// An endpoint that is public, one that is not, and one that panics.
fn site(metrics: &Metrics) -> Site {
    let endpoints = Endpoints::default()
        .public(Method::GET, "/open", get(async || "open"))
        .public(Method::GET, "/panics", get(panics))
        .on(
            Method::GET,
            "/closed",
            "secrets.read",
            get(async || "secret"),
        );
    let gateway = Gateway {
        routes: Routes::new(endpoints.declarations, metrics).unwrap(),
        auth: Chain::new(vec![Arc::new(Panics)]),
        router: endpoints.router,
        dialects: Vec::new(),
        clock: Clock::system(),
        metrics: metrics.clone(),
    };
    Site {
        gateway,
        upstreams: BTreeMap::new(),
        credentials: Arc::default(),
        issuers: Vec::new(),
        trusted: Vec::new(),
        https_only: false,
    }
}

async fn panics() -> &'static str {
    tokio::task::yield_now().await;
    panic!("planted-panic")
}

/// Serves as the program does, until the test ends.
async fn serve(folder: &TempDir) -> SocketAddr {
    let metrics = Metrics::new();
    let log = folder.path().join("access.log");
    let proxy = Proxy {
        site: Arc::new(ArcSwap::from_pointee(site(&metrics))),
        runtime: Handle::current(),
        access_log: AccessLog::start(Some(&log), metrics.clone()).unwrap(),
        under_way: Arc::default(),
        keepalive: Duration::from_secs(20),
        client_timeout: Duration::from_secs(20),
        tunnel_timeout: Duration::from_secs(20),
        https: false,
        unrouted: metrics.route("none"),
    };
    let proxy = http_proxy(&Arc::new(ServerConf::default()), proxy);
    let patience = Duration::from_secs(20);
    let patient = Patience::new(proxy, HttpServerOptions::default(), patience, patience);
    let app = Arc::new(Watched::new(patient));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (_running, shutdown) = watch::channel(false);
        while let Ok((stream, _)) = listener.accept().await {
            let (app, shutdown) = (Arc::clone(&app), shutdown.clone());
            tokio::spawn(async move {
                let mut stream = Some(Box::new(Stream::from(stream)) as _);
                while let Some(open) = stream {
                    stream = app.process_new(open, &shutdown).await;
                }
            });
        }
    });
    address
}

fn asking(path: &str, token: &str) -> String {
    super::get(path, token)
}

#[tokio::test]
async fn at_24_a_panic_is_a_refusal_and_ends_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let address = serve(&folder).await;
    let mut other = Wire::connect(address).await;
    for (path, token) in [
        ("/closed", "at-once"),
        ("/closed", "later"),
        ("/panics", "any"),
    ] {
        let mut wire = Wire::connect(address).await;
        wire.send(&asking(path, token)).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status(), 500, "{path} {token}: {answer:?}");
        let told = answer.text();
        assert!(
            !told.contains("planted") && !told.contains("secret"),
            "{told}"
        );
        assert_eq!(
            answer.json()["decision_id"].as_str().map(str::len),
            Some(32)
        );
        // The connection goes on, and so does everybody else's.
        for wire in [&mut wire, &mut other] {
            for (path, token, status) in [("/open", "any", 200), ("/closed", "any", 401)] {
                wire.send(&asking(path, token)).await;
                assert_eq!(wire.answer().await.status(), status, "{path} {token}");
            }
        }
    }
}

/// In process as well, where there is no task that could have caught it.
#[tokio::test]
async fn at_24_a_panic_decides_on_nothing() {
    let site = site(&Metrics::new());
    for token in ["at-once", "later"] {
        let request =
            http::Request::get("/closed").header("authorization", format!("Bearer {token}"));
        let (head, ()) = request.body(()).unwrap().into_parts();
        let decision = site.gateway.decide(&head).await;
        assert!(decision.verdict.is_err() && decision.principal.is_none());
        assert_eq!(decision.cache, CacheState::None);
    }
}
