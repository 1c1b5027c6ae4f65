//! Issuers that are asked by RFC 7662, over real sockets: what they were truly asked stands in their log.

use super::fakes::Fake;
use super::upstream::Upstream;
use super::wire::Message;
use super::{Gate, PATIENCE, get};
use crate::harness::{self, CRM_SECRET, ORIGIN};
use callgate::clock::Clock;
use callgate::secret::Secret;
use callgate::storage::clients::Client;
use callgate::token::Mint;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::time::sleep;

const ISS: &str = "https://as.example";

/// An `[[issuer]]` for a fake, with `more` keys.
pub(super) fn issuer(fake: &Fake, more: &str) -> String {
    format!(
        "\n[[issuer]]\nname = 'as'\nkind = 'introspection'\ntenant = 'acme'\nprefix = 'as_'\n\
         endpoint = 'http://{}/introspect'\nclient_id = 'gate'\nclient_secret = 'secret'\n\
         iss = '{ISS}'\naudiences = ['calls']\n{more}\nprincipal = {{ policies = ['pbx'] }}\n",
        fake.address
    )
}

/// What a good token is worth.
fn worth() -> Value {
    json!({
        "active": true, "iss": ISS, "aud": "calls", "token_type": "Bearer", "sub": "ann", "client_id": "crm",
        "scope": "pbx openid", "exp": Clock::system().now() / 1000 + 3600,
    })
}

fn with(changes: &Value) -> Value {
    let mut worth = worth();
    for (name, value) in changes.as_object().unwrap() {
        worth[name] = value.clone();
    }
    worth
}

async fn knows(fake: &Fake, token: &str, worth: &Value) {
    fake.admin("PUT", &format!("tokens/{token}"), worth).await;
}

async fn asked(gate: &Gate, token: &str) -> Message {
    gate.ask(&get("/pbx/a", token)).await
}

async fn status(gate: &Gate, token: &str) -> u16 {
    asked(gate, token).await.status()
}

/// How often a fake was asked about a token.
fn times(fake: &Fake, token: &str) -> usize {
    let log = fake.log("request");
    log.iter().filter(|line| line["token"] == token).count()
}

async fn metric(gate: &Gate, line: &str) -> i64 {
    let metrics = gate.operate("GET", "/metrics").await.text();
    let found = metrics.lines().find_map(|found| found.strip_prefix(line));
    found.map_or(0, |value| value.trim().parse().unwrap())
}

const GOOD: &str = "as_0123456789abcdef";

#[tokio::test]
async fn a_token_that_its_issuer_vouches_for_is_asked_about_once() {
    let (fake, upstream) = (Fake::start("introspection", &[]), Upstream::start().await);
    let gate = Gate::start(&(upstream.routes() + &issuer(&fake, ""))).await;
    knows(&fake, GOOD, &worth()).await;
    for path in ["/pbx/a", "/pbx/b", "/extensions/12", "/rest/call"] {
        let status = gate.ask(&get(path, GOOD)).await.status();
        assert_eq!(
            status,
            if path == "/rest/call" { 403 } else { 200 },
            "{path}"
        );
    }
    assert_eq!(times(&fake, GOOD), 1);
    assert_eq!(fake.log("request")[0]["authentication"], "basic");
    let heard = upstream.heard().remove(0);
    assert_eq!(heard.header("x-callgate-issuer"), "as");
    assert_eq!(heard.header("x-callgate-subject"), "ann");
    assert_eq!(heard.header("x-callgate-tenant"), "acme");
    assert_eq!(heard.headers("x-callgate-user"), Vec::<&str>::new());
    assert!(!heard.head.contains(GOOD));
    for log in [gate.stderr(), gate.access_log()] {
        assert!(!log.contains(GOOD));
    }
}

#[tokio::test]
async fn at_33_what_is_not_for_us_is_refused() {
    let (fake, upstream) = (Fake::start("introspection", &[]), Upstream::start().await);
    let gate = Gate::start(&(upstream.routes() + &issuer(&fake, ""))).await;
    for (index, changes) in [
        json!({ "iss": null }),
        json!({ "iss": "https://evil.example" }),
        json!({ "aud": null }),
        json!({ "aud": ["other"] }),
        json!({ "token_type": null }),
        json!({ "token_use": "refresh_token" }),
        json!({ "token_use": "id", "token_type": null }),
        json!({ "active": false }),
        json!({ "sub": null }),
        json!({ "exp": 1 }),
        json!({ "nbf": 33_000_000_000_i64 }),
        json!({ "token_type": "DPoP" }),
        json!({ "cnf": { "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } }),
    ]
    .into_iter()
    .enumerate()
    {
        let token = format!("{GOOD}{index:04}");
        knows(&fake, &token, &with(&changes)).await;
        let answer = asked(&gate, &token).await;
        assert_eq!(answer.status(), 401, "{changes}");
        assert_eq!(answer.json()["code"], "invalid_token", "{changes}");
    }
    assert!(upstream.heard().is_empty());
    knows(&fake, GOOD, &with(&json!({ "aud": ["x", "calls"] }))).await;
    assert_eq!(status(&gate, GOOD).await, 200);
}

#[tokio::test]
async fn nobody_is_asked_about_what_is_not_of_its_form() {
    let (fake, upstream) = (Fake::start("introspection", &[]), Upstream::start().await);
    let gate = Gate::start(&(upstream.routes() + &issuer(&fake, ""))).await;
    let ours = gate.token("ann", &["pbx.#"]).await;
    assert_eq!(status(&gate, &ours).await, 200);
    let (rest, last) = ours.split_at(ours.len() - 1);
    let forged = format!("{rest}{}", if last == "A" { "E" } else { "A" });
    for token in [
        forged.as_str(),
        "as_short",
        "other_0123456789abcdef",
        "c7cea8b2-aa24-4d47-b259-12db148fa304",
        "as_0123456789\"abcdef",
    ] {
        assert_eq!(status(&gate, token).await, 401, "{token}");
    }
    assert!(fake.log("request").is_empty());
}

#[tokio::test]
async fn at_36_an_issuer_that_fails_says_nothing_about_a_token() {
    let (fake, upstream) = (Fake::start("introspection", &[]), Upstream::start().await);
    let limits = "limits = { timeout = '300ms', failures = 1000 }";
    let gate = Gate::start(&(upstream.routes() + &issuer(&fake, limits))).await;
    knows(&fake, GOOD, &worth()).await;
    let huge = format!("{{\"active\":true,\"x\":\"{}\"}}", "x".repeat(600_000));
    for fault in [
        json!({ "do": "refuse", "status": 500, "body": "{\"active\":true}" }),
        json!({ "do": "refuse", "status": 503 }),
        json!({ "do": "refuse", "status": 429 }),
        json!({ "do": "refuse", "status": 401, "body": "{\"error\":\"invalid_client\"}" }),
        json!({ "do": "refuse", "status": 302, "headers": { "Location": "/introspect" } }),
        json!({ "do": "refuse", "status": 307, "headers": { "Location": "/introspect" } }),
        json!({ "do": "refuse", "status": 200, "body": huge }),
        json!({ "do": "refuse", "status": 200, "body": "{\"active\":\"true\"}" }),
        json!({ "do": "refuse", "status": 200, "body": "<html>" }),
        json!({ "do": "slow", "seconds": 1 }),
        json!({ "do": "hang" }),
        json!({ "do": "drop" }),
        json!({ "do": "cut", "part": 120, "after": true }),
        json!({ "do": "cut", "part": 10 }),
    ] {
        fake.faults(&json!([fault])).await;
        let begun = Instant::now();
        let answer = asked(&gate, GOOD).await;
        assert_eq!(answer.status(), 503, "{fault}: {}", answer.text());
        assert_eq!(answer.header("retry-after"), "1", "{fault}");
        assert!(begun.elapsed() < Duration::from_millis(900), "{fault}");
    }
    assert!(upstream.heard().is_empty());
    fake.faults(&json!([])).await;
    assert_eq!(status(&gate, GOOD).await, 200);
}

#[tokio::test]
async fn five_hundred_and_twelve_clients_with_one_expired_token_make_one_validation() {
    let (fake, upstream) = (Fake::start("introspection", &[]), Upstream::start().await);
    let gate = Gate::start(&(upstream.routes() + &issuer(&fake, "lifetime = '1s'"))).await;
    knows(&fake, GOOD, &worth()).await;
    assert_eq!(status(&gate, GOOD).await, 200);
    assert_eq!(times(&fake, GOOD), 1);
    // Until its facts are out of date, jitter included.
    sleep(Duration::from_millis(1200)).await;
    fake.faults(&json!([{ "do": "slow", "seconds": 0.6 }]))
        .await;
    let statuses = join_all((0..512).map(|_| status(&gate, GOOD))).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(times(&fake, GOOD), 2);
    // The same for one that was never seen, and is none.
    let unknown = "as_unknown0123456789";
    let statuses = join_all((0..512).map(|_| status(&gate, unknown))).await;
    assert!(statuses.iter().all(|status| *status == 401), "{statuses:?}");
    assert_eq!(times(&fake, unknown), 1);
}

#[tokio::test]
async fn while_the_issuer_is_down_known_tokens_live_on_for_a_while_and_others_wait() {
    let (mut fake, upstream) = (Fake::start("introspection", &[]), Upstream::start().await);
    let keys = "lifetime = '200ms'\nstale_if_error = '3s'";
    let gate = Gate::start(&(upstream.routes() + &issuer(&fake, keys))).await;
    knows(&fake, GOOD, &worth()).await;
    assert_eq!(status(&gate, GOOD).await, 200);
    fake.kill();
    let begun = Instant::now();
    sleep(Duration::from_millis(300)).await;
    assert_eq!(status(&gate, GOOD).await, 200);
    assert!(metric(&gate, "callgate_issuer_stale_answers_total{issuer=\"as\"}").await >= 1);
    assert_eq!(status(&gate, "as_never_seen_before_").await, 503);
    while begun.elapsed() < Duration::from_millis(3500) {
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(status(&gate, GOOD).await, 503);
}

#[tokio::test]
async fn an_issuer_that_fails_over_and_over_is_left_alone_and_then_asked_once() {
    let (fake, upstream) = (Fake::start("introspection", &[]), Upstream::start().await);
    let limits = "limits = { timeout = '500ms', failures = 3, pause = '2s' }";
    let gate = Gate::start(&(upstream.routes() + &issuer(&fake, limits))).await;
    knows(&fake, GOOD, &worth()).await;
    fake.faults(&json!([{ "do": "hang" }])).await;
    for index in 0..3 {
        assert_eq!(status(&gate, &format!("{GOOD}{index}")).await, 503);
    }
    assert_eq!(
        metric(&gate, "callgate_issuer_breaker{issuer=\"as\"}").await,
        2
    );
    let begun = Instant::now();
    for index in 0..50 {
        let answer = asked(&gate, &format!("{GOOD}x{index}")).await;
        assert_eq!(answer.status(), 503);
        assert!(
            ["1", "2"].contains(&answer.header("retry-after")),
            "{}",
            answer.head
        );
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "they waited");
    assert_eq!(fake.log("request").len(), 3);
    sleep(Duration::from_secs(2)).await;
    // One finds out for all, and fails.
    let statuses = join_all((0..20).map(|index| {
        let gate = &gate;
        async move { status(gate, &format!("{GOOD}y{index}")).await }
    }));
    assert!(statuses.await.iter().all(|status| *status == 503));
    assert_eq!(fake.log("request").len(), 4);
    fake.faults(&json!([])).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(status(&gate, GOOD).await, 200);
    assert_eq!(
        metric(&gate, "callgate_issuer_breaker{issuer=\"as\"}").await,
        0
    );
}

/// Six thousand tokens that nobody ever gave away, by 300 clients at once.
#[tokio::test]
async fn a_flood_of_made_up_tokens_opens_few_sockets_and_delays_nobody_who_is_known() {
    let (fake, upstream) = (Fake::start("introspection", &[]), Upstream::start().await);
    let keys = "lifetime = '500ms'\nlimits = { timeout = '1s', concurrency = 8 }";
    let gate = Gate::start(&(upstream.routes() + &issuer(&fake, keys))).await;
    knows(&fake, GOOD, &worth()).await;
    assert_eq!(status(&gate, GOOD).await, 200);
    fake.faults(&json!([{ "do": "slow", "seconds": 0.05 }]))
        .await;
    let flood = join_all((0..300).map(|client| {
        let gate = &gate;
        async move {
            let mut wire = gate.wire().await;
            let mut seen = Vec::new();
            for index in 0..20 {
                wire.send(&get("/pbx/a", &format!("as_flood_{client:06}_{index:06}")))
                    .await;
                seen.push(wire.answer().await.status());
            }
            seen
        }
    }));
    let good = async {
        let mut wire = gate.wire().await;
        let (begun, mut slowest, mut sockets) = (Instant::now(), Duration::ZERO, 0);
        while begun.elapsed() < Duration::from_secs(4) {
            let asked = Instant::now();
            wire.send(&get("/pbx/a", GOOD)).await;
            assert_eq!(wire.answer().await.status(), 200);
            slowest = slowest.max(asked.elapsed());
            let connections = fake.admin("GET", "", &json!({})).await["connections"].as_u64();
            sockets = sockets.max(connections.unwrap());
            sleep(Duration::from_millis(20)).await;
        }
        (slowest, sockets)
    };
    let (seen, (slowest, sockets)) = tokio::join!(flood, good);
    let seen: Vec<_> = seen.into_iter().flatten().collect();
    assert!(
        seen.iter().all(|status| [401, 503].contains(status)),
        "{seen:?}"
    );
    assert!(seen.contains(&401) && seen.contains(&503), "{seen:?}");
    assert!(sockets <= 8, "{sockets} sockets");
    // Some of those waited for the renewal of what was known.
    assert!(times(&fake, GOOD) > 3);
    assert!(slowest < Duration::from_millis(600), "{slowest:?}");
}

/// The same string is a token of two issuers, one after the other.
#[tokio::test]
async fn at_30_what_one_issuer_said_counts_for_no_other() {
    let (one, two) = (
        Fake::start("introspection", &[]),
        Fake::start("introspection", &[]),
    );
    let upstream = Upstream::start().await;
    let of_one = upstream.routes() + &issuer(&one, "lifetime = '1h'");
    let gate = Gate::start(&of_one).await;
    knows(&one, GOOD, &worth()).await;
    assert_eq!(status(&gate, GOOD).await, 200);
    let of_two = upstream.routes() + &issuer(&two, "lifetime = '1h'");
    gate.configure("", &of_two);
    assert_eq!(gate.operate("POST", "/admin/reload").await.status(), 204);
    assert_eq!(status(&gate, GOOD).await, 401);
    assert_eq!((times(&one, GOOD), times(&two, GOOD)), (1, 1));
    // Another tenant is another principal, too.
    let other_tenant = of_one.replace("tenant = 'acme'", "tenant = 'nobody'");
    gate.configure("", &other_tenant);
    assert_eq!(gate.operate("POST", "/admin/reload").await.status(), 204);
    assert_eq!(status(&gate, GOOD).await, 401);
}

#[tokio::test]
async fn at_31_tokens_that_are_alike_never_mix() {
    let (fake, upstream) = (Fake::start("introspection", &[]), Upstream::start().await);
    let gate = Gate::start(&(upstream.routes() + &issuer(&fake, ""))).await;
    let long = "x".repeat(1500);
    let tokens: Vec<_> = (0..20).map(|n| format!("as_{long}{n:02}{long}")).collect();
    for (index, token) in tokens.iter().enumerate() {
        let worth = with(&json!({ "sub": format!("person-{index}"), "active": index % 2 == 0 }));
        knows(&fake, token, &worth).await;
    }
    for _ in 0..2 {
        for (index, token) in tokens.iter().enumerate() {
            let expected = if index % 2 == 0 { 200 } else { 401 };
            assert_eq!(status(&gate, token).await, expected, "{index}");
        }
    }
    let subjects = upstream.heard();
    let subjects = subjects
        .iter()
        .map(|heard| heard.header("x-callgate-subject").to_owned());
    let expected = (0..20).step_by(2).map(|index| format!("person-{index}"));
    assert!(subjects.eq(expected.clone().chain(expected)));
}

/// One installation's tokens at another.
#[tokio::test]
async fn another_callgate_is_asked_as_any_authorization_server() {
    let there = Gate::start("").await;
    for (id, audience) in [("gate", ""), ("caller", "gate")] {
        let client = Client {
            id: id.to_owned(),
            audience: audience.to_owned().into(),
            ..harness::crm()
        };
        there.store.create_client(client).await.unwrap();
    }
    // By its own key: what is not of ours by its tag is another's.
    let mint = Mint::new(&Secret::new("the key of another installation.")).unwrap();
    let (now, ann) = (Clock::system().now(), harness::user("ann"));
    let token = harness::issue(&there.store, &mint, now, "caller", ann, &["calls.#"]).await;
    let gate = Gate::start(&format!(
        "[[issuer]]\nname = 'there'\nkind = 'introspection'\ntenant = 'acme'\nprefix = 'cg_at_'\n\
         endpoint = 'http://{}/oauth/introspect'\nclient_id = 'gate'\nclient_secret = '{CRM_SECRET}'\n\
         client_authentication = 'form'\niss = '{ORIGIN}'\naudiences = ['gate']\nlifetime = '200ms'\n\
         principal = {{ policies = ['call'] }}\n",
        there.edge
    ))
    .await;
    let ask = || async { gate.ask(&get("/rest/call", token.expose())).await.status() };
    assert_eq!(ask().await, 204);
    let ended = there
        .store
        .revoke_client("caller", Clock::system().now())
        .await;
    assert_eq!(ended.unwrap(), 1);
    eventually_is(401, ask).await;
}

/// Waits for an answer that no event tells of.
pub(super) async fn eventually_is<F: Future<Output = u16>>(status: u16, ask: impl Fn() -> F) {
    let begun = Instant::now();
    loop {
        let seen = ask().await;
        if seen == status {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{seen}, not {status}");
        sleep(Duration::from_millis(10)).await;
    }
}
