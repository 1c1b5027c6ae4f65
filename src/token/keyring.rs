//! The keys that sign access tokens: found in the store, made on first need, renewed with age (RFC 9068 §4).
//!
//! A key is published before it signs, so that whoever keeps a copy of the published keys knows it in time, and until
//! the last token that it signed has expired.

use super::jws::Unverified;
use super::jwt;
use super::signing::{Algorithm, PrivateKey, PublicKey, SigningError};
use crate::clock::{Clock, EpochMs, millis};
use crate::sealer::Sealer;
use crate::secret::{decode, encode};
use crate::storage::signing_keys::SigningKey;
use crate::storage::{Store, StoreError};
use arc_swap::ArcSwap;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How keys are made and renewed.
#[derive(Debug, Clone)]
pub struct KeyPolicy {
    pub algorithm: Algorithm,
    /// How long a key signs; zero for ever.
    pub lifetime: Duration,
    /// How long a key is published before it signs.
    pub ahead: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Signing(#[from] SigningError),
    #[error("the key `{0}` waits already for its time to sign")]
    Waiting(String),
    #[error("no key signs")]
    None,
}

type Result<T, E = KeyError> = std::result::Result<T, E>;

/// A key, ready for use.
#[derive(Debug)]
pub struct Key {
    row: SigningKey,
    public: PublicKey,
    /// None once it signs no more, or when another installation's `tokens.key` sealed it.
    private: Option<PrivateKey>,
}

/// What a key is good for at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Published, to sign later.
    Next,
    Signing,
    /// Published, until the last token of its has expired.
    Former,
    Retired,
}

/// The keys of all gateways on one store, as read of late.
#[derive(Debug)]
pub struct Keyring {
    store: Store,
    sealer: Sealer,
    clock: Clock,
    policy: KeyPolicy,
    keys: ArcSwap<Vec<Arc<Key>>>,
    read_at: Mutex<Option<EpochMs>>,
}

/// In milliseconds. What was read lately is not read again, however many unknown keys are asked for.
const FRESH: EpochMs = 1000;

/// By how much clocks may differ: for so long after its end, a key may still sign elsewhere, and its tokens be taken.
const SKEW: EpochMs = 5 * 60 * 1000;

/// How long a retired key is remembered.
const REMEMBERED: Duration = Duration::from_hours(30 * 24);

impl Key {
    pub fn kid(&self) -> &str {
        &self.row.kid
    }

    pub fn row(&self) -> &SigningKey {
        &self.row
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> Result<String, SigningError> {
        let named = (self.kid(), self.row.algorithm.as_str());
        jwt::compose(named, claims, |message| self.sign(message))
    }

    /// A signature, which a key that signs no more cannot give.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let private = self.private.as_ref().ok_or(SigningError)?;
        private.sign(message)
    }

    /// Whether it signed the token, by its own algorithm (RFC 8725 §3.1).
    pub fn signed(&self, token: Unverified<'_>) -> bool {
        self.public.signed(token)
    }

    fn is_live(&self) -> bool {
        self.row.retired_at.is_none()
    }
}

impl Keyring {
    pub fn new(store: Store, sealer: Sealer, clock: Clock, policy: KeyPolicy) -> Self {
        Self {
            store,
            sealer,
            clock,
            policy,
            keys: ArcSwap::default(),
            read_at: Mutex::default(),
        }
    }

    /// The key of this name that was known of late, without any I/O.
    pub fn find(&self, kid: &str) -> Option<Arc<Key>> {
        let keys = self.keys.load();
        let key = keys.iter().find(|key| key.kid() == kid && key.is_live());
        key.cloned()
    }

    /// As [`Keyring::find`], where a key that is not known is looked for: another gateway may just have made it.
    pub async fn look_for(&self, kid: &str) -> Result<Option<Arc<Key>>> {
        if let Some(key) = self.find(kid) {
            return Ok(Some(key));
        }
        self.refresh().await?;
        Ok(self.find(kid))
    }

    /// All keys, oldest first, each with what it is good for now.
    pub async fn all(&self) -> Result<Vec<(Arc<Key>, KeyState)>> {
        self.refresh().await?;
        let (keys, now) = (self.keys.load(), self.clock.now());
        let signing = signing(&keys, now);
        let state = |key: &Key| match &signing {
            _ if !key.is_live() => KeyState::Retired,
            Some(signing) if signing.kid() == key.kid() => KeyState::Signing,
            _ if key.row.signs_at > now => KeyState::Next,
            _ => KeyState::Former,
        };
        Ok(keys
            .iter()
            .map(|key| (Arc::clone(key), state(key)))
            .collect())
    }

    /// The public halves (RFC 7517), for whoever verifies tokens.
    pub async fn published(&self) -> Result<Vec<Value>> {
        self.refresh().await?;
        let keys = self.keys.load();
        let live = keys.iter().filter(|key| key.is_live());
        Ok(live.map(|key| key.public.jwk().clone()).collect())
    }

    /// The key that signs now. Made on first need: then nobody can have known it before.
    pub async fn signer(&self) -> Result<Arc<Key>> {
        self.refresh().await?;
        if let Some(key) = self.signing() {
            return Ok(key);
        }
        self.make(self.clock.now()).await?;
        self.signing().ok_or(KeyError::None)
    }

    /// Makes the next key, which signs once it has been published for long enough; or `at_once`, when the one that
    /// signs is not to be trusted any more.
    ///
    /// # Errors
    /// [`KeyError::Waiting`] when there is one that waits.
    pub async fn rotate(&self, at_once: bool) -> Result<()> {
        self.read().await?;
        let now = self.clock.now();
        match self.next() {
            None if at_once => self.make(now).await,
            None => self.make(self.announced(now)).await,
            Some(next) if at_once => {
                self.store.bring_forward(next.kid(), now).await?;
                self.read().await
            }
            Some(next) => Err(KeyError::Waiting(next.kid().to_owned())),
        }
    }

    /// Ends a key with all tokens that it signed, and says how many those were.
    pub async fn retire(&self, kid: &str) -> Result<u64> {
        let ended = self.store.retire_signing_key(kid, self.clock.now()).await?;
        self.read().await?;
        Ok(ended)
    }

    /// What must be done now and then: the next key in time, the end of those that nobody needs.
    pub async fn keep(&self) -> Result<()> {
        self.read().await?;
        let now = self.clock.now();
        let due = self.signing().filter(|key| self.is_due(key, now));
        if due.is_some() && self.next().is_none() {
            self.make(self.announced(now)).await?;
        }
        for key in self.former(now.saturating_sub(SKEW)) {
            self.store.forget_private_key(key.kid(), now).await?;
            let then = now.saturating_sub(SKEW);
            self.store.end_signing_key(key.kid(), then).await?;
        }
        let then = now.saturating_sub(millis(REMEMBERED));
        self.store.prune_signing_keys(then).await?;
        self.read().await
    }

    /// Reads the keys, unless that was done a moment ago.
    async fn refresh(&self) -> Result<()> {
        let mut read_at = self.read_at.lock().await;
        let now = self.clock.now();
        if read_at.is_some_and(|then| (then..then.saturating_add(FRESH)).contains(&now)) {
            return Ok(());
        }
        self.load().await?;
        *read_at = Some(now);
        Ok(())
    }

    async fn read(&self) -> Result<()> {
        let mut read_at = self.read_at.lock().await;
        self.load().await?;
        *read_at = Some(self.clock.now());
        Ok(())
    }

    /// Only what changed is opened again: to read a private key takes its time.
    async fn load(&self) -> Result<()> {
        let (known, mut keys) = (self.keys.load_full(), Vec::new());
        for row in self.store.signing_keys().await? {
            let same = known.iter().find(|key| key.row == row);
            match same {
                Some(key) => keys.push(Arc::clone(key)),
                None => keys.push(Arc::new(self.open(row)?)),
            }
        }
        self.keys.store(Arc::new(keys));
        Ok(())
    }

    fn open(&self, row: SigningKey) -> Result<Key> {
        let algorithm = Algorithm::named(&row.algorithm).ok_or(SigningError)?;
        let public = decode(&row.public_key).ok_or(SigningError)?;
        let private = row.private_key.as_deref();
        let private = private.and_then(|sealed| self.sealer.open(&purpose(&row.kid), sealed));
        Ok(Key {
            public: PublicKey::read(algorithm, &public)?,
            private: private
                .map(|pkcs8| PrivateKey::read(algorithm, &pkcs8))
                .transpose()?,
            row,
        })
    }

    /// Makes a key that signs from then on, unless another gateway has just done so.
    async fn make(&self, signs_at: EpochMs) -> Result<()> {
        let algorithm = self.policy.algorithm;
        let made = tokio::task::spawn_blocking(move || algorithm.generate()).await;
        let pair = made.map_err(|_| SigningError)??;
        let kid = PublicKey::read(algorithm, &pair.public)?
            .thumbprint()
            .to_owned();
        let sealed = self.sealer.seal(&purpose(&kid), &pair.private);
        let newest = self.keys.load().iter().map(|key| key.row.created_at).max();
        let newest = newest.unwrap_or(EpochMs::MIN);
        let key = SigningKey {
            kid,
            algorithm: algorithm.to_string(),
            public_key: encode(&pair.public),
            private_key: Some(sealed.map_err(|_| SigningError)?),
            created_at: self.clock.now().max(newest.saturating_add(1)),
            signs_at,
            retired_at: None,
        };
        self.store.add_signing_key(key, newest).await?;
        self.read().await
    }

    fn announced(&self, now: EpochMs) -> EpochMs {
        now.saturating_add(millis(self.policy.ahead))
    }

    fn signing(&self) -> Option<Arc<Key>> {
        signing(&self.keys.load(), self.clock.now())
    }

    /// The key that waits for its time.
    fn next(&self) -> Option<Arc<Key>> {
        let (keys, now) = (self.keys.load(), self.clock.now());
        let next = keys
            .iter()
            .find(|key| key.is_live() && key.row.signs_at > now);
        next.cloned()
    }

    /// Keys whose successor has signed since before `then`.
    fn former(&self, then: EpochMs) -> Vec<Arc<Key>> {
        let keys = self.keys.load();
        let Some(signing) = signing(&keys, then) else {
            return Vec::new();
        };
        let is_former = |key: &&Arc<Key>| key.is_live() && key.row.signs_at < signing.row.signs_at;
        keys.iter().filter(is_former).cloned().collect()
    }

    /// Whether its successor must be published now.
    fn is_due(&self, key: &Key, now: EpochMs) -> bool {
        let ends = key
            .row
            .signs_at
            .saturating_add(millis(self.policy.lifetime));
        let is_old = !self.policy.lifetime.is_zero() && self.announced(now) >= ends;
        is_old || key.row.algorithm != self.policy.algorithm.as_str()
    }
}

/// The youngest whose time has come. Where none has, by a clock that is behind, the first to come.
fn signing(keys: &[Arc<Key>], now: EpochMs) -> Option<Arc<Key>> {
    let able = || {
        keys.iter()
            .filter(|key| key.is_live() && key.private.is_some())
    };
    let order = |key: &&Arc<Key>| (key.row.signs_at, key.row.created_at);
    let begun = able()
        .filter(|key| key.row.signs_at <= now)
        .max_by_key(order);
    begun.or_else(|| able().min_by_key(order)).cloned()
}

/// A private key that is moved to the row of another opens no more.
fn purpose(kid: &str) -> String {
    format!("signing key {kid}")
}
