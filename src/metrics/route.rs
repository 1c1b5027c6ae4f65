//! The metrics of one route.

use super::AuthOutcome;
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};
use std::sync::OnceLock;
use std::time::Duration;

/// The counters of one route. Each is looked up once, so that a request costs a few nanoseconds.
#[derive(Debug)]
pub struct RouteMetrics {
    name: String,
    requests: IntCounterVec,
    /// By status class and outcome of authentication.
    counters: [[OnceLock<IntCounter>; AuthOutcome::ALL.len()]; 5],
    duration: Histogram,
}

impl RouteMetrics {
    pub(super) fn new(name: &str, requests: &IntCounterVec, durations: &HistogramVec) -> Self {
        Self {
            name: name.to_owned(),
            requests: requests.clone(),
            counters: Default::default(),
            duration: durations.with_label_values(&[name]),
        }
    }

    /// Counts a request that was answered with `status` after `took`.
    pub fn answered(&self, status: u16, auth: AuthOutcome, took: Duration) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        let counter = self
            .counters
            .get(class)
            .and_then(|row| row.get(auth as usize));
        if let Some(counter) = counter {
            counter.get_or_init(|| self.resolve(class + 1, auth)).inc();
        }
        self.duration.observe(took.as_secs_f64());
    }

    fn resolve(&self, class: usize, auth: AuthOutcome) -> IntCounter {
        let status = format!("{class}xx");
        let labels = [self.name.as_str(), &status, auth.as_str()];
        self.requests.with_label_values(&labels)
    }
}
