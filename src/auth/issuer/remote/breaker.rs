//! A circuit breaker: a server that fails over and over is left alone for a while, then asked once, to see.

use crate::clock::{EpochMs, millis, seconds_until};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The server is left alone; it may be asked in `seconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LeftAlone {
    pub(super) seconds: u64,
}

/// Where it stands, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    Closed,
    /// One request is under way, to see.
    HalfOpen,
    Open,
}

#[derive(Debug)]
pub(super) struct Breaker {
    /// Failures in a row that open it.
    failures: u32,
    pause: EpochMs,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: EpochMs,
    },
    /// If whoever asks has not come back by then, another may: nothing keeps a server out for good.
    HalfOpen {
        until: EpochMs,
    },
}

impl Breaker {
    pub(super) fn new(failures: u32, pause: Duration) -> Self {
        Self {
            failures,
            pause: millis(pause),
            state: Mutex::new(State::Closed { failures: 0 }),
        }
    }

    /// Whether it is worth waiting for a turn to ask.
    pub(super) fn check(&self, now: EpochMs) -> Result<(), LeftAlone> {
        match *self.state() {
            State::Open { until } | State::HalfOpen { until } if now < until => {
                Err(left_alone(until, now))
            }
            _ => Ok(()),
        }
    }

    /// Lets a request through. Of those that come after the pause, only the first one: it tells for all.
    pub(super) fn pass(&self, now: EpochMs) -> Result<(), LeftAlone> {
        let mut state = self.state();
        match *state {
            State::Closed { .. } => Ok(()),
            State::Open { until } | State::HalfOpen { until } if now < until => {
                Err(left_alone(until, now))
            }
            State::Open { .. } | State::HalfOpen { .. } => {
                let until = now.saturating_add(self.pause);
                *state = State::HalfOpen { until };
                Ok(())
            }
        }
    }

    /// The server answered as it should.
    pub(super) fn succeeded(&self) {
        *self.state() = State::Closed { failures: 0 };
    }

    /// It did not, or not in time. One that began before the pause does not lengthen it.
    pub(super) fn failed(&self, now: EpochMs) {
        let mut state = self.state();
        let open = State::Open {
            until: now.saturating_add(self.pause),
        };
        *state = match *state {
            State::Closed { failures } if failures + 1 < self.failures => State::Closed {
                failures: failures + 1,
            },
            State::Closed { .. } | State::HalfOpen { .. } => open,
            State::Open { .. } => return,
        };
    }

    pub(super) fn position(&self) -> Position {
        match *self.state() {
            State::Closed { .. } => Position::Closed,
            State::HalfOpen { .. } => Position::HalfOpen,
            State::Open { .. } => Position::Open,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn left_alone(until: EpochMs, now: EpochMs) -> LeftAlone {
    // Rounded up: who comes back in time is not sent away again.
    let seconds = seconds_until(until.saturating_add(999), now).max(1);
    LeftAlone { seconds }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn breaker() -> Breaker {
        Breaker::new(3, Duration::from_secs(10))
    }

    fn opened_at(now: EpochMs) -> Breaker {
        let breaker = breaker();
        for _ in 0..3 {
            breaker.failed(now);
        }
        breaker
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let breaker = breaker();
        for _ in 0..10 {
            breaker.failed(0);
            breaker.failed(0);
            breaker.succeeded();
        }
        assert_eq!(breaker.pass(0), Ok(()));
        assert_eq!(breaker.position(), Position::Closed);
    }

    #[test]
    fn while_it_is_open_nobody_asks_and_everybody_is_told_when() {
        let breaker = opened_at(0);
        assert_eq!(breaker.pass(1), Err(LeftAlone { seconds: 10 }));
        assert_eq!(breaker.check(9_999), Err(LeftAlone { seconds: 1 }));
        assert_eq!(breaker.position(), Position::Open);
    }

    #[test]
    fn after_the_pause_one_asks_for_all() {
        let breaker = opened_at(0);
        assert_eq!(breaker.check(10_000), Ok(()));
        assert_eq!(breaker.pass(10_000), Ok(()));
        assert_eq!(breaker.position(), Position::HalfOpen);
        for _ in 0..5 {
            assert_eq!(breaker.pass(10_000), Err(LeftAlone { seconds: 10 }));
        }
        breaker.succeeded();
        assert_eq!(breaker.pass(10_001), Ok(()));
        assert_eq!(breaker.pass(10_001), Ok(()));
    }

    #[test]
    fn one_more_failure_opens_it_again() {
        let breaker = opened_at(0);
        assert_eq!(breaker.pass(10_000), Ok(()));
        breaker.failed(12_000);
        assert!(breaker.pass(21_999).is_err());
        assert_eq!(breaker.pass(22_000), Ok(()));
    }

    #[test]
    fn failures_from_before_do_not_lengthen_the_pause() {
        let breaker = opened_at(0);
        breaker.failed(5_000);
        assert_eq!(breaker.pass(10_000), Ok(()));
    }

    #[test]
    fn whoever_was_to_see_and_never_came_back_is_not_waited_for_for_ever() {
        let breaker = opened_at(0);
        assert_eq!(breaker.pass(10_000), Ok(()));
        assert!(breaker.pass(19_999).is_err());
        assert_eq!(breaker.pass(20_000), Ok(()));
    }

    proptest! {
        #[test]
        fn whatever_happens_somebody_may_ask_after_a_pause(events in proptest::collection::vec((0_u8..3, 0_i64..20_000), 0..50)) {
            let (breaker, mut now) = (breaker(), 0);
            for (event, later) in events {
                now += later;
                match event {
                    0 => breaker.failed(now),
                    1 => breaker.succeeded(),
                    _ => drop(breaker.pass(now)),
                }
            }
            prop_assert_eq!(breaker.pass(now + 10_000), Ok(()));
        }
    }
}
