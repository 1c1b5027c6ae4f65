//! What may be used once: remembered for as long as it could be used again.

use crate::clock::EpochMs;
use crate::secret;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why something cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    #[error("it was used before")]
    Used,
    /// Nothing more can be remembered, so nothing more may be used: to forget would let it be used again.
    #[error("too much is in use at once")]
    Full,
}

/// The memory of one process. Other gateways on the same store know nothing of it, nor does the next process.
#[derive(Debug)]
pub struct Replay {
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
type Name = [u8; NAME];

const NAME: usize = 16;

/// Names that end within so many milliseconds go together.
const STEP: EpochMs = 10_000;

impl Replay {
    /// Remembers `most` names at the most.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            seen: Mutex::default(),
        }
    }

    /// Uses what has this name, which nobody can use any more after `until`.
    pub fn claim(&self, name: &[&str], until: EpochMs, now: EpochMs) -> Result<(), ReplayError> {
        let name = digest(name);
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

fn digest(parts: &[&str]) -> Name {
    let mut bytes = Vec::new();
    for part in parts {
        // Lengths keep ("ab", "c") apart from ("a", "bc").
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    let mut name = Name::default();
    name.copy_from_slice(secret::sha256(&bytes).split_at(NAME).0);
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_used_is_refused_until_nobody_could_use_it() {
        let replay = Replay::new(10);
        assert_eq!(replay.claim(&["key", "1"], 60_000, 0), Ok(()));
        assert_eq!(
            replay.claim(&["key", "1"], 60_000, 59_999),
            Err(ReplayError::Used)
        );
        // Another end makes it no other thing.
        assert_eq!(
            replay.claim(&["key", "1"], 90_000, 59_999),
            Err(ReplayError::Used)
        );
        assert_eq!(replay.claim(&["ke", "y1"], 60_000, 0), Ok(()));
        assert_eq!(replay.claim(&["key", "1"], 200_000, 100_000), Ok(()));
    }

    #[test]
    fn at_43_a_full_memory_refuses_and_forgets_nothing() {
        let replay = Replay::new(2);
        assert_eq!(replay.claim(&["a"], 60_000, 0), Ok(()));
        assert_eq!(replay.claim(&["b"], 60_000, 0), Ok(()));
        assert_eq!(replay.claim(&["c"], 60_000, 0), Err(ReplayError::Full));
        assert_eq!(replay.claim(&["a"], 60_000, 0), Err(ReplayError::Used));
        assert_eq!(replay.claim(&["c"], 160_000, 100_000), Ok(()));
    }

    proptest! {
        #[test]
        fn nothing_is_usable_twice(until in 1_i64..500_000, later in 0_i64..500_000) {
            let replay = Replay::new(10);
            prop_assert_eq!(replay.claim(&["x"], until, 0), Ok(()));
            let again = replay.claim(&["x"], until, later);
            prop_assert!(later >= until || again == Err(ReplayError::Used));
        }
    }
}
