//! Composes what is presented to upstreams.

use super::{AppError, Services};
use crate::config::Config;
use crate::http::client::Client;
use crate::http::remote::Fetching;
use crate::provider::ProviderTokens;
use crate::upstream_auth::{Credentials, Means, Safe};
use std::sync::Arc;

impl Services {
    /// The credentials of a configuration.
    pub(super) fn credentials(
        &self,
        config: &Config,
        provider_tokens: &Arc<ProviderTokens>,
    ) -> Result<Credentials, AppError> {
        let means = Means {
            store: self.store.clone(),
            safe: self.safe(config),
            feed: Arc::clone(&self.feed),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            provider_tokens: Arc::clone(provider_tokens),
            fetching: self.fetching_of_salts(config)?,
            runtime: self.runtime.clone(),
            max_stale: config.cache.max_stale,
        };
        Ok(Credentials::new(&config.credential, &means))
    }

    /// Without a salt to ask for there is no way out, which would need the system's authorities.
    fn fetching_of_salts(&self, config: &Config) -> Result<Option<Fetching>, AppError> {
        let mut specs = config.credential.iter();
        if specs.all(|spec| spec.salt_from.is_none()) {
            return Ok(None);
        }
        Ok(Some(Fetching {
            client: Client::new(&config.outbound)?,
            clock: self.clock.clone(),
            runtime: self.runtime.clone(),
        }))
    }

    /// What seals users' own secrets.
    pub(super) fn safe(&self, config: &Config) -> Safe {
        Safe::new(&config.credential, self.sealer.clone())
    }
}
