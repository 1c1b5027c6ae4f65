//! Unmodified OAuth clients from `PyPI` get tokens over TLS, and place a call (tests/clients).

use super::Gate;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::fs;
use std::path::Path;
use std::process::Command;

#[tokio::test]
async fn requests_oauthlib_gets_tokens_and_places_a_call() {
    passes("requests_oauthlib_client.py").await;
}

#[tokio::test]
async fn authlib_gets_tokens_and_places_a_call() {
    passes("authlib_client.py").await;
}

/// Runs a script against a program of its own, whose origin is where it listens.
async fn passes(script: &str) {
    let mut gate = Gate::start("").await;
    let origin = format!("https://{}", gate.edge);
    serve_tls(&gate, &origin);
    gate.kill();
    gate.restart().await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/clients-venv/bin/python");
    assert!(
        python.exists(),
        "the clients are not installed: `make target/clients-venv/ready` does it"
    );
    let output = Command::new(python)
        .arg(root.join("tests/clients").join(script))
        .env("CALLGATE_ORIGIN", &origin)
        .env("CALLGATE_CA", gate.path("gate.pem"))
        .env("CLIENT_ID", "crm")
        .env("CLIENT_SECRET", crate::harness::CRM_SECRET)
        .env("REDIRECT_URI", "https://crm.example/cb")
        .env("USERNAME", "ann")
        .env("PASSWORD", crate::harness::PASSWORD)
        .env("SCOPE", "call")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

/// Gives the configuration another origin, and a certificate for it.
fn serve_tls(gate: &Gate, origin: &str) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(gate.path("gate.pem"), cert.pem()).unwrap();
    fs::write(gate.path("gate.key"), signing_key.serialize_pem()).unwrap();
    let config = fs::read_to_string(gate.path("callgate.toml")).unwrap();
    let tls = format!(
        "public_origin = '{origin}'\ntls = {{ certificate = '{}', key = '{}' }}",
        gate.path("gate.pem").display(),
        gate.path("gate.key").display()
    );
    let config = config.replace("public_origin = 'https://calls.example'", &tls);
    fs::write(gate.path("callgate.toml"), config).unwrap();
}
