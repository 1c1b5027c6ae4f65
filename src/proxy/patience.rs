//! How long a client may take to say what it wants.
//!
//! Pingora waits a minute for each piece of a head, and for ever for the first bytes of a connection, which tell the
//! version of HTTP. Here a whole head has one deadline, so that nobody holds connections by sending drop by drop.

use async_trait::async_trait;
use pingora::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream, ServerApp};
use pingora::protocols::Stream;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::H2Options;
use pingora::server::ShutdownWatch;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::LocalKey;
use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    /// Whether the connection's version of HTTP is known.
    static VERSION_CAME: AtomicBool;
    /// Whether the request's head is whole.
    static HEAD_CAME: AtomicBool;
}

/// Tells that the head of this task's request is whole.
pub(super) fn head_came() {
    came(&HEAD_CAME);
}

/// An application whose clients must send their heads in time.
pub struct Patience<A>(Arc<Connections<A>>);

/// What happens on a connection once its version of HTTP is known.
struct Connections<A> {
    app: Arc<A>,
    options: HttpServerOptions,
    patience: Duration,
    keepalive: Duration,
}

impl<A> Patience<A> {
    /// A head may take `patience`; before all but the first, a connection may be idle for `keepalive`.
    pub fn new(
        app: A,
        options: HttpServerOptions,
        patience: Duration,
        keepalive: Duration,
    ) -> Self {
        Self(Arc::new(Connections {
            app: Arc::new(app),
            options,
            patience,
            keepalive,
        }))
    }
}

#[async_trait]
impl<A: HttpServerApp + Send + Sync + 'static> ServerApp for Patience<A> {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let serving = self.0.process_new(stream, shutdown);
        unless_late(&VERSION_CAME, self.0.patience, serving).await
    }

    async fn cleanup(&self) {
        self.0.http_cleanup().await;
    }
}

#[async_trait]
impl<A: HttpServerApp + Send + Sync + 'static> HttpServerApp for Connections<A> {
    async fn process_new_http(
        self: &Arc<Self>,
        session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        let is_first = VERSION_CAME.try_with(|mark| !mark.swap(true, Ordering::Relaxed));
        let patience = match is_first {
            Ok(true) => self.patience,
            _ => self.patience.saturating_add(self.keepalive),
        };
        let serving = self.app.process_new_http(session, shutdown);
        unless_late(&HEAD_CAME, patience, serving).await
    }

    /// Asked for when the connection is found to speak HTTP/2.
    fn h2_options(&self) -> Option<H2Options> {
        came(&VERSION_CAME);
        self.app.h2_options()
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.options)
    }

    async fn http_cleanup(&self) {
        self.app.http_cleanup().await;
    }
}

fn came(mark: &'static LocalKey<AtomicBool>) {
    // Without the mark nobody waits for it.
    mark.try_with(|mark| mark.store(true, Ordering::Relaxed))
        .unwrap_or_default();
}

/// Serves, but gives up when the mark has not been set in time.
fn unless_late<T>(
    mark: &'static LocalKey<AtomicBool>,
    patience: Duration,
    serving: impl Future<Output = Option<T>>,
) -> TaskLocalFuture<AtomicBool, impl Future<Output = Option<T>>> {
    mark.scope(AtomicBool::new(false), async move {
        let mut serving = pin!(serving);
        if let Ok(served) = tokio::time::timeout(patience, &mut serving).await {
            return served;
        }
        if !mark.with(|mark| mark.load(Ordering::Relaxed)) {
            return None;
        }
        serving.await
    })
}
