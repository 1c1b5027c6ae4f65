//! callgate's own opaque tokens: recognised by their form, found in the cache, else read from the store once.

use super::{
    AuthError, Authenticator, CacheState, Carrier, Credential, JwtTokens, Principal, Verdict,
};
use crate::access::Accesses;
use crate::clock::EpochMs;
use crate::http::Legacy;
use crate::storage::tokens::TokenFacts;
use crate::storage::{Store, StoreError};
use crate::token::cache::Lookup;
use crate::token::{Class, FactCache, Facts, Feed, Keyring, Mint, Subject, TokenHash};
use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, ready};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;

/// What one look into the store brought; `None` when the token is not known.
type Load = Result<Option<Arc<Facts>>, Arc<StoreError>>;

/// Verifies access tokens that this installation issued.
pub struct OpaqueTokens(Arc<Vault>);

/// The facts of tokens that this installation issued, whatever form they have.
pub(super) struct Vault {
    mint: Mint,
    cache: Arc<FactCache>,
    feed: Arc<Feed>,
    store: Store,
    runtime: Handle,
    /// Looks into the store that are under way, so that many requests with one token wait for one look.
    under_way: Mutex<HashMap<TokenHash, Shared<BoxFuture<'static, Load>>>>,
}

impl OpaqueTokens {
    /// Looks into the store run on `runtime`, and end there, whatever becomes of the requests that wait for them.
    pub fn new(
        mint: Mint,
        cache: Arc<FactCache>,
        feed: Arc<Feed>,
        store: Store,
        runtime: Handle,
    ) -> Self {
        Self(Arc::new(Vault {
            mint,
            cache,
            feed,
            store,
            runtime,
            under_way: Mutex::default(),
        }))
    }

    /// Verifies those of the tokens that are JWTs.
    pub fn jwts(&self, keys: Arc<Keyring>) -> JwtTokens {
        JwtTokens::new(keys, Arc::clone(&self.0))
    }

    /// A token that is not of our making is refused without any I/O.
    fn recognise(&self, credential: &Credential<'_>) -> Option<TokenHash> {
        self.0.mint.recognise(Class::Access, &credential.token)
    }
}

#[async_trait]
impl Authenticator for OpaqueTokens {
    fn verify_cached(&self, credential: &Credential<'_>, now: EpochMs) -> Option<Verdict> {
        let hash = self.recognise(credential)?;
        self.0.cached(&hash, credential, now)
    }

    async fn verify(&self, credential: &Credential<'_>, now: EpochMs) -> Option<Verdict> {
        let hash = self.recognise(credential)?;
        Some(self.0.ask(hash, credential, now).await)
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

impl Vault {
    /// What the cache knows of a token, if it knows anything.
    pub(super) fn cached(
        &self,
        hash: &TokenHash,
        credential: &Credential<'_>,
        now: EpochMs,
    ) -> Option<Verdict> {
        match self.cache.find(hash, now) {
            Lookup::Hit(facts) => Some((CacheState::Hit, accept(facts, credential.carrier, now))),
            Lookup::Unknown => Some((CacheState::Negative, Err(AuthError::Invalid))),
            Lookup::Miss => None,
        }
    }

    /// What the store knows of a token that is ours by its form.
    pub(super) async fn ask(
        self: &Arc<Self>,
        hash: TokenHash,
        credential: &Credential<'_>,
        now: EpochMs,
    ) -> Verdict {
        let result = match self.current(hash, now).await {
            Ok(Some(facts)) => accept(facts, credential.carrier, now),
            Ok(None) => Err(AuthError::Invalid),
            Err(cause) => Err(AuthError::Unavailable(cause)),
        };
        (CacheState::Miss, result)
    }

    /// The facts as they are now. A look that was joined may have ended just before a revocation that this request
    /// must see: then it looks again.
    async fn current(self: &Arc<Self>, hash: TokenHash, now: EpochMs) -> Load {
        loop {
            match self.load_once(hash, now).await? {
                Some(facts) if !self.cache.is_current(&hash, &facts) => {}
                load => return Ok(load),
            }
        }
    }

    /// Joins the look into the store that is under way for this token, or begins it.
    fn load_once(
        self: &Arc<Self>,
        hash: TokenHash,
        now: EpochMs,
    ) -> Shared<BoxFuture<'static, Load>> {
        let mut under_way = self.under_way();
        if let Some(load) = under_way.get(&hash) {
            return load.clone();
        }
        // One may have ended since the cache was asked: it filled the cache before it gave up its place here.
        match self.cache.find(&hash, now) {
            Lookup::Hit(facts) => return ready(Ok(Some(facts))).boxed().shared(),
            Lookup::Unknown => return ready(Ok(None)).boxed().shared(),
            Lookup::Miss => {}
        }
        let vault = Arc::clone(self);
        let task = self.runtime.spawn(async move {
            let load = vault.load(hash).await;
            vault.under_way().remove(&hash);
            load
        });
        let vault = Arc::clone(self);
        let load = async move {
            task.await.unwrap_or_else(|_| {
                // It died without clearing its place, which would keep the token out for ever.
                vault.under_way().remove(&hash);
                Err(Arc::new(StoreError::Closed))
            })
        };
        let load = load.boxed().shared();
        under_way.insert(hash, load.clone());
        load
    }

    async fn load(&self, hash: TokenHash) -> Load {
        loop {
            // The position first: what is revoked from here on is seen by `insert`.
            let position = self.feed.position();
            let row = self.store.token_facts(&hash.to_string()).await;
            let row = row.map_err(Arc::new)?;
            let Some(facts) = row.and_then(|row| facts(row, position)) else {
                self.cache.insert_unknown(hash);
                return Ok(None);
            };
            if let Some(facts) = self.cache.insert(hash, facts) {
                return Ok(Some(facts));
            }
            // Its user, client or tenant changed meanwhile, which need not end the token: the store knows.
        }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<TokenHash, Shared<BoxFuture<'static, Load>>>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// `position` is the feed's before `row` was read. `None` when the token's user is no more: it is not the client's.
fn facts(row: TokenFacts, position: u64) -> Option<Facts> {
    let (subject, name) = match (row.user_id, row.username) {
        (Some(id), Some(username)) => (Subject::User(id), username),
        (Some(_), None) => return None,
        (None, _) => (Subject::Client(row.client_id.clone()), row.client_name),
    };
    Some(Facts {
        subject,
        name,
        tenant: row.tenant_id,
        client: row.client_id,
        token_id: row.id,
        family: row.family_id,
        grant: row.grant_id,
        scope: row.scope,
        accesses: Accesses::parse(row.accesses.0),
        switches: row.switches,
        sunset_at: row.sunset_at,
        expires_at: row.expires_at,
        jkt: row.jkt.map(String::into_boxed_str),
        position: position.into(),
    })
}
