//! What is refused in a request over HTTP/1.1 is refused over HTTP/2 as well.

use super::frames::{END_STREAM, Ended, Frames, headers, request};
use super::upstream::Upstream;
use super::{Gate, get};

/// Names of ours, in which a client may put other signs.
const OURS: [&str; 4] = [
    "x-forwarded-user",
    "x-auth-token",
    "x-authenticate",
    "x-callgate-user",
];

/// The name in every mix of these signs for its dashes.
fn mixes(name: &str, signs: &[&str]) -> Vec<String> {
    let mut words = name.split('-');
    let mut mixes = vec![words.next().unwrap().to_owned()];
    for word in words {
        mixes = mixes
            .iter()
            .flat_map(|mix| signs.iter().map(move |sign| format!("{mix}{sign}{word}")))
            .collect();
    }
    mixes
}

/// Lower, UPPER, Title and aLtErNaTiNg.
fn cases(name: &str) -> [String; 4] {
    let changed = |upper: &dyn Fn(usize, Option<char>) -> bool| {
        let mut before = None;
        let changed = name.chars().enumerate().map(|(index, letter)| {
            let letter = if upper(index, before) {
                letter.to_ascii_uppercase()
            } else {
                letter
            };
            before = Some(letter);
            letter
        });
        changed.collect()
    };
    [
        changed(&|_, _| false),
        changed(&|_, _| true),
        changed(&|_, before| before.is_none_or(|before| !before.is_alphanumeric())),
        changed(&|index, _| index % 2 == 1),
    ]
}

#[tokio::test]
async fn at_10_at_11_every_mix_of_case_dash_underscore_and_dot_is_refused_over_both_versions() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token("ann", &["pbx.#"]).await;
    let bearer = format!("Bearer {ann}");
    let mut wire = gate.wire().await;
    let mut frames = Frames::connect(gate.edge).await;
    let mut tried = 0;
    for name in OURS {
        let mixes = mixes(name, &["-", "_", "."]);
        for mix in mixes.iter().filter(|mix| *mix != name) {
            for spelled in cases(mix) {
                let header = format!("\r\n{spelled}: root\r\n\r\n");
                wire.send(&get("/pbx/a", &ann).replace("\r\n\r\n", &header))
                    .await;
                assert_eq!(wire.answer().await.status(), 400, "{spelled} over HTTP/1.1");
            }
            let fields = [("authorization", bearer.as_str()), (mix.as_str(), "root")];
            let answer = frames.ask(&request("GET", "/pbx/a", &fields)).await;
            assert_eq!(answer, Ended::Answered(400), "{mix} over HTTP/2");
            tried += 1;
        }
    }
    assert_eq!(tried, 3 * 9 + 3 - OURS.len());
    assert_eq!(upstream.heard().len(), 0);
    // RFC 9113 §8.2.1: upper case has no place in HTTP/2.
    for name in ["X_Forwarded_User", "X-Callgate-User"] {
        let fields = [("authorization", bearer.as_str()), (name, "root")];
        let mut alone = Frames::connect(gate.edge).await;
        let answer = alone.ask(&request("GET", "/pbx/a", &fields)).await;
        assert_eq!(answer.status(), 0, "{name}: {answer:?}");
    }
    // The names themselves are no imitation; they are stripped.
    for name in ["x-forwarded-user", "x-callgate-user"] {
        let fields = [("authorization", bearer.as_str()), (name, "root")];
        let answer = frames.ask(&request("GET", "/pbx/a", &fields)).await;
        assert_eq!(answer.status(), 200, "{name}: {answer:?}");
    }
    let heard = upstream.heard();
    assert_eq!(heard.len(), 2);
    assert!(heard.iter().all(|heard| !heard.head.contains("root")));
}

#[tokio::test]
async fn at_13_any_two_credentials_are_refused_over_both_versions() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token_through("legacy", "ann", &["pbx.#"]).await;
    let bearer = format!("Bearer {ann}");
    let digest = "RestApiUsernameToken Username=\"ann\", Domain=\"acme\", Digest=\"eA==\", Nonce=\"n\", Created=\"2026-11-22T02:39:33Z\"";
    // Each could be good by itself, or is there but cannot be read.
    let carriers = [
        ("authorization", bearer.as_str()),
        ("authorization", "Basic YW5uOmNvcnJlY3QgaG9yc2U="),
        ("authorization", "DPoP x"),
        ("x-auth-token", ann.as_str()),
        ("x-auth-token", ""),
        ("authentication", bearer.as_str()),
        ("x-authenticate", digest),
        ("x-authenticate", "garbage"),
        ("", ann.as_str()),
        ("", ""),
    ];
    let mut frames = Frames::connect(gate.edge).await;
    let mut wire = gate.wire().await;
    for (index, first) in carriers.iter().enumerate() {
        // With itself too.
        for second in &carriers[index..] {
            let (mut path, mut fields) = ("/pbx/a?b=1".to_owned(), Vec::new());
            for (name, value) in [first, second] {
                match *name {
                    "" => path = format!("{path}&access_token={value}"),
                    name => fields.push((name, *value)),
                }
            }
            let lines: String = fields
                .iter()
                .map(|(n, v)| format!("{n}: {v}\r\n"))
                .collect();
            wire.send(&format!(
                "GET {path} HTTP/1.1\r\nHost: gate.example\r\n{lines}\r\n"
            ))
            .await;
            let answer = wire.answer().await;
            assert_eq!(answer.status(), 400, "{first:?} {second:?} {answer:?}");
            let answer = frames.ask(&request("GET", &path, &fields)).await;
            assert_eq!(answer, Ended::Answered(400), "{first:?} {second:?}");
        }
    }
    assert_eq!(upstream.heard().len(), 0);
    let alone = frames.ask(&request("GET", "/pbx/a", &carriers[..1])).await;
    assert_eq!(alone.status(), 200);
}

#[tokio::test]
async fn at_07_a_target_over_http_2_is_for_this_host_and_a_path() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let pseudo = |method: &'static str, authority: &'static str, path: &'static str| {
        vec![
            (":method", method),
            (":scheme", "http"),
            (":authority", authority),
            (":path", path),
        ]
    };
    let mut refused = vec![
        pseudo("GET", "user@gate.example", "/open/a"),
        pseudo("GET", "gate.example", "http://other.example/open/a"),
        pseudo("GET", "gate.example", "*"),
        pseudo("OPTIONS", "gate.example", "*"),
        pseudo("GET", "gate.example", "open/a"),
        pseudo("GET", "gate.example", ""),
        pseudo("GET", "gate.example", "/open/../pbx/a"),
        pseudo("TRACE", "gate.example", "/open/a"),
        vec![(":method", "CONNECT"), (":authority", "gate.example:443")],
    ];
    let mut differing = pseudo("GET", "gate.example", "/open/a");
    differing.push(("host", "other.example"));
    refused.push(differing);
    for more in [
        ("transfer-encoding", "chunked"),
        ("connection", "x-callgate-user"),
        ("content-length", "+1"),
        ("content-length", "1, 1"),
        ("x space", "a"),
        ("x-line", "a\r\nx-callgate-user: root"),
    ] {
        let mut fields = pseudo("GET", "gate.example", "/open/a");
        fields.push(more);
        refused.push(fields);
    }
    for fields in refused {
        let mut frames = Frames::connect(gate.edge).await;
        let answer = frames.ask(&fields).await;
        let is_refused = matches!(answer.status(), 0 | 400 | 405);
        assert!(is_refused, "{fields:?}: {answer:?}");
    }
    assert_eq!(upstream.heard().len(), 0);
    let mut frames = Frames::connect(gate.edge).await;
    let mut same = pseudo("GET", "gate.example", "/open/a");
    same.push(("host", "gate.example"));
    assert_eq!(frames.ask(&same).await.status(), 200);
}

/// A body that is longer or shorter than it says is nobody's request (RFC 9113 §8.1.1).
#[tokio::test]
async fn at_04_a_length_that_is_not_the_bodys_is_refused_over_http_2() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let smuggled = b"GET /pbx/secret HTTP/1.1\r\nHost: a\r\n\r\n";
    for length in ["0", "1", "9999"] {
        let mut frames = Frames::connect(gate.edge).await;
        let stream = frames.stream();
        let fields = request("POST", "/open/a", &[("content-length", length)]);
        frames.send(&headers(stream, 0, &fields)).await;
        let data = super::frames::frame(super::frames::DATA, END_STREAM, stream, smuggled);
        frames.send(&data).await;
        let answer = frames.end_of(stream).await;
        assert_ne!(answer.status(), 200, "{length}: {answer:?}");
    }
    for heard in upstream.heard() {
        assert_eq!(heard.target(), "POST /open/a");
        // It may have gone up before it was found out, but then as no more than it said, or not to its end.
        let length: usize = heard.header("content-length").parse().unwrap();
        assert!(
            heard.body.len() <= length && (!heard.whole || length == 0),
            "{heard:?}"
        );
    }
}

/// The library that reads HTTP/2 drops a fragment before anybody sees it, so that it can be refused over HTTP/1.1 alone;
/// but what is decided on is what goes upstream.
#[tokio::test]
async fn at_21_at_22_a_path_over_http_2_has_one_form_for_the_decision_and_for_the_upstream() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let mut frames = Frames::connect(gate.edge).await;
    for path in [
        "/open/a%23b",
        "/open/../pbx/a",
        "/open/%2e%2E/pbx/a",
        "/open/..%2Fpbx",
        "/open//a",
        "/open/a%5Cb",
        "/open/a\\b",
        "/open/a%00",
        "/open/a%3Bb",
        "/open/a;b",
        "/open/a%3Fb",
        "/open/a%252e",
        "/open/%zz",
        "/open/a b",
        "/open/\u{e9}",
    ] {
        let answer = frames.ask(&request("GET", path, &[])).await;
        assert!(matches!(answer.status(), 0 | 400), "{path}: {answer:?}");
    }
    assert_eq!(upstream.heard().len(), 0);
    for (path, status) in [
        ("/open/a#/../pbx", 200),
        ("/pbx/a#/open", 401),
        ("/pbx?/open/a", 401),
        ("/%6fpen/%61%e9%a9%ac", 200),
    ] {
        let answer = frames.ask(&request("GET", path, &[])).await;
        assert_eq!(answer.status(), status, "{path}: {answer:?}");
    }
    let targets: Vec<_> = upstream
        .heard()
        .iter()
        .map(super::wire::Message::target)
        .collect();
    assert_eq!(targets, ["GET /open/a", "GET /open/a%E9%A9%AC"]);
}
