//! Composes those who verify others' tokens.

use super::{AppError, Services};
use crate::auth::issuer::{self, Issuers, RemoteTokens};
use crate::auth::vault::Commons;
use crate::config::Config;
use std::sync::Arc;

impl Services {
    /// What all sources of facts share.
    pub(super) fn commons(&self) -> Commons {
        Commons {
            cache: Arc::clone(&self.cache),
            feed: Arc::clone(&self.feed),
            runtime: self.runtime.clone(),
        }
    }

    /// The verifiers of others' JWTs. Without an `[[issuer]]` there is no way out, which would need the system's authorities.
    pub(super) fn issuers(&self, config: &Config, commons: &Commons) -> Result<Issuers, AppError> {
        if config.issuer.is_empty() {
            return Ok(Issuers::default());
        }
        let (fetching, known) = (self.fetching(config)?, &self.issuer_keys);
        let (specs, store) = (&config.issuer, &self.store);
        Ok(Issuers::new(specs, &fetching, store, commons, known))
    }

    /// In the order in which they are asked. Without an `[[issuer]]` there is no way out.
    pub(super) fn remote_tokens(
        &self,
        config: &Config,
    ) -> Result<Vec<Arc<RemoteTokens>>, AppError> {
        if config.issuer.is_empty() {
            return Ok(Vec::new());
        }
        let (fetching, commons) = (self.fetching(config)?, self.commons());
        let (store, metrics) = (&self.store, &self.metrics);
        let specs = &config.issuer;
        Ok(issuer::remote(specs, &fetching, store, &commons, metrics))
    }
}
