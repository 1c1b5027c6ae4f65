//! The names that this process has used: bounded, and in front of the store.

use super::ReplayError;
use crate::clock::EpochMs;
use crate::secret;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Forgets nothing before its time; when it is full, it takes nothing more.
#[derive(Debug)]
pub(super) struct Memory {
    most: usize,
    seen: Mutex<Seen>,
}

/// Names by when they end, so that those that have ended go at once.
#[derive(Debug, Default)]
struct Seen {
    count: usize,
    by_end: BTreeMap<EpochMs, HashSet<Name>>,
}

/// Half a SHA-256. Who finds two names with the same harms only itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Name([u8; NAME]);

const NAME: usize = 16;

/// Names that end within so many milliseconds go together.
const STEP: EpochMs = 10_000;

impl Memory {
    /// Remembers `most` names at the most.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            seen: Mutex::default(),
        }
    }

    /// As [`super::Replay::claim`], for this process alone.
    pub(super) fn claim(
        &self,
        name: Name,
        until: EpochMs,
        now: EpochMs,
    ) -> Result<(), ReplayError> {
        let mut seen = self.seen();
        seen.forget(now);
        if seen.by_end.values().any(|names| names.contains(&name)) {
            return Err(ReplayError::Used);
        }
        if seen.count >= self.most {
            return Err(ReplayError::Full);
        }
        let end = until.saturating_add(STEP) / STEP * STEP;
        seen.by_end.entry(end).or_default().insert(name);
        seen.count += 1;
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn forget(&mut self, now: EpochMs) {
        while let Some(first) = self.by_end.first_entry() {
            if *first.key() > now {
                return;
            }
            self.count = self.count.saturating_sub(first.remove().len());
        }
    }
}

impl Name {
    pub(super) fn of(parts: &[&str]) -> Self {
        let mut bytes = Vec::new();
        for part in parts {
            // Lengths keep ("ab", "c") apart from ("a", "bc").
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        let mut name = [0; NAME];
        name.copy_from_slice(secret::sha256(&bytes).split_at(NAME).0);
        Self(name)
    }
}

/// Base64url, as in the store.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&secret::encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ReplayError::{Full, Used};
    use proptest::prelude::*;

    fn claim(memory: &Memory, name: &[&str], until: EpochMs, now: EpochMs) -> Result<(), String> {
        let claimed = memory.claim(Name::of(name), until, now);
        claimed.map_err(|error| error.to_string())
    }

    #[test]
    fn what_was_used_is_refused_until_nobody_could_use_it() {
        let memory = Memory::new(10);
        let used = Err(Used.to_string());
        assert_eq!(claim(&memory, &["key", "1"], 60_000, 0), Ok(()));
        assert_eq!(claim(&memory, &["key", "1"], 60_000, 59_999), used);
        // To the last moment.
        assert_eq!(claim(&memory, &["key", "1"], 60_000, 60_000), used);
        // Another end makes it no other thing.
        assert_eq!(claim(&memory, &["key", "1"], 90_000, 59_999), used);
        assert_eq!(claim(&memory, &["ke", "y1"], 60_000, 0), Ok(()));
        assert_eq!(claim(&memory, &["key", "1"], 200_000, 100_000), Ok(()));
    }

    #[test]
    fn at_43_a_full_memory_refuses_and_forgets_nothing() {
        let memory = Memory::new(2);
        assert_eq!(claim(&memory, &["a"], 60_000, 0), Ok(()));
        assert_eq!(claim(&memory, &["b"], 60_000, 0), Ok(()));
        assert_eq!(claim(&memory, &["c"], 60_000, 0), Err(Full.to_string()));
        assert_eq!(claim(&memory, &["a"], 60_000, 0), Err(Used.to_string()));
        assert_eq!(claim(&memory, &["c"], 160_000, 100_000), Ok(()));
    }

    proptest! {
        #[test]
        fn nothing_is_usable_twice(until in 1_i64..500_000, later in 0_i64..500_000) {
            let memory = Memory::new(10);
            prop_assert_eq!(claim(&memory, &["x"], until, 0), Ok(()));
            let again = claim(&memory, &["x"], until, later);
            prop_assert!(later > until || again == Err(Used.to_string()));
        }
    }
}
