//! Credentials that cannot be read, in each place where one may stand: refused, and nothing behind the gateway hears of it.

use super::upstream::Upstream;
use super::wire::Wire;
use super::{Gate, form, get};
use crate::harness::OPERATOR;
use crate::oauth::{encoded, wish};
use callgate::secret::encode;

/// What is no base64, no JSON, no text, or too much of it.
fn spoiled() -> Vec<String> {
    let header = encode(b"{\"alg\":\"ES256\",\"kid\":\"a\",\"typ\":\"at+jwt\"}");
    let claims = encode(b"{\"iss\":\"https://calls.example\",\"sub\":\"ann\"}");
    let mut spoiled: Vec<String> = [
        "", ".", "..", "...", "a.b.c", "a.b.c.d", "====", "%%%", "{}",
    ]
    .map(str::to_owned)
    .into();
    for half in [
        "{",
        "{\"alg\":",
        "[]",
        "null",
        "\"ES256\"",
        "{\"alg\":{}}",
        "\u{0}",
        "{}{}",
    ] {
        spoiled.push(format!("{}.{claims}.c2ln", encode(half.as_bytes())));
        spoiled.push(format!("{header}.{}.c2ln", encode(half.as_bytes())));
    }
    spoiled.push(format!("{header}.{claims}.!!!!"));
    spoiled.push(format!("{header}.{claims}.c2ln="));
    spoiled.push(format!("{header}=.{claims}.c2ln"));
    spoiled.push(format!("{header}.{}.c2ln", encode(&[0xff, 0xfe])));
    spoiled.push(format!(
        "{header}.{}.c2ln",
        encode("[".repeat(3000).as_bytes())
    ));
    spoiled.push("a".repeat(5000));
    spoiled
}

fn with(head: &str) -> String {
    format!("GET /pbx/a HTTP/1.1\r\nHost: gate.example\r\n{head}\r\n\r\n")
}

#[tokio::test]
async fn at_24_base64_and_json_that_are_none_open_nothing_in_any_carrier() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token("ann", &["#"]).await;
    let mut wire = gate.wire().await;
    for text in spoiled() {
        for head in [
            format!("Authorization: Bearer {text}"),
            format!("Authorization: DPoP {text}"),
            format!("Authorization: Basic {text}"),
            format!("Authentication: Bearer {text}"),
            format!("X-Auth-Token: {text}"),
            format!("X-Authenticate: {text}"),
            format!(
                "X-Authenticate: RestApiUsernameToken Username=\"ann\", Domain=\"default\", Digest=\"{text}\", \
                 Nonce=\"n\", Created=\"2026-11-22T02:39:33Z\""
            ),
            format!("Authorization: DPoP {ann}\r\nDPoP: {text}"),
        ] {
            wire.send(&with(&head)).await;
            let answer = wire.answer().await;
            let refused = (400..500).contains(&answer.status());
            assert!(refused, "{}: {head:.120}", answer.status());
            if answer.header("connection") == "close" {
                wire = gate.wire().await;
            }
        }
        // The authorization server reads credentials too.
        let body = "grant_type=client_credentials";
        let basic = form("POST", "/oauth/token", "-", body);
        let basic = basic.replace("Bearer -", &format!("Basic {text}"));
        let status = gate.ask(&basic).await.status();
        assert!((400..500).contains(&status), "{status}: Basic {text:.120}");
    }
    assert_eq!(upstream.heard().len(), 0);
}

#[tokio::test]
async fn at_24_a_cookie_that_is_none_is_nobodys() {
    let gate = Gate::start("").await;
    let session = "cg_se_".to_owned() + &"A".repeat(43);
    let mut cookies = vec![
        "=".to_owned(),
        ";;;".to_owned(),
        "__Host-callgate".to_owned(),
        "__Host-callgate=\"".to_owned(),
        "__Host-callgate=%00%ff".to_owned(),
        format!("__Host-callgate={session}"),
        format!("__Host-callgate={session}; __Host-callgate={session}"),
        format!("__Host-callgate={session}\r\nCookie: __Host-callgate={session}"),
        format!("__Host-callgate={}", "x".repeat(6000)),
    ];
    cookies.extend(
        spoiled()
            .into_iter()
            .map(|text| format!("__Host-callgate={text}")),
    );
    let grant = format!("/auth/grant?{}", encoded(wish()));
    for cookie in cookies {
        for path in ["/account", &grant] {
            let answer = gate
                .ask(&format!(
                    "GET {path} HTTP/1.1\r\nHost: calls.example\r\nAccept: text/html\r\nCookie: {cookie}\r\n\r\n"
                ))
                .await;
            let to_login =
                answer.status() == 303 && answer.header("location").starts_with("/auth/login");
            let refused = (400..500).contains(&answer.status());
            assert!(to_login || refused, "{path} {cookie:.80}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn at_24_json_that_is_none_does_nothing() {
    let gate = Gate::start("").await;
    let ann = gate.token("ann", &["calls.#"]).await;
    let deep = "[".repeat(20_000);
    let bodies = [
        "",
        "{",
        "[]",
        "null",
        "\"number\"",
        "{\"number\":",
        "{\"number\":}",
        "{\"number\":{}}",
        "\u{0}",
        "{\"number\":\"+390501234567\",\"number\":\"+390501234568\"}",
        "{\"number\":\"+390501234567\"}x",
        &deep,
    ];
    let json = |path: &str, token: &str, body: &str| {
        form("POST", path, token, body).replace("x-www-form-urlencoded", "json")
    };
    let mut operations = Wire::connect(gate.operations).await;
    for body in bodies {
        let status = gate.ask(&json("/rest/call", &ann, body)).await.status();
        assert!((400..500).contains(&status), "{status}: {body:.80}");
        operations.send(&json("/admin/users", OPERATOR, body)).await;
        let status = operations.answer().await.status();
        assert!((400..500).contains(&status), "{status}: {body:.80}");
    }
    assert_eq!(gate.ask(&get("/rest/call", &ann)).await.status(), 204);
}
