//! How far an upstream's clock is from ours, as the `Date` of its answers says: a digest counts for minutes, by its clock.

use crate::clock::{EpochMs, millis};
use crate::http::date;
use crate::metrics::CredentialMetrics;
use http::HeaderMap;
use http::header::{AGE, DATE};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

/// A difference within this is what `Date`, in whole seconds, and the way of an answer make of none.
const NONE: Duration = Duration::from_secs(2);
/// An answer that took longer says too little.
const PROMPT: Duration = Duration::from_secs(5);
/// From here on somebody must see to one of the clocks.
const ALARMING: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(super) struct Skew {
    /// Milliseconds by which its clock is ahead of ours.
    ahead: AtomicI64,
    has_alarmed: AtomicBool,
    metrics: CredentialMetrics,
}

impl Skew {
    pub(super) const fn new(metrics: CredentialMetrics) -> Self {
        Self {
            ahead: AtomicI64::new(0),
            has_alarmed: AtomicBool::new(false),
            metrics,
        }
    }

    /// The time there when it is `now` here. Never ahead of it, so that nothing is signed in its future.
    pub(super) fn there(&self, now: EpochMs) -> EpochMs {
        now.saturating_add(self.ahead.load(Ordering::Relaxed))
    }

    /// Hears an answer that came at `now` to what was sent at `sent_at`.
    pub(super) fn hear(&self, headers: &HeaderMap, sent_at: EpochMs, now: EpochMs) {
        let took = now.saturating_sub(sent_at);
        // What came out of a cache (RFC 9111 §5.1) says when it was put there.
        if headers.contains_key(AGE) || !(0..=millis(PROMPT)).contains(&took) {
            return;
        }
        let Some(date) = date(headers, &DATE) else {
            return;
        };
        let ahead = date.saturating_sub(now);
        let ahead = if ahead.abs() <= millis(NONE) {
            0
        } else {
            ahead
        };
        self.ahead.store(ahead, Ordering::Relaxed);
        self.tell(ahead);
    }

    fn tell(&self, ahead: EpochMs) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds of this millennium are exact in an f64"
        )]
        let seconds = ahead as f64 / 1000.0;
        self.metrics.set_offset(seconds);
        let is_alarming = ahead.abs() > millis(ALARMING);
        if self.has_alarmed.swap(is_alarming, Ordering::Relaxed) == is_alarming {
            return;
        }
        let credential = self.metrics.name();
        if is_alarming {
            tracing::error!(credential, seconds, "the upstream's clock is not ours");
        } else {
            tracing::info!(credential, seconds, "the upstream's clock is ours again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    /// Sun, 06 Nov 1994 08:49:37 GMT
    const THEN: EpochMs = 784_111_777_000;

    fn heard(now: EpochMs, headers: &[(&'static str, &str)]) -> EpochMs {
        heard_after(0, now, headers)
    }

    fn heard_after(took: EpochMs, now: EpochMs, headers: &[(&'static str, &str)]) -> EpochMs {
        let skew = Skew::new(Metrics::new().credential("pbx"));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        skew.hear(&map, now - took, now);
        skew.there(0)
    }

    const DATED: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");

    #[test]
    fn the_time_of_an_answer_is_the_time_there() {
        assert_eq!(heard(THEN - 90_000, &[DATED]), 90_000);
        assert_eq!(heard(THEN + 400_000, &[DATED]), -400_000);
    }

    #[test]
    fn what_a_clock_in_seconds_cannot_tell_is_no_difference() {
        for now in [THEN - 2000, THEN, THEN + 999, THEN + 2000] {
            assert_eq!(heard(now, &[DATED]), 0, "{now}");
        }
    }

    #[test]
    fn an_answer_that_is_late_old_or_undated_says_nothing() {
        let now = THEN - 90_000;
        assert_eq!(heard_after(5001, now, &[DATED]), 0);
        assert_eq!(heard_after(-1, now, &[DATED]), 0);
        assert_eq!(heard(now, &[DATED, ("age", "10")]), 0);
        assert_eq!(heard(now, &[]), 0);
        for text in ["", "yesterday", "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994"] {
            assert_eq!(heard(now, &[("date", text)]), 0, "{text}");
        }
    }
}
