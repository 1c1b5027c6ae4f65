//! Issuers that are asked about their tokens, whenever what they said last counts no more.

mod asked;
mod breaker;
mod dialect;
mod form;
mod introspection;
mod server;
mod wazo;

pub use form::Form;
pub use introspection::Spec as IntrospectionSpec;
pub use server::Outage;
pub use wazo::Spec as WazoSpec;

pub(super) use dialect::Dialect;

use super::claims::Claims;
use super::principal::Verified;
use crate::auth::vault::{Commons, Vault};
use crate::auth::{Authenticator, CacheState, Credential, Glance, Verdict};
use crate::clock::EpochMs;
use crate::http::remote::Fetching;
use crate::metrics::{IssuerMetrics, Metrics};
use crate::storage::Store;
use crate::storage::revocations::Kind;
use crate::token::{External, TokenHash, Verifier};
use asked::Asked;
use async_trait::async_trait;
use dialect::Watching;
use std::sync::Arc;
use std::time::Duration;

/// Verifies tokens by asking who issued them.
pub struct RemoteTokens {
    issuer: String,
    form: Form,
    verifier: Verifier,
    vault: Arc<Vault>,
    metrics: IssuerMetrics,
    store: Store,
    commons: Commons,
    /// Ends with this.
    _watching: Option<Watching>,
}

/// What issuers share with the rest of the process.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'s> {
    pub(super) fetching: &'s Fetching,
    pub(super) store: &'s Store,
    pub(super) commons: &'s Commons,
    pub(super) metrics: &'s Metrics,
}

/// What an issuer says of a token.
enum Worth {
    Good(Box<Told>),
    Unknown,
    /// It is one, but none for us.
    Refused(&'static str),
}

/// What it says of a good one.
struct Told {
    claims: Claims,
    verified: Verified,
}

impl RemoteTokens {
    pub(super) fn new(dialect: Dialect, verifier: Verifier, around: Surroundings<'_>) -> Self {
        let issuer = dialect.name().to_owned();
        let metrics = around.metrics.issuer(&issuer);
        let (keeping, watching) = dialect.keeping(around, &metrics);
        let form = dialect.form();
        let source = Asked::new(dialect, around, metrics.clone());
        Self {
            issuer,
            form,
            verifier,
            vault: Vault::new(source, keeping, around.commons.clone()),
            metrics,
            store: around.store.clone(),
            commons: around.commons.clone(),
            _watching: watching,
        }
    }

    /// The issuer's name in the configuration.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Who is asked first: what is left to [`Form::Opaque`] is found last.
    pub(super) const fn order(&self) -> u8 {
        self.form.order()
    }

    /// Drops what is known of a token that has just been ended at its issuer: here before this returns, at other gateways
    /// soon. What is not known here is not written down, or anybody could fill the store with names.
    pub fn forget(&self, token: &str, now: EpochMs) {
        let Some(hash) = self.hash(token) else {
            return;
        };
        if !self.vault.knows(&hash, now) {
            return;
        }
        let name = TokenHash::of_external(&self.issuer, token).to_string();
        self.commons.feed.record(Kind::Token, &name, now);
        let store = self.store.clone();
        self.commons.runtime.spawn(async move {
            if let Err(error) = store.forget_everywhere(Kind::Token, &name, now).await {
                tracing::error!(%error, "other gateways do not hear of a token that has ended");
            }
        });
    }

    /// The token's name in the cache, if it is one of this issuer's. UUIDs have letters of either case, and are the same.
    fn hash(&self, token: &str) -> Option<TokenHash> {
        if !self.form.takes(token) {
            return None;
        }
        Some(match self.form {
            Form::Uuid => self.verifier.hash(&token.to_ascii_lowercase()),
            _ => self.verifier.hash(token),
        })
    }
}

#[async_trait]
impl Authenticator for RemoteTokens {
    fn glance(&self, credential: &Credential<'_>, now: EpochMs) -> Glance {
        let Some(hash) = self.hash(&credential.token) else {
            return Glance::NotMine;
        };
        self.vault.glance(&hash, credential, now)
    }

    async fn verify(&self, credential: &Credential<'_>, now: EpochMs) -> Option<Verdict> {
        let hash = self.hash(&credential.token)?;
        let (cache, result) = self.vault.ask(hash, credential, now).await;
        if cache == CacheState::Stale {
            self.metrics.stale_answer();
        }
        Some((cache, result))
    }
}

/// By how much an issuer's clock may differ from ours, in milliseconds.
const SKEW: EpochMs = 60_000;

/// When a token is over that its issuer calls good; `None` when it is. That its time is over by our clock, but not by the
/// issuer's, is for the issuer to say, again and again.
fn ends_at(end: EpochMs, now: EpochMs) -> Option<EpochMs> {
    (end.saturating_add(SKEW) > now).then(|| end.max(now.saturating_add(1000)))
}

/// How a revocation names a session of an issuer.
fn session_key(issuer: &str, session: &str) -> String {
    External::new(issuer, session).as_str().to_owned()
}

const fn lifetime() -> Duration {
    Duration::from_mins(1)
}

const fn stale_if_error() -> Duration {
    Duration::from_secs(30)
}
