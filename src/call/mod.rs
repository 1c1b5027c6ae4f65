//! The call API: place, see and end calls.

mod api;
mod clear;
mod dialect;
mod end;
mod events;
mod hooks;
mod originate;
mod settings;
mod sweep;
pub mod wire;

pub use dialect::dialect;
pub use originate::Intent;
pub use settings::Settings;

use crate::admission::{Admission, Lease};
use crate::auth::Principal;
use crate::backend::Backends;
use crate::clock::Clock;
use crate::dialling::Dialling;
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::route::Endpoints;
use crate::storage::Store;
use std::sync::Arc;

/// What is answered here of calls: the API, and the hooks of the backends.
pub fn endpoints(calls: &Arc<Calls>) -> Endpoints {
    api::endpoints(calls).and(hooks::endpoints(calls))
}

/// Places and ends calls: dialling rules, admission, backend, in this order (docs/calls.md).
pub struct Calls {
    pub store: Store,
    pub admission: Arc<dyn Admission>,
    pub backends: Backends,
    pub dialling: Arc<Dialling>,
    pub clock: Clock,
    pub metrics: Metrics,
    pub settings: Settings,
    /// The configured public origin, such as `https://calls.example`: never the `Host` of a request.
    pub origin: String,
}

impl Calls {
    /// One of the principal's own calls, whichever client placed it. A foreign one is as unknown as none.
    pub async fn find(&self, principal: &Principal, call: &str) -> Result<Lease> {
        let lease = self.store.call(call).await?.ok_or(Error::UnknownCall)?;
        if lease.owner != principal.subject.to_string() {
            return Err(Error::UnknownCall);
        }
        Ok(lease)
    }

    /// The principal's calls that hold a slot, oldest first.
    pub async fn live(&self, principal: &Principal) -> Result<Vec<Lease>> {
        Ok(self.admission.live(&principal.subject.to_string()).await?)
    }

    /// Where a call is to be found.
    pub fn location(&self, call: &str) -> String {
        format!("{}/rest/call?token_call={call}", self.origin)
    }
}
