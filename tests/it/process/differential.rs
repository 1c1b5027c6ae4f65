//! HTTP/1 to the byte, through the gateway to nginx, Node's http and Python's http.server (tests/differential).

use super::clients::{installed, root};
use std::process::Command;

/// Each odd thing of the grammar alone, and what was ever found, to each of the upstreams.
#[test]
fn at_04_at_22_real_servers_hear_what_was_sent_and_decided_on() {
    let folder = root().join("tests/differential");
    let output = Command::new("python3")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(folder.join("run.py"))
        .arg(env!("CARGO_BIN_EXE_callgate"))
        .arg("--node")
        .arg(installed("clients-venv/nodejs/bin/node").get_program())
        .arg("--cases")
        .arg(folder.join("cases.txt"))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
}
