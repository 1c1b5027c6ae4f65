//! How an issuer is asked, by its kind: the question, the answer, and how long the answer counts.

use super::form::Form;
use super::introspection::Spec as IntrospectionSpec;
use super::server::{Limits, Outage};
use super::wazo::Spec as WazoSpec;
use super::wazo::watch::{SILENCE, Watcher};
use super::{Surroundings, Worth};
use crate::auth::issuer::principal::Principals;
use crate::clock::EpochMs;
use crate::metrics::IssuerMetrics;
use crate::secret::Secret;
use crate::storage::Store;
use crate::token::cache::Keeping;
use crate::token::{TokenHash, Watch};
use bytes::Bytes;
use http::{Request, Response};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::task::JoinSet;

#[derive(Debug, Clone)]
pub(in crate::auth::issuer) enum Dialect {
    Introspection(Box<IntrospectionSpec>),
    Wazo(Box<WazoSpec>),
}

/// A task that listens, and ends with this.
pub(super) type Watching = JoinSet<Infallible>;

impl Dialect {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Introspection(spec) => &spec.name,
            Self::Wazo(spec) => &spec.name,
        }
    }

    pub(super) fn form(&self) -> Form {
        match self {
            Self::Introspection(spec) => spec.form(),
            Self::Wazo(_) => Form::Uuid,
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        match self {
            Self::Introspection(spec) => &spec.limits,
            Self::Wazo(spec) => &spec.limits,
        }
    }

    pub(super) fn principals(&self, store: &Store) -> Principals {
        let (tenant, settings) = match self {
            Self::Introspection(spec) => (&spec.tenant, &spec.principal),
            Self::Wazo(spec) => (&spec.tenant, &spec.principal),
        };
        Principals {
            issuer: self.name().to_owned(),
            tenant: tenant.clone(),
            settings: settings.clone(),
            store: store.clone(),
        }
    }

    /// How long facts count, and who listens for what ends them.
    pub(super) fn keeping(
        &self,
        around: Surroundings<'_>,
        metrics: &IssuerMetrics,
    ) -> (Keeping, Option<Watching>) {
        let (lifetime, stale_if_error, watch) = match self {
            Self::Introspection(spec) => (spec.lifetime, spec.stale_if_error, None),
            Self::Wazo(spec) => (spec.lifetime, spec.stale_if_error, spec.watch.as_ref()),
        };
        let (Self::Wazo(spec), Some(settings)) = (self, watch) else {
            let keeping = Keeping::Source {
                lifetime,
                stale_if_error,
            };
            return (keeping, None);
        };
        let watch = Arc::new(Watch::new(SILENCE));
        let watcher = Watcher {
            settings: settings.clone(),
            base: spec.base.clone(),
            client: around.fetching.client.clone(),
            clock: around.fetching.clock.clone(),
            feed: Arc::clone(&around.commons.feed),
            watch: Arc::clone(&watch),
            metrics: metrics.clone(),
        };
        let mut watching = JoinSet::new();
        watching.spawn_on(watcher.run(), &around.commons.runtime);
        let keeping = Keeping::Watched {
            lifetime,
            unwatched_lifetime: settings.unwatched_lifetime,
            stale_if_error,
            watch,
        };
        (keeping, Some(watching))
    }

    pub(super) fn question(&self, token: &Secret) -> Result<Request<Bytes>, Outage> {
        match self {
            Self::Introspection(spec) => spec.question(token),
            Self::Wazo(spec) => spec.question(token),
        }
    }

    pub(super) fn read(
        &self,
        token: &Secret,
        answer: &Response<Bytes>,
        hash: TokenHash,
        now: EpochMs,
    ) -> Result<Worth, Outage> {
        match self {
            Self::Introspection(spec) => spec.read(answer, hash, now),
            Self::Wazo(spec) => spec.read(token, answer, now),
        }
    }
}
