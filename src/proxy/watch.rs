//! The client's bytes as they come: followed before the parser has them, so that nothing it would mend goes on.

use super::follow::Follower;
use super::frame::FrameError;
use async_trait::async_trait;
use pingora::apps::ServerApp;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::{SslDigest, TlsRef};
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    Stream, TimingDigest, UniqueID, UniqueIDType,
};
use pingora::server::ShutdownWatch;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

tokio::task_local! {
    /// What is known of this task's connection.
    static FOLLOWED: Followed;
}

/// Nobody contends for it: a connection is read by one task.
#[derive(Clone, Default)]
struct Followed(Arc<Mutex<Follower>>);

impl Followed {
    fn lock(&self) -> MutexGuard<'_, Follower> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the request that is read now came soundly; to be asked once for each, and of HTTP/1 alone.
pub(super) fn next() -> Result<(), FrameError> {
    let next = FOLLOWED.try_with(|followed| followed.lock().next());
    // A connection that nobody follows has no sound requests.
    next.unwrap_or(Err(FrameError::RequestLine))
}

/// Whether the body of this request is broken, so that it was not read to its end.
pub(super) fn is_broken() -> bool {
    let is_broken = FOLLOWED.try_with(|followed| followed.lock().is_broken());
    is_broken.unwrap_or(false)
}

/// What comes on this connection from now on are no requests.
pub(super) fn became_a_tunnel() {
    let ended = FOLLOWED.try_with(|followed| followed.lock().end());
    ended.unwrap_or_default();
}

/// An application whose connections are followed.
pub struct Watched<A>(Arc<A>);

impl<A> Watched<A> {
    pub fn new(app: A) -> Self {
        Self(Arc::new(app))
    }
}

#[async_trait]
impl<A: ServerApp + Send + Sync + 'static> ServerApp for Watched<A> {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        if matches!(stream.selected_alpn_proto(), Some(ALPN::H2)) {
            return self.0.process_new(stream, shutdown).await;
        }
        let followed = Followed::default();
        let stream = Box::new(Watch {
            stream,
            followed: followed.clone(),
        });
        let serving = self.0.process_new(stream, shutdown);
        FOLLOWED.scope(followed, serving).await
    }

    async fn cleanup(&self) {
        self.0.cleanup().await;
    }
}

/// A connection that is followed.
struct Watch {
    stream: Stream,
    followed: Followed,
}

impl AsyncRead for Watch {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.followed.lock().is_broken() {
            return Poll::Ready(Err(broken()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let came = buffer.filled().get(before..).unwrap_or_default();
        let (came, sound) = (came.len(), self.followed.lock().follow(came));
        if sound < came {
            buffer.set_filled(before + sound);
        }
        // No bytes at all would be the end of the connection.
        let is_hopeless = sound == 0 && came > 0;
        Poll::Ready(if is_hopeless { Err(broken()) } else { Ok(()) })
    }
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, FrameError::Chunk)
}

impl AsyncWrite for Watch {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stream.fmt(f)
    }
}

// All else that Pingora asks of a connection is the connection's own.

#[async_trait]
impl Shutdown for Watch {
    async fn shutdown(&mut self) {
        self.stream.shutdown().await;
    }
}

impl UniqueID for Watch {
    fn id(&self) -> UniqueIDType {
        self.stream.id()
    }
}

impl Ssl for Watch {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.stream.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.stream.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.stream.selected_alpn_proto()
    }
}

impl GetTimingDigest for Watch {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream.get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.stream.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.stream.get_write_pending_time()
    }
}

impl GetProxyDigest for Watch {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.stream.get_proxy_digest()
    }

    fn set_proxy_digest(&mut self, digest: ProxyDigest) {
        self.stream.set_proxy_digest(digest);
    }
}

impl GetSocketDigest for Watch {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.get_socket_digest()
    }

    fn set_socket_digest(&mut self, digest: SocketDigest) {
        self.stream.set_socket_digest(digest);
    }
}

#[async_trait]
impl Peek for Watch {
    async fn try_peek(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        self.stream.try_peek(buffer).await
    }
}
