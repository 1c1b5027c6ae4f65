//! Unmodified OAuth clients from `PyPI` and npm get tokens over TLS, and place a call (tests/clients).

use super::{Gate, digest};
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
    let gate = over_tls(HOST, GRACELESS).await;
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
    let gate = over_tls(HOST, GRACELESS).await;
    for client in demanding_clients() {
        gate.store.create_client(client).await.unwrap();
    }
    let mut node = installed("clients-venv/nodejs/bin/node");
    node.arg(script("node/oauth4webapi_client.mjs"))
        .env("NODE_EXTRA_CA_CERTS", gate.path("gate.pem"))
        .env("SIGNING_JWK", SIGNING_JWK);
    succeeds(&gate, &mut node);
}

/// A command line that gets its tokens as a device, and renews them.
#[tokio::test]
async fn oidc_agent_gets_tokens_as_a_device() {
    let gate = over_tls(HOST, GRACELESS).await;
    gate.store.create_client(with_devices()).await.unwrap();
    let mut python = installed("clients-venv/bin/python");
    python.arg(script("oidc_agent_client.py"));
    succeeds(&gate, python.env("CLIENT_ID", "devices"));
}

/// A client of Kalliope's: calls of callgate's own, and a Kalliope behind it.
#[tokio::test]
async fn kalliopepbx_logs_in_calls_and_reads() {
    let fake = digest::fake();
    let gate = over_tls(HOST, &digest::kalliope(fake.address)).await;
    digest::enable(&gate).await;
    let mut python = installed("clients-venv/bin/python");
    python.arg(script("kalliopepbx_client.py"));
    succeeds(&gate, python.env("TENANT_DOMAIN", "default"));
    assert_eq!(fake.logged("dialled", 1).await.len(), 1);
}

/// Runs a Python script against a program of its own.
async fn passes(name: &str) {
    let gate = over_tls(HOST, GRACELESS).await;
    let mut python = installed("clients-venv/bin/python");
    python.arg(script(name));
    succeeds(&gate, &mut python);
}

/// Where most of them find it.
const HOST: &str = "127.0.0.1";
/// Without grace, a refresh token that was used is misuse at once.
const GRACELESS: &str = "[oauth]\nrefresh_grace = '0s'";

/// The program, with TLS and `more` configuration, whose origin is where it listens, as `host`.
pub(super) async fn over_tls(host: &str, more: &str) -> Gate {
    let mut gate = Gate::start(more).await;
    serve_tls(&gate, host);
    gate.kill();
    gate.restart().await;
    gate
}

pub(super) fn origin(gate: &Gate, host: &str) -> String {
    format!("https://{host}:{}", gate.edge.port())
}

pub(super) fn script(name: &str) -> PathBuf {
    root().join("tests/clients").join(name)
}

pub(super) fn root() -> &'static Path {
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

/// Runs a script to its end. It is the client `crm`, unless its environment says otherwise.
pub(super) fn succeeds(gate: &Gate, script: &mut Command) {
    let usual = [
        ("CALLGATE_ORIGIN", origin(gate, HOST)),
        ("CALLGATE_CA", gate.path("gate.pem").display().to_string()),
        ("CLIENT_ID", "crm".to_owned()),
        ("CLIENT_SECRET", harness::CRM_SECRET.to_owned()),
        ("REDIRECT_URI", "https://crm.example/cb".to_owned()),
        ("USERNAME", "ann".to_owned()),
        ("PASSWORD", harness::PASSWORD.to_owned()),
        ("SCOPE", "call".to_owned()),
    ];
    for (name, value) in usual {
        if !script.get_envs().any(|(given, _)| given == name) {
            script.env(name, value);
        }
    }
    let output = script.output().unwrap();
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
fn demanding_clients() -> [Client; 5] {
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
        with_devices(),
        Client {
            secret_hash: None,
            jwks: Some(PUBLIC_JWKS.to_owned()),
            ..named("signing")
        },
    ]
}

/// The client `devices`, whose devices have no browser (RFC 8628).
fn with_devices() -> Client {
    let grants = "refresh_token urn:ietf:params:oauth:grant-type:device_code";
    Client {
        id: "devices".to_owned(),
        grant_types: grants.to_owned().into(),
        ..harness::crm()
    }
}

/// Gives the configuration another origin, and a certificate for it.
pub(super) fn serve_tls(gate: &Gate, host: &str) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([host.to_owned()]).unwrap();
    fs::write(gate.path("gate.pem"), cert.pem()).unwrap();
    fs::write(gate.path("gate.key"), signing_key.serialize_pem()).unwrap();
    let config = fs::read_to_string(gate.path("callgate.toml")).unwrap();
    let tls = format!(
        "public_origin = '{}'\ntls = {{ certificate = '{}', key = '{}' }}",
        origin(gate, host),
        gate.path("gate.pem").display(),
        gate.path("gate.key").display()
    );
    let config = config.replace("public_origin = 'https://calls.example'", &tls);
    fs::write(gate.path("callgate.toml"), config).unwrap();
}
