//! Call admission: how many calls may a user have at once? (docs/calls.md)
//!
//! The stored truth is the set of leases; every number is derived from it. An engine is one file beside this one
//! that passes the contract suite in `tests/it/admission.rs`.

mod sqlite;

pub use crate::storage::calls::Call as Lease;
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
}

impl Cause {
    pub const ALL: [Self; 6] = [
        Self::Stopped,
        Self::Refused,
        Self::Unreachable,
        Self::Expired,
        Self::Administrator,
        Self::HungUp,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Expired => "expired",
            Self::Administrator => "administrator",
            Self::HungUp => "hung_up",
        }
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
    async fn release(&self, call: &str, cause: Cause) -> Result<bool, StoreError>;

    /// Gives back the slots of leases that are over, and says how many.
    async fn release_overdue(&self) -> Result<u64, StoreError>;

    /// Marks as unknown the calls that have been reserved for longer than `patience` milliseconds, which no backend
    /// takes to answer: whoever asked it has died. Says how many.
    async fn suspect_abandoned(&self, patience: EpochMs) -> Result<u64, StoreError>;

    /// The calls of an owner that hold a slot, oldest first.
    async fn live(&self, owner: &str) -> Result<Vec<Lease>, StoreError>;
}
