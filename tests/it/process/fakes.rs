//! Fake telephone systems (tests/fakes), each a process of its own, which ends when this is dropped.

use super::wire::Wire;
use super::{Process, eventually};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use tempfile::TempDir;

/// A fake by its name: `kalliope`, `wazo`, `sipgate`. Its log is the ground truth of what it was asked and did.
pub(crate) struct Fake {
    /// Where it answers as the system that it plays.
    pub(crate) address: SocketAddr,
    name: &'static str,
    options: Vec<String>,
    admin: SocketAddr,
    process: Process,
    /// Its standard input: it ends with that, also when this program is killed.
    input: Option<ChildStdin>,
    folder: TempDir,
}

impl Fake {
    pub(crate) fn start(name: &'static str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options: Vec<_> = options.iter().map(|&option| option.to_owned()).collect();
        let (process, input, ports) = spawn(name, &options, folder.path(), [0, 0]);
        Self {
            address: ports[0],
            name,
            options,
            admin: ports[1],
            process,
            input,
            folder,
        }
    }

    /// Asks its way in for tests, `/_fake/`; tests/fakes/README.md has the paths. An empty answer is `null`.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut wire = Wire::connect(self.admin).await;
        wire.send(&format!(
            "{method} /_fake/{path} HTTP/1.1\r\nHost: fake\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
        let answer = wire.answer().await;
        assert!(
            (200..300).contains(&answer.status()),
            "{method} {path} {body}: {} {}",
            answer.head,
            answer.text()
        );
        answer.json()
    }

    /// Replaces the rules that spoil requests, e.g. `[{"do": "drop", "after": true, "path": "c2c"}]`.
    pub(crate) async fn faults(&self, rules: &Value) {
        self.admin("PUT", "faults", rules).await;
    }

    /// Moves its clock.
    pub(crate) async fn advance(&self, seconds: i64) {
        let body = json!({ "advance": seconds });
        self.admin("PUT", "clock", &body).await;
    }

    /// What of this kind happened until now: `request`, `dialled`, `answered`, `ended`, …
    pub(crate) fn log(&self, event: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.log_file()).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|line: &Value| line["event"] == event)
            .collect()
    }

    /// Waits until so much of this kind has happened.
    pub(crate) async fn logged(&self, event: &str, count: usize) -> Vec<Value> {
        let enough = || self.log(event).len() >= count;
        eventually(enough, || {
            fs::read_to_string(self.log_file()).unwrap_or_default()
        })
        .await;
        self.log(event)
    }

    /// As `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
    }

    /// Starts it again on its ports, with what it had: users, calls, tokens, spent nonces. Faults and clock are new.
    pub(crate) fn restart(&mut self) {
        let ports = [self.address.port(), self.admin.port()];
        let (process, input, _) = spawn(self.name, &self.options, self.folder.path(), ports);
        (self.process, self.input) = (process, input);
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

fn spawn(
    name: &str,
    options: &[String],
    folder: &Path,
    ports: [u16; 2],
) -> (Process, Option<ChildStdin>, [SocketAddr; 2]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fakes")
        .join(name)
        .with_extension("py");
    let mut child = Command::new("python3")
        .arg(script)
        .args(["--port", &ports[0].to_string()])
        .args(["--admin-port", &ports[1].to_string()])
        .arg("--log")
        .arg(folder.join("log"))
        .arg("--state")
        .arg(folder.join("state"))
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let port = |name: &str| {
        let port = said[name].as_u64().unwrap();
        SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()))
    };
    let input = child.stdin.take();
    (Process(child), input, [port("port"), port("admin")])
}

const SALT: &str =
    "GET /rest/salt/default HTTP/1.1\r\nHost: pbx\r\nAccept: application/json\r\n\r\n";

#[tokio::test]
async fn a_fake_answers_logs_fails_and_comes_again() {
    let mut fake = Fake::start("kalliope", &["--unknown-tenant-status", "403"]);
    let unknown = SALT.replace("default", "nobody");
    assert_eq!(ask(&fake, &unknown).await, 403);
    fake.faults(&json!([{ "do": "refuse", "status": 500, "times": 1 }]))
        .await;
    assert_eq!(ask(&fake, SALT).await, 500);
    fake.advance(60).await;
    fake.kill();
    fake.restart();
    assert_eq!(ask(&fake, SALT).await, 200);
    let requests = fake.logged("request", 3).await;
    assert_eq!(requests[1]["fault"], "refuse");
    assert_eq!(fake.log("started").len(), 2);
}

/// What `python3 -m unittest` says of the fakes themselves.
#[test]
fn the_fakes_are_as_their_facts_say() {
    let ran = Command::new("python3")
        .args(["-m", "unittest", "discover", "tests/fakes"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
}

async fn ask(fake: &Fake, request: &str) -> u16 {
    let mut wire = Wire::connect(fake.address).await;
    wire.send(request).await;
    wire.answer().await.status()
}
