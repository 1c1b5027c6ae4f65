//! Time: the one place that asks what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// Milliseconds since 1970-01-01T00:00:00Z, as stored.
pub type EpochMs = i64;

/// Tells the time: the system's, or in tests one that the test moves.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    manual: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The system's wall clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `now` until [`Clock::advance`] moves it.
    pub fn manual(now: EpochMs) -> Self {
        Self {
            manual: Some(Arc::new(AtomicI64::new(now))),
        }
    }

    pub fn now(&self) -> EpochMs {
        match &self.manual {
            Some(now) => now.load(Ordering::Relaxed),
            None => system_now(),
        }
    }

    /// Moves a manual clock (and all its clones) forward; the system's clock does not move.
    pub fn advance(&self, by: Duration) {
        if let Some(now) = &self.manual {
            now.fetch_add(millis(by), Ordering::Relaxed);
        }
    }
}

/// A duration in whole milliseconds; one too long to express is the longest that can be.
pub fn millis(duration: Duration) -> EpochMs {
    EpochMs::try_from(duration.as_millis()).unwrap_or(EpochMs::MAX)
}

/// Whole seconds from `now` until `then`, none if it has passed.
pub fn seconds_until(then: EpochMs, now: EpochMs) -> u64 {
    u64::try_from(then.saturating_sub(now) / 1000).unwrap_or(0)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the place that asks the system"
)]
fn system_now() -> EpochMs {
    std::time::SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_manual_clock_move_together() {
        let clock = Clock::manual(5_000);
        let other = clock.clone();
        clock.advance(Duration::from_secs(2));
        assert_eq!(other.now(), 7_000);
    }

    #[test]
    fn what_has_passed_is_zero_seconds_away() {
        assert_eq!(seconds_until(1_000, 5_000), 0);
        assert_eq!(seconds_until(5_000, 1_000), 4);
    }
}
