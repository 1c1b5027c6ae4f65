//! Whether an issuer tells at once what it has ended, so that facts need not be asked for over and over.

use crate::clock::{EpochMs, millis};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

/// One line to an issuer, which breaks now and then.
#[derive(Debug)]
pub struct Watch {
    /// Since when it has been heard without a break, or had been when it broke; the end of time before that.
    since: AtomicI64,
    stands: AtomicBool,
    heard_at: AtomicI64,
    /// How long it may be silent: past that it is not known to stand.
    silence: EpochMs,
}

impl Watch {
    pub fn new(silence: Duration) -> Self {
        Self {
            since: AtomicI64::new(EpochMs::MAX),
            stands: AtomicBool::new(false),
            heard_at: AtomicI64::new(EpochMs::MIN),
            silence: millis(silence),
        }
    }

    /// From `now` on, all that ends is told.
    pub fn begin(&self, now: EpochMs) {
        self.heard(now);
        self.since.store(now, Ordering::SeqCst);
        self.stands.store(true, Ordering::SeqCst);
    }

    /// A sign of life.
    pub fn heard(&self, now: EpochMs) {
        self.heard_at.store(now, Ordering::SeqCst);
    }

    pub fn is_silent(&self, now: EpochMs) -> bool {
        now.saturating_sub(self.heard_at.load(Ordering::SeqCst)) > self.silence
    }

    /// What ends from here on may not be told.
    pub fn lose(&self) {
        self.stands.store(false, Ordering::SeqCst);
    }

    /// Until when all is told that ended since `then`: `now` while the line stands. What was asked for before it stood
    /// may have ended unheard.
    pub fn told_until(&self, then: EpochMs, now: EpochMs) -> EpochMs {
        if self.since.load(Ordering::SeqCst) > then {
            return then;
        }
        if self.stands.load(Ordering::SeqCst) && !self.is_silent(now) {
            return now;
        }
        self.heard_at.load(Ordering::SeqCst).max(then)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_while_the_line_stood_is_covered() {
        let watch = Watch::new(Duration::from_secs(30));
        assert_eq!(watch.told_until(500, 900), 500);
        watch.begin(1_000);
        assert_eq!(watch.told_until(999, 2_000), 999);
        assert_eq!(watch.told_until(1_000, 2_000), 2_000);
        watch.heard(3_000);
        watch.lose();
        assert_eq!(watch.told_until(1_000, 4_000), 3_000);
        assert_eq!(watch.told_until(3_500, 4_000), 3_500);
        watch.begin(5_000);
        assert_eq!(watch.told_until(1_000, 5_000), 1_000);
    }

    #[test]
    fn a_silent_line_covers_nothing_until_it_is_heard_again() {
        let watch = Watch::new(Duration::from_secs(30));
        watch.begin(0);
        assert_eq!(watch.told_until(0, 30_000), 30_000);
        assert_eq!(watch.told_until(0, 30_001), 0);
        watch.heard(30_001);
        assert_eq!(watch.told_until(0, 60_001), 60_001);
    }
}
