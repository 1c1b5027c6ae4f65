//! Placing a call: number → dialling rules → records → admission → backend. The order is docs/calls.md's.

use super::Calls;
use super::clear::Clearance;
use crate::acl::Permit;
use crate::admission::{AdmissionError, Admitted, Application, Cause, Lease, Terms};
use crate::auth::Principal;
use crate::backend::{BackendError, CallBackend, Ending, Line, Originate, Placed, Refusal};
use crate::clock::millis;
use crate::error::{Error, Result};
use crate::number::{Number, Region};
use crate::storage::callers::Caller;
use crate::token::Subject;
use std::sync::Arc;
use std::time::Instant;

/// What somebody wants dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The number as it was sent.
    pub number: String,
    pub idempotency_key: Option<String>,
}

/// Whom a call rings, by which system, from which line: all from our records but the number.
struct Plan {
    number: Number,
    clearance: Clearance,
    backend_name: String,
    backend: Arc<dyn CallBackend>,
    line: Option<Line>,
    limit: u32,
}

impl Calls {
    /// Places a call, unless the limit is reached. It must run to its end once begun: see docs/calls.md S5.
    pub async fn originate(&self, permit: &Permit, intent: Intent) -> Result<Lease> {
        let plan = self.plan(permit.principal(), &intent).await?;
        match self.admit(permit.principal(), &plan, intent).await? {
            Admitted::New(lease) => self.place(plan, lease).await,
            Admitted::Before(lease) => outcome_before(lease),
        }
    }

    async fn plan(&self, principal: &Principal, intent: &Intent) -> Result<Plan> {
        let caller = self.caller(principal).await?;
        let region: Region = caller.region.parse().map_err(|_| {
            Error::BadRequest("your tenant has no valid region: ask your administrator".to_owned())
        })?;
        let number = Number::parse(&intent.number, &region)
            .map_err(|error| Error::BadRequest(error.to_string()))?;
        let clearance = self.clear(principal, &caller, &number, intent).await?;
        let backend_name = caller
            .backend
            .unwrap_or_else(|| self.settings.backend.clone());
        let backend = self.backends.get(&backend_name).cloned();
        let backend = backend.ok_or_else(|| Error::NoBackend {
            backend: backend_name.clone(),
        })?;
        let line = self
            .store
            .line(&principal.subject.to_string(), &backend_name)
            .await?
            .map(|found| Line {
                extension: found.line,
                device: found.device,
                caller_id: found.caller_id,
            });
        if backend.capabilities().needs_line && line.is_none() {
            return Err(Error::NoLine {
                backend: backend_name,
            });
        }
        Ok(Plan {
            number,
            clearance,
            backend_name,
            backend,
            line,
            limit: caller.call_limit.map_or(self.settings.limit, calls_at_once),
        })
    }

    async fn caller(&self, principal: &Principal) -> Result<Caller> {
        let caller = match &principal.subject {
            Subject::User(id) => self.store.user_as_caller(id).await?,
            Subject::Client(id) => self.store.client_as_caller(id).await?,
            Subject::External(_) => self.store.tenant_as_caller(&principal.tenant).await?,
            Subject::Operator => None,
        };
        caller.ok_or(Error::Missing("caller"))
    }

    async fn admit(&self, principal: &Principal, plan: &Plan, intent: Intent) -> Result<Admitted> {
        let application = Application {
            call: new_call_id(),
            tenant: principal.tenant.clone(),
            owner: principal.subject.to_string(),
            client: principal.client.clone(),
            backend: plan.backend_name.clone(),
            number: plan.number.to_string(),
            line: plan.line.as_ref().map(|line| line.extension.clone()),
            idempotency_key: intent.idempotency_key,
            limit: plan.limit,
            emergency: plan.clearance == Clearance::Emergency,
            window: 0,
            terms: Terms::until(millis(self.settings.max_duration)),
        };
        let admitted = self.admission.admit(application).await;
        match &admitted {
            Ok(Admitted::New(_)) => self.metrics.call_admitted(),
            Ok(Admitted::Before(_)) => {}
            Err(AdmissionError::LimitReached { .. }) => self.metrics.call_refused("limit"),
            Err(AdmissionError::KeyReused) => self.metrics.call_refused("key_reused"),
            Err(AdmissionError::Store(_)) => self.metrics.call_refused("store"),
        }
        Ok(admitted?)
    }

    /// The lease is durable: only now does a byte go to the backend (S3).
    async fn place(&self, plan: Plan, lease: Lease) -> Result<Lease> {
        let call = Originate {
            call: lease.id.clone(),
            owner: lease.owner.clone(),
            tenant: lease.tenant_id.clone(),
            line: plan.line,
            callee: plan.number.to_string(),
        };
        let answer = self
            .asked(
                &plan.backend_name,
                "originate",
                plan.backend.originate(&call),
            )
            .await;
        match answer {
            Ok(placed) => {
                self.placed(plan.backend.as_ref(), &lease, placed).await;
                Ok(lease)
            }
            Err(source) => Err(self.not_placed(lease, source).await),
        }
    }

    /// The telephone rings: whatever the store says now, the caller must not be told to try again.
    async fn placed(&self, backend: &dyn CallBackend, lease: &Lease, placed: Placed) {
        let id = placed.backend_call_id.as_deref();
        match self.admission.confirm(&lease.id, id).await {
            Ok(true) => {}
            Ok(false) => self.silence(backend, lease, id).await,
            Err(error) => tracing::error!(
                %error, call.id = %lease.id, backend_call.id = id,
                "a placed call could not be noted as such: its slot stays held"
            ),
        }
    }

    /// Somebody ended the call while it was being placed: then it must not ring on.
    async fn silence(&self, backend: &dyn CallBackend, lease: &Lease, id: Option<&str>) {
        let ending = Ending {
            call: &lease.id,
            owner: &lease.owner,
            line: lease.line.as_deref(),
            backend_call_id: id,
        };
        if let Err(error) = self
            .asked(&lease.backend, "hang_up", backend.hang_up(ending))
            .await
        {
            tracing::warn!(%error, call.id = %lease.id, "a call that was ended while it was placed may ring on");
        }
    }

    /// What is known of the failure decides about the slot (S4, S5). A store that fails now leaves the slot held,
    /// and the caller with the backend's answer: "try again" could ring a second telephone.
    async fn not_placed(&self, lease: Lease, source: BackendError) -> Error {
        let cause = match &source {
            BackendError::Refused { .. } | BackendError::Credential(_) => Some(Cause::Refused),
            BackendError::Unreachable(_) => Some(Cause::Unreachable),
            BackendError::Unknown(_) => None,
        };
        let noted = match cause {
            Some(cause) => self.release(&lease.id, cause).await,
            None => self.admission.suspect(&lease.id).await.map_err(Error::from),
        };
        if let Err(error) = noted {
            tracing::error!(%error, call.id = %lease.id, "a call's outcome could not be noted: its slot stays held");
        }
        Error::Backend {
            call: lease.id,
            source,
        }
    }

    /// Gives a slot back and counts it; `false` when it was given back before.
    pub(super) async fn release(&self, call: &str, cause: Cause) -> Result<bool> {
        let released = self.admission.release(call, cause).await?;
        if released {
            self.metrics.calls_released(cause.as_str(), 1);
        }
        Ok(released)
    }

    /// Waits for a backend as long as the settings allow, and measures it. Past that nobody knows what it did.
    pub(super) async fn asked<T>(
        &self,
        backend: &str,
        operation: &'static str,
        asking: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        let begun = Instant::now();
        let answer = tokio::time::timeout(self.settings.backend_timeout, asking).await;
        self.metrics
            .backend_answered(backend, operation, begun.elapsed());
        let answer = answer.unwrap_or_else(|elapsed| Err(BackendError::Unknown(Box::new(elapsed))));
        if let Err(error) = &answer {
            self.metrics
                .backend_failed(backend, operation, error.kind());
        }
        answer
    }
}

/// A limit of the records, which know larger and (by mistake) negative ones.
fn calls_at_once(limit: i64) -> u32 {
    u32::try_from(limit.max(0)).unwrap_or(u32::MAX)
}

/// Same key, same call, same answer (S14).
fn outcome_before(lease: Lease) -> Result<Lease> {
    let source = match lease.end_cause.as_deref() {
        Some("refused") => BackendError::Refused {
            why: Refusal::Other,
            reason: "as it did when this key was first used".to_owned(),
        },
        Some("unreachable") => BackendError::Unreachable("as when this key was first used".into()),
        // Unknown, or still being placed: nobody can say yet that it rings.
        None if lease.unknown_at.is_some() || lease.active_at.is_none() => {
            BackendError::Unknown("nor has it since this key was first used".into())
        }
        _ => return Ok(lease),
    };
    Err(Error::Backend {
        call: lease.id,
        source,
    })
}

/// 128 random bits, so that nobody guesses another's call.
fn new_call_id() -> String {
    uuid::Uuid::from_bytes(crate::secret::random())
        .simple()
        .to_string()
}
