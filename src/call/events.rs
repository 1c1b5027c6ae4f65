//! What is heard of calls from their telephone systems.

use super::Calls;
use crate::admission::Cause;
use crate::backend::{CallEvent, EventKind, Heard};
use crate::error::Result;
use async_trait::async_trait;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

impl Calls {
    /// Takes what a backend tells of a call. Of a call that is not known here nothing is kept.
    pub async fn heard(&self, backend: &str, event: CallEvent) -> Result<()> {
        let id = &event.backend_call_id;
        let Some(lease) = self.store.call_at_backend(backend, id).await? else {
            return Ok(());
        };
        if let EventKind::Ended { .. } = event.kind {
            self.release(&lease.id, Cause::HungUp).await?;
        }
        Ok(())
    }

    /// Listens to the backends until what is returned is dropped.
    pub fn listen(self: &Arc<Self>, runtime: &Handle) -> JoinSet<()> {
        let mut listening = JoinSet::new();
        for (name, backend) in self.backends.iter() {
            let ear = Ear {
                calls: Arc::clone(self),
                backend: name.to_owned(),
            };
            let backend = Arc::clone(backend);
            listening.spawn_on(async move { backend.listen(&ear).await }, runtime);
        }
        listening
    }
}

/// Hears one backend.
struct Ear {
    calls: Arc<Calls>,
    backend: String,
}

#[async_trait]
impl Heard for Ear {
    async fn event(&self, event: CallEvent) {
        if let Err(error) = self.calls.heard(&self.backend, event).await {
            tracing::error!(%error, backend = %self.backend, "what a telephone system told of a call could not be noted");
        }
    }

    async fn missed(&self) {}
}
