//! What may be used once: its name is claimed in the store, so that no other gateway, no successor and no process after a
//! crash takes it again.

mod memory;

use crate::clock::{EpochMs, millis};
use crate::storage::{self, Store, StoreError};
use memory::{Memory, Name};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Why something cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReplayError {
    #[error("it was used before")]
    Used,
    /// Nothing more can be remembered, so nothing more may be used: to forget would let it be used again.
    #[error("too much is in use at once")]
    Full,
    /// It cannot be written down that it is used, so it is not.
    #[error("what was used cannot be remembered now")]
    Unavailable(#[source] Arc<StoreError>),
}

/// Who remembers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keeper {
    /// The store: whatever gateway it was used at, and whatever became of that process.
    #[default]
    Store,
    /// The process alone, without a write for each. Other gateways know nothing of it, nor does the next process.
    Process,
}

/// How long whoever claims waits for the store.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a name is kept after it has expired: the clock of another gateway may be behind, or this one be set back.
const MARGIN: Duration = Duration::from_mins(5);

/// The one door to what was used. Each kind of names has its own, so that a flood of one fills no other.
#[derive(Debug)]
pub struct Replay {
    /// What this process claimed: what comes again is refused without a look into the store.
    memory: Memory,
    store: Store,
}

impl Replay {
    /// At this process, `most` names may be in use at once.
    pub fn new(most: usize, store: Store) -> Self {
        let memory = Memory::new(most);
        Self { memory, store }
    }

    /// Uses what has this name, which nobody can use any more after `until`. When it returns, that is durable.
    ///
    /// # Errors
    /// On [`ReplayError::Unavailable`] it may have been used or not; here it cannot be used again.
    pub async fn claim(
        &self,
        keeper: Keeper,
        name: &[&str],
        until: EpochMs,
        now: EpochMs,
    ) -> Result<(), ReplayError> {
        let name = Name::of(name);
        self.memory.claim(name, until, now)?;
        match keeper {
            Keeper::Process => Ok(()),
            Keeper::Store => self.write_down(name, until).await,
        }
    }

    async fn write_down(&self, name: Name, until: EpochMs) -> Result<(), ReplayError> {
        let written = timeout(PATIENCE, self.store.use_name(name.to_string(), until)).await;
        let is_new = written.unwrap_or(Err(StoreError::Late));
        match is_new.map_err(Arc::new) {
            Ok(true) => Ok(()),
            Ok(false) => Err(ReplayError::Used),
            Err(cause) => Err(ReplayError::Unavailable(cause)),
        }
    }
}

/// Forgets in the store what nobody could use any more, by whatever clock.
pub async fn prune(store: &Store, now: EpochMs) -> storage::Result<()> {
    store
        .prune_used_names(now.saturating_sub(millis(MARGIN)))
        .await
}
