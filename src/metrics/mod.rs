//! Prometheus metrics: what is counted and how it is called. No label holds anything of a user.

mod cache;
mod credential;
mod issuer;
mod route;

pub use cache::CacheState;
pub use credential::CredentialMetrics;
pub use issuer::IssuerMetrics;
pub use route::RouteMetrics;

use cache::CacheCounters;
use credential::CredentialFamilies;
use issuer::IssuerFamilies;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};
use std::sync::Arc;
use std::time::Duration;

/// From 100 µs, a cached token, to 30 s, a telephone system that sleeps.
const BUCKETS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0,
];

/// All metrics of the process; clones share them.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Families>);

#[derive(Debug)]
struct Families {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    cache: CacheCounters,
    live: IntGauge,
    passwords: IntGauge,
    admitted: IntCounter,
    refused: IntCounterVec,
    released: IntCounterVec,
    backend: HistogramVec,
    backend_errors: IntCounterVec,
    store: HistogramVec,
    tokens: IntCounterVec,
    legacy: IntCounterVec,
    provider_refreshes: IntCounterVec,
    audited: IntCounterVec,
    throttled: IntCounterVec,
    digests: IntCounterVec,
    log_dropped: IntGauge,
    issuers: IssuerFamilies,
    credentials: CredentialFamilies,
}

/// How authentication of a request ended, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthOutcome {
    /// The route is public, or there was none.
    None,
    Ok,
    Missing,
    Invalid,
    Denied,
    Unavailable,
}

impl AuthOutcome {
    const ALL: [&'static str; 6] = ["none", "ok", "missing", "invalid", "denied", "unavailable"];

    pub fn as_str(self) -> &'static str {
        Self::ALL.get(self as usize).copied().unwrap_or("none")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// # Panics
    /// When two metrics have one name: a mistake that every start would show.
    pub fn new() -> Self {
        let registry = Registry::new();
        let counters =
            |name: &str, help: &str, labels: &[&str]| counters_in(&registry, name, help, labels);
        let histograms =
            |name: &str, help: &str, labels: &[&str]| histograms_in(&registry, name, help, labels);
        let gauge = |name: &str, help: &str| gauge_in(&registry, name, help);
        let families = Families {
            requests: counters(
                "callgate_requests_total",
                "Requests answered.",
                &["route", "status", "auth"],
            ),
            durations: histograms(
                "callgate_request_duration_seconds",
                "Time from a request's head to the end of its answer.",
                &["route"],
            ),
            cache: CacheCounters::new(&registry),
            live: gauge(
                "callgate_calls_live",
                "Calls that hold a slot, at the time of the scrape.",
            ),
            passwords: gauge(
                "callgate_passwords_hashed",
                "Passwords hashed or checked since the start.",
            ),
            admitted: counters("callgate_calls_admitted_total", "Calls admitted.", &[])
                .with_label_values::<&str>(&[]),
            refused: counters(
                "callgate_calls_refused_total",
                "Calls not admitted.",
                &["reason"],
            ),
            released: counters(
                "callgate_calls_released_total",
                "Slots given back.",
                &["reason"],
            ),
            backend: histograms(
                "callgate_backend_duration_seconds",
                "Time a call backend took.",
                &["backend", "operation"],
            ),
            backend_errors: counters(
                "callgate_backend_errors_total",
                "Failures of call backends.",
                &["backend", "operation", "error"],
            ),
            store: histograms(
                "callgate_store_duration_seconds",
                "Time a transaction of the store took, commit and queue included.",
                &["operation"],
            ),
            tokens: counters(
                "callgate_tokens_issued_total",
                "Token responses.",
                &["grant"],
            ),
            legacy: counters(
                "callgate_legacy_uses_total",
                "Uses of a client's legacy switch.",
                &["switch"],
            ),
            audited: counters(
                "callgate_audit_events_total",
                "Events of the audit log.",
                &["event"],
            ),
            provider_refreshes: counters(
                "callgate_provider_refresh_total",
                "Attempts to renew a user's token at another provider.",
                &["provider", "result"],
            ),
            throttled: counters("callgate_throttled_total", "Attempts refused.", &["what"]),
            digests: counters(
                "callgate_digests_total",
                "Requests with Kalliope's digest.",
                &["result"],
            ),
            log_dropped: gauge(
                "callgate_access_log_dropped_lines",
                "Lines of the access log that were dropped since the start.",
            ),
            issuers: IssuerFamilies::new(&registry),
            credentials: CredentialFamilies::new(&registry),
            registry,
        };
        let metrics = Self(Arc::new(families));
        metrics.add_build_info();
        metrics
    }

    /// The metrics of one route, with its children resolved once.
    pub fn route(&self, name: &str) -> RouteMetrics {
        RouteMetrics::new(name, &self.0.requests, &self.0.durations)
    }

    /// The metrics of one issuer of others' tokens.
    pub fn issuer(&self, name: &str) -> IssuerMetrics {
        IssuerMetrics::new(name, &self.0.issuers)
    }

    pub fn cache_lookup(&self, state: CacheState) {
        self.0.cache.count(state);
    }

    pub fn call_admitted(&self) {
        self.0.admitted.inc();
    }

    pub fn call_refused(&self, reason: &str) {
        self.0.refused.with_label_values(&[reason]).inc();
    }

    pub fn calls_released(&self, reason: &str, count: u64) {
        self.0.released.with_label_values(&[reason]).inc_by(count);
    }

    pub fn backend_answered(&self, backend: &str, operation: &str, took: Duration) {
        let labels = [backend, operation];
        self.0
            .backend
            .with_label_values(&labels)
            .observe(took.as_secs_f64());
    }

    pub fn backend_failed(&self, backend: &str, operation: &str, error: &str) {
        self.0
            .backend_errors
            .with_label_values(&[backend, operation, error])
            .inc();
    }

    pub fn store_answered(&self, operation: &str, took: Duration) {
        self.0
            .store
            .with_label_values(&[operation])
            .observe(took.as_secs_f64());
    }

    pub fn tokens_issued(&self, grant: &str) {
        self.0.tokens.with_label_values(&[grant]).inc();
    }

    pub fn throttled(&self, what: &str) {
        self.0.throttled.with_label_values(&[what]).inc();
    }

    pub fn legacy_used(&self, switch: &str) {
        self.0.legacy.with_label_values(&[switch]).inc();
    }

    pub fn digest_verified(&self, result: &str) {
        self.0.digests.with_label_values(&[result]).inc();
    }

    pub fn audited(&self, event: &str) {
        self.0.audited.with_label_values(&[event]).inc();
    }

    pub fn provider_refreshed(&self, provider: &str, result: &str) {
        self.0
            .provider_refreshes
            .with_label_values(&[provider, result])
            .inc();
    }

    /// The metrics of one credential for upstreams.
    pub fn credential(&self, name: &str) -> CredentialMetrics {
        CredentialMetrics::new(name, &self.0.credentials)
    }

    pub fn set_calls_live(&self, live: i64) {
        self.0.live.set(live);
    }

    pub fn set_passwords_hashed(&self, count: u64) {
        self.0
            .passwords
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub fn set_access_log_dropped(&self, lines: u64) {
        self.0
            .log_dropped
            .set(i64::try_from(lines).unwrap_or(i64::MAX));
    }

    /// Everything, in Prometheus' text format 0.0.4.
    pub fn render(&self) -> Vec<u8> {
        let mut text = Vec::new();
        // Writing into memory fails only for a family without a name.
        if let Err(error) = TextEncoder::new().encode(&self.0.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics cannot be rendered");
        }
        text
    }

    #[expect(
        clippy::expect_used,
        reason = "name and label are constants of this function"
    )]
    fn add_build_info(&self) {
        let options = Opts::new("callgate_build_info", "1, with the program's version.")
            .const_label("version", env!("CARGO_PKG_VERSION"));
        let info = IntGauge::with_opts(options).expect("a valid name");
        info.set(1);
        self.0
            .registry
            .register(Box::new(info))
            .expect("a new name");
    }
}

#[expect(clippy::expect_used, reason = "names are constants of `Metrics::new`")]
fn counters_in(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    let family = IntCounterVec::new(Opts::new(name, help), labels).expect("a valid name");
    registry
        .register(Box::new(family.clone()))
        .expect("a new name");
    family
}

#[expect(clippy::expect_used, reason = "names are constants of `Metrics::new`")]
fn histograms_in(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
    let options = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
    let family = HistogramVec::new(options, labels).expect("a valid name");
    registry
        .register(Box::new(family.clone()))
        .expect("a new name");
    family
}

#[expect(clippy::expect_used, reason = "names are constants of `Metrics::new`")]
fn gauge_in(registry: &Registry, name: &str, help: &str) -> IntGauge {
    let gauge = IntGauge::new(name, help).expect("a valid name");
    registry
        .register(Box::new(gauge.clone()))
        .expect("a new name");
    gauge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_by_route_class_and_outcome() {
        let metrics = Metrics::new();
        let route = metrics.route("pbx");
        route.answered(204, AuthOutcome::Ok, Duration::from_micros(80));
        route.answered(401, AuthOutcome::Missing, Duration::from_micros(80));
        let text = String::from_utf8(metrics.render()).unwrap();
        assert!(
            text.contains(r#"callgate_requests_total{auth="ok",route="pbx",status="2xx"} 1"#),
            "{text}"
        );
        assert!(
            text.contains(r#"callgate_requests_total{auth="missing",route="pbx",status="4xx"} 1"#),
            "{text}"
        );
        assert!(
            text.contains(r#"callgate_request_duration_seconds_bucket{route="pbx",le="0.0001"} 2"#),
            "{text}"
        );
    }
}
