//! TLS at the listener and to upstreams, and the two versions of HTTP on one port.

use super::{Gate, get};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use reqwest::{Certificate, Client, Version};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

type Pair = CertifiedKey<KeyPair>;

fn certificate(name: &str) -> Pair {
    generate_simple_self_signed([name.to_owned()]).unwrap()
}

fn write(folder: &Path, name: &str, pair: &Pair) {
    fs::write(folder.join(format!("{name}.pem")), pair.cert.pem()).unwrap();
    let key = pair.signing_key.serialize_pem();
    fs::write(folder.join(format!("{name}.key")), key).unwrap();
}

/// A client that trusts one certificate, for `gate.example`.
fn client(gate: &Gate, trusted: &Pair) -> reqwest::ClientBuilder {
    let trusted = Certificate::from_pem(trusted.cert.pem().as_bytes()).unwrap();
    Client::builder()
        .tls_certs_only([trusted])
        .resolve("gate.example", gate.edge)
        .no_proxy()
}

async fn status(client: &Client, gate: &Gate) -> Option<(u16, Version)> {
    let url = format!("https://gate.example:{}/nowhere", gate.edge.port());
    let answer = client.get(url).send().await.ok()?;
    Some((answer.status().as_u16(), answer.version()))
}

#[tokio::test]
async fn one_plain_port_speaks_both_versions_of_http() {
    let gate = Gate::start("").await;
    let ann = gate.token("ann", &["calls.#"]).await;
    for (client, version) in [
        (
            Client::builder().http2_prior_knowledge().no_proxy(),
            Version::HTTP_2,
        ),
        (Client::builder().http1_only().no_proxy(), Version::HTTP_11),
    ] {
        let client = client.build().unwrap();
        let url = format!("http://{}/rest/call", gate.edge);
        let placed = client
            .post(&url)
            .bearer_auth(&ann)
            .form(&[("number", "+390501234567")]);
        let answer = placed.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (201, version));
        let refused = client.get(&url).send().await.unwrap();
        assert_eq!(refused.status(), 401);
    }
}

#[tokio::test]
async fn a_replaced_certificate_is_shown_after_a_reload_and_connections_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (certificate("gate.example"), certificate("gate.example"));
    write(folder.path(), "gate", &old);
    let at = |name: &str| folder.path().join(name).display().to_string();
    let tls = format!(
        "tls = {{ certificate = '{}', key = '{}' }}",
        at("gate.pem"),
        at("gate.key")
    );
    let gate = Gate::with(&tls, "").await;
    let http1 = client(&gate, &old).http1_only().build().unwrap();
    let http2 = client(&gate, &old).build().unwrap();
    assert_eq!(status(&http1, &gate).await, Some((404, Version::HTTP_11)));
    assert_eq!(status(&http2, &gate).await, Some((404, Version::HTTP_2)));

    // A key that does not fit is refused.
    fs::write(at("gate.key"), new.signing_key.serialize_pem()).unwrap();
    assert_eq!(gate.operate("POST", "/admin/reload").await.status(), 400);
    write(folder.path(), "gate", &new);
    gate.signal("HUP");
    gate.says("the configuration was reloaded").await;

    let newcomer = client(&gate, &new).build().unwrap();
    assert_eq!(status(&newcomer, &gate).await, Some((404, Version::HTTP_2)));
    let late = client(&gate, &old).build().unwrap();
    assert_eq!(status(&late, &gate).await, None);
    assert_eq!(status(&http1, &gate).await, Some((404, Version::HTTP_11)));
    assert_eq!(status(&http2, &gate).await, Some((404, Version::HTTP_2)));
}

#[tokio::test]
async fn an_upstream_that_cannot_prove_its_name_is_not_spoken_to() {
    let folder = tempfile::tempdir().unwrap();
    let (own, foreign) = (certificate("pbx.example"), certificate("pbx.example"));
    write(folder.path(), "own", &own);
    write(folder.path(), "foreign", &foreign);
    let address = serve_tls(&own);
    let mut more = String::new();
    for (name, server_name, ca) in [
        ("right", "pbx.example", Some("own")),
        ("name", "other.example", Some("own")),
        ("authority", "pbx.example", Some("foreign")),
        ("system", "pbx.example", None),
    ] {
        let ca = ca.map(|ca| folder.path().join(format!("{ca}.pem")));
        let ca = ca.map_or(String::new(), |ca| format!("ca = '{}'", ca.display()));
        write!(
            more,
            "[[upstream]]\nname = '{name}'\npeers = ['{address}']\ntls = true\nserver_name = '{server_name}'\n{ca}\n\
             [[route]]\nname = '{name}'\npath = '/{name}'\npublic = true\nupstream = '{name}'\n"
        )
        .unwrap();
    }
    let gate = Gate::start(&more).await;

    for (path, expected) in [
        ("/right", 200),
        ("/name", 502),
        ("/authority", 502),
        ("/system", 502),
    ] {
        let answer = gate.ask(&get(path, "x")).await;
        assert_eq!(answer.status(), expected, "{path} {answer:?}");
    }
}

#[tokio::test]
async fn an_upstream_that_is_trusted_no_more_is_not_spoken_to_on_an_old_connection() {
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (certificate("pbx.example"), certificate("pbx.example"));
    write(folder.path(), "own", &own);
    write(folder.path(), "other", &other);
    let address = serve_tls(&own);
    let upstream = |ca: &str| {
        format!(
            "[[upstream]]\nname = 'pbx'\npeers = ['{address}']\ntls = true\nserver_name = 'pbx.example'\nca = '{}'\n\
             [[route]]\nname = 'pbx'\npath = '/pbx'\npublic = true\nupstream = 'pbx'\n",
            folder.path().join(ca).display()
        )
    };
    let gate = Gate::start(&upstream("own.pem")).await;
    assert_eq!(gate.ask(&get("/pbx", "x")).await.status(), 200);

    gate.configure("", &upstream("other.pem"));
    assert_eq!(gate.operate("POST", "/admin/reload").await.status(), 204);
    assert_eq!(gate.ask(&get("/pbx", "x")).await.status(), 502);
}

/// Answers every request, until the test process ends.
fn serve_tls(pair: &Pair) -> SocketAddr {
    let chain = CertificateDer::from_pem_slice(pair.cert.pem().as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(pair.signing_key.serialize_pem().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let tls = rustls::StreamOwned::new(connection, stream);
            std::thread::spawn(move || answer(tls));
        }
    });
    address
}

/// Answers whatever comes, on a connection that stays.
fn answer(mut tls: rustls::StreamOwned<rustls::ServerConnection, TcpStream>) {
    let mut request = [0; 4096];
    // A client that does not trust us goes away in the handshake.
    while tls.read(&mut request).is_ok_and(|length| length > 0) {
        drop(tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
        drop(tls.flush());
    }
}

#[tokio::test]
async fn n05_where_tls_is_spoken_plain_http_gets_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "gate", &certificate("gate.example"));
    let at = |name: &str| folder.path().join(name).display().to_string();
    let tls = format!(
        "tls = {{ certificate = '{}', key = '{}' }}",
        at("gate.pem"),
        at("gate.key")
    );
    let gate = Gate::with(&tls, "").await;
    let form = "grant_type=client_credentials&client_id=crm&client_secret=x";
    for request in [
        "GET /auth/login?client_id=crm HTTP/1.1\r\nHost: gate.example\r\n\r\n".to_owned(),
        super::form("POST", "/oauth/token", "x", form),
    ] {
        let answer = gate.ask(&request).await;
        assert!(
            answer.head.is_empty() && answer.body.is_empty(),
            "{answer:?}"
        );
    }
}
