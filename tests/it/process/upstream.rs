//! A system behind the gateway: it keeps what it heard, and answers as the path says.

use super::PATIENCE;
use super::wire::{Framing, Message, Wire};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// Listens until it is dropped.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    heard: watch::Sender<Vec<Message>>,
    connections: Arc<AtomicUsize>,
    go_on: Arc<Notify>,
    task: AbortHandle,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    pub(super) async fn start() -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    pub(super) async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, _) = watch::channel(Vec::new());
        let (connections, go_on) = (Arc::<AtomicUsize>::default(), Arc::<Notify>::default());
        let server = (heard.clone(), Arc::clone(&connections), Arc::clone(&go_on));
        let task = tokio::spawn(async move {
            let (heard, connections, go_on) = server;
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(Wire::new(stream), heard.clone(), Arc::clone(&go_on)));
            }
        });
        Self {
            address,
            heard,
            connections,
            go_on,
            task: task.abort_handle(),
        }
    }

    /// The `[[upstream]]` `pbx`, and the routes to it that the tests use.
    pub(super) fn routes(&self) -> String {
        format!(
            "[[upstream]]\nname = 'pbx'\npeers = ['{}']\n{ROUTES}",
            self.address
        )
    }

    /// All requests until now; one whose body is still coming, too.
    pub(super) fn heard(&self) -> Vec<Message> {
        self.heard.borrow().clone()
    }

    /// Waits until what was heard is as expected.
    pub(super) async fn hears(&self, expected: impl FnMut(&Vec<Message>) -> bool) {
        let mut heard = self.heard.subscribe();
        let waited = timeout(PATIENCE, heard.wait_for(expected)).await;
        drop(waited.unwrap().unwrap());
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Lets one request go on that waits: `/wait` and `/stream`.
    pub(super) fn go_on(&self) {
        self.go_on.notify_one();
    }
}

pub(super) const ROUTES: &str = "
[[route]]
name = 'pbx'
prefix = '/pbx'
access = 'pbx.use'
upstream = 'pbx'
strip_prefix = '/pbx'
add_prefix = '/api'
timeout = '10s'
body_limit = 100000

[[route]]
name = 'extension'
path = '/extensions/{extension}'
methods = ['GET']
access = 'pbx.{extension}.read'
upstream = 'pbx'

[[route]]
name = 'open'
prefix = '/open'
public = true
upstream = 'pbx'
timeout = '1s'
body_limit = 100000000
";

async fn serve(mut wire: Wire, heard: watch::Sender<Vec<Message>>, go_on: Arc<Notify>) {
    while let Some(request) = wire.head().await {
        let path = request.target();
        let framing = Framing::of_request(&request);
        let mut index = 0;
        heard.send_modify(|heard| {
            index = heard.len();
            heard.push(request);
        });
        let whole = wire
            .body(framing, |bytes| {
                heard.send_modify(|heard| {
                    if let Some(request) = heard.get_mut(index) {
                        request.body.extend_from_slice(bytes);
                    }
                });
            })
            .await;
        heard.send_modify(|heard| {
            if let Some(request) = heard.get_mut(index) {
                request.whole = whole;
            }
        });
        if !whole || !answer(&mut wire, &path, &go_on).await {
            return;
        }
    }
}

/// Whether the connection goes on.
async fn answer(wire: &mut Wire, path: &str, go_on: &Notify) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    match name.split('?').next().unwrap_or_default() {
        "never" => std::future::pending().await,
        "hangs-up" => return false,
        "dies" => {
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
                .await;
            return false;
        }
        "dies-chunked" => {
            wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n")
                .await;
            return false;
        }
        "wait" => {
            go_on.notified().await;
            plain(wire).await;
        }
        "stream" => {
            wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
                .await;
            go_on.notified().await;
            wire.send("4\r\nlast\r\n0\r\n\r\n").await;
        }
        "drips" => {
            wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await;
            while !wire.closes(Duration::from_millis(200)).await {
                wire.send("4\r\ndrip\r\n").await;
            }
            return false;
        }
        "ws" => {
            wire.send(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            )
            .await;
            echo(wire).await;
            return false;
        }
        "unauthorized" => {
            wire.send(
                "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"pbx\"\r\nSet-Cookie: session=of-the-service\r\n\
                 Content-Length: 13\r\n\r\nwho are you?\n",
            )
            .await;
        }
        "forbidden" => {
            wire.send(
                "HTTP/1.1 403 Forbidden\r\nWWW-Authenticate: Basic realm=\"pbx\"\r\nSet-Cookie: session=of-the-service\r\n\
                 Authentication-Info: nextnonce=a\r\nContent-Length: 9\r\n\r\nnot this\n",
            )
            .await;
        }
        _ => plain(wire).await,
    }
    true
}

async fn plain(wire: &mut Wire) {
    wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nheard")
        .await;
}

async fn echo(wire: &mut Wire) {
    loop {
        let bytes = wire.bytes().await;
        if bytes.is_empty() {
            return;
        }
        wire.send_bytes(&bytes).await;
    }
}
