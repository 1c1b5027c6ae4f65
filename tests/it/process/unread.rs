//! Bodies of requests that were refused before they were read: no request is read out of one.

use super::upstream::Upstream;
use super::wire::Wire;
use super::{Gate, get};
use futures_util::future::join_all;

/// What an attacker puts into a body.
const SMUGGLED: &str = "GET /open/smuggled HTTP/1.1\r\nHost: gate.example\r\n\r\n";
/// A route that takes next to nothing.
const SMALL: &str = "[[route]]\nname = 'small'\npath = '/small'\npublic = true\nupstream = 'pbx'\nbody_limit = 10\n";

async fn start(upstream: &Upstream) -> Gate {
    Gate::start(&format!("{}{SMALL}", upstream.routes())).await
}

/// The head of a request that is refused, without an end.
fn head(path: &str, token: &str) -> String {
    let head = get(path, token).replacen("GET", "POST", 1);
    head.strip_suffix("\r\n").unwrap().to_owned()
}

/// Whether the next request on the connection is answered as what it is, and no other; else the connection has ended.
/// `name` is the case's own.
async fn goes_on_rightly(wire: &mut Wire, upstream: &Upstream, name: usize, case: &str) -> bool {
    let next = format!("GET /open/{name}");
    wire.send(&format!("{next} HTTP/1.1\r\nHost: gate.example\r\n\r\n"))
        .await;
    let second = wire.answer().await;
    let heard = upstream.heard();
    let heard = heard.iter().filter(|heard| heard.target() == next).count();
    if second.status() == 0 {
        assert_eq!(heard, 0, "{case}");
        return false;
    }
    assert_eq!((second.status(), heard), (200, 1), "{case}: {second:?}");
    // Nothing waits for an answer that was not asked for.
    wire.send("GET /nowhere HTTP/1.1\r\nHost: gate.example\r\n\r\n")
        .await;
    assert_eq!(wire.answer().await.status(), 404, "{case}");
    true
}

/// The upstream heard nothing but what [`goes_on_rightly`] asked for.
fn nothing_was_smuggled(upstream: &Upstream) {
    for heard in upstream.heard().iter().filter(|heard| heard.whole) {
        let target = heard.target();
        let name = target.strip_prefix("GET /open/").unwrap_or_default();
        assert!(name.parse::<usize>().is_ok(), "{target}");
    }
}

/// What is refused by its head, and the status.
fn refused<'t>(ann: &'t str, bob: &'t str) -> [(&'static str, &'t str, u16); 6] {
    [
        ("/rest/call", "wrong", 401),
        ("/pbx/a", "cg_at_wrong", 401),
        ("/rest/call", bob, 403),
        ("/pbx/a", bob, 403),
        ("/nowhere", ann, 404),
        ("/extensions/1", ann, 405),
    ]
}

#[tokio::test]
async fn at_01_a_body_that_comes_after_the_answer_is_nobodys_request() {
    let upstream = Upstream::start().await;
    let gate = start(&upstream).await;
    let ann = gate.token("ann", &["calls.#", "pbx.#"]).await;
    let bob = gate.token("bob", &["nothing"]).await;
    let sized = format!("Content-Length: {}\r\n\r\n", SMUGGLED.len());
    let chunk = format!("{:x}\r\n{SMUGGLED}", SMUGGLED.len());
    let end = "\r\n0\r\n\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";

    let mut cases = Vec::new();
    for (path, token, status) in refused(&ann, &bob) {
        for (begin, rest) in [
            // Nothing of it, a part of it, and what looks like the end of it.
            (sized.clone(), SMUGGLED.to_owned()),
            (
                format!("{sized}{}", &SMUGGLED[..4]),
                SMUGGLED[4..].to_owned(),
            ),
            (chunked.to_owned(), format!("{chunk}{end}")),
            (format!("{chunked}{chunk}"), end.to_owned()),
            (format!("{chunked}{chunk}\r\n"), format!("{chunk}{end}")),
        ] {
            cases.push((path, token, status, begin, rest));
        }
    }
    // All at once, as the gateway waits a moment for each body.
    let asking = cases.iter().enumerate().map(|(name, asked)| {
        let (upstream, gate) = (&upstream, &gate);
        async move {
            let (path, token, status, begin, rest) = asked;
            let case = format!("{path} {status} {begin:?}");
            let mut wire = gate.wire().await;
            wire.send(&format!("{}{begin}", head(path, token))).await;
            assert_eq!(wire.answer().await.status(), *status, "{case}");
            wire.send(rest).await;
            goes_on_rightly(&mut wire, upstream, name, &case).await;
        }
    });
    join_all(asking).await;
    nothing_was_smuggled(&upstream);
}

#[tokio::test]
async fn at_01_a_small_body_that_is_too_large_is_nobodys_request() {
    let upstream = Upstream::start().await;
    let gate = start(&upstream).await;
    let ann = gate.token("ann", &["calls.#", "pbx.#"]).await;
    let chunk = format!("{:x}\r\n{SMUGGLED}\r\n", SMUGGLED.len());
    let many = |times| {
        format!(
            "Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
            chunk.repeat(times)
        )
    };
    let sized = |times| {
        let body = SMUGGLED.repeat(times);
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    };
    let mut went_on = 0;
    let bodies = [
        ("/small", sized(1)),
        ("/small", sized(100)),
        ("/small", many(1)),
        ("/small", many(100)),
        // Here the limit is 64 KiB, and what is forgotten of a body at the most is as much.
        ("/rest/call", sized(1_300)),
        ("/rest/call", many(1_300)),
        ("/rest/call", many(1_500)),
        ("/rest/call", many(5_000)),
        ("/pbx/a", sized(2_000)),
        ("/pbx/a", many(2_000)),
    ];
    for (name, (path, body)) in bodies.iter().enumerate() {
        let case = format!("{path} {} {}", &body[..20], body.len());
        let mut wire = gate.wire().await;
        wire.send(&format!("{}{body}", head(path, &ann))).await;
        let told = wire.answer().await;
        // What has begun to go upstream may have been cut off without a word.
        assert_eq!(told.status(), 413, "{case}: {told:?}");
        went_on += usize::from(goes_on_rightly(&mut wire, &upstream, name, &case).await);
    }
    // What is little is read and forgotten.
    assert!(went_on >= 2, "{went_on}");
    nothing_was_smuggled(&upstream);
}

#[tokio::test]
async fn at_01_whoever_waits_to_be_asked_for_a_body_is_refused_without_it() {
    let upstream = Upstream::start().await;
    let gate = start(&upstream).await;
    let ann = gate.token("ann", &["calls.#", "pbx.#"]).await;
    let bob = gate.token("bob", &["nothing"]).await;
    for (path, token, status) in refused(&ann, &bob) {
        let case = format!("{path} {status}");
        let mut wire = gate.wire().await;
        let expecting = format!(
            "{}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
            head(path, token),
            SMUGGLED.len()
        );
        wire.send(&expecting).await;
        assert_eq!(wire.answer().await.status(), status, "{case}");
        // Whether the body comes after all is for the client to say (RFC 9110 §10.1.1): it cannot be known.
        wire.send(SMUGGLED).await;
        assert_eq!(wire.answer().await.status(), 0, "{case}");
    }
    assert_eq!(upstream.heard().len(), 0);
}
