//! Users' own secrets as they are presented: opened, and kept for a short while, safe against changes in between.

use super::Means;
use super::own::{OwnSecret, Safe};
use super::settings::Kind;
use crate::clock::{Clock, EpochMs, millis};
use crate::storage::revocations;
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

/// A secret, and the tenant that it depends on.
type Owned = (OwnSecret, Option<String>);

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
    /// The tenant, if the secret depends on it.
    tenant: Option<String>,
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

    /// Whether no change of the user or the tenant after it was read may have ended it.
    fn is_current(&self, user: &str, opened: &Opened) -> bool {
        let tenant = opened.tenant.as_deref();
        let on = tenant.map(|tenant| (revocations::Kind::Tenant, tenant));
        !on.into_iter()
            .chain([(revocations::Kind::User, user)])
            .any(|(kind, subject)| self.feed.revoked_since(opened.position, kind, subject))
    }

    async fn load(&self, user: &str, name: &str) -> Found {
        // The position first: a change from here on makes what is kept count no more.
        let position = self.feed.position();
        let found = match self.safe.kind(name) {
            Some(Kind::Digest) => self.digest(user, name).await,
            _ => self.own(user, name).await,
        };
        let Some((secret, tenant)) = found.map_err(Arc::new)? else {
            self.forget(user, name);
            return Ok(None);
        };
        let secret = Arc::new(secret);
        let opened = Opened {
            secret: Arc::clone(&secret),
            tenant,
            position,
        };
        self.opened.insert(key(user, name), opened);
        Ok(Some(secret))
    }

    async fn own(&self, user: &str, name: &str) -> Result<Option<Owned>, StoreError> {
        let Some(row) = self.store.user_credential(user, name).await? else {
            return Ok(None);
        };
        let secret = told(self.safe.open(&row), user, name);
        Ok(secret.map(|secret| (secret, None)))
    }

    /// The `digestPassword` by which the user may log in here, too.
    async fn digest(&self, user: &str, name: &str) -> Result<Option<Owned>, StoreError> {
        let Some(row) = self.store.digest_owner(user).await? else {
            return Ok(None);
        };
        let tenant = Some(row.tenant_id.clone());
        let secret = told(self.safe.open_digest(user, name, row), user, name);
        Ok(secret.map(|secret| (secret, tenant)))
    }
}

/// What is there and cannot be used is told, since it looks to its user as if it were not there.
fn told(opened: Option<OwnSecret>, user: &str, name: &str) -> Option<OwnSecret> {
    if opened.is_none() {
        tracing::error!(
            user,
            name,
            "a user's credential cannot be used: set it again"
        );
    }
    opened
}

/// A name has no line break, so no two pairs have one key.
fn key(user: &str, name: &str) -> String {
    format!("{name}\n{user}")
}
