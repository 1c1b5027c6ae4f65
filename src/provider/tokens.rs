//! The tokens of users at other providers: renewed by one for all who ask, and written before they are used.
//!
//! A provider may take a refresh token once and give another (rotation). So of all tasks of all gateways on one store one
//! alone renews a set: it claims the set's version, asks, writes the next version, and only then hands it out. If it dies
//! between the answer and the write, that answer is lost; the claim ends by itself, the next one asks with the old
//! token, and if the provider does not take it any more, the user must log in there again.

use super::{Provider, ProviderError, Providers, TokenSet};
use crate::clock::{Clock, EpochMs, millis};
use crate::metrics::Metrics;
use crate::sealer::{SealError, Sealer};
use crate::secret::Secret;
use crate::storage::audit::{Entry, Event};
use crate::storage::provider_tokens::{Ended, ProviderToken, SealedTokens};
use crate::storage::{Store, StoreError};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;

/// A token that ends sooner is renewed: it must live through the request that it is for.
const LEAST: Duration = Duration::from_secs(30);
/// How long a claim lasts: longer than a request to a provider may.
const CLAIM: Duration = Duration::from_mins(1);
/// After an attempt that failed.
const COOL_DOWN: Duration = Duration::from_secs(10);
/// A set that is younger is not renewed because somebody does not take its access token.
const YOUNG: Duration = Duration::from_mins(1);
/// How often, and after how long, it is looked whether another gateway has renewed the set.
const LOOKS: u32 = 100;
const BETWEEN_LOOKS: Duration = Duration::from_millis(150);

#[derive(Debug, Clone, thiserror::Error)]
pub enum TokensError {
    #[error("the user has no account at this provider, or no tokens of it are kept")]
    None,
    /// The provider takes what we have no more.
    #[error("the user must log in at the provider again")]
    LoginAgain,
    #[error("the provider cannot be asked for a new token now")]
    Unavailable,
    #[error("the store of tokens cannot be used")]
    Store(#[source] Arc<StoreError>),
}

impl From<StoreError> for TokensError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

type Outcome = Result<Secret, TokensError>;
type Key = (String, String);

/// Keeps, renews and hands out tokens of other providers.
pub struct ProviderTokens(Arc<Keeper>);

struct Keeper {
    store: Store,
    sealer: Sealer,
    clock: Clock,
    metrics: Metrics,
    providers: Arc<Providers>,
    runtime: Handle,
    /// What is under way here, by user and provider.
    under_way: Mutex<HashMap<Key, Shared<BoxFuture<'static, Outcome>>>>,
}

/// What a sealed set is bound to: moved to another row, it opens no more.
pub fn purpose(user: &str, provider: &str) -> String {
    format!("provider-tokens\n{provider}\n{user}")
}

impl ProviderTokens {
    /// Renewals run on `runtime`, and end there, whatever becomes of the requests that wait for them.
    pub fn new(
        store: Store,
        sealer: Sealer,
        clock: Clock,
        providers: Arc<Providers>,
        runtime: Handle,
    ) -> Self {
        Self(Arc::new(Keeper {
            metrics: store.metrics().clone(),
            store,
            sealer,
            clock,
            providers,
            runtime,
            under_way: Mutex::default(),
        }))
    }

    /// A set as it is stored for a user.
    pub fn seal(
        &self,
        user: &str,
        provider: &str,
        set: &TokenSet,
    ) -> Result<SealedTokens, SealError> {
        Ok(SealedTokens {
            user_id: user.to_owned(),
            provider: provider.to_owned(),
            sealed: self.0.seal(user, provider, set)?,
            now: self.0.clock.now(),
        })
    }

    /// An access token of the user at the provider that is good for a while, renewed if need be.
    pub async fn access(&self, user: &str, provider: &str) -> Outcome {
        self.0.join_or_begin(user, provider).await
    }

    /// Notes that somebody did not take this token, though it should last: who asks next is given a new one.
    pub async fn refused(&self, user: &str, provider: &str, token: &Secret) {
        if let Err(error) = self.0.end_early(user, provider, token).await {
            tracing::error!(%error, provider, user, "a token that was refused cannot be renewed");
        }
    }
}

impl Keeper {
    fn join_or_begin(
        self: &Arc<Self>,
        user: &str,
        provider: &str,
    ) -> Shared<BoxFuture<'static, Outcome>> {
        let key = (user.to_owned(), provider.to_owned());
        let mut under_way = self.under_way();
        if let Some(flight) = under_way.get(&key) {
            return flight.clone();
        }
        let (keeper, mine) = (Arc::clone(self), key.clone());
        let task = self.runtime.spawn(async move {
            let outcome = keeper.current(&mine.0, &mine.1).await;
            keeper.under_way().remove(&mine);
            outcome
        });
        let (keeper, mine) = (Arc::clone(self), key.clone());
        let flight = async move {
            task.await.unwrap_or_else(|_| {
                // It died without clearing its place.
                keeper.under_way().remove(&mine);
                Err(TokensError::Unavailable)
            })
        };
        let flight = flight.boxed().shared();
        under_way.insert(key, flight.clone());
        flight
    }

    /// The access token as it is, or as this gateway or another one makes it.
    async fn current(&self, user: &str, provider: &str) -> Outcome {
        let configured = self.providers.get(provider).ok_or(TokensError::None)?;
        for _ in 0..LOOKS {
            let row = self.store.provider_token(user, provider).await?;
            let row = row.ok_or(TokensError::None)?;
            if row.lapsed_at.is_some() {
                return Err(TokensError::LoginAgain);
            }
            let now = self.clock.now();
            let Some(set) = self.open(&row) else {
                return self.lapse(&row, "unreadable", now).await;
            };
            if lasts(&set, now, LEAST) {
                return Ok(set.access);
            }
            let Some(refresh) = set.refresh.clone() else {
                return self.without_refresh(&row, set, now).await;
            };
            if row.failed_at.is_some_and(|at| now < at + millis(COOL_DOWN)) {
                return still_good(set, now);
            }
            let until = now + millis(CLAIM);
            if self.store.claim_provider_token(&row, now, until).await? {
                return self.renew(configured, &row, (set, refresh)).await;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        Err(TokensError::Unavailable)
    }

    async fn renew(
        &self,
        provider: &Provider,
        row: &ProviderToken,
        (set, refresh): (TokenSet, Secret),
    ) -> Outcome {
        let now = self.clock.now();
        match provider.refresh(&refresh, now).await {
            Ok(next) => self.keep(row, set.followed_by(next)).await,
            Err(ProviderError::InvalidGrant) => self.lapse(row, "invalid_grant", now).await,
            Err(error) => {
                let result = match &error {
                    ProviderError::Refused(_) => "refused",
                    ProviderError::Outbound(cause) if cause.is_unsent() => "unreachable",
                    // The provider may have taken the token: not to be tried again at once.
                    _ => "unknown",
                };
                self.metrics.provider_refreshed(&row.provider, result);
                tracing::warn!(provider = row.provider, user = row.user_id, %error, "a token was not renewed");
                let ended = Ended::Failed;
                self.store.give_up_provider_token(row, ended, now).await?;
                still_good(set, now)
            }
        }
    }

    /// Writes the next set, and only then hands it out. The old one may be worth nothing by now, so the store is asked more
    /// than once.
    async fn keep(&self, row: &ProviderToken, next: TokenSet) -> Outcome {
        let sealed = self.seal(&row.user_id, &row.provider, &next);
        let sealed = sealed.map_err(|_| TokensError::Unavailable)?;
        let mut attempt = 0;
        let is_written = loop {
            let now = self.clock.now();
            let written = self
                .store
                .replace_provider_token(row, sealed.clone(), now)
                .await;
            match written {
                Err(error) if attempt < 3 => {
                    attempt += 1;
                    tracing::warn!(%error, "renewed tokens are not written yet");
                    tokio::time::sleep(BETWEEN_LOOKS).await;
                }
                written => break written?,
            }
        };
        if is_written {
            self.metrics.provider_refreshed(&row.provider, "ok");
            return Ok(next.access);
        }
        // The user has logged in there meanwhile, or unlinked the account: what is in the store counts.
        self.metrics.provider_refreshed(&row.provider, "superseded");
        let row = self.store.provider_token(&row.user_id, &row.provider).await;
        let row = row?.ok_or(TokensError::None)?;
        self.open(&row)
            .map(|set| set.access)
            .ok_or(TokensError::LoginAgain)
    }

    /// Makes a set that is not young any more look as if it were over.
    async fn end_early(
        &self,
        user: &str,
        provider: &str,
        token: &Secret,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let row = self.store.provider_token(user, provider).await?;
        // A token as young as that is refused for another reason than its age, and the next one would be too.
        let old = |row: &ProviderToken| now >= row.updated_at.saturating_add(millis(YOUNG));
        let Some(row) = row.filter(|row| row.lapsed_at.is_none() && old(row)) else {
            return Ok(());
        };
        let set = self.open(&row).filter(|set| set.refresh.is_some());
        let Some(set) = set.filter(|set| set.access.matches(token.expose())) else {
            return Ok(());
        };
        let over = TokenSet {
            expires_at: Some(now),
            ..set
        };
        let Ok(sealed) = self.seal(user, provider, &over) else {
            return Ok(());
        };
        // Only with the claim: a set that is being renewed must be followed by the one that comes of it.
        let until = now + millis(CLAIM);
        if self.store.claim_provider_token(&row, now, until).await? {
            self.store.replace_provider_token(&row, sealed, now).await?;
        }
        Ok(())
    }

    async fn without_refresh(&self, row: &ProviderToken, set: TokenSet, now: EpochMs) -> Outcome {
        match still_good(set, now) {
            Err(_) => self.lapse(row, "no_refresh_token", now).await,
            good => good,
        }
    }

    /// Only another login helps.
    async fn lapse(&self, row: &ProviderToken, result: &str, now: EpochMs) -> Outcome {
        let ended = Ended::Lapsed;
        if self.store.give_up_provider_token(row, ended, now).await? {
            self.metrics.provider_refreshed(&row.provider, result);
            let entry = Entry::new(Event::ProviderLoginAgain, now).user_id(Some(&row.user_id));
            let entry = entry
                .with("provider", row.provider.as_str())
                .with("why", result);
            self.store.audit(entry).await;
        }
        Err(TokensError::LoginAgain)
    }

    fn seal(&self, user: &str, provider: &str, set: &TokenSet) -> Result<String, SealError> {
        self.sealer.seal(&purpose(user, provider), &set.to_bytes())
    }

    fn open(&self, row: &ProviderToken) -> Option<TokenSet> {
        let purpose = purpose(&row.user_id, &row.provider);
        TokenSet::from_bytes(&self.sealer.open(&purpose, &row.sealed)?)
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Key, Shared<BoxFuture<'static, Outcome>>>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A provider that does not say how long a token lasts gave one that lasts until it is refused.
fn lasts(set: &TokenSet, now: EpochMs, least: Duration) -> bool {
    set.expires_at
        .is_none_or(|end| end > now.saturating_add(millis(least)))
}

fn still_good(set: TokenSet, now: EpochMs) -> Outcome {
    if lasts(&set, now, Duration::ZERO) {
        return Ok(set.access);
    }
    Err(TokensError::Unavailable)
}
