//! Ending a call.

use super::Calls;
use crate::acl::Permit;
use crate::admission::{Cause, Lease};
use crate::backend::{BackendError, Ending};
use crate::error::{Error, Result};
use crate::storage::audit::{Entry, Event};

/// Where a call was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// At its telephone system; or it had ended before.
    There,
    /// Here alone: the system cannot be told, and its telephones may go on.
    Here,
}

impl Calls {
    /// Ends one of the caller's own calls. A call that has ended already stays as it is: no error.
    pub async fn hang_up(&self, permit: &Permit, call: &str) -> Result<(Lease, Where)> {
        let lease = self.find(permit.principal(), call).await?;
        let ended = self.end(&lease, Cause::Stopped).await?;
        Ok((lease, ended))
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
            .with("ok", ended.is_ok())
            .with("here_alone", matches!(ended, Ok(Where::Here)));
        self.store.audit(entry).await;
        if ended.is_err() && force {
            self.release(&lease.id, Cause::Administrator).await?;
            return Ok(lease);
        }
        ended.map(|_| lease)
    }

    /// The slot is given back once the backend agrees that the call is over (S5).
    async fn end(&self, lease: &Lease, cause: Cause) -> Result<Where> {
        if lease.ended_at.is_some() {
            return Ok(Where::There);
        }
        let missing = || Error::NoBackend {
            backend: lease.backend.clone(),
        };
        let backend = self.backends.get(&lease.backend).ok_or_else(missing)?;
        if !backend.capabilities().hang_up {
            if !backend.ends_locally() {
                return Err(Error::CannotHangUp);
            }
            // Its administrator has decided so, against S5.
            tracing::warn!(call.id = %lease.id, "a call is ended here alone: its telephones may go on");
            self.release(&lease.id, cause).await?;
            return Ok(Where::Here);
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
        Ok(Where::There)
    }
}
