//! What is said of calls to a telephone system, and by it.

use crate::clock::EpochMs;
use std::collections::BTreeSet;

/// From where an owner calls at one backend. It comes from our records, never from a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What rings first: an extension, a user or a device, as the backend names it.
    pub extension: String,
    /// Which of the extension's devices, where the backend lets one be chosen.
    pub device: Option<String>,
    /// The number that the callee sees, E.164.
    pub caller_id: Option<String>,
}

/// A call to place: the line rings first, the callee once it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Originate {
    /// The gateway's own name of the call.
    pub call: String,
    /// The subject that it is for, as it stands in the store: `user:ID`.
    pub owner: String,
    pub tenant: String,
    /// `None` when our records name none at this backend.
    pub line: Option<Line>,
    /// E.164 or a short internal extension.
    pub callee: String,
}

/// What the backend calls a call that it placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// `None` when it does not say; its events and lists tell later.
    pub backend_call_id: Option<String>,
}

/// A call to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending<'c> {
    pub call: &'c str,
    pub owner: &'c str,
    /// The owner's extension, as it was when the call was placed.
    pub line: Option<&'c str>,
    pub backend_call_id: Option<&'c str>,
}

/// Whose calls are asked for: the owners whose leases are to be compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// As in [`Originate::owner`].
    pub owners: BTreeSet<String>,
}

/// The calls that live at a backend, as of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Our clock just before the backend was asked: a lease made later may be missing in it.
    pub begun_at: EpochMs,
    pub covers: Covers,
    pub calls: Vec<LiveCall>,
}

/// Of whom a snapshot tells: only their calls may be missed in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Covers {
    All,
    /// The others could not be asked for.
    Owners(BTreeSet<String>),
}

impl Covers {
    pub fn includes(&self, owner: &str) -> bool {
        match self {
            Self::All => true,
            Self::Owners(owners) => owners.contains(owner),
        }
    }
}

/// A call that lives, as its backend sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCall {
    pub backend_call_id: String,
    /// Both sides talk. `false` where the backend does not say.
    pub is_answered: bool,
    /// Who placed it: [`Line::extension`] of somebody.
    pub line: Option<String>,
    /// The other side, E.164 or an internal extension.
    pub number: Option<String>,
    /// Since when, as far as the backend says.
    pub since: Option<EpochMs>,
}
