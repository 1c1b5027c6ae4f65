//! The proxies' processes: pinned to core 0, measured by the kernel's accounting, ended with the benchmark.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(program: PathBuf, arguments: &[&str]) -> Self {
        let child = Command::new("taskset")
            .args(["-c", "0"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Keeps this process on one core.
pub(crate) fn pin_self(core: &str) {
    let pid = std::process::id().to_string();
    let done = Command::new("taskset")
        .args(["-cp", core, &pid])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(done.success());
}

/// The CPU time that all threads of a process have had.
pub(crate) fn cpu_nanos(pid: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let nanos = tasks.map(|task| {
        // A thread may end while we look.
        let stat =
            std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap_or_default();
        stat.split(' ')
            .next()
            .and_then(|nanos| nanos.parse().ok())
            .unwrap_or(0)
    });
    nanos.sum::<u64>()
}

pub(crate) async fn wait_for(address: SocketAddr) {
    let connected = async {
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), connected)
        .await
        .unwrap();
}
