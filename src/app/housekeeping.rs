//! What must be done over and over, whatever is served: follow revocations, end leases, forget what is old.

use super::Services;
use crate::call::Calls;
use crate::config::Config;
use crate::replay;
use std::sync::Arc;
use std::time::Duration;

/// Milliseconds: how long a device is told that its code has expired, and not that it never was.
const HOUR: i64 = 3_600_000;

/// Days: what was issued before that long ago, and ended then, is over by itself or may be ended again.
const YEAR: u64 = 366;

/// Seconds.
const PRUNE_EVERY: u32 = 600;
const PRUNE_USED_EVERY: u32 = 30;

impl Services {
    /// What must be done over and over: follow revocations, end leases that are over, forget what is old.
    pub async fn keep_house(
        self,
        calls: impl Fn() -> Arc<Calls>,
        config: impl Fn() -> Arc<Config>,
    ) {
        // Side by side: what only reads must not wait for a store that cannot be written.
        tokio::join!(self.follow(), self.tidy(calls, config));
    }

    async fn follow(&self) {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        loop {
            second.tick().await;
            if let Err(error) = self.follower.catch_up().await {
                tracing::error!(%error, "revocations cannot be read");
            }
        }
    }

    async fn tidy(&self, calls: impl Fn() -> Arc<Calls>, config: impl Fn() -> Arc<Config>) {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        let mut seconds = 0_u32;
        loop {
            second.tick().await;
            if let Err(error) = calls().sweep().await {
                tracing::error!(%error, "leases cannot be swept");
            }
            seconds = seconds.wrapping_add(1);
            if seconds.is_multiple_of(PRUNE_USED_EVERY) {
                self.prune_used().await;
            }
            if seconds.is_multiple_of(PRUNE_EVERY) {
                self.prune(&config()).await;
            }
        }
    }

    /// More often than what else is old: the table is to hold little more than what could still be used again.
    async fn prune_used(&self) {
        if let Err(error) = replay::prune(&self.store, self.clock.now()).await {
            tracing::error!(%error, "used names cannot be removed");
        }
    }

    async fn prune(&self, config: &Config) {
        let now = self.clock.now();
        let days = |days: u64| now - crate::clock::millis(Duration::from_secs(days * 24 * 3600));
        let hour_ago = now - crate::clock::millis(Duration::from_hours(1));
        let audited = now - crate::clock::millis(config.oauth.audit_retention);
        let pruned = [
            self.follower.prune().await,
            self.store.prune_tokens(days(1)).await,
            self.store.prune_codes(days(1)).await,
            self.store.prune_devices(now - HOUR).await,
            self.store.prune_sessions(days(1)).await,
            self.store.prune_provider_logins(now).await,
            self.store.prune_pushed_requests(hour_ago).await,
            self.store.prune_assertions(hour_ago).await,
            self.store.prune_pending_logins(days(1)).await,
            self.store.prune_challenges(days(1)).await,
            self.store.prune_audit(audited).await,
            self.store.prune_external_revocations(days(YEAR)).await,
        ];
        if let Err(error) = self.keys.keep().await {
            tracing::error!(%error, "the signing keys cannot be kept");
        }
        for error in pruned.into_iter().filter_map(Result::err) {
            tracing::error!(%error, "old rows cannot be removed");
        }
    }
}
