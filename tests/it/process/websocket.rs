//! `WebSockets` through the gateway.

use super::Gate;
use super::person::posted;
use super::upstream::Upstream;
use crate::harness::CRM_SECRET;

fn handshake(path: &str, header: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: gate.example\r\n{header}Upgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

#[tokio::test]
async fn a_websocket_is_opened_by_whoever_may_and_carries_both_ways() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let token = gate.token("ann", &["pbx.#"]).await;
    let authorized = format!("Authorization: Bearer {token}\r\n");

    let mut wire = gate.wire().await;
    wire.send(&handshake("/pbx/ws", &authorized)).await;
    let opened = wire.head().await.unwrap();
    assert_eq!(opened.status(), 101, "{opened:?}");
    assert_eq!(opened.header("upgrade").to_lowercase(), "websocket");
    for text in ["one", "two\r\n\r\nGET /pbx HTTP/1.1\r\n\r\n"] {
        wire.send(text).await;
        let mut echoed = Vec::new();
        while echoed.len() < text.len() {
            let bytes = wire.bytes().await;
            assert!(!bytes.is_empty(), "it was closed");
            echoed.extend(bytes);
        }
        assert_eq!(echoed, text.as_bytes());
    }

    let heard = upstream.heard().remove(0);
    assert_eq!(heard.target(), "GET /api/ws");
    assert_eq!(heard.header("x-callgate-user"), "ann");
    assert!(!heard.head.contains(&token));
}

#[tokio::test]
async fn a_websocket_carries_more_than_a_body_may_have() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let token = gate.token("ann", &["pbx.#"]).await;
    let mut wire = gate.wire().await;
    wire.send(&handshake(
        "/pbx/ws",
        &format!("Authorization: Bearer {token}\r\n"),
    ))
    .await;
    assert_eq!(wire.head().await.unwrap().status(), 101);
    // The route allows 100,000 bytes.
    let message = "x".repeat(10_000);
    for _ in 0..30 {
        wire.send(&message).await;
        let mut echoed = 0;
        while echoed < message.len() {
            let bytes = wire.bytes().await;
            assert!(!bytes.is_empty(), "it was closed");
            echoed += bytes.len();
        }
    }
}

#[tokio::test]
async fn a_websocket_may_be_silent_for_longer_than_a_client() {
    let upstream = Upstream::start().await;
    let gate = Gate::with("client_timeout = '500ms'", &upstream.routes()).await;
    let token = gate.token("ann", &["pbx.#"]).await;
    let mut wire = gate.wire().await;
    wire.send(&handshake(
        "/pbx/ws",
        &format!("Authorization: Bearer {token}\r\n"),
    ))
    .await;
    assert_eq!(wire.head().await.unwrap().status(), 101);
    // The silence itself is what is tried: no event tells that nothing happens.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    wire.send("still there").await;
    assert_eq!(wire.bytes().await, b"still there");
}

#[tokio::test]
async fn at_03_a_websocket_needs_a_token_as_any_request_does() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let bob = gate.token("bob", &["calls.#"]).await;
    for (header, status) in [
        (String::new(), 401),
        ("Authorization: Bearer cg_at_wrong\r\n".to_owned(), 401),
        (format!("Authorization: Bearer {bob}\r\n"), 403),
    ] {
        let answer = gate.ask(&handshake("/pbx/ws", &header)).await;
        assert_eq!(answer.status(), status, "{header}");
    }
    assert_eq!(upstream.heard().len(), 0);
}

#[tokio::test]
async fn l12_a_websocket_ends_when_its_token_does() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let (mut wires, mut tokens) = (Vec::new(), Vec::new());
    for name in ["ann", "bob"] {
        let token = gate.token(name, &["pbx.#"]).await;
        let mut wire = gate.wire().await;
        let authorized = format!("Authorization: Bearer {token}\r\n");
        wire.send(&handshake("/pbx/ws", &authorized)).await;
        assert_eq!(wire.head().await.unwrap().status(), 101);
        wire.send("one").await;
        assert_eq!(wire.bytes().await, b"one");
        wires.push(wire);
        tokens.push(token);
    }
    let revoke = posted(
        "/oauth/revoke",
        ("crm", CRM_SECRET),
        &[("token", &tokens[0])],
    );
    assert_eq!(gate.ask(&revoke).await.status(), 200);
    let mut ann = wires.remove(0);
    assert!(ann.closes(super::PATIENCE).await, "though nothing is said");
    // Nobody else's does.
    let mut bob = wires.remove(0);
    bob.send("two").await;
    assert_eq!(bob.bytes().await, b"two");
}
