//! When a header counts: around the time at which it says that it was made.

use crate::clock::EpochMs;

/// How far `Created` may lie from the clock here, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// In the past.
    pub past: EpochMs,
    /// In the future, as clocks differ.
    pub future: EpochMs,
}

/// A header that counts now, and until when it does: for so long its nonce must be remembered (AT-40).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeliness {
    pub until: EpochMs,
}

/// What Kalliope itself takes: five minutes either way.
impl Default for Window {
    fn default() -> Self {
        const FIVE_MINUTES: EpochMs = 300_000;
        Self {
            past: FIVE_MINUTES,
            future: FIVE_MINUTES,
        }
    }
}

impl Window {
    /// `None` when the header is too old, or from too far ahead.
    pub fn check(self, created: EpochMs, now: EpochMs) -> Option<Timeliness> {
        let until = created.saturating_add(self.past);
        let from = created.saturating_sub(self.future);
        (from <= now && now <= until).then_some(Timeliness { until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_side_has_its_own_bound() {
        let window = Window {
            past: 300_000,
            future: 30_000,
        };
        for (created, counts) in [(0, true), (-300_000, true), (-300_001, false)] {
            assert_eq!(window.check(created, 0).is_some(), counts, "{created}");
        }
        for (created, counts) in [(30_000, true), (30_001, false)] {
            assert_eq!(window.check(created, 0).is_some(), counts, "{created}");
        }
    }

    #[test]
    fn at_40_what_comes_from_the_future_can_be_used_for_longer() {
        let timely = Window::default().check(290_000, 0).unwrap();
        assert_eq!(timely.until, 590_000);
    }

    #[test]
    fn no_time_overflows() {
        for created in [EpochMs::MIN, EpochMs::MAX] {
            assert_eq!(Window::default().check(created, 0), None);
        }
    }
}
