//! Users' own secrets as they are presented: opened, and kept for a short while, safe against changes in between.

use super::Means;
use super::own::{OwnSecret, Safe};
use crate::clock::{Clock, EpochMs, millis};
use crate::storage::revocations::Kind;
use crate::storage::{Store, StoreError};
use crate::token::Feed;
use moka::sync::Cache;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// Opened secrets at once; when there are more, those that are used least are looked up again.
const MOST: u64 = 10_000;
/// How long an opened secret is kept in memory.
const KEPT: Duration = Duration::from_mins(1);

type Found = Result<Option<Arc<OwnSecret>>, Arc<StoreError>>;

pub(super) struct Wallet {
    store: Store,
    safe: Safe,
    feed: Arc<Feed>,
    clock: Clock,
    runtime: Handle,
    max_stale: EpochMs,
    opened: Cache<String, Opened>,
}

#[derive(Clone)]
struct Opened {
    secret: Arc<OwnSecret>,
    /// Where the feed stood before the secret was read.
    position: u64,
}

impl Wallet {
    pub(super) fn new(means: &Means) -> Self {
        Self {
            store: means.store.clone(),
            safe: means.safe.clone(),
            feed: Arc::clone(&means.feed),
            clock: means.clock.clone(),
            runtime: means.runtime.clone(),
            max_stale: millis(means.max_stale),
            opened: Cache::builder()
                .max_capacity(MOST)
                .time_to_live(KEPT)
                .build(),
        }
    }

    /// The user's own secret of this name, if there is one that opens.
    pub(super) async fn secret(self: &Arc<Self>, user: &str, name: &str) -> Found {
        if let Some(secret) = self.kept(user, name) {
            return Ok(Some(secret));
        }
        let (wallet, user, name) = (Arc::clone(self), user.to_owned(), name.to_owned());
        let look = self
            .runtime
            .spawn(async move { wallet.load(&user, &name).await });
        look.await
            .unwrap_or_else(|_| Err(Arc::new(StoreError::Closed)))
    }

    /// Forgets what is kept, so that the next request asks the store.
    pub(super) fn forget(&self, user: &str, name: &str) {
        self.opened.invalidate(&key(user, name));
    }

    fn kept(&self, user: &str, name: &str) -> Option<Arc<OwnSecret>> {
        let opened = self.opened.get(&key(user, name))?;
        let is_followed = self.feed.age(self.clock.now()) <= self.max_stale;
        (is_followed && self.is_current(user, &opened)).then_some(opened.secret)
    }

    /// Whether no change of the user after it was read may have ended it.
    fn is_current(&self, user: &str, opened: &Opened) -> bool {
        !self.feed.revoked_since(opened.position, Kind::User, user)
    }

    async fn load(&self, user: &str, name: &str) -> Found {
        // The position first: a change from here on makes what is kept count no more.
        let position = self.feed.position();
        let row = self
            .store
            .user_credential(user, name)
            .await
            .map_err(Arc::new)?;
        let Some(row) = row else {
            self.forget(user, name);
            return Ok(None);
        };
        let Some(secret) = self.safe.open(&row) else {
            tracing::error!(
                user,
                name,
                "a user's credential does not open: set it again"
            );
            self.forget(user, name);
            return Ok(None);
        };
        let secret = Arc::new(secret);
        let opened = Opened {
            secret: Arc::clone(&secret),
            position,
        };
        self.opened.insert(key(user, name), opened);
        Ok(Some(secret))
    }
}

/// A name has no line break, so no two pairs have one key.
fn key(user: &str, name: &str) -> String {
    format!("{name}\n{user}")
}
