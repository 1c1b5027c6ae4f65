//! Composes what lets clients of Kalliope in.

use super::{AppError, Services};
use crate::auth::digest::{Digests, Means};
use crate::config::Config;
use crate::salt::Salts;
use std::sync::Arc;

impl Services {
    pub(super) fn digests(&self, config: &Config) -> Result<Digests, AppError> {
        let means = Means {
            store: self.store.clone(),
            sealer: self.sealer.clone(),
            used: Arc::clone(&self.used_nonces),
            attempts: Arc::clone(&self.digest_attempts),
            metrics: self.metrics.clone(),
            runtime: self.runtime.clone(),
        };
        Ok(Digests::new(config.digest.clone(), means)?)
    }

    pub(super) fn salts(&self, config: &Config) -> Salts {
        Salts {
            store: self.store.clone(),
            attempts: Arc::clone(&self.digest_attempts),
            key: config.tokens.key.clone(),
            clock: self.clock.clone(),
        }
    }
}
