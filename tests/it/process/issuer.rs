//! An issuer that others wrote, whose tokens are good at the program itself, over TLS.

use super::clients::{installed, origin, script, serve_tls};
use super::provider::Others;
use super::upstream::Upstream;
use super::{Gate, free_port};
use rcgen::{CertificateParams, DnType, KeyPair};
use std::fs;

/// oidc-provider, which is certified by the OpenID Foundation: JWTs by resource indicators (RFC 8707), of clients and people,
/// as bearer tokens and bound to a key.
#[tokio::test]
async fn m09_m17_access_tokens_of_an_issuer_that_others_wrote_are_good_and_its_other_tokens_are_not()
 {
    let issuer = format!("https://{}", free_port());
    let upstream = Upstream::start().await;
    let spec = format!(
        "{}\n[[issuer]]\nname = 'others'\nkind = 'jwt'\ntenant = 'acme'\nissuer = '{issuer}'\naudience = ['callgate']\n\
         clients = ['app']\n[issuer.principal]\npolicies = ['call', 'pbx']\n",
        upstream.routes()
    );
    let mut gate = Gate::start(&spec).await;
    let mut subject = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    // OpenSSL looks certificates up by their names, and that of the gate has the usual one.
    subject
        .distinguished_name
        .push(DnType::CommonName, "issuer");
    let signing_key = KeyPair::generate().unwrap();
    let cert = subject.self_signed(&signing_key).unwrap();
    let (certificate, key) = (gate.path("issuer.pem"), gate.path("issuer.key"));
    fs::write(&certificate, cert.pem()).unwrap();
    fs::write(&key, signing_key.serialize_pem()).unwrap();
    serve_tls(&gate, "127.0.0.1");
    let config = fs::read_to_string(gate.path("callgate.toml")).unwrap();
    let outbound = format!("{config}\n[outbound]\nca = '{}'\n", certificate.display());
    fs::write(gate.path("callgate.toml"), outbound).unwrap();
    let both = fs::read_to_string(gate.path("gate.pem")).unwrap() + &cert.pem();
    fs::write(gate.path("both.pem"), both).unwrap();

    let mut node = installed("clients-venv/nodejs/bin/node");
    let node = node
        .arg(script("node/issuer.mjs"))
        .env("NODE_EXTRA_CA_CERTS", gate.path("both.pem"))
        .env("ISSUER", &issuer)
        .env("CERTIFICATE", &certificate)
        .env("KEY", &key)
        .env("CALLGATE_ORIGIN", origin(&gate, "127.0.0.1"));
    let mut others = Others::start(node);
    others.says("serving").await;
    gate.kill();
    gate.restart().await;
    others.go_on();
    others.says("called").await;

    let heard = upstream.heard().remove(0);
    assert_eq!(heard.target(), "GET /api/of-a-person");
    assert_eq!(heard.headers("x-callgate-issuer"), ["others"]);
    assert_eq!(heard.headers("x-callgate-subject"), ["ann"]);
    assert!(heard.headers("x-callgate-user").is_empty());
    assert_eq!(heard.headers("x-callgate-tenant"), ["acme"]);
    assert_eq!(heard.headers("x-callgate-client"), ["external:others:app"]);
    assert!(!heard.head.to_lowercase().contains("authorization"));
}
