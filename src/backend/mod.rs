//! Call backends: the systems that place the calls.
//!
//! To add one, write its module beside this one and add its line to `BACKENDS` in `registry.rs`.

mod calls;
mod event;
mod failure;
pub mod http;
mod kalliope;
mod registry;
mod session;

pub use calls::{Covers, Ending, Line, LiveCall, Originate, Placed, Scope, Snapshot};
pub use event::{CallEvent, Direction, EventKind, Heard, NotTaken, Notification, Notified};
pub use failure::{BackendError, Refusal};
pub use registry::{Backends, Means, Spec, SpecError, faults};

use async_trait::async_trait;

/// What a backend can do. The gateway never pretends otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "six abilities, each of which a system has or has not"
)]
pub struct Capabilities {
    /// It can end a call when asked.
    pub hang_up: bool,
    /// It can say which calls live.
    pub list_live: bool,
    /// What it lists includes calls that nobody has answered yet.
    pub lists_ringing: bool,
    /// It tells of calls that end.
    pub events: bool,
    /// It tells, by list or event, that a call was answered.
    pub tells_answer: bool,
    /// It cannot place a call without the caller's line.
    pub needs_line: bool,
}

/// A telephone system that can place and end calls.
#[async_trait]
pub trait CallBackend: Send + Sync {
    fn capabilities(&self) -> Capabilities;

    /// Whether a call that it cannot hang up may be ended here alone, while the telephones go on.
    fn ends_locally(&self) -> bool {
        false
    }

    /// Places a call, or says how sure it is that it did not. It never asks twice: a second telephone could ring.
    async fn originate(&self, call: &Originate) -> Result<Placed, BackendError>;

    /// Ends a call. A call that has ended already is ended: success.
    async fn hang_up(&self, call: Ending<'_>) -> Result<(), BackendError>;

    /// The calls that live, if it can `list_live`. It covers at least those of `scope` whom it could ask for.
    async fn snapshot(&self, _scope: &Scope) -> Result<Snapshot, BackendError> {
        Err(BackendError::refused("it cannot list calls"))
    }

    /// Understands what the system sent to its hook.
    async fn notified(&self, _: &Notification<'_>) -> Result<Notified, NotTaken> {
        Err(NotTaken::NoHook)
    }

    /// Listens to the system for as long as this is polled, if it is heard by an open connection.
    async fn listen(&self, _: &dyn Heard) {
        std::future::pending::<()>().await;
    }
}
