//! What telephone systems tell of their own accord: webhooks, messages on an open connection.

use crate::clock::EpochMs;
use bytes::Bytes;
use http::request::Parts;
use std::net::IpAddr;

/// Something happened to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEvent {
    pub backend_call_id: String,
    pub kind: EventKind,
    /// By our clock, when it was heard.
    pub at: EpochMs,
    pub direction: Option<Direction>,
    /// Whose telephone: `Line::extension` of somebody.
    pub line: Option<String>,
    /// The other side, E.164 or an internal extension.
    pub number: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// There is such a call; nobody has answered yet.
    Ringing,
    /// Both sides talk.
    Answered,
    Ended {
        /// In the backend's words.
        cause: Option<String>,
    },
}

/// As its owner sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    In,
    Out,
}

impl Direction {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// A request to `/hooks/BACKEND/SECRET`.
#[derive(Debug)]
pub struct Notification<'n> {
    /// The last part of the path, which only the system was told.
    pub secret: &'n str,
    pub head: &'n Parts,
    pub body: &'n Bytes,
    /// Who sent it, as far as that is known.
    pub peer: Option<IpAddr>,
}

/// A notification that was understood.
#[derive(Debug)]
pub struct Notified {
    pub events: Vec<CallEvent>,
    /// What the system wants to hear.
    pub answer: http::Response<Bytes>,
}

/// Why a notification is not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// It has no such hook, or the secret in the path is another: the same for whoever asks.
    #[error("there is no such hook")]
    NoHook,
    /// Its signature is missing or wrong.
    #[error("the notification is not signed by the telephone system")]
    Forged,
    #[error("the notification cannot be read: {0}")]
    Malformed(String),
}

/// Where events go: what they mean to calls is not the backend's to say.
#[async_trait::async_trait]
pub trait Heard: Send + Sync {
    async fn event(&self, event: CallEvent);

    /// The connection to the system stands (again): what happened meanwhile was not heard.
    async fn missed(&self);
}
