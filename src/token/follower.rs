//! Follows the store's revocations, so that what is revoked anywhere ends here.

use super::{FactCache, Feed};
use crate::clock::{Clock, EpochMs, millis};
use crate::storage::revocations::{Kind, Revocation};
use crate::storage::{Result, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// No cached fact lives longer, so older revocations are forgotten.
const KEPT: Duration = Duration::from_hours(24);

/// Reads the store's revocations with a cursor and hands each to the feed and the cache.
#[derive(Debug)]
pub struct Follower {
    store: Store,
    feed: Arc<Feed>,
    cache: Arc<FactCache>,
    clock: Clock,
    cursor: Mutex<i64>,
}

impl Follower {
    /// Begins at the newest revocation: the cache is empty yet.
    pub async fn start(
        store: Store,
        feed: Arc<Feed>,
        cache: Arc<FactCache>,
        clock: Clock,
    ) -> Result<Self> {
        let cursor = Mutex::new(store.revocation_head().await?);
        Ok(Self {
            store,
            feed,
            cache,
            clock,
            cursor,
        })
    }

    /// Applies all that was revoked since the last call. Whoever revokes calls it before it answers; a task calls
    /// it every second for what others revoke.
    pub async fn catch_up(&self) -> Result<()> {
        let mut cursor = self.cursor.lock().await;
        let now = self.clock.now();
        loop {
            let revocations = self.store.revocations_after(*cursor).await?;
            if revocations.is_empty() {
                break;
            }
            for revocation in revocations {
                self.apply(&revocation, now);
                *cursor = revocation.sequence;
            }
        }
        self.feed.mark_read(now);
        Ok(())
    }

    /// Forgets what no cache can still need.
    pub async fn prune(&self) -> Result<()> {
        let then = self.clock.now().saturating_sub(millis(KEPT));
        self.feed.prune(then);
        self.store.prune_revocations(then).await
    }

    /// Record first, remove after: see `Unconfirmed::confirm`.
    fn apply(&self, revocation: &Revocation, now: EpochMs) {
        self.feed.record(revocation.kind, &revocation.subject, now);
        if revocation.kind == Kind::Token {
            self.cache.remove(&revocation.subject);
        }
    }
}
