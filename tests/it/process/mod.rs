//! The program itself, over real sockets: started, signalled, killed and started again.

mod browser;
mod claims;
mod clients;
mod description;
mod differential;
mod digest;
mod elsewhere;
pub(crate) mod fakes;
mod floods;
mod frames;
mod framing;
mod http2;
mod introspection;
mod issuer;
mod kalliope;
mod legacy;
mod limits;
mod log;
mod panics;
mod person;
mod provider;
mod proxying;
mod races;
mod reload;
mod resets;
mod secrets;
mod shutdown;
mod streaming;
mod system_calls;
mod tls;
mod tokens;
mod unread;
mod unreadable;
mod upstream;
mod upstream_credentials;
mod wazo;
mod websocket;
mod wire;

use crate::harness::{self, OPERATOR};
use callgate::clock::Clock;
use callgate::metrics::Metrics;
use callgate::secret::Secret;
use callgate::storage::clients::Client;
use callgate::storage::{self, Store};
use callgate::token::Mint;
use serde_json::Value;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use wire::{Message, Wire};

/// How long anything may take that takes no time.
const PATIENCE: Duration = Duration::from_secs(20);
const KEY: &str = "0123456789abcdef0123456789abcdef";

/// The program, on a store, ports and a folder of its own. It is killed when this is dropped.
struct Gate {
    edge: SocketAddr,
    operations: SocketAddr,
    store: Store,
    mint: Mint,
    process: Process,
    folder: TempDir,
}

impl Gate {
    /// Starts with `more` TOML after the usual sections.
    async fn start(more: &str) -> Self {
        Self::with("", more).await
    }

    /// Starts with lines for `[server]` and `more` TOML after the usual sections.
    async fn with(server: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = storage::Settings {
            url: format!("sqlite:{}", folder.path().join("callgate.db").display()),
            ..storage::Settings::default()
        };
        let store = Store::migrate(&settings, &Metrics::new()).await.unwrap();
        harness::seed(&store).await;
        store.create_client(legacy()).await.unwrap();
        let (edge, operations) = (free_port(), free_port());
        fs::write(
            folder.path().join("callgate.toml"),
            config(&folder, edge, operations, server, more),
        )
        .unwrap();
        let mut gate = Self {
            edge,
            operations,
            store,
            mint: Mint::new(&Secret::new(KEY)).unwrap(),
            process: spawn(&folder, &[]),
            folder,
        };
        gate.ready().await;
        gate
    }

    /// Writes another configuration; it counts from the next reload on.
    fn configure(&self, server: &str, more: &str) {
        fs::write(
            self.path("callgate.toml"),
            config(&self.folder, self.edge, self.operations, server, more),
        )
        .unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A token of a user through `crm`.
    async fn token(&self, name: &str, accesses: &[&str]) -> String {
        self.token_through("crm", name, accesses).await
    }

    /// A token of a user through `crm`, or `legacy`, which may send it in any carrier.
    async fn token_through(&self, client: &str, name: &str, accesses: &[&str]) -> String {
        let (now, user) = (Clock::system().now(), harness::user(name));
        let token = harness::issue(&self.store, &self.mint, now, client, user, accesses).await;
        token.expose().to_owned()
    }

    /// A connection to the public listener.
    async fn wire(&self) -> Wire {
        Wire::connect(self.edge).await
    }

    /// The answer to one request on a connection of its own.
    async fn ask(&self, request: &str) -> Message {
        let mut wire = self.wire().await;
        wire.send(request).await;
        wire.answer().await
    }

    /// The answer of the operations listener to the operator.
    async fn operate(&self, method: &str, path: &str) -> Message {
        let mut wire = Wire::connect(self.operations).await;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer {OPERATOR}\r\nContent-Length: 0\r\n\r\n"
        );
        wire.send(&head).await;
        wire.answer().await
    }

    /// Waits until the program says that it is ready.
    async fn ready(&mut self) {
        let begun = Instant::now();
        while !is_ready(self.operations).await || Wire::try_connect(self.edge).await.is_err() {
            let ended = self.process.0.try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {}", self.stderr());
            assert!(begun.elapsed() < PATIENCE, "not ready: {}", self.stderr());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Waits for the program's end.
    async fn end(&mut self) -> ExitStatus {
        self.process.end().await
    }

    fn kill(&mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
    }

    /// Starts the program again, on the same store and ports.
    async fn restart(&mut self) {
        self.process = spawn(&self.folder, &[]);
        self.ready().await;
    }

    /// Starts a second process that takes the listeners over, and says when it answers.
    fn successor(&self) -> Process {
        spawn(&self.folder, &["--upgrade"])
    }

    fn stderr(&self) -> String {
        fs::read_to_string(self.path("stderr")).unwrap_or_default()
    }

    /// Waits until the program's own log has this.
    async fn says(&self, text: &str) {
        eventually(|| self.stderr().contains(text), || self.stderr()).await;
    }

    fn access_log(&self) -> String {
        fs::read_to_string(self.path("access.log")).unwrap_or_default()
    }

    /// Waits for so many lines in the access log.
    async fn logged(&self, lines: usize) -> Vec<Value> {
        let enough = || self.access_log().lines().count() >= lines;
        eventually(enough, || self.access_log()).await;
        let log = self.access_log();
        log.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Drop for Gate {
    #[expect(
        clippy::print_stderr,
        reason = "it tells why a test failed, and only then is shown"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the program said\n{}", self.stderr());
            eprintln!("--- its access log\n{}", self.access_log());
        }
    }
}

/// Waits for something that no event tells.
async fn eventually(happened: impl Fn() -> bool, otherwise: impl FnOnce() -> String) {
    let begun = Instant::now();
    while !happened() {
        if begun.elapsed() > PATIENCE {
            let seen = otherwise();
            assert!(happened(), "it did not happen: {seen}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A child, which is killed when this is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Process {
    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.0.id().to_string())
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end.
    async fn end(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn is_ready(operations: SocketAddr) -> bool {
    let Ok(mut wire) = Wire::try_connect(operations).await else {
        return false;
    };
    wire.send("GET /readyz HTTP/1.1\r\nHost: gate\r\n\r\n")
        .await;
    wire.answer().await.status() == 200
}

fn spawn(folder: &TempDir, more: &[&str]) -> Process {
    spawn_with(folder, "callgate.toml", more)
}

fn spawn_with(folder: &TempDir, config: &str, more: &[&str]) -> Process {
    let stderr = File::options()
        .create(true)
        .append(true)
        .open(folder.path().join("stderr"));
    let child = Command::new(env!("CARGO_BIN_EXE_callgate"))
        .arg("--config")
        .arg(folder.path().join(config))
        .arg("serve")
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr.unwrap())
        .spawn();
    Process(child.unwrap())
}

fn config(
    folder: &TempDir,
    edge: SocketAddr,
    operations: SocketAddr,
    server: &str,
    more: &str,
) -> String {
    let at = |name: &str| folder.path().join(name).display().to_string();
    let threads = if server.contains("threads = ") {
        ""
    } else {
        "threads = 2"
    };
    format!(
        "[operations]\nlisten = '{operations}'\ntoken = '{OPERATOR}'\n[tokens]\nkey = '{KEY}'\n\
         [store]\nurl = 'sqlite:{}'\n[log]\naccess_file = '{}'\n\
         [server]\nlisten = '{edge}'\npublic_origin = 'https://calls.example'\nupgrade_socket = '{}'\n{threads}\n\
         {server}\n{more}\n",
        at("callgate.db"),
        at("access.log"),
        at("upgrade.sock"),
    )
}

/// A port that is free, and stays so until a program listens there: of those that no system gives to connections and to
/// listeners that leave the choice to it, a part for each process, which gives out each once.
fn free_port() -> SocketAddr {
    const FIRST: u32 = 10_000;
    const PORTS: u32 = 22_000;
    /// As many as a test needs, and more.
    const OF_A_PROCESS: u32 = 16;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id() % (PORTS / OF_A_PROCESS) * OF_A_PROCESS;
    loop {
        let port = FIRST + (begin + GIVEN.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let address = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// A client of 2012, with the switches for every carrier of a token.
fn legacy() -> Client {
    Client {
        id: "legacy".to_owned(),
        switches: "query_token authentication_header".to_owned().into(),
        ..harness::crm()
    }
}

/// A request without a body.
fn get(path: &str, token: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: gate.example\r\nAuthorization: Bearer {token}\r\n\r\n")
}

/// A request with a form.
fn form(method: &str, path: &str, token: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: gate.example\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
