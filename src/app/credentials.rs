//! Composes what is presented to upstreams.

use super::Services;
use crate::config::Config;
use crate::provider::ProviderTokens;
use crate::upstream_auth::{Credentials, Means, Safe};
use std::sync::Arc;

impl Services {
    /// The credentials of a configuration.
    pub(super) fn credentials(
        &self,
        config: &Config,
        provider_tokens: &Arc<ProviderTokens>,
    ) -> Credentials {
        let means = Means {
            store: self.store.clone(),
            safe: self.safe(config),
            feed: Arc::clone(&self.feed),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            provider_tokens: Arc::clone(provider_tokens),
            runtime: self.runtime.clone(),
            max_stale: config.cache.max_stale,
        };
        Credentials::new(&config.credential, &means)
    }

    /// What seals users' own secrets.
    pub(super) fn safe(&self, config: &Config) -> Safe {
        Safe::new(&config.credential, self.sealer.clone())
    }
}
