//! The requests of one HTTP/2 connection, and when those that nobody waits for are too many (CVE-2023-44487, CVE-2025-8671).
//!
//! A stream that is reset, by its client or because of a frame that makes the server do it, makes room for the next one at
//! once, while its request may still cost something here and upstream. So a connection may break off some requests, and
//! after that as many as it lets come to their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// Requests that may be broken off without any that is not.
const BROKEN_OFF: usize = 100;

/// Requests at once, those of streams that were reset included: twice as many as streams that are open.
const AT_ONCE: usize = 200;

/// What became of the requests of one connection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    running: AtomicUsize,
    answered: AtomicUsize,
    broken_off: AtomicUsize,
    abused: Notify,
}

/// A request that runs. It counts as broken off unless it is said to be [answered](Turn::answered).
pub(super) struct Turn {
    streams: Arc<Streams>,
    is_answered: bool,
}

impl Streams {
    /// Begins a request; `None` when too many are running.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Turn> {
        let turn = Turn {
            streams: Arc::clone(self),
            is_answered: false,
        };
        let before = self.running.fetch_add(1, Ordering::Relaxed);
        (before < AT_ONCE).then_some(turn)
    }

    /// Serves the connection, until it is abused.
    pub(super) async fn unless_abused<T>(
        &self,
        serving: impl Future<Output = Option<T>>,
    ) -> Option<T> {
        tokio::select! {
            served = serving => served,
            () = self.abused.notified() => {
                tracing::info!("a connection was closed that broke off too many of its requests");
                None
            }
        }
    }
}

impl Turn {
    /// The client waited for the answer, or for the failure to get one.
    pub(super) fn answered(mut self) {
        self.is_answered = true;
    }
}

/// In `Drop`, since a request's task may be dropped at any point.
impl Drop for Turn {
    fn drop(&mut self) {
        let streams = &self.streams;
        streams.running.fetch_sub(1, Ordering::Relaxed);
        if self.is_answered {
            streams.answered.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let broken_off = streams.broken_off.fetch_add(1, Ordering::Relaxed) + 1;
        let answered = streams.answered.load(Ordering::Relaxed);
        if broken_off > BROKEN_OFF.saturating_add(answered) {
            streams.abused.notify_one();
        }
    }
}
