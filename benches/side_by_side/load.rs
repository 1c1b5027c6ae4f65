//! A closed-loop load: 32 connections, each with one request under way.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CONNECTIONS: usize = 32;
const ROUND: Duration = Duration::from_secs(3);

/// The bytes of a request.
pub(crate) fn get(path: &str, token: Option<&str>) -> Vec<u8> {
    let credential = token
        .map(|token| format!("Authorization: Bearer {token}\r\n"))
        .unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nHost: calls.example\r\nUser-Agent: bench\r\nAccept: */*\r\n{credential}\r\n").into_bytes()
}

/// Sends the requests in turn for a while, and says how many were answered with 200.
pub(crate) async fn run(address: SocketAddr, requests: &[Vec<u8>]) -> usize {
    let (next, until) = (AtomicUsize::new(0), Instant::now() + ROUND);
    let connections = (0..CONNECTIONS).map(|_| connection(address, requests, &next, until));
    futures_util::future::join_all(connections).await;
    next.into_inner()
}

async fn connection(address: SocketAddr, requests: &[Vec<u8>], next: &AtomicUsize, until: Instant) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 4096];
    while Instant::now() < until {
        let request = requests
            .get(next.fetch_add(1, Ordering::Relaxed) % requests.len())
            .unwrap();
        stream.write_all(request).await.unwrap();
        answer(&mut stream, &mut buffer).await;
    }
}

/// Reads one whole answer, whose head and 36 bytes of body come in few reads.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut read = 0;
    loop {
        let more = stream.read(buffer.get_mut(read..).unwrap()).await.unwrap();
        assert!(more > 0, "the proxy closed a connection");
        read += more;
        let seen = buffer.get(..read).unwrap();
        if let Some(head) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
            assert!(
                seen.starts_with(b"HTTP/1.1 200"),
                "{}",
                String::from_utf8_lossy(seen)
            );
            if read >= head + 4 + super::upstream::BODY.len() {
                return;
            }
        }
    }
}
