//! The metrics of one issuer of others' tokens.

use super::BUCKETS;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use std::time::Duration;

/// What is measured of all issuers.
#[derive(Debug)]
pub(super) struct IssuerFamilies {
    validations: IntCounterVec,
    durations: HistogramVec,
    breakers: IntGaugeVec,
    stale: IntCounterVec,
    watched: IntGaugeVec,
}

impl IssuerFamilies {
    #[expect(
        clippy::expect_used,
        reason = "names and labels are constants of this function"
    )]
    pub(super) fn new(registry: &Registry) -> Self {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let family = IntCounterVec::new(Opts::new(name, help), labels).expect("a valid name");
            registry
                .register(Box::new(family.clone()))
                .expect("a new name");
            family
        };
        let gauges = |name: &str, help: &str| {
            let family =
                IntGaugeVec::new(Opts::new(name, help), &["issuer"]).expect("a valid name");
            registry
                .register(Box::new(family.clone()))
                .expect("a new name");
            family
        };
        let options = HistogramOpts::new(
            "callgate_issuer_validation_duration_seconds",
            "Time an issuer took to answer about a token.",
        );
        let durations = HistogramVec::new(options.buckets(BUCKETS.to_vec()), &["issuer"])
            .expect("a valid name");
        registry
            .register(Box::new(durations.clone()))
            .expect("a new name");
        Self {
            validations: counters(
                "callgate_issuer_validations_total",
                "Tokens that an issuer was to be asked about.",
                &["issuer", "result"],
            ),
            durations,
            breakers: gauges(
                "callgate_issuer_breaker",
                "0 while the issuer is asked, 1 while one request finds out, 2 while it is left alone.",
            ),
            stale: counters(
                "callgate_issuer_stale_answers_total",
                "Requests answered by facts that the issuer could not renew.",
                &["issuer"],
            ),
            watched: gauges(
                "callgate_issuer_watched",
                "1 while the issuer tells which sessions end.",
            ),
        }
    }
}

/// The metrics of one issuer.
#[derive(Debug, Clone)]
pub struct IssuerMetrics {
    name: String,
    validations: IntCounterVec,
    duration: Histogram,
    breaker: IntGauge,
    stale: IntCounterVec,
    watched: IntGaugeVec,
}

impl IssuerMetrics {
    pub(super) fn new(name: &str, families: &IssuerFamilies) -> Self {
        Self {
            name: name.to_owned(),
            validations: families.validations.clone(),
            duration: families.durations.with_label_values(&[name]),
            breaker: families.breakers.with_label_values(&[name]),
            stale: families.stale.clone(),
            watched: families.watched.clone(),
        }
    }

    /// The issuer's name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Counts a token that the issuer was to be asked about, and what came of it.
    pub fn validated(&self, result: &str) {
        let labels = [self.name.as_str(), result];
        self.validations.with_label_values(&labels).inc();
    }

    pub fn took(&self, took: Duration) {
        self.duration.observe(took.as_secs_f64());
    }

    pub fn set_breaker(&self, position: i64) {
        self.breaker.set(position);
    }

    pub fn stale_answer(&self) {
        self.stale.with_label_values(&[&self.name]).inc();
    }

    pub fn set_watched(&self, watched: bool) {
        self.watched
            .with_label_values(&[&self.name])
            .set(watched.into());
    }
}
