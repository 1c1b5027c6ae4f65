//! The composition root: from a configuration to the gateways that serve it.

mod calls;
mod credentials;
mod digests;
mod housekeeping;
mod issuers;

use crate::admin::{self, Administration};
use crate::auth::digest;
use crate::auth::dpop::{self, Proofs};
use crate::auth::issuer::{KnownKeys, RemoteTokens};
use crate::auth::password;
use crate::auth::{Authenticator, Chain, OpaqueTokens, OperatorToken};
use crate::backend::SpecError;
use crate::call::{self, Calls};
use crate::clock::{Clock, EpochMs};
use crate::config::Config;
use crate::gateway::Gateway;
use crate::http::client::{Client, ClientError};
use crate::http::remote::Fetching;
use crate::metrics::Metrics;
use crate::oauth::{self, Oauth};
use crate::openapi;
use crate::operations::{self, Reloads};
use crate::provider::{ProviderTokens, Providers};
use crate::proxy::Site;
use crate::proxy::upstream::Upstream;
use crate::replay::Replay;
use crate::route::{Endpoints, Routes};
use crate::salt;
use crate::sealer::Sealer;
use crate::storage::Store;
use crate::token::{FactCache, Feed, Follower, KeyPolicy, Keyring, Mint};
use crate::upstream_auth::Credentials;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// What lives as long as the process, whatever configurations come and go.
#[derive(Clone)]
pub struct Services {
    pub store: Store,
    pub clock: Clock,
    pub metrics: Metrics,
    pub mint: Mint,
    /// Seals what the store must hold of others' secrets.
    pub sealer: Sealer,
    /// What signs JWT access tokens.
    pub keys: Arc<Keyring>,
    pub cache: Arc<FactCache>,
    pub feed: Arc<Feed>,
    pub follower: Arc<Follower>,
    /// What was fetched of other issuers' keys.
    pub issuer_keys: Arc<KnownKeys>,
    /// Proofs of possession that were used.
    pub used_proofs: Arc<Replay>,
    /// Nonces of Kalliope's digests that were used.
    pub used_nonces: Arc<Replay>,
    pub started_at: EpochMs,
    /// Failed logins of late.
    pub attempts: Arc<oauth::Attempts>,
    /// Wrong digests of late.
    pub digest_attempts: Arc<digest::Attempts>,
    /// Where the store and all that must run to its end run.
    pub runtime: Handle,
    /// Where a reload of the configuration is asked for.
    pub reloads: Reloads,
}

/// One version of the configuration, ready to serve. A request keeps the version that it began with.
pub struct Version {
    /// The public listener.
    pub edge: Arc<Site>,
    /// The operations listener.
    pub operations: Arc<Site>,
    pub calls: Arc<Calls>,
    /// What listens to the call backends, until it is dropped.
    pub listening: JoinSet<()>,
    /// Tokens of users at other providers.
    pub provider_tokens: Arc<ProviderTokens>,
    /// What is presented to upstreams.
    pub credentials: Arc<Credentials>,
    pub config: Config,
}

#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Store(#[from] crate::storage::StoreError),
    #[error("tokens.key: {0}")]
    Key(#[from] crate::token::WeakKey),
    #[error(transparent)]
    Sealer(#[from] crate::sealer::SealError),
    #[error("outbound: {0}")]
    Outbound(#[from] ClientError),
    #[error(transparent)]
    Backend(#[from] SpecError),
    #[error(transparent)]
    Route(#[from] crate::route::RouteError),
    #[error("upstream `{name}`: {message}")]
    Upstream { name: String, message: String },
}

impl Services {
    /// Opens what the configuration names. Its migrations must be up to date.
    pub async fn start(
        config: &Config,
        clock: Clock,
        reloads: Reloads,
        runtime: Handle,
    ) -> Result<Self, AppError> {
        let metrics = Metrics::new();
        let store = Store::open(&config.store, &metrics).await?;
        Self::with(store, config, clock, reloads, runtime).await
    }

    /// The services over a store that is open.
    pub async fn with(
        store: Store,
        config: &Config,
        clock: Clock,
        reloads: Reloads,
        runtime: Handle,
    ) -> Result<Self, AppError> {
        let metrics = store.metrics().clone();
        password::bound(config.oauth.password_bounds());
        let feed = Arc::new(Feed::new(clock.now()));
        let cache = Arc::new(FactCache::new(&config.cache, Arc::clone(&feed)));
        let follower = Follower::start(
            store.clone(),
            Arc::clone(&feed),
            Arc::clone(&cache),
            clock.clone(),
        )
        .await?;
        let sealer = Sealer::new(&config.tokens.key)?;
        let keys = Keyring::new(
            store.clone(),
            sealer.clone(),
            clock.clone(),
            KeyPolicy {
                algorithm: config.oauth.signing_algorithm,
                lifetime: config.oauth.signing_key_lifetime,
                ahead: config.oauth.signing_key_ahead,
            },
        );
        Ok(Self {
            mint: Mint::new(&config.tokens.key)?,
            sealer,
            keys: Arc::new(keys),
            follower: Arc::new(follower),
            issuer_keys: Arc::default(),
            used_proofs: Arc::new(Replay::new(IN_USE, store.clone())),
            used_nonces: Arc::new(Replay::new(IN_USE, store.clone())),
            started_at: clock.now(),
            attempts: Arc::new(oauth::Attempts::new(&config.oauth, &metrics)),
            digest_attempts: Arc::new(digest::Attempts::new(&config.digest, &metrics)),
            store,
            clock,
            metrics,
            cache,
            feed,
            reloads,
            runtime,
        })
    }

    /// Builds one version. Nothing of it serves until it is handed to the listeners.
    pub async fn version(&self, config: Config) -> Result<Version, AppError> {
        oauth::warn_of_switches(&self.store, self.clock.now()).await?;
        let providers = Arc::new(self.providers(&config)?);
        providers.warm_up();
        let provider_tokens = self.provider_tokens(&providers);
        let credentials = Arc::new(self.credentials(&config, &provider_tokens)?);
        let calls = Arc::new(self.calls_with(&config, &credentials)?);
        let mut upstreams = BTreeMap::new();
        for spec in &config.upstream {
            let upstream = Upstream::start(spec, &self.runtime).await;
            let upstream = upstream.map_err(|message| AppError::Upstream {
                name: spec.name.clone(),
                message,
            })?;
            upstreams.insert(spec.name.clone(), upstream);
        }
        let oauth = Arc::new(self.oauth(&config, providers, &provider_tokens));
        let issuers = self.remote_tokens(&config)?;
        Ok(Version {
            edge: Arc::new(Site {
                gateway: self.edge(&config, &calls, &oauth, &issuers)?,
                issuers,
                upstreams,
                credentials: Arc::clone(&credentials),
                trusted: config.server.trusted_proxies.clone(),
                https_only: config.server.public_origin.starts_with("https://"),
            }),
            operations: Arc::new(Site {
                gateway: self.operations(&config, &calls)?,
                upstreams: BTreeMap::new(),
                credentials: Arc::default(),
                issuers: Vec::new(),
                trusted: Vec::new(),
                https_only: false,
            }),
            listening: calls.listen(&self.runtime),
            calls,
            provider_tokens,
            credentials,
            config,
        })
    }

    fn provider_tokens(&self, providers: &Arc<Providers>) -> Arc<ProviderTokens> {
        Arc::new(ProviderTokens::new(
            self.store.clone(),
            self.sealer.clone(),
            self.clock.clone(),
            Arc::clone(providers),
            self.runtime.clone(),
        ))
    }

    fn oauth(
        &self,
        config: &Config,
        providers: Arc<Providers>,
        provider_tokens: &Arc<ProviderTokens>,
    ) -> Oauth {
        Oauth {
            store: self.store.clone(),
            mint: self.mint.clone(),
            sealer: self.sealer.clone(),
            keys: Arc::clone(&self.keys),
            follower: Arc::clone(&self.follower),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            settings: config.oauth.clone(),
            proofs: Arc::new(self.proofs(config)),
            attempts: Arc::clone(&self.attempts),
            providers,
            provider_tokens: Arc::clone(provider_tokens),
            origin: config.server.public_origin.clone(),
        }
    }

    fn proofs(&self, config: &Config) -> Proofs {
        let settings = dpop::Settings {
            origin: config.server.public_origin.clone(),
            window: config.oauth.dpop_window,
            nonce: config.oauth.dpop_nonce,
            keeper: config.oauth.dpop_replay,
        };
        let used = Arc::clone(&self.used_proofs);
        Proofs::new(&settings, self.mint.clone(), used, self.started_at)
    }

    /// Without a `[[provider]]` there is no way out, which would need the system's authorities.
    fn providers(&self, config: &Config) -> Result<Providers, AppError> {
        if config.provider.is_empty() {
            return Ok(Providers::default());
        }
        Ok(Providers::new(&config.provider, &self.fetching(config)?))
    }

    fn fetching(&self, config: &Config) -> Result<Fetching, AppError> {
        Ok(Fetching {
            client: Client::new(&config.outbound)?,
            clock: self.clock.clone(),
            runtime: self.runtime.clone(),
        })
    }

    fn edge(
        &self,
        config: &Config,
        calls: &Arc<Calls>,
        oauth: &Arc<Oauth>,
        remote: &[Arc<RemoteTokens>],
    ) -> Result<Gateway, AppError> {
        let commons = self.commons();
        let issuers = self.issuers(config, &commons)?;
        let tokens = OpaqueTokens::new(self.mint.clone(), self.store.clone(), commons);
        let origin = &config.server.public_origin;
        let jwts = Arc::new(tokens.jwts(Arc::clone(&self.keys), origin, issuers));
        let endpoints = call::endpoints(calls)
            .and(oauth::endpoints(oauth))
            .and(salt::endpoints(self.salts(config)))
            .and(openapi::endpoints(openapi::EDGE));
        let routes = config
            .route
            .iter()
            .flat_map(crate::config::RouteSpec::declarations);
        let mut chain: Vec<Arc<dyn Authenticator>> = vec![Arc::new(tokens), jwts];
        chain.extend(remote.iter().map(|tokens| Arc::clone(tokens) as _));
        self.gateway(
            endpoints,
            routes.collect(),
            Chain::new(chain)
                .with_proofs(Arc::clone(&oauth.proofs))
                .with_digests(self.digests(config)?),
        )
    }

    fn operations(&self, config: &Config, calls: &Arc<Calls>) -> Result<Gateway, AppError> {
        let operator = OperatorToken::new(config.operations.token.clone());
        let administration = Arc::new(self.administration(calls, config));
        let endpoints =
            operations::endpoints(&self.store, &self.metrics, &self.clock, &self.reloads)
                .and(admin::endpoints(&administration))
                .and(openapi::endpoints(openapi::OPERATIONS));
        self.gateway(endpoints, Vec::new(), Chain::new(vec![Arc::new(operator)]))
    }

    /// The acts of administration, on these calls.
    pub fn administration(&self, calls: &Arc<Calls>, config: &Config) -> Administration {
        Administration {
            store: self.store.clone(),
            mint: self.mint.clone(),
            keys: Arc::clone(&self.keys),
            follower: Arc::clone(&self.follower),
            clock: self.clock.clone(),
            calls: Arc::clone(calls),
            safe: self.safe(config),
            sealer: self.sealer.clone(),
            issuers: config
                .issuer
                .iter()
                .map(|spec| spec.name().to_owned())
                .collect(),
        }
    }

    fn gateway(
        &self,
        endpoints: Endpoints,
        more: Vec<crate::route::Declaration>,
        auth: Chain,
    ) -> Result<Gateway, AppError> {
        let mut declarations = endpoints.declarations;
        declarations.extend(more);
        Ok(Gateway {
            routes: Routes::new(declarations, &self.metrics)?,
            auth,
            router: endpoints.router,
            dialects: vec![call::dialect, oauth::dialect],
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
        })
    }
}

/// Proofs, and nonces, that are remembered: more than a gateway can verify while they count.
const IN_USE: usize = 1_000_000;
