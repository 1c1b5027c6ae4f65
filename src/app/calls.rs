//! Composes what places and ends calls.

use super::{AppError, Services};
use crate::admission::SqliteAdmission;
use crate::backend::{Backends, Means, Spec};
use crate::call::{self, Calls};
use crate::config::Config;
use crate::dialling::Dialling;
use crate::upstream_auth::Credentials;
use std::sync::Arc;

impl Services {
    /// The calls of a configuration, which places and ends them.
    pub fn calls(&self, config: &Config) -> Result<Calls, AppError> {
        let providers = Arc::new(self.providers(config)?);
        let credentials = self.credentials(config, &self.provider_tokens(&providers))?;
        self.calls_with(config, &Arc::new(credentials))
    }

    pub(super) fn calls_with(
        &self,
        config: &Config,
        credentials: &Arc<Credentials>,
    ) -> Result<Calls, AppError> {
        let means = Means {
            store: self.store.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            credentials: Arc::clone(credentials),
            outbound: config.outbound.clone(),
            runtime: self.runtime.clone(),
            origin: config.server.public_origin.clone(),
        };
        Ok(Calls {
            store: self.store.clone(),
            admission: Arc::new(SqliteAdmission::new(self.store.clone(), self.clock.clone())),
            dialling: Arc::new(Dialling {
                store: self.store.clone(),
                settings: config.dialling.clone(),
                time_zone: config.calls.time_zone.clone(),
            }),
            backends: Backends::build(&backends(config), &means)?,
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            settings: config.calls.clone(),
            origin: config.server.public_origin.clone(),
        })
    }
}

/// Without a `[[backend]]` there is the built-in one.
fn backends(config: &Config) -> Vec<Spec> {
    if !config.backend.is_empty() {
        return config.backend.clone();
    }
    vec![Spec {
        name: call::Settings::default().backend,
        kind: "session".to_owned(),
        settings: toml::Table::new(),
    }]
}
