//! Unmodified OAuth clients from `PyPI` and npm get tokens over TLS, and place a call (tests/clients).

use super::Gate;
use crate::harness;
use callgate::storage::Flag;
use callgate::storage::clients::{Client, TokenFormat};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[tokio::test]
async fn requests_oauthlib_gets_tokens_and_places_a_call() {
    passes("requests_oauthlib_client.py").await;
}

#[tokio::test]
async fn authlib_gets_tokens_and_places_a_call() {
    passes("authlib_client.py").await;
}

/// A client of 2012: the implicit flow, the token by GET, the token in the query.
#[tokio::test]
async fn p07_p10_p12_requests_oauthlib_works_as_in_2012() {
    let gate = over_tls().await;
    let switches = "implicit token_get query_token no_pkce";
    gate.store
        .create_client(Client {
            id: "of2012".to_owned(),
            switches: switches.to_owned().into(),
            ..harness::crm()
        })
        .await
        .unwrap();
    let mut python = installed("clients-venv/bin/python");
    python.arg(script("requests_oauthlib_legacy.py"));
    succeeds(&gate, python.env("CLIENT_ID", "of2012"));
}

/// Discovery, code, PKCE, `iss`, refresh, device, introspection, revocation, PAR, `DPoP`, signed tokens and assertions.
#[tokio::test]
async fn oauth4webapi_does_all_that_the_server_offers() {
    let gate = over_tls().await;
    for client in demanding_clients() {
        gate.store.create_client(client).await.unwrap();
    }
    let mut node = installed("clients-venv/nodejs/bin/node");
    node.arg(script("node/oauth4webapi_client.mjs"))
        .env("NODE_EXTRA_CA_CERTS", gate.path("gate.pem"))
        .env("SIGNING_JWK", SIGNING_JWK);
    succeeds(&gate, &mut node);
}

/// Runs a Python script against a program of its own.
async fn passes(name: &str) {
    let gate = over_tls().await;
    let mut python = installed("clients-venv/bin/python");
    python.arg(script(name));
    succeeds(&gate, &mut python);
}

/// The program, with TLS, whose origin is where it listens. Without grace, so that a used refresh token is misuse at once.
async fn over_tls() -> Gate {
    let mut gate = Gate::start("[oauth]\nrefresh_grace = '0s'").await;
    let origin = origin(&gate);
    serve_tls(&gate, &origin);
    gate.kill();
    gate.restart().await;
    gate
}

fn origin(gate: &Gate) -> String {
    format!("https://{}", gate.edge)
}

fn script(name: &str) -> PathBuf {
    root().join("tests/clients").join(name)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What `make` installs for the tests.
pub(super) fn installed(program: &str) -> Command {
    let program = root().join("target").join(program);
    assert!(
        program.exists(),
        "the clients are not installed: `make target/clients-venv/ready` does it"
    );
    Command::new(program)
}

/// As the client `crm`, unless the environment of the script names another.
fn succeeds(gate: &Gate, script: &mut Command) {
    if !script.get_envs().any(|(name, _)| name == "CLIENT_ID") {
        script.env("CLIENT_ID", "crm");
    }
    let output = script
        .env("CALLGATE_ORIGIN", origin(gate))
        .env("CALLGATE_CA", gate.path("gate.pem"))
        .env("CLIENT_SECRET", harness::CRM_SECRET)
        .env("REDIRECT_URI", "https://crm.example/cb")
        .env("USERNAME", "ann")
        .env("PASSWORD", harness::PASSWORD)
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

/// A key of RFC 7517, appendix A.2, whose public half is known of the client `signing`.
const SIGNING_JWK: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}"#;
const PUBLIC_JWKS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"one","alg":"ES256","use":"sig",
    "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

/// Clients that each ask more of the server than a secret and a code.
fn demanding_clients() -> [Client; 4] {
    let named = |id: &str| Client {
        id: id.to_owned(),
        ..harness::crm()
    };
    [
        Client {
            token_format: TokenFormat::Jwt,
            ..named("signed")
        },
        Client {
            par_required: Flag(true),
            ..named("pushing")
        },
        Client {
            secret_hash: None,
            dpop_bound: Flag(true),
            ..named("bound")
        },
        Client {
            secret_hash: None,
            jwks: Some(PUBLIC_JWKS.to_owned()),
            ..named("signing")
        },
    ]
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
