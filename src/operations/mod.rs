//! The operations listener's own endpoints: health, metrics, reload.

use crate::auth::password;
use crate::clock::Clock;
use crate::error::{Error, Result as Answer};
use crate::http::{Response, empty, response};
use crate::metrics::Metrics;
use crate::route::Endpoints;
use crate::storage::Store;
use axum::extract::State;
use axum::routing::{get, post};
use http::{Method, StatusCode};
use tokio::sync::{mpsc, oneshot};

#[derive(Clone)]
struct Probes {
    store: Store,
    metrics: Metrics,
    clock: Clock,
}

/// Whoever asked for a reload, waiting to hear how it went.
pub type Asked = oneshot::Sender<Result<(), String>>;

/// Where a reload of the configuration is asked for.
#[derive(Debug, Clone)]
pub struct Reloads(mpsc::Sender<Asked>);

impl Reloads {
    /// The two ends: one to ask, one to do it.
    pub fn channel() -> (Self, mpsc::Receiver<Asked>) {
        let (asking, asked) = mpsc::channel(1);
        (Self(asking), asked)
    }

    /// Asks for a reload and waits for it; an error says why the old configuration goes on.
    async fn ask(&self) -> Result<(), String> {
        let (answer, answered) = oneshot::channel();
        let closed = "this process cannot reload its configuration";
        self.0.send(answer).await.map_err(|_| closed.to_owned())?;
        answered.await.map_err(|_| closed.to_owned())?
    }
}

/// `/healthz`: the process lives. `/readyz`: it can serve. `/metrics`: Prometheus' text format.
pub fn endpoints(store: &Store, metrics: &Metrics, clock: &Clock, reloads: &Reloads) -> Endpoints {
    let probes = Probes {
        store: store.clone(),
        metrics: metrics.clone(),
        clock: clock.clone(),
    };
    Endpoints::default()
        .on(
            Method::POST,
            "/admin/reload",
            "admin.reload",
            post(reload).with_state(reloads.clone()),
        )
        .public(Method::GET, "/healthz", get(health))
        .public(
            Method::GET,
            "/readyz",
            get(ready).with_state(probes.clone()),
        )
        .public(Method::GET, "/metrics", get(scrape).with_state(probes))
}

async fn health() -> Response {
    response(StatusCode::OK, "text/plain; charset=utf-8", "ok\n")
}

async fn ready(State(probes): State<Probes>) -> Answer<Response> {
    probes
        .store
        .count_live_calls(probes.clock.now())
        .await
        .map_err(Error::Store)?;
    Ok(response(
        StatusCode::OK,
        "text/plain; charset=utf-8",
        "ready\n",
    ))
}

async fn scrape(State(probes): State<Probes>) -> Response {
    // A scrape during an outage shows the other metrics, and the gauge as it was.
    if let Ok(live) = probes.store.count_live_calls(probes.clock.now()).await {
        probes.metrics.set_calls_live(live);
    }
    probes.metrics.set_passwords_hashed(password::done());
    response(
        StatusCode::OK,
        "text/plain; version=0.0.4; charset=utf-8",
        probes.metrics.render(),
    )
}

async fn reload(State(reloads): State<Reloads>) -> Answer<Response> {
    reloads.ask().await.map_err(Error::BadRequest)?;
    Ok(empty(StatusCode::NO_CONTENT))
}
