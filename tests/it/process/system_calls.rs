//! System calls: a known token costs none.

use super::upstream::Upstream;
use super::wire::Wire;
use super::{Gate, PATIENCE, get};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tokio::time::timeout;

/// On one connection, one after the other.
const REQUESTS: usize = 1000;

/// What is traced: the one thread that serves connections.
struct Traced {
    strace: Child,
    report: PathBuf,
}

impl Traced {
    fn begin(gate: &Gate) -> Self {
        let report = gate.path("strace");
        let mut strace = Command::new("strace")
            .args(["-c", "-p", &worker(gate), "-o"])
            .arg(&report)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It says so when it has begun.
        let mut said = String::new();
        let stderr = strace.stderr.take().unwrap();
        BufReader::new(stderr).read_line(&mut said).unwrap();
        assert!(said.contains("attached"), "{said}");
        Self { strace, report }
    }

    /// How many system calls there were, and which.
    fn end(mut self) -> (usize, String) {
        let interrupted = Command::new("kill")
            .args(["-INT", &self.strace.id().to_string()])
            .status();
        assert!(interrupted.unwrap().success());
        self.strace.wait().unwrap();
        let report = fs::read_to_string(&self.report).unwrap();
        let total = report.lines().find(|line| line.ends_with(" total"));
        let calls = total.and_then(|line| line.split_ascii_whitespace().nth(3));
        let calls = calls.and_then(|calls| calls.parse().ok());
        (calls.unwrap_or_else(|| panic!("{report}")), report)
    }
}

/// The thread that has served a connection has used most of the time; all others wait.
fn worker(gate: &Gate) -> String {
    let tasks = fs::read_dir(format!("/proc/{}/task", gate.process.0.id())).unwrap();
    let named = tasks.map(|task| {
        let task = task.unwrap();
        let stat = fs::read_to_string(task.path().join("schedstat")).unwrap();
        let nanos: u64 = stat.split(' ').next().unwrap().parse().unwrap();
        (nanos, task.file_name().into_string().unwrap())
    });
    named.max().unwrap().1
}

async fn ask(wire: &mut Wire, request: &str, times: usize) {
    for _ in 0..times {
        wire.send(request).await;
        let answer = timeout(PATIENCE, wire.answer()).await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
}

#[tokio::test]
#[ignore = "needs strace, and leave to trace: `make bench-hit`"]
async fn a_known_token_costs_no_system_call() {
    let upstream = Upstream::start().await;
    let gate = Gate::with("threads = 1", &upstream.routes()).await;
    let token = gate.token("ann", &["pbx.#"]).await;
    let (open, known) = (
        "GET /open/x HTTP/1.1\r\nHost: gate.example\r\n\r\n".to_owned(),
        get("/pbx/x", &token),
    );
    let mut wire = gate.wire().await;
    // What is done but once is done by then, and it is plain which thread works.
    for request in [&open, &known] {
        ask(&mut wire, request, REQUESTS).await;
    }
    let mut counted = Vec::new();
    for request in [&open, &known, &open, &known] {
        let traced = Traced::begin(&gate);
        ask(&mut wire, request, REQUESTS).await;
        let (calls, report) = traced.end();
        println!("{report}");
        // Timers tick now and then.
        counted.push((calls + REQUESTS / 2) / REQUESTS);
    }
    println!("{counted:?} system calls a request: public, known token, public, known token");
    assert!(
        counted.iter().all(|calls| *calls == counted[0]),
        "{counted:?}"
    );
}
