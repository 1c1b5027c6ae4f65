//! The access log: a JSON line a request, written aside, with no secret and no number in it.

use crate::auth::{CacheState, Principal};
use crate::clock::EpochMs;
use crate::http::{AboutCall, DecisionId};
use crate::metrics::{AuthOutcome, Metrics};
use crate::route::Route;
use crate::token::Subject;
use http::Method;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::{Duration, Instant};

/// Lines that wait to be written; when there are more, the newest are dropped and counted.
const QUEUE: usize = 8192;

/// What is told of a request. Paths and queries are not: they may hold numbers and tokens.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) at: EpochMs,
    pub(super) decision: DecisionId,
    pub(super) method: Method,
    pub(super) route: Option<Arc<Route>>,
    pub(super) status: u16,
    pub(super) auth: AuthOutcome,
    pub(super) cache: CacheState,
    pub(super) principal: Option<Principal>,
    pub(super) call: Option<AboutCall>,
    pub(super) took: Duration,
    pub(super) upstream_took: Option<Duration>,
    pub(super) fault: &'static str,
    pub(super) peer: Option<IpAddr>,
    pub(super) trace: Option<String>,
}

/// The log; clones write to the same place.
#[derive(Debug, Clone)]
pub struct AccessLog {
    messages: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
    metrics: Metrics,
}

#[derive(Debug)]
enum Message {
    Line(Box<Entry>),
    /// Everything before it is to be on its way to the disk; then whoever waits is told.
    Flush(SyncSender<()>),
}

/// How often the writer looks for lines. It is not woken by them: that would cost each request a system call.
const PACE: Duration = Duration::from_millis(20);
const LAST_FLUSH: Duration = Duration::from_secs(2);

impl AccessLog {
    /// Begins a log in `file`, or on standard output.
    pub fn start(file: Option<&Path>, metrics: Metrics) -> io::Result<Self> {
        let (messages, queue) = sync_channel(QUEUE);
        let sink: Box<dyn Write + Send> = match file {
            Some(path) => Box::new(OpenOptions::new().create(true).append(true).open(path)?),
            None => Box::new(io::stdout()),
        };
        // The thread ends when the last clone of the log is gone.
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_all(&queue, sink))?;
        Ok(Self {
            messages,
            dropped: Arc::default(),
            metrics,
        })
    }

    /// Waits until what was logged so far is written; not for ever, since a disk may be stuck.
    pub fn flush(&self) {
        let (told, written) = sync_channel(1);
        let until = Instant::now() + LAST_FLUSH;
        let mut message = Message::Flush(told);
        while let Err(TrySendError::Full(back)) = self.messages.try_send(message) {
            if Instant::now() > until {
                return;
            }
            message = back;
            std::thread::park_timeout(PACE);
        }
        // If the disk is stuck, the last lines are lost.
        written.recv_timeout(LAST_FLUSH).unwrap_or_default();
    }

    pub(super) fn write(&self, entry: Entry) {
        if self
            .messages
            .try_send(Message::Line(Box::new(entry)))
            .is_err()
        {
            let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
            self.metrics.set_access_log_dropped(dropped);
        }
    }
}

/// Writes what has come, at its pace, until nobody can log any more.
fn write_all(queue: &Receiver<Message>, sink: Box<dyn Write + Send>) {
    let mut sink = BufWriter::new(sink);
    loop {
        match queue.try_recv() {
            Ok(Message::Line(entry)) => {
                // A full disk must not stop the gateway.
                drop(serde_json::to_writer(&mut sink, &Line::of(&entry)));
                drop(sink.write_all(b"\n"));
            }
            Ok(Message::Flush(told)) => {
                drop(sink.flush());
                // Whoever waited may have lost patience.
                told.send(()).unwrap_or_default();
            }
            Err(TryRecvError::Empty) => {
                drop(sink.flush());
                std::thread::park_timeout(PACE);
            }
            Err(TryRecvError::Disconnected) => return,
        }
    }
}

/// An entry as it is written.
#[derive(Serialize)]
struct Line<'e> {
    time: Shown<Timestamp>,
    decision_id: Shown<DecisionId>,
    method: &'e str,
    route: Option<&'e str>,
    status: u16,
    auth: &'static str,
    cache: &'static str,
    principal: Option<Shown<&'e Subject>>,
    tenant: Option<&'e str>,
    client: Option<&'e str>,
    token_id: Option<&'e str>,
    call_id: Option<&'e str>,
    took_us: u64,
    upstream_us: Option<u64>,
    fault: &'static str,
    peer: Option<IpAddr>,
    trace_id: Option<&'e str>,
}

/// A value that is written as it displays itself, without a text in between.
struct Shown<T>(T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'e> Line<'e> {
    fn of(entry: &'e Entry) -> Self {
        let principal = entry.principal.as_ref();
        Self {
            time: Shown(Timestamp::from_millisecond(entry.at).unwrap_or_default()),
            decision_id: Shown(entry.decision),
            method: entry.method.as_str(),
            route: entry.route.as_ref().map(|route| route.name.as_str()),
            status: entry.status,
            auth: entry.auth.as_str(),
            cache: entry.cache.as_str(),
            principal: principal.map(|principal| Shown(&principal.subject)),
            tenant: principal.map(|principal| principal.tenant.as_str()),
            client: principal.map(|principal| principal.client.as_str()),
            token_id: principal.map(|principal| principal.token_id.as_str()),
            call_id: entry.call.as_ref().map(|AboutCall(call)| call.as_str()),
            took_us: micros(entry.took),
            upstream_us: entry.upstream_took.map(micros),
            fault: entry.fault,
            peer: entry.peer,
            trace_id: entry.trace.as_deref(),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
