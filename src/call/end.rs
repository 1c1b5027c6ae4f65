//! Ending a call.

use super::Calls;
use crate::acl::Permit;
use crate::admission::{Cause, Lease};
use crate::backend::{BackendError, Ending};
use crate::error::{Error, Result};
use crate::storage::audit::{Entry, Event};

impl Calls {
    /// Ends one of the caller's own calls. A call that has ended already stays as it is: no error.
    pub async fn hang_up(&self, permit: &Permit, call: &str) -> Result<Lease> {
        let lease = self.find(permit.principal(), call).await?;
        self.end(&lease, Cause::Stopped).await?;
        Ok(lease)
    }

    /// Ends any call, for an administrator. `force` gives the slot back whatever the backend says.
    pub async fn end_any(&self, permit: &Permit, call: &str, force: bool) -> Result<Lease> {
        let lease = self.store.call(call).await?.ok_or(Error::Missing("call"))?;
        let ended = self.end(&lease, Cause::Administrator).await;
        let entry = Entry::new(Event::CallEnded, self.clock.now())
            .tenant(&lease.tenant_id)
            .client(lease.client_id.as_str())
            .user_id(lease.owner.strip_prefix("user:"))
            .with("by", permit.principal().subject.to_string())
            .with("call", lease.id.as_str())
            .with("force", force)
            .with("ok", ended.is_ok());
        self.store.audit(entry).await;
        if ended.is_err() && force {
            self.release(&lease.id, Cause::Administrator).await?;
            return Ok(lease);
        }
        ended.map(|()| lease)
    }

    /// The slot is given back once the backend agrees that the call is over (S5).
    async fn end(&self, lease: &Lease, cause: Cause) -> Result<()> {
        if lease.ended_at.is_some() {
            return Ok(());
        }
        let missing = || Error::NoBackend {
            backend: lease.backend.clone(),
        };
        let backend = self.backends.get(&lease.backend).ok_or_else(missing)?;
        if !backend.capabilities().hang_up {
            return Err(Error::CannotHangUp);
        }
        let ending = Ending {
            call: &lease.id,
            owner: &lease.owner,
            line: lease.line.as_deref(),
            backend_call_id: lease.backend_call_id.as_deref(),
        };
        let answer: Result<(), BackendError> = self
            .asked(&lease.backend, "hang_up", backend.hang_up(ending))
            .await;
        answer.map_err(|source| Error::Backend {
            call: lease.id.clone(),
            source,
        })?;
        self.release(&lease.id, cause).await?;
        Ok(())
    }
}
