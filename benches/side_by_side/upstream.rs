//! The upstream: answers every request at once with a small JSON body.

use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const BODY: &str = r#"{"status":"ok","calls":[],"count":0}"#;

pub(crate) async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn(serve(stream));
        }
    });
    address
}

/// Requests have no body: each ends with its head.
async fn serve(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let mut buffer = vec![0; 8192];
    let mut read = 0;
    while let Ok(more) = stream.read(buffer.get_mut(read..).unwrap()).await {
        read += more;
        if more == 0 {
            return;
        }
        if buffer.get(..read).unwrap().ends_with(b"\r\n\r\n") {
            read = 0;
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}
