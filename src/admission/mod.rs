//! Call admission: how many calls may a user have at once? (docs/calls.md)
//!
//! The stored truth is the set of leases; every number is derived from it. An engine is one file beside this one
//! that passes the contract suite in `tests/it/admission.rs`.

mod local;
mod sqlite;

pub use crate::storage::call_evidence::{APART, Evidence, Whom};
pub use crate::storage::calls::Call as Lease;
pub use local::LocalAdmission;
pub use sqlite::SqliteAdmission;

use crate::clock::EpochMs;
use crate::storage::StoreError;
use async_trait::async_trait;
use std::fmt;

/// A call that asks to be admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The new call's id.
    pub call: String,
    pub tenant: String,
    /// Whose slot it takes.
    pub owner: String,
    pub client: String,
    pub backend: String,
    pub number: String,
    pub line: Option<String>,
    /// The client's name for the call: the same key is the same call (S14).
    pub idempotency_key: Option<String>,
    /// Calls that its owner may have at once.
    pub limit: u32,
    /// Admitted whatever the limit says, and counted.
    pub emergency: bool,
    /// For how long, in milliseconds, another application for the same number without a key is the same call; 0 for never.
    pub window: EpochMs,
    pub terms: Terms,
}

/// A call that lives at its backend, and was not placed by us (S7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// Our name for it.
    pub call: String,
    pub tenant: String,
    /// Whose slot it takes.
    pub owner: String,
    pub backend: String,
    pub backend_call_id: String,
    pub number: String,
    pub line: Option<String>,
    /// `out` or `in`
    pub direction: &'static str,
    /// What showed that it lives.
    pub evidence: Evidence,
    pub terms: Terms,
}

/// How long a call may hold its slot (S6), in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Whatever evidence there is.
    pub cap: EpochMs,
    /// How long evidence that it lives counts.
    pub lease: EpochMs,
    /// How much longer, while nobody can ask its backend.
    pub blind: EpochMs,
    /// How long it may ring, where the backend can tell that it was answered.
    pub ring: Option<EpochMs>,
}

impl Terms {
    /// Of a call about which no backend will tell anything.
    pub const fn until(cap: EpochMs) -> Self {
        Self {
            cap,
            lease: cap,
            blind: 0,
            ring: None,
        }
    }

    /// What they mean for a lease that begins now.
    fn begin(self, now: EpochMs) -> Lease {
        let cap_at = now.saturating_add(self.cap);
        let ring_until = self.ring.map(|ring| now.saturating_add(ring));
        let unasked = now.saturating_add(self.lease).saturating_add(self.blind);
        Lease {
            reserved_at: now,
            evidence_at: now,
            lease_expires_at: unasked.max(ring_until.unwrap_or(now)).min(cap_at),
            cap_at,
            lease_ms: self.lease,
            blind_ms: self.blind,
            ring_until,
            ..Lease::default()
        }
    }
}

/// How an application was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admitted {
    /// The lease is durable: now, and only now, may the backend be asked (S3).
    New(Lease),
    /// The idempotency key names this call, which was admitted before; no second phone may ring.
    Before(Lease),
}

#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// S13: which limit, and the calls that fill it.
    #[error("{} of {limit} calls are live: end one first", live.len())]
    LimitReached { limit: u32, live: Vec<Lease> },
    #[error("this `Idempotency-Key` was used for another number")]
    KeyReused,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a slot was given back (S5: from nothing else).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The caller stopped it, and the backend agreed.
    Stopped,
    /// The backend refused it.
    Refused,
    /// No byte reached the backend.
    Unreachable,
    /// Its lease was over.
    Expired,
    /// An administrator ended it.
    Administrator,
    /// Its telephone system told so.
    HungUp,
    /// It was missing in two lists of its telephone system.
    ReconciledMissing,
    /// It rang for as long as a call may.
    NeverAnswered,
    /// Its telephone system could not be asked for so long that nobody knows whether it lives.
    Blind,
}

impl Cause {
    pub const ALL: [Self; 9] = [
        Self::Stopped,
        Self::Refused,
        Self::Unreachable,
        Self::Expired,
        Self::Administrator,
        Self::HungUp,
        Self::ReconciledMissing,
        Self::NeverAnswered,
        Self::Blind,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Expired => "expired",
            Self::Administrator => "administrator",
            Self::HungUp => "hung_up",
            Self::ReconciledMissing => "reconciled_missing",
            Self::NeverAnswered => "never_answered",
            Self::Blind => "blind",
        }
    }
}

/// Why the slot of a lease that is over is given back, and as of when.
fn overdue(lease: &Lease) -> (Cause, EpochMs) {
    let rang = lease.ring_until.filter(|_| lease.answered_at.is_none());
    match rang {
        Some(until) if until <= lease.lease_expires_at => (Cause::NeverAnswered, until),
        _ if lease.lease_expires_at < lease.cap_at => (Cause::Blind, lease.lease_expires_at),
        _ => (Cause::Expired, lease.lease_expires_at),
    }
}

/// The lease of a call that was admitted just now.
fn lease(application: Application, now: EpochMs) -> Lease {
    Lease {
        id: application.call,
        tenant_id: application.tenant,
        owner: application.owner,
        client_id: application.client,
        backend: application.backend,
        number: application.number,
        line: application.line,
        idempotency_key: application.idempotency_key,
        emergency: i64::from(application.emergency),
        direction: "out".to_owned(),
        ..application.terms.begin(now)
    }
}

/// The lease of a call that was found just now.
fn external_lease(external: External, now: EpochMs) -> Lease {
    Lease {
        id: external.call,
        tenant_id: external.tenant,
        owner: external.owner,
        backend: external.backend,
        backend_call_id: Some(external.backend_call_id),
        number: external.number,
        line: external.line,
        direction: external.direction.to_owned(),
        external: 1,
        active_at: Some(now),
        listed_at: external.evidence.is_listed().then_some(now),
        answered_at: external.evidence.is_answered().then_some(now),
        ..external.terms.begin(now)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Admits calls and keeps their leases. What it answers is durable.
#[async_trait]
pub trait Admission: Send + Sync {
    /// Admits a call in one atomic step: of N applications at once, exactly as many as there are free slots (S2).
    async fn admit(&self, application: Application) -> Result<Admitted, AdmissionError>;

    /// The backend placed the call. `false` when it has ended meanwhile.
    async fn confirm(&self, call: &str, backend_call_id: Option<&str>) -> Result<bool, StoreError>;

    /// The backend gave no definite answer: the slot stays held (S4).
    async fn suspect(&self, call: &str) -> Result<bool, StoreError>;

    /// Gives the slot back. `false` when it was given back before: that is no error (S5).
    async fn release(&self, call: &str, cause: Cause) -> Result<bool, StoreError> {
        self.release_as(call, cause, None).await
    }

    /// As [`Admission::release`], with the backend's own words.
    async fn release_as(
        &self,
        call: &str,
        cause: Cause,
        words: Option<&str>,
    ) -> Result<bool, StoreError>;

    /// Something showed at that time that the call lives: its lease is renewed (S6), and an unknown outcome is known.
    /// `false` when it told nothing new, or the lease is over.
    async fn witness(
        &self,
        call: &str,
        evidence: Evidence,
        at: EpochMs,
    ) -> Result<bool, StoreError>;

    /// The call was found at its backend under this name. `false` when it has a name, the name is another call's, or its
    /// lease is over.
    async fn attach(
        &self,
        call: &str,
        backend_call_id: &str,
        at: EpochMs,
    ) -> Result<bool, StoreError>;

    /// Counts a call that was not placed by us, whatever the limit says. `Before` when its backend's name for it is known,
    /// though that call may have ended.
    async fn adopt(&self, external: External) -> Result<Admitted, StoreError>;

    /// The calls were missing in a list that was begun then. Those that had been missing in another before end, as of then;
    /// returns them. A list says nothing of calls that are still being placed, nor of what happened after it was begun.
    async fn absent(
        &self,
        calls: Vec<String>,
        begun_at: EpochMs,
    ) -> Result<Vec<String>, StoreError>;

    /// The backend cannot be asked from now on: its leases last for as long as their terms allow (S6). Says how many froze.
    async fn freeze(&self, backend: &str, whom: &Whom) -> Result<u64, StoreError>;

    /// The backend can be asked again. Says how many leases thawed.
    async fn thaw(&self, backend: &str, whom: &Whom) -> Result<u64, StoreError>;

    /// Gives back the slots of leases that are over, and of calls that rang for too long: which, and why.
    async fn release_overdue(&self) -> Result<Vec<(Lease, Cause)>, StoreError>;

    /// Marks as unknown the calls that have been reserved for longer than `patience` milliseconds, which no backend
    /// takes to answer: whoever asked it has died. Says how many.
    async fn suspect_abandoned(&self, patience: EpochMs) -> Result<u64, StoreError>;

    /// The calls of an owner that hold a slot, oldest first.
    async fn live(&self, owner: &str) -> Result<Vec<Lease>, StoreError>;
}
