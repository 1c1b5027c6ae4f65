//! Bodies in both directions: as they come, and no longer than they may be.

use super::person::posted;
use super::upstream::Upstream;
use super::{Gate, PATIENCE, get};
use crate::harness::CRM_SECRET;
use std::time::{Duration, Instant};

#[tokio::test]
async fn an_answer_begins_before_it_ends() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token("ann", &["pbx.#"]).await;

    let mut wire = gate.wire().await;
    wire.send(&get("/pbx/stream", &ann)).await;
    let head = wire.head().await.unwrap();
    let first = wire.bytes().await;
    assert_eq!(head.status(), 200);
    assert!(String::from_utf8_lossy(&first).contains("first"));

    upstream.go_on();
    let mut rest = Vec::new();
    while !rest.ends_with(b"0\r\n\r\n") {
        let bytes = wire.bytes().await;
        assert!(!bytes.is_empty(), "it ended early");
        rest.extend(bytes);
    }
    assert!(String::from_utf8_lossy(&rest).contains("last"));
}

#[tokio::test]
async fn a_body_goes_up_as_it_comes_and_may_be_larger_than_any_buffer() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let (piece, pieces) = (vec![b'a'; 1_000_000], 40);

    let mut wire = gate.wire().await;
    wire.send(&format!(
        "POST /open/large HTTP/1.1\r\nHost: gate.example\r\nContent-Length: {}\r\n\r\n",
        piece.len() * pieces
    ))
    .await;
    wire.send_bytes(&piece).await;
    // Upstream has the first piece while the others have not been sent.
    upstream
        .hears(|heard| {
            heard
                .first()
                .is_some_and(|first| first.body.len() == 1_000_000)
        })
        .await;
    for _ in 1..pieces {
        wire.send_bytes(&piece).await;
    }

    assert_eq!(wire.answer().await.status(), 200);
    assert_eq!(upstream.heard().remove(0).body.len(), 40_000_000);
}

#[tokio::test]
async fn a_body_over_its_routes_limit_is_refused() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token("ann", &["#"]).await;
    let head = |path: &str, framing: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: gate.example\r\nAuthorization: Bearer {ann}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n{framing}\r\n\r\n"
        )
    };
    for path in ["/pbx/a", "/rest/call"] {
        let announced = gate.ask(&head(path, "Content-Length: 100000000")).await;
        assert_eq!(announced.status(), 413, "{path}");
        assert_eq!(announced.json()["code"], "body_too_large");
    }
    assert_eq!(upstream.heard().len(), 0);

    for path in ["/pbx/a", "/rest/call"] {
        let mut wire = gate.wire().await;
        wire.send(&head(path, "Transfer-Encoding: chunked")).await;
        let chunk = format!("{:x}\r\n{}\r\n", 60_000, "a".repeat(60_000));
        for _ in 0..20 {
            wire.send(&chunk).await;
        }
        let answer = wire.answer().await;
        assert_eq!(answer.status(), 413, "{path} {answer:?}");
    }
    // Upstream was not told that what it got was all.
    assert!(upstream.heard().iter().all(|heard| !heard.whole));
}

#[tokio::test]
async fn a_client_that_expects_it_is_told_to_continue() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token("ann", &["#"]).await;
    let head = |path: &str, token: &str, length: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: gate.example\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let number = "number=%2B390501234567";
    for (path, status) in [("/pbx/a", 200), ("/rest/call", 201)] {
        let mut wire = gate.wire().await;
        for _ in 0..2 {
            wire.send(&head(path, &ann, number.len())).await;
            assert_eq!(wire.answer().await.status(), 100, "{path}");
            wire.send(number).await;
            assert_eq!(wire.answer().await.status(), status, "{path}");
        }
    }
    // Whoever is refused need not send the body.
    for (path, token, length, status) in [
        ("/pbx/a", "wrong", 10, 401),
        ("/pbx/a", &*ann, 100_000_000, 413),
    ] {
        let refused = gate.ask(&head(path, token, length)).await;
        assert_eq!(refused.status(), status);
    }
    assert_eq!(upstream.heard().len(), 2);
    assert_eq!(upstream.heard()[0].header("expect"), "");
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_whole() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;

    for path in ["/open/dies", "/open/dies-chunked"] {
        let answer = gate.ask(&get(path, "x")).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert!(!answer.whole, "{path} {answer:?}");
    }
}

async fn revoke(gate: &Gate, token: &str) {
    let request = posted("/oauth/revoke", ("crm", CRM_SECRET), &[("token", token)]);
    assert_eq!(gate.ask(&request).await.status(), 200);
}

#[tokio::test]
async fn l12_an_answer_without_end_ends_when_its_token_does() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let (mut wires, mut tokens) = (Vec::new(), Vec::new());
    for name in ["ann", "bob"] {
        let token = gate.token(name, &["pbx.#"]).await;
        let mut wire = gate.wire().await;
        wire.send(&get("/pbx/drips", &token)).await;
        assert_eq!(wire.head().await.unwrap().status(), 200);
        assert!(!wire.bytes().await.is_empty());
        wires.push(wire);
        tokens.push(token);
    }
    revoke(&gate, &tokens[0]).await;
    let begun = Instant::now();
    let mut ann = wires.remove(0);
    while !ann.bytes().await.is_empty() {
        assert!(begun.elapsed() < PATIENCE, "it goes on");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    // Nobody else's does, and what was cut off is told.
    assert!(!wires.remove(0).bytes().await.is_empty());
    let ended = |log: &str| {
        log.lines()
            .any(|line| line.contains("\"pbx\"") && line.contains("client"))
    };
    super::eventually(|| ended(&gate.access_log()), || gate.access_log()).await;
}

#[tokio::test]
async fn l12_nothing_more_is_passed_on_after_a_silence_in_which_the_token_ended() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token("ann", &["pbx.#"]).await;
    let mut wire = gate.wire().await;
    wire.send(&get("/pbx/stream", &ann)).await;
    wire.head().await.unwrap();
    wire.bytes().await;
    revoke(&gate, &ann).await;
    // The silence itself is what is tried: no event tells that nothing happens.
    tokio::time::sleep(Duration::from_secs(6)).await;
    upstream.go_on();
    let rest = wire.bytes().await;
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn l12_a_body_without_end_ends_when_its_token_does() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token("ann", &["pbx.#"]).await;
    let mut wire = gate.wire().await;
    wire.send(&format!(
        "POST /pbx/a HTTP/1.1\r\nHost: gate.example\r\nAuthorization: Bearer {ann}\r\nTransfer-Encoding: chunked\r\n\r\n"
    ))
    .await;
    revoke(&gate, &ann).await;
    let begun = Instant::now();
    // Until the answer comes, which is not the upstream's.
    while !wire.has_bytes(Duration::from_millis(200)).await {
        wire.send("1\r\na\r\n").await;
        assert!(begun.elapsed() < Duration::from_secs(8), "it goes on");
    }
    assert_eq!(wire.answer().await.status(), 401);
    assert!(!upstream.heard().remove(0).whole);
}
