//! schemathesis, as published, makes requests from the `OpenAPI` documents: none is answered with 5xx, and each as described.

use super::Gate;
use super::clients::installed;
use crate::harness::{CRM_SECRET, OPERATOR};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;

#[tokio::test]
async fn the_public_api_is_what_its_description_says() {
    let gate = Gate::start("[oauth]\naddress_attempts = 1000000\n").await;
    let token = gate.token("ann", &["calls.#"]).await;
    let client = STANDARD.encode(format!("crm:{CRM_SECRET}"));
    explore(
        &gate,
        "edge",
        &[
            ("/rest/", &format!("Bearer {token}")),
            ("/oauth/", &format!("Basic {client}")),
        ],
    );
}

#[tokio::test]
async fn administration_is_what_its_description_says() {
    let gate = Gate::start("").await;
    explore(&gate, "operations", &[("/", &format!("Bearer {OPERATOR}"))]);
}

/// Tries the operations of a document under each prefix with the credential that goes with it.
fn explore(gate: &Gate, document: &str, parts: &[(&str, &str)]) {
    let address = if document == "edge" {
        gate.edge
    } else {
        gate.operations
    };
    for (prefix, credential) in parts {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/openapi/{document}.yaml"));
        let output = installed("clients-venv/bin/schemathesis")
            .arg("run")
            .arg(path)
            .args(["--url", &format!("http://{address}")])
            .args(["--header", &format!("Authorization: {credential}")])
            .args(["--include-path-regex", &format!("^{prefix}")])
            .args([
                "--checks",
                CHECKS,
                "--max-examples",
                "25",
                "--seed",
                "1",
                "--workers",
                "2",
            ])
            .args(["--generation-database", "none", "--no-color"])
            .current_dir(gate.folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let end = said.char_indices().rev().nth(6000).map_or(0, |(at, _)| at);
        assert!(
            output.status.success(),
            "{prefix}: {}{}",
            &said[end..],
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// All that can be judged from outside. That valid data is always accepted cannot: most requests name things that are not there.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
    response_schema_conformance,unsupported_method,missing_required_header";
