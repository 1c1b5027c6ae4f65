//! Composes those who verify others' tokens by asking for them.

use super::{AppError, Services};
use crate::auth::issuer::{self, RemoteTokens};
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
