//! The operations listener's own endpoints: health and metrics.

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::http::{Response, response};
use crate::metrics::Metrics;
use crate::route::Endpoints;
use crate::storage::Store;
use axum::extract::State;
use axum::routing::get;
use http::{Method, StatusCode};

#[derive(Clone)]
struct Probes {
    store: Store,
    metrics: Metrics,
    clock: Clock,
}

/// `/healthz`: the process lives. `/readyz`: it can serve. `/metrics`: Prometheus' text format.
pub fn endpoints(store: &Store, metrics: &Metrics, clock: &Clock) -> Endpoints {
    let probes = Probes {
        store: store.clone(),
        metrics: metrics.clone(),
        clock: clock.clone(),
    };
    Endpoints::default()
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

async fn ready(State(probes): State<Probes>) -> Result<Response> {
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
    response(
        StatusCode::OK,
        "text/plain; version=0.0.4; charset=utf-8",
        probes.metrics.render(),
    )
}
