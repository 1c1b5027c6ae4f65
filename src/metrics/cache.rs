//! What the cache of token facts did for requests.

use super::counters_in;
use prometheus::{IntCounter, Registry};

/// What the cache did for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheState {
    /// It was not asked.
    #[default]
    None,
    Hit,
    Miss,
    Negative,
    /// What it kept was used past its time, because its source could not be asked.
    Stale,
}

impl CacheState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Negative => "negative",
            Self::Stale => "stale",
        }
    }
}

/// A counter for each, looked up once: a hit should cost no more than it must.
#[derive(Debug)]
pub(super) struct CacheCounters {
    hit: IntCounter,
    miss: IntCounter,
    negative: IntCounter,
    stale: IntCounter,
}

impl CacheCounters {
    pub(super) fn new(registry: &Registry) -> Self {
        let lookups = counters_in(
            registry,
            "callgate_token_cache_lookups_total",
            "Look-ups of token facts.",
            &["result"],
        );
        let counter = |state: CacheState| lookups.with_label_values(&[state.as_str()]);
        Self {
            hit: counter(CacheState::Hit),
            miss: counter(CacheState::Miss),
            negative: counter(CacheState::Negative),
            stale: counter(CacheState::Stale),
        }
    }

    pub(super) fn count(&self, state: CacheState) {
        match state {
            CacheState::None => {}
            CacheState::Hit => self.hit.inc(),
            CacheState::Miss => self.miss.inc(),
            CacheState::Negative => self.negative.inc(),
            CacheState::Stale => self.stale.inc(),
        }
    }
}
