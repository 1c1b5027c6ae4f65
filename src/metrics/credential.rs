//! The metrics of one credential for upstreams.

use prometheus::{GaugeVec, IntCounterVec, Opts, Registry};

/// What is measured of all credentials.
#[derive(Debug)]
pub(super) struct CredentialFamilies {
    presented: IntCounterVec,
    offsets: GaugeVec,
}

impl CredentialFamilies {
    #[expect(
        clippy::expect_used,
        reason = "names and labels are constants of this function"
    )]
    pub(super) fn new(registry: &Registry) -> Self {
        let options = Opts::new(
            "callgate_upstream_credentials_total",
            "Credentials presented to upstreams, or wanting.",
        );
        let presented =
            IntCounterVec::new(options, &["credential", "result"]).expect("a valid name");
        let options = Opts::new(
            "callgate_upstream_clock_offset_seconds",
            "How far the clock of whom a digest is for is ahead of ours, as its answers say.",
        );
        let offsets = GaugeVec::new(options, &["credential"]).expect("a valid name");
        registry
            .register(Box::new(presented.clone()))
            .expect("a new name");
        registry
            .register(Box::new(offsets.clone()))
            .expect("a new name");
        Self { presented, offsets }
    }
}

/// The metrics of one credential.
#[derive(Debug, Clone)]
pub struct CredentialMetrics {
    name: String,
    presented: IntCounterVec,
    offsets: GaugeVec,
}

impl CredentialMetrics {
    pub(super) fn new(name: &str, families: &CredentialFamilies) -> Self {
        Self {
            name: name.to_owned(),
            presented: families.presented.clone(),
            offsets: families.offsets.clone(),
        }
    }

    /// The credential's name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Counts a request, by whether it had what it needed, and how the upstream took it.
    pub fn count(&self, result: &str) {
        let labels = [self.name.as_str(), result];
        self.presented.with_label_values(&labels).inc();
    }

    /// There is none until an upstream has told its time.
    pub fn set_offset(&self, seconds: f64) {
        let labels = [self.name.as_str()];
        self.offsets.with_label_values(&labels).set(seconds);
    }
}
