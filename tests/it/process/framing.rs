//! Where a request ends: nobody's second request is read out of the first.

use super::upstream::Upstream;
use super::{Gate, form, get};
use std::time::{Duration, Instant};

const OPEN: &str = "GET /open/second HTTP/1.1\r\nHost: gate.example\r\n\r\n";

#[tokio::test]
async fn at_01_after_a_refusal_the_next_request_is_read_rightly_or_the_connection_ends() {
    let upstream = Upstream::start().await;
    let gate = Gate::with("", &format!("[calls]\nlimit = 1\n{}", upstream.routes())).await;
    let (ann, bob) = (
        gate.token("ann", &["calls.#", "pbx.#"]).await,
        gate.token("bob", &["nothing"]).await,
    );
    let call = form("POST", "/rest/call", &ann, "number=%2B390501234567");
    assert_eq!(gate.ask(&call).await.status(), 201);
    // What is in the body looks like a request.
    let smuggled = "GET /open/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let post = |path: &str, token: &str| form("POST", path, token, smuggled);

    for (request, status) in [
        (post("/rest/call", "wrong"), 401),
        (post("/rest/call", &bob), 403),
        (post("/nowhere", &ann), 404),
        (post("/extensions/1", &ann), 405),
        (
            form("POST", "/rest/call", &ann, "number=%2B390501234567"),
            409,
        ),
    ] {
        let mut wire = gate.wire().await;
        wire.send(&request).await;
        assert_eq!(wire.answer().await.status(), status, "{request}");
        wire.send(OPEN).await;
        let second = wire.answer().await;
        assert!(
            matches!(second.status(), 0 | 200),
            "{status} then {second:?}"
        );
    }
    // Larger than is read and forgotten: the connection ends.
    for (path, status) in [("/rest/call", 401), ("/open/a", 413), ("/nowhere", 404)] {
        let mut wire = gate.wire().await;
        let length = 200_000_000;
        wire.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: gate.example\r\nContent-Length: {length}\r\n\r\n{smuggled}"
        ))
        .await;
        assert_eq!(wire.answer().await.status(), status, "{path}");
        wire.send(OPEN).await;
        assert_eq!(wire.answer().await.status(), 0, "{path}");
    }
    let targets: Vec<_> = upstream
        .heard()
        .iter()
        .map(super::wire::Message::target)
        .collect();
    assert!(
        !targets.iter().any(|target| target.contains("smuggled")),
        "{targets:?}"
    );
}

#[tokio::test]
async fn at_02_an_upgrade_does_not_let_a_second_request_through() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token("ann", &["pbx.#"]).await;
    let second = OPEN.replace("/open/second", "/pbx/secret");
    let websocket = "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13";

    let mut expected = 0;
    for (path, upgrade, told) in [
        ("/open/first", "Upgrade: x", ""),
        // What is passed on: the upstream is asked, and says that it does not want to.
        ("/open/first", websocket, "websocket"),
        ("/pbx/first", websocket, "websocket"),
    ] {
        for at_once in [true, false] {
            let mut wire = gate.wire().await;
            let first = get(path, &ann).replace(
                "\r\n\r\n",
                &format!("\r\nConnection: Upgrade\r\n{upgrade}\r\n\r\n"),
            );
            if at_once {
                wire.send(&format!("{first}{second}")).await;
                assert_eq!(wire.answer().await.status(), 200, "{path} {upgrade}");
            } else {
                wire.send(&first).await;
                assert_eq!(wire.answer().await.status(), 200, "{path} {upgrade}");
                wire.send(&second).await;
            }
            let status = wire.answer().await.status();
            assert!(matches!(status, 0 | 401), "{path} {upgrade}: {status}");
            expected += 1;
            let heard = upstream.heard();
            assert_eq!(heard.len(), expected, "{heard:?}");
            assert_eq!(heard[expected - 1].header("upgrade"), told);
        }
    }
}

/// Whatever makes Pingora's `is_upgrade_req` true, or another server believe that the protocol changes.
const UPGRADES: [&str; 8] = [
    "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13",
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    "Upgrade: x",
    "Upgrade: ",
    "Connection: upgrade",
    "HTTP2-Settings: AAMAAABkAAQAAP__",
    "Connection: HTTP2-Settings",
    "Upgrade: TLS/1.2, x\r\nConnection: keep-alive, UPGRADE",
];

#[tokio::test]
async fn at_03_no_upgrade_goes_round_authentication_and_admission() {
    let upstream = Upstream::start().await;
    let gate = Gate::with("", &format!("[calls]\nlimit = 1\n{}", upstream.routes())).await;
    let ann = gate.token("ann", &["calls.#"]).await;

    for more in UPGRADES {
        let request = format!("GET /pbx/ws HTTP/1.1\r\nHost: gate.example\r\n{more}\r\n\r\n");
        assert_eq!(gate.ask(&request).await.status(), 401, "{more}");
    }
    let call = form("POST", "/rest/call", &ann, "number=%2B390501234567");
    assert_eq!(gate.ask(&call).await.status(), 201);
    for more in UPGRADES {
        let upgraded = call.replace("\r\nContent-Type", &format!("\r\n{more}\r\nContent-Type"));
        assert_eq!(gate.ask(&upgraded).await.status(), 409, "{more}");
    }
    assert_eq!(upstream.heard().len(), 0);
}

#[tokio::test]
async fn at_04_at_06_a_frame_that_can_be_read_in_two_ways_is_refused_and_ends_the_connection() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;

    for head in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 3",
        "Content-Length: 3\r\nContent-Length: 3",
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: -1",
        "Content-Length: +1",
        "Content-Length: 1, 1",
        "Content-Length: 0x1",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: xchunked",
        "X-Folded: a\r\n b",
        "X-Bare: a\nX-Other: b",
        "X-Space : a",
        ": empty",
        "\u{0}X: a",
    ] {
        let mut wire = gate.wire().await;
        wire.send(&format!(
            "POST /open/a HTTP/1.1\r\nHost: gate.example\r\n{head}\r\n\r\n{OPEN}"
        ))
        .await;
        let answer = wire.answer().await;
        assert_eq!(answer.status(), 400, "{head:?} {answer:?}");
        assert_eq!(wire.answer().await.status(), 0, "{head:?} goes on");
    }
    for connection in ["close", "keep-alive"] {
        let mut wire = gate.wire().await;
        wire.send(&format!(
            "POST /open/a HTTP/1.0\r\nHost: gate.example\r\nConnection: {connection}\r\n\
             Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{OPEN}"
        ))
        .await;
        assert_eq!(wire.answer().await.status(), 400, "{connection}");
        assert_eq!(wire.answer().await.status(), 0, "{connection} goes on");
    }
    assert_eq!(upstream.heard().len(), 0);
}

#[tokio::test]
async fn at_04_a_request_line_that_needs_mending_is_refused() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;

    for line in [
        "GET /open/a b HTTP/1.1",
        "GET /open/a\tb HTTP/1.1",
        "GET /open/a?b c HTTP/1.1",
        "GET /open/a?\u{7f} HTTP/1.1",
        "GET /open/a?\u{e9} HTTP/1.1",
    ] {
        let mut wire = gate.wire().await;
        wire.send(&format!("{line}\r\nHost: gate.example\r\n\r\n{OPEN}"))
            .await;
        assert_eq!(wire.answer().await.status(), 400, "{line:?}");
        assert_eq!(wire.answer().await.status(), 0, "{line:?} goes on");
    }
    assert_eq!(upstream.heard().len(), 0);
}

/// Its reader takes any extension of a chunk, bare line feeds in it, and an empty line for the last chunk.
#[tokio::test]
async fn at_04_a_chunk_that_can_be_read_in_two_ways_is_refused_and_ends_the_connection() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token("ann", &["calls.#"]).await;

    for path in ["/open/a", "/rest/call", "/nowhere"] {
        for (begin, end) in [
            ("1;", "\nx\r\nx\r\n0\r\n\r\n"),
            ("1\r\nx\r\n", "\r\n\r\n"),
            ("1", " \r\nx\r\n0\r\n\r\n"),
            ("1\r\nx\r\n0\r\n", " X: folded\r\n\r\n"),
        ] {
            // The end comes with the beginning, or when the request has gone on.
            for at_once in [true, false] {
                let mut wire = gate.wire().await;
                wire.send(&format!(
                    "POST {path} HTTP/1.1\r\nHost: gate.example\r\nAuthorization: Bearer {ann}\r\n\
                     Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n{begin}{}",
                    if at_once { end } else { "" }
                ))
                .await;
                if !at_once {
                    if path == "/open/a" {
                        let begun = |heard: &Vec<_>| heard.iter().any(is_open);
                        upstream.hears(begun).await;
                    }
                    wire.send(end).await;
                }
                let status = wire.answer().await.status();
                // What no route has is refused before its body is read.
                let told = status == 400 || path == "/nowhere" && status == 404;
                assert!(told, "{status} {path} {begin:?} {end:?} {at_once}");
                wire.send(OPEN).await;
                assert_eq!(wire.answer().await.status(), 0, "{path} {begin:?} {end:?}");
            }
        }
    }
    let heard = upstream.heard();
    assert!(heard.iter().all(|heard| !heard.whole), "{heard:?}");
}

fn is_open(heard: &super::wire::Message) -> bool {
    heard.target() == "POST /open/a"
}

#[tokio::test]
async fn a_sound_body_in_chunks_goes_up_and_the_connection_goes_on() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;

    let mut wire = gate.wire().await;
    wire.send(
        "POST /open/a HTTP/1.1\r\nHost: gate.example\r\nTransfer-Encoding: chunked\r\n\r\n\
         5;a=\"b\"\r\nhello\r\n01 ;x\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n",
    )
    .await;
    assert_eq!(wire.answer().await.status(), 200);
    wire.send(OPEN).await;
    assert_eq!(wire.answer().await.status(), 200);
    assert_eq!(upstream.heard()[0].body, b"hello!");
}

/// An upstream that does not read it would take it for a request of its own.
#[tokio::test]
async fn at_01_a_get_with_a_body_does_not_go_up() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;

    let framed = [
        format!("Content-Length: {}\r\n\r\n{OPEN}", OPEN.len()),
        format!(
            "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{OPEN}\r\n0\r\n\r\n",
            OPEN.len()
        ),
    ];
    for method in ["GET", "HEAD"] {
        for body in &framed {
            let request = format!("{method} /open/a HTTP/1.1\r\nHost: gate.example\r\n{body}");
            let mut wire = gate.wire().await;
            wire.send(&request).await;
            // An answer to HEAD has nothing after its head.
            let head = wire.head().await.unwrap();
            assert_eq!(head.status(), 400, "{request}");
        }
    }
    assert_eq!(upstream.heard().len(), 0);
    let empty = "GET /open/a HTTP/1.1\r\nHost: gate.example\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(gate.ask(empty).await.status(), 200);
}

#[tokio::test]
async fn at_07_a_target_is_for_this_host_and_a_path() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;

    for (line, host, statuses) in [
        ("CONNECT gate.example:443", "gate.example:443", vec![405]),
        ("TRACE /open/a", "gate.example", vec![405]),
        ("OPTIONS *", "gate.example", vec![400]),
        ("GET http://other.example/open/a", "gate.example", vec![400]),
        ("GET ftp://gate.example/open/a", "gate.example", vec![400]),
        ("GET open/a", "gate.example", vec![400]),
        ("GET /open/a", "gate.example\r\nHost: other", vec![400]),
    ] {
        let answer = gate
            .ask(&format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await;
        assert!(statuses.contains(&answer.status()), "{line} {answer:?}");
    }
    assert_eq!(gate.ask("GET /open/a HTTP/1.1\r\n\r\n").await.status(), 400);
    assert_eq!(upstream.heard().len(), 0);
    let absolute = "GET http://gate.example/open/a HTTP/1.1\r\nHost: gate.example\r\n\r\n";
    assert_eq!(gate.ask(absolute).await.status(), 200);
    assert_eq!(upstream.heard().remove(0).target(), "GET /open/a");
}

#[tokio::test]
async fn at_70_a_client_that_does_not_send_its_head_is_cut_off() {
    let upstream = Upstream::start().await;
    let gate = Gate::with("client_timeout = '1s'", &upstream.routes()).await;

    for begin in ["", "GET /open", "GET /open/a HTTP/1.1\r\nHost: gate.exam"] {
        let mut wire = gate.wire().await;
        wire.send(begin).await;
        let begun = Instant::now();
        // An answer that says so is as good.
        let answer = wire.answer().await;
        assert!(matches!(answer.status(), 0 | 408), "{begin:?} {answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{begin:?}");
    }
}

#[tokio::test]
async fn at_70_a_client_that_sends_its_head_drop_by_drop_is_cut_off() {
    let upstream = Upstream::start().await;
    let gate = Gate::with("client_timeout = '1s'", &upstream.routes()).await;

    let mut wire = gate.wire().await;
    wire.send("GET /open/a HTTP/1.1\r\nHost: gate.example\r\nX-Long: ")
        .await;
    let begun = Instant::now();
    while !wire.closes(Duration::from_millis(200)).await {
        wire.send("a").await;
        assert!(begun.elapsed() < Duration::from_secs(5), "it goes on");
    }
}

#[tokio::test]
async fn at_70_a_second_head_has_a_deadline_too() {
    let upstream = Upstream::start().await;
    let settings = "client_timeout = '1s'\nkeepalive = '1s'";
    let gate = Gate::with(settings, &upstream.routes()).await;

    let mut wire = gate.wire().await;
    wire.send(&get("/open/a", "x")).await;
    assert_eq!(wire.answer().await.status(), 200);
    let begun = Instant::now();
    wire.send("GET /open/a HTTP/1.1\r\nX-Long: ").await;
    while !wire.closes(Duration::from_millis(200)).await {
        wire.send("a").await;
        assert!(begun.elapsed() < Duration::from_secs(6), "it goes on");
    }
}

#[tokio::test]
async fn at_70_a_long_answer_has_no_such_deadline() {
    let upstream = Upstream::start().await;
    let settings = "client_timeout = '1s'\nkeepalive = '1s'";
    let gate = Gate::with(settings, &upstream.routes()).await;
    let ann = gate.token("ann", &["pbx.#"]).await;

    // Twice, since the deadline of the second request is another's.
    let mut wire = gate.wire().await;
    for _ in 0..2 {
        wire.send(&get("/pbx/wait", &ann)).await;
        // The deadline goes by: nothing else tells that it did.
        assert!(!wire.closes(Duration::from_millis(2500)).await);
        upstream.go_on();
        assert_eq!(wire.answer().await.status(), 200);
    }
}

#[tokio::test]
async fn at_70_a_client_that_stops_in_its_body_is_cut_off() {
    let upstream = Upstream::start().await;
    let gate = Gate::with("client_timeout = '1s'", &upstream.routes()).await;
    let ann = gate.token("ann", &["calls.#"]).await;

    for request in [
        form("POST", "/rest/call", &ann, "number=%2B390501234567"),
        form("POST", "/open/a", &ann, "number=%2B390501234567"),
    ] {
        let mut wire = gate.wire().await;
        wire.send(request.strip_suffix("4567").unwrap()).await;
        let begun = Instant::now();
        let answer = wire.answer().await;
        assert!(matches!(answer.status(), 0 | 408), "{answer:?}");
        assert!(wire.closes(Duration::from_secs(1)).await);
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let upstream = Upstream::start().await;
    for keepalive in ["1s", "200ms"] {
        let gate = Gate::with(&format!("keepalive = '{keepalive}'"), &upstream.routes()).await;
        let mut wire = gate.wire().await;
        wire.send(&get("/open/a", "x")).await;
        assert_eq!(wire.answer().await.status(), 200);
        assert!(wire.closes(Duration::from_secs(5)).await, "{keepalive}");
    }
}
