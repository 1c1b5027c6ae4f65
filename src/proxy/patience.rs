//! How long a client may take to say what it wants, and how long it may go on.
//!
//! Pingora waits a minute for each piece of a head, and for ever for the first bytes of a connection, which tell the
//! version of HTTP. Here a whole head has one deadline, so that nobody holds connections by sending drop by drop.
//!
//! Of a request that lasts, such as an answer without end, it is asked from time to time whether its caller still may. If
//! not, nothing more is passed on, which ends it with its next byte; one that is silent is cut off a while later.

use super::streams::Streams;
use super::visit::{ASKED_EVERY, Visit};
use async_trait::async_trait;
use pingora::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream, ServerApp};
use pingora::protocols::Stream;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::H2Options;
use pingora::server::ShutdownWatch;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How long what lasts may go on in silence once its caller may no longer.
const LAST_SILENCE: Duration = Duration::from_secs(55);

tokio::task_local! {
    /// Whether the connection's version of HTTP is known.
    static VERSION_CAME: AtomicBool;
    /// What is known of the request that this task serves.
    static REQUEST: Progress;
}

/// How far a request has come.
#[derive(Default)]
struct Progress {
    head_came: AtomicBool,
    /// Who asked for it, if it lasts.
    visit: OnceLock<Visit>,
    /// Whether it was found that its caller may no longer.
    is_over: AtomicBool,
    is_answered: AtomicBool,
}

/// Tells that the head of this task's request is whole.
pub(super) fn head_came() {
    note(|request| request.head_came.store(true, Ordering::Relaxed));
}

/// Tells that this task's request may last. From now on it is asked whether its caller still may.
pub(super) fn lasts(visit: impl FnOnce() -> Visit) {
    note(|request| {
        request.visit.get_or_init(visit);
    });
}

/// Whether this task's request lasted for longer than its caller may.
pub(super) fn is_over() -> bool {
    let is_over = REQUEST.try_with(|request| request.is_over.load(Ordering::Relaxed));
    is_over.unwrap_or_default()
}

/// Tells that this task's request was answered, and not broken off.
pub(super) fn answered() {
    note(|request| request.is_answered.store(true, Ordering::Relaxed));
}

/// Without the place for it, nobody wants to know.
fn note(what: impl FnOnce(&Progress)) {
    REQUEST.try_with(what).unwrap_or_default();
}

/// An application whose clients must send their heads in time.
pub struct Patience<A>(Terms<A>);

/// What every connection is served on.
struct Terms<A> {
    app: Arc<A>,
    options: HttpServerOptions,
    patience: Duration,
    keepalive: Duration,
}

/// One connection.
struct Connection<A> {
    terms: Terms<A>,
    streams: Arc<Streams>,
}

impl<A> Patience<A> {
    /// A head may take `patience`; before all but the first, a connection may be idle for `keepalive`.
    pub fn new(
        app: A,
        options: HttpServerOptions,
        patience: Duration,
        keepalive: Duration,
    ) -> Self {
        Self(Terms {
            app: Arc::new(app),
            options,
            patience,
            keepalive,
        })
    }
}

impl<A> Clone for Terms<A> {
    fn clone(&self) -> Self {
        Self {
            app: Arc::clone(&self.app),
            options: self.options.clone(),
            ..*self
        }
    }
}

#[async_trait]
impl<A: HttpServerApp + Send + Sync + 'static> ServerApp for Patience<A> {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let connection = Arc::new(Connection {
            terms: self.0.clone(),
            streams: Arc::default(),
        });
        let serving = connection.process_new(stream, shutdown);
        let serving = unless_late(self.0.patience, serving);
        connection.streams.unless_abused(serving).await
    }

    async fn cleanup(&self) {
        self.0.app.http_cleanup().await;
    }
}

#[async_trait]
impl<A: HttpServerApp + Send + Sync + 'static> HttpServerApp for Connection<A> {
    async fn process_new_http(
        self: &Arc<Self>,
        session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        let terms = &self.terms;
        if session.is_http2() {
            let turn = self.streams.begin()?;
            let serving = terms.app.process_new_http(session, shutdown);
            let (served, is_answered) = attended(terms.patience, serving).await;
            if is_answered {
                turn.answered();
            }
            return served;
        }
        let is_first = VERSION_CAME.try_with(|came| !came.swap(true, Ordering::Relaxed));
        let patience = match is_first {
            Ok(true) => terms.patience,
            _ => terms.patience.saturating_add(terms.keepalive),
        };
        let serving = terms.app.process_new_http(session, shutdown);
        attended(patience, serving).await.0
    }

    /// Asked for when the connection is found to speak HTTP/2.
    fn h2_options(&self) -> Option<H2Options> {
        VERSION_CAME
            .try_with(|came| came.store(true, Ordering::Relaxed))
            .unwrap_or_default();
        self.terms.app.h2_options()
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.terms.options)
    }

    async fn http_cleanup(&self) {
        self.terms.app.http_cleanup().await;
    }
}

/// Serves a connection, but gives up when its version of HTTP has not come in time.
async fn unless_late<T>(patience: Duration, serving: impl Future<Output = Option<T>>) -> Option<T> {
    let attended = async move {
        let mut serving = pin!(serving);
        if let Ok(served) = tokio::time::timeout(patience, &mut serving).await {
            return served;
        }
        if !VERSION_CAME.with(|came| came.load(Ordering::Relaxed)) {
            return None;
        }
        serving.await
    };
    VERSION_CAME.scope(AtomicBool::new(false), attended).await
}

/// Serves a request, as long as its head comes in time and its caller may. Whether it was answered.
async fn attended<T>(
    patience: Duration,
    serving: impl Future<Output = Option<T>>,
) -> (Option<T>, bool) {
    let attended = async move {
        let mut serving = pin!(serving);
        let served = attend(patience, serving.as_mut()).await;
        let is_answered = REQUEST.with(|request| request.is_answered.load(Ordering::Relaxed));
        (served, is_answered)
    };
    REQUEST.scope(Progress::default(), attended).await
}

async fn attend<T>(
    patience: Duration,
    mut serving: Pin<&mut impl Future<Output = Option<T>>>,
) -> Option<T> {
    let begun = Instant::now();
    loop {
        let head_came = REQUEST.with(|request| request.head_came.load(Ordering::Relaxed));
        let left = patience.saturating_sub(begun.elapsed());
        let pause = if head_came {
            ASKED_EVERY
        } else {
            ASKED_EVERY.min(left)
        };
        if let Ok(served) = tokio::time::timeout(pause, &mut serving).await {
            return served;
        }
        let head_came = REQUEST.with(|request| request.head_came.load(Ordering::Relaxed));
        if !head_came && begun.elapsed() >= patience {
            return None;
        }
        let Some(visit) = REQUEST.with(|request| request.visit.get().cloned()) else {
            continue;
        };
        let still_may = tokio::select! {
            served = &mut serving => return served,
            still_may = visit.still_may() => still_may,
        };
        if !still_may {
            REQUEST.with(|request| request.is_over.store(true, Ordering::Relaxed));
            let ended = tokio::time::timeout(LAST_SILENCE, serving).await;
            return ended.unwrap_or_default();
        }
    }
}
