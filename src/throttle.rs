//! Counts attempts by key, and says when there have been too many of them lately.

use crate::clock::{EpochMs, millis, seconds_until};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Too many attempts; the next one counts in `seconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    pub seconds: u64,
}

/// So many attempts for each key in a window of time, which begins with the first of them.
///
/// Nothing here blocks a key for good: when its window is over it begins anew.
#[derive(Debug)]
pub struct Throttle {
    limit: u32,
    window: EpochMs,
    windows: Mutex<HashMap<String, Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    attempts: u32,
    ends_at: EpochMs,
}

/// Keys that are kept; past that, windows that are over are dropped, and then any.
const CAPACITY: usize = 100_000;

impl Throttle {
    pub fn new(limit: u32, window: Duration) -> Self {
        Self {
            limit,
            window: millis(window),
            windows: Mutex::default(),
        }
    }

    /// Whether another attempt may be made; it is not counted.
    pub fn check(&self, key: &str, now: EpochMs) -> Result<(), Limited> {
        match self.windows().get(key) {
            Some(window) => self.judge(*window, now),
            None => Ok(()),
        }
    }

    /// Counts an attempt before it is made, so that many at once do not pass together.
    pub fn take(&self, key: &str, now: EpochMs) -> Result<(), Limited> {
        let mut windows = self.windows();
        make_room(&mut windows, now);
        let window = windows.entry(key.to_owned()).or_insert(Window {
            attempts: 0,
            ends_at: 0,
        });
        if window.ends_at <= now {
            *window = Window {
                attempts: 0,
                ends_at: now.saturating_add(self.window),
            };
        }
        self.judge(*window, now)?;
        window.attempts += 1;
        Ok(())
    }

    /// Takes back one attempt, which was no misuse.
    pub fn give_back(&self, key: &str) {
        if let Some(window) = self.windows().get_mut(key) {
            window.attempts = window.attempts.saturating_sub(1);
        }
    }

    /// Forgets all attempts of the key.
    pub fn forget(&self, key: &str) {
        self.windows().remove(key);
    }

    fn judge(&self, window: Window, now: EpochMs) -> Result<(), Limited> {
        if window.attempts < self.limit || window.ends_at <= now {
            return Ok(());
        }
        let seconds = seconds_until(window.ends_at, now).max(1);
        Err(Limited { seconds })
    }

    fn windows(&self) -> MutexGuard<'_, HashMap<String, Window>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory stays bounded, whatever names are tried.
fn make_room(windows: &mut HashMap<String, Window>, now: EpochMs) {
    if windows.len() < CAPACITY {
        return;
    }
    windows.retain(|_, window| window.ends_at > now);
    if windows.len() >= CAPACITY {
        windows.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle() -> Throttle {
        Throttle::new(2, Duration::from_secs(10))
    }

    #[test]
    fn the_attempt_over_the_limit_is_refused_until_the_window_ends() {
        let throttle = throttle();
        assert_eq!(throttle.take("ann", 0), Ok(()));
        assert_eq!(throttle.take("ann", 4_000), Ok(()));
        assert_eq!(throttle.take("ann", 5_000), Err(Limited { seconds: 5 }));
        assert_eq!(throttle.check("ann", 5_000), Err(Limited { seconds: 5 }));
        assert_eq!(throttle.take("ann", 10_000), Ok(()));
    }

    #[test]
    fn keys_do_not_touch_one_another() {
        let throttle = throttle();
        for _ in 0..3 {
            throttle.take("ann", 0).ok();
        }
        assert_eq!(throttle.take("bob", 0), Ok(()));
    }

    #[test]
    fn what_is_given_back_or_forgotten_does_not_count() {
        let throttle = throttle();
        for _ in 0..5 {
            assert_eq!(throttle.take("ann", 0), Ok(()));
            throttle.give_back("ann");
        }
        for _ in 0..2 {
            assert_eq!(throttle.take("ann", 0), Ok(()));
        }
        throttle.forget("ann");
        assert_eq!(throttle.check("ann", 0), Ok(()));
    }
}
