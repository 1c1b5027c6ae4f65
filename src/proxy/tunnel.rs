//! Connections for WebSocket handshakes.
//!
//! Pingora 0.9.1 ends a tunnel at once when it reads the upstream's 101 before it has noted that the request has no
//! body (cloudflare/pingora#946), as it may when the upstream is quick. So after each write, the next read lets
//! everything else have its turn first.

use async_trait::async_trait;
use pingora::connectors::l4::Connect;
use pingora::prelude::{Error, ErrorType, OrErr};
use pingora::protocols::l4::socket::SocketAddr;
use pingora::protocols::l4::stream::Stream;
use pingora::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Opens connections that answer politely.
#[derive(Debug)]
pub(super) struct Polite;

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
        let tunnel = Tunnel { socket, turns: 0 };
        Ok(Stream::from(VirtualSocketStream::new(Box::new(tunnel))))
    }
}

/// How often a read steps back after a write.
const TURNS: u8 = 2;

#[derive(Debug)]
struct Tunnel {
    socket: TcpStream,
    /// How often the next read still steps back.
    turns: u8,
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
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
