//! Counts attempts by key, and says when there have been too many of them lately.

use crate::clock::{EpochMs, millis, seconds_until};
use crate::secret;
use indexmap::IndexMap;
use indexmap::map::Entry;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Too many attempts; the next one counts in `seconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    pub seconds: u64,
}

/// What attempts are counted for: a hash, so that a long name takes no more memory than a short one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u128);

impl Key {
    pub fn of(parts: &[&str]) -> Self {
        let mut text = Vec::new();
        for part in parts {
            // Lengths keep ("ab", "c") apart from ("a", "bc").
            text.extend((part.len() as u64).to_be_bytes());
            text.extend(part.as_bytes());
        }
        let half = secret::sha256(&text)
            .into_iter()
            .take(16)
            .fold(0, |key, byte| key << 8 | u128::from(byte));
        Self(half)
    }
}

/// Whom attempts are counted for: the address, or the network of 64 bits that one household has of IPv6.
pub fn source(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// So many attempts for each key in a window of time, which begins with the first of them.
///
/// Nothing here blocks a key for good: when its window is over it begins anew.
#[derive(Debug)]
pub struct Throttle {
    limit: u32,
    window: EpochMs,
    windows: Mutex<Windows>,
}

#[derive(Debug, Default)]
struct Windows {
    by_key: IndexMap<Key, Window>,
    /// Where the next look for room begins.
    hand: usize,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    attempts: u32,
    ends_at: EpochMs,
}

/// Keys that are kept, in some five megabytes.
const CAPACITY: usize = 100_000;

/// Keys that are looked at to find one that may go.
const SAMPLE: usize = 16;

impl Throttle {
    pub fn new(limit: u32, window: Duration) -> Self {
        Self {
            limit,
            window: millis(window),
            windows: Mutex::default(),
        }
    }

    /// Whether another attempt may be made; it is not counted.
    pub fn check(&self, key: Key, now: EpochMs) -> Result<(), Limited> {
        match self.windows().by_key.get(&key) {
            Some(window) => self.judge(*window, now),
            None => Ok(()),
        }
    }

    /// Counts an attempt before it is made, so that many at once do not pass together.
    pub fn take(&self, key: Key, now: EpochMs) -> Result<(), Limited> {
        let fresh = Window {
            attempts: 1,
            ends_at: now.saturating_add(self.window),
        };
        let mut windows = self.windows();
        match windows.by_key.entry(key) {
            Entry::Occupied(mut known) if known.get().ends_at > now => {
                self.judge(*known.get(), now)?;
                known.get_mut().attempts += 1;
                return Ok(());
            }
            Entry::Occupied(mut over) => {
                over.insert(fresh);
                return Ok(());
            }
            Entry::Vacant(_) => {}
        }
        windows.make_room(now);
        windows.by_key.insert(key, fresh);
        Ok(())
    }

    /// Takes back one attempt, which was no misuse.
    pub fn give_back(&self, key: Key) {
        if let Some(window) = self.windows().by_key.get_mut(&key) {
            window.attempts = window.attempts.saturating_sub(1);
        }
    }

    /// Forgets all attempts of the key.
    pub fn forget(&self, key: Key) {
        self.windows().by_key.swap_remove(&key);
    }

    fn judge(&self, window: Window, now: EpochMs) -> Result<(), Limited> {
        if window.attempts < self.limit || window.ends_at <= now {
            return Ok(());
        }
        let seconds = seconds_until(window.ends_at, now).max(1);
        Err(Limited { seconds })
    }

    fn windows(&self) -> MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Windows {
    /// Memory stays bounded, whatever names are tried: of some keys, the one goes whose window is over, or that has the
    /// fewest attempts, the oldest first. So a flood of new keys pushes out its own kind and not the keys that are blocked:
    /// nobody gets rid of a limit by inventing names.
    fn make_room(&mut self, now: EpochMs) {
        let many = self.by_key.len();
        if many < CAPACITY {
            return;
        }
        let looked_at = (self.hand..self.hand + SAMPLE).map(|index| index % many);
        let weakest = looked_at
            .filter_map(|index| Some((index, self.by_key.get_index(index)?.1)))
            .min_by_key(|(_, window)| (window.ends_at > now, window.attempts, window.ends_at));
        if let Some((index, _)) = weakest {
            self.by_key.swap_remove_index(index);
        }
        self.hand = (self.hand + SAMPLE) % many;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Key = Key(u128::MAX);
    const BOB: Key = Key(u128::MAX - 1);

    fn throttle() -> Throttle {
        Throttle::new(2, Duration::from_secs(10))
    }

    #[test]
    fn the_attempt_over_the_limit_is_refused_until_the_window_ends() {
        let throttle = throttle();
        assert_eq!(throttle.take(ANN, 0), Ok(()));
        assert_eq!(throttle.take(ANN, 4_000), Ok(()));
        assert_eq!(throttle.take(ANN, 5_000), Err(Limited { seconds: 5 }));
        assert_eq!(throttle.check(ANN, 5_000), Err(Limited { seconds: 5 }));
        assert_eq!(throttle.take(ANN, 10_000), Ok(()));
        assert_eq!(throttle.take(ANN, 10_000), Ok(()));
        assert_eq!(throttle.take(ANN, 10_000), Err(Limited { seconds: 10 }));
    }

    #[test]
    fn keys_do_not_touch_one_another() {
        let throttle = throttle();
        for _ in 0..3 {
            throttle.take(ANN, 0).ok();
        }
        assert_eq!(throttle.take(BOB, 0), Ok(()));
        assert_ne!(Key::of(&["ab", "c"]), Key::of(&["a", "bc"]));
        assert_eq!(Key::of(&["ab", "c"]), Key::of(&["ab", "c"]));
    }

    #[test]
    fn what_is_given_back_or_forgotten_does_not_count() {
        let throttle = throttle();
        for _ in 0..5 {
            assert_eq!(throttle.take(ANN, 0), Ok(()));
            throttle.give_back(ANN);
        }
        for _ in 0..2 {
            assert_eq!(throttle.take(ANN, 0), Ok(()));
        }
        throttle.forget(ANN);
        assert_eq!(throttle.check(ANN, 0), Ok(()));
    }

    #[test]
    fn a_million_invented_names_take_bounded_memory_and_unblock_nobody() {
        let throttle = throttle();
        for name in 0..1_000_000 {
            throttle.take(Key(name), 0).ok();
            if name == 1_000 {
                throttle.take(ANN, 0).ok();
                throttle.take(ANN, 0).ok();
            }
        }
        assert_eq!(throttle.windows().by_key.len(), CAPACITY);
        assert_eq!(throttle.check(ANN, 0), Err(Limited { seconds: 10 }));
    }

    #[test]
    fn windows_that_are_over_go_first() {
        let throttle = throttle();
        for _ in 0..2 {
            throttle.take(ANN, 0).ok();
        }
        for name in 0..2 * CAPACITY {
            throttle.take(Key(name as u128), 10_000).ok();
        }
        assert!(!throttle.windows().by_key.contains_key(&ANN));
        assert!(
            throttle
                .windows()
                .by_key
                .contains_key(&Key(2 * CAPACITY as u128 - 1))
        );
    }
}
