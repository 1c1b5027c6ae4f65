//! Connections for WebSocket handshakes.
//!
//! Whether the caller still may is asked again from time to time, and the tunnel ends when it may no longer.
//!
//! Pingora 0.9.1 ends a tunnel at once when it reads the upstream's 101 before it has noted that the request has no
//! body (cloudflare/pingora#946), as it may when the upstream is quick. So after each write, the next read lets
//! everything else have its turn first.

use super::visit::{ASKED_EVERY, Visit};
use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pingora::connectors::l4::Connect;
use pingora::prelude::{Error, ErrorType, OrErr};
use pingora::protocols::l4::socket::SocketAddr;
use pingora::protocols::l4::stream::Stream;
use pingora::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Opens connections that answer politely.
pub(super) struct Polite {
    /// What opened the tunnel.
    pub(super) visit: Visit,
}

impl fmt::Debug for Polite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Polite")
    }
}

#[async_trait]
impl Connect for Polite {
    async fn connect(&self, address: &SocketAddr) -> pingora::Result<Stream> {
        let SocketAddr::Inet(address) = address else {
            return Error::e_explain(ErrorType::ConnectError, "a peer has an address and a port");
        };
        let socket = TcpStream::connect(address)
            .await
            .or_err(ErrorType::ConnectError, "connecting to a peer")?;
        socket
            .set_nodelay(true)
            .or_err(ErrorType::SocketError, "setting TCP_NODELAY")?;
        let mut asking = interval(ASKED_EVERY);
        asking.set_missed_tick_behavior(MissedTickBehavior::Delay);
        asking.reset();
        let tunnel = Tunnel {
            socket,
            turns: 0,
            visit: self.visit.clone(),
            asking,
            asked: None,
        };
        Ok(Stream::from(VirtualSocketStream::new(Box::new(tunnel))))
    }
}

/// How often a read steps back after a write.
const TURNS: u8 = 2;

struct Tunnel {
    socket: TcpStream,
    /// How often the next read still steps back.
    turns: u8,
    visit: Visit,
    asking: Interval,
    /// Whether the caller still may, while that is being found out. A lock, which nobody contends for, as a stream is
    /// shared between threads.
    asked: Option<Mutex<BoxFuture<'static, bool>>>,
}

impl Tunnel {
    /// Whether the caller was found to be allowed no longer. Reads are polled for as long as the tunnel is open, so
    /// this is too.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            if let Some(asked) = &mut self.asked {
                let asked = asked.get_mut().unwrap_or_else(PoisonError::into_inner);
                match asked.as_mut().poll(cx) {
                    Poll::Pending => return false,
                    Poll::Ready(false) => return true,
                    Poll::Ready(true) => self.asked = None,
                }
            }
            if self.asking.poll_tick(cx).is_pending() {
                return false;
            }
            self.asked = Some(Mutex::new(self.visit.clone().still_may().boxed()));
        }
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tunnel")
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_over(cx) {
            let why = "the caller may no longer";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::PermissionDenied, why)));
        }
        if self.turns > 0 {
            self.turns -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.socket).poll_write(cx, bytes));
        self.turns = TURNS;
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl VirtualSocket for Tunnel {
    fn set_socket_option(&self, option: VirtualSockOpt) -> io::Result<()> {
        match option {
            VirtualSockOpt::NoDelay => self.socket.set_nodelay(true),
            _ => Ok(()),
        }
    }
}
