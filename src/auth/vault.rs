//! The facts of credentials, whoever knows them: found in the cache, else asked for, once for all who wait.

use super::issuer::Outage;
use super::{AuthError, CacheState, Carrier, Credential, Glance, Principal, Verdict};
use crate::clock::EpochMs;
use crate::http::Legacy;
use crate::secret::Secret;
use crate::storage::StoreError;
use crate::token::cache::{Keeping, Lookup};
use crate::token::{FactCache, Facts, Feed, TokenHash};
use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, ready};
use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;

/// Who knows about the credentials of one kind: the store, an issuer's keys, a server that is asked.
#[async_trait]
pub trait Source: Send + Sync {
    /// What is true of the credential now; `None` when it is not good. `hash` is its name in the cache. How long that
    /// may take is for the source to bound; the position of the facts is for the vault to set.
    async fn look(
        &self,
        hash: TokenHash,
        credential: &Secret,
        now: EpochMs,
    ) -> Result<Option<Facts>, SourceError>;

    /// The same, of one that was good a moment ago: no flood of others is to keep it waiting.
    async fn look_again(
        &self,
        hash: TokenHash,
        credential: &Secret,
        now: EpochMs,
    ) -> Result<Option<Facts>, SourceError> {
        self.look(hash, credential, now).await
    }
}

/// Why it is not known whether a credential is good: whoever sent it must not be told that it is not.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SourceError {
    #[error("the store of credentials cannot be asked")]
    Store(#[source] Arc<StoreError>),
    #[error("who issued the credential cannot be asked")]
    Issuer(#[source] Arc<dyn Error + Send + Sync>),
}

impl SourceError {
    pub fn issuer(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Issuer(Arc::from(cause.into()))
    }

    /// Seconds after which it is worth trying again.
    pub fn retry_after(&self) -> u64 {
        match self {
            Self::Store(_) => 1,
            Self::Issuer(cause) => cause.downcast_ref().map_or(1, Outage::retry_after),
        }
    }
}

impl From<StoreError> for SourceError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// What all vaults of a process share.
#[derive(Debug, Clone)]
pub struct Commons {
    pub cache: Arc<FactCache>,
    pub feed: Arc<Feed>,
    /// Looks run here, and end here, whatever becomes of the requests that wait for them.
    pub runtime: Handle,
}

/// The credentials of one source, and how long what it says of them counts.
pub struct Vault {
    source: Box<dyn Source>,
    keeping: Keeping,
    commons: Commons,
    /// Looks that are under way, so that many requests with one credential wait for one.
    under_way: Mutex<HashMap<TokenHash, Look>>,
}

/// What one look brought; `None` when the credential is not good.
type Found = Result<Option<Arc<Facts>>, SourceError>;

type Look = Shared<BoxFuture<'static, Found>>;

impl Vault {
    pub fn new(source: impl Source + 'static, keeping: Keeping, commons: Commons) -> Arc<Self> {
        Arc::new(Self {
            source: Box::new(source),
            keeping,
            commons,
            under_way: Mutex::default(),
        })
    }

    /// What the cache knows of a credential, if it knows anything.
    pub fn glance(&self, hash: &TokenHash, credential: &Credential<'_>, now: EpochMs) -> Glance {
        match self.commons.cache.find(hash, now) {
            Lookup::Hit(facts) => {
                Glance::Verdict((CacheState::Hit, accept(facts, credential.carrier, now)))
            }
            Lookup::Unknown => Glance::Verdict((CacheState::Negative, Err(AuthError::Invalid))),
            Lookup::Stale(_) | Lookup::Miss => Glance::Unsure,
        }
    }

    /// Whether anything good is known of a credential, outdated or not.
    pub fn knows(&self, hash: &TokenHash, now: EpochMs) -> bool {
        let found = self.commons.cache.find(hash, now);
        matches!(found, Lookup::Hit(_) | Lookup::Stale(_))
    }

    /// What the source knows of a credential. While it cannot be asked, what it said last counts for a little longer;
    /// of what it never told, nothing is known.
    pub async fn ask(
        self: &Arc<Self>,
        hash: TokenHash,
        credential: &Credential<'_>,
        now: EpochMs,
    ) -> Verdict {
        let carrier = credential.carrier;
        match self.current(hash, credential, now).await {
            Ok(Some(facts)) => (CacheState::Miss, accept(facts, carrier, now)),
            Ok(None) => (CacheState::Miss, Err(AuthError::Invalid)),
            Err(cause) => match self.commons.cache.find(&hash, now) {
                Lookup::Hit(facts) | Lookup::Stale(facts) => {
                    (CacheState::Stale, accept(facts, carrier, now))
                }
                Lookup::Unknown | Lookup::Miss => {
                    (CacheState::Miss, Err(AuthError::Unavailable(cause)))
                }
            },
        }
    }

    /// The facts as they are now. A look that was joined may have ended just before a revocation that this request
    /// must see: then it looks again.
    async fn current(
        self: &Arc<Self>,
        hash: TokenHash,
        credential: &Credential<'_>,
        now: EpochMs,
    ) -> Found {
        loop {
            match self.look_once(hash, credential, now).await? {
                Some(facts) if !self.commons.cache.is_current(&hash, &facts) => {}
                found => return Ok(found),
            }
        }
    }

    /// Joins the look that is under way for this credential, or begins it.
    fn look_once(
        self: &Arc<Self>,
        hash: TokenHash,
        credential: &Credential<'_>,
        now: EpochMs,
    ) -> Look {
        let mut under_way = self.under_way();
        if let Some(look) = under_way.get(&hash) {
            return look.clone();
        }
        // One may have ended since the cache was asked: it filled the cache before it gave up its place here.
        let is_known = match self.commons.cache.find(&hash, now) {
            Lookup::Hit(facts) => return ready(Ok(Some(facts))).boxed().shared(),
            Lookup::Unknown => return ready(Ok(None)).boxed().shared(),
            Lookup::Stale(_) => true,
            Lookup::Miss => false,
        };
        let (vault, credential) = (Arc::clone(self), Secret::new(&*credential.token));
        let task = self.commons.runtime.spawn(async move {
            let found = vault.look(hash, &credential, is_known, now).await;
            vault.under_way().remove(&hash);
            found
        });
        let vault = Arc::clone(self);
        let look = async move {
            task.await.unwrap_or_else(|_| {
                // It died without clearing its place, which would keep the credential out for ever.
                vault.under_way().remove(&hash);
                Err(StoreError::Closed.into())
            })
        };
        let look = look.boxed().shared();
        under_way.insert(hash, look.clone());
        look
    }

    async fn look(
        &self,
        hash: TokenHash,
        credential: &Secret,
        is_known: bool,
        now: EpochMs,
    ) -> Found {
        let Commons { cache, feed, .. } = &self.commons;
        loop {
            // The position first: what is revoked from here on is seen by `insert`.
            let position = feed.position();
            let found = if is_known {
                self.source.look_again(hash, credential, now).await?
            } else {
                self.source.look(hash, credential, now).await?
            };
            let Some(mut facts) = found else {
                cache.insert_unknown(hash);
                return Ok(None);
            };
            facts.position = position.into();
            if let Some(facts) = cache.insert(hash, facts, &self.keeping, now) {
                return Ok(Some(facts));
            }
            // Its user, client or tenant changed meanwhile, which need not end the credential: the source knows.
        }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<TokenHash, Look>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is checked on every request, cached or not.
fn accept(facts: Arc<Facts>, carrier: Carrier, now: EpochMs) -> Result<Principal, AuthError> {
    if facts.expires_at <= now {
        return Err(AuthError::Expired);
    }
    let legacy = match carrier.switch() {
        None => None,
        Some(switch) if facts.may_still(switch, now) => Some(Legacy {
            switch,
            sunset_at: facts.sunset_at,
        }),
        Some(_) => return Err(AuthError::Carrier(carrier)),
    };
    Ok(Principal { facts, legacy })
}
