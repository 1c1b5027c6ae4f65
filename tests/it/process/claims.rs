//! What a client says of itself: who it is, where it comes from, what it wants in truth. Nothing of it counts.

use super::frames::{Frames, request};
use super::person::{Person, posted};
use super::upstream::Upstream;
use super::wire::{Message, Wire};
use super::{Gate, form, get};
use crate::harness::{CRM_SECRET, PASSWORD};
use crate::oauth::{encoded, wish};

/// What any server behind the gateway, or one of ours, could take for who asks.
const IDENTITIES: [(&str, &str); 18] = [
    ("x-callgate-user", "root"),
    ("x-callgate-client", "root"),
    ("x-callgate-tenant", "root"),
    ("x-callgate-access", "#"),
    ("x-callgate-issuer", "root"),
    ("x-callgate-subject", "root"),
    ("x-callgate-anything", "root"),
    ("x-forwarded-user", "root"),
    ("x-forwarded-email", "root@gate.example"),
    ("x-forwarded-access-token", "root"),
    ("x-auth-request-user", "root"),
    ("x-auth-user", "root"),
    ("x-authenticated-user", "root"),
    ("x-remote-user", "root"),
    ("remote-user", "root"),
    ("x-user", "root"),
    ("x-webauth-user", "root"),
    ("wazo-tenant", "root"),
];

fn with(request: &str, headers: &[(&str, &str)]) -> String {
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("\r\n{name}: {value}"))
        .collect();
    request.replacen("\r\nHost: ", &format!("{lines}\r\nHost: "), 1)
}

/// The names of the headers that tell who asks, as an upstream heard them.
fn told(heard: &Message) -> Vec<String> {
    let names = heard
        .head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'));
    let names = names.map(|(name, _)| name.to_lowercase());
    let mut names: Vec<_> = names
        .filter(|name| name.starts_with("x-callgate"))
        .collect();
    names.sort();
    names
}

/// A client's own token is of no user: who sends one must not be able to name one.
#[tokio::test]
async fn at_12_what_the_decision_does_not_set_is_removed_whatever_the_credential() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token("ann", &["pbx.#"]).await;
    let pairs = [("grant_type", "client_credentials"), ("scope", "pbx")];
    let own = posted("/oauth/token", ("crm", CRM_SECRET), &pairs);
    let own = gate.ask(&own).await.json()["access_token"].clone();
    let own = own.as_str().unwrap().to_owned();
    let (always, user) = (
        [
            "x-callgate-access",
            "x-callgate-client",
            "x-callgate-tenant",
        ],
        "x-callgate-user",
    );
    let of_user: Vec<_> = always.into_iter().chain([user]).collect();
    let mut frames = Frames::connect(gate.edge).await;

    for (path, token, expected) in [
        ("/pbx/a", &own, &always[..]),
        ("/pbx/a", &ann, &of_user[..]),
        ("/open/a", &own, &[]),
    ] {
        let before = upstream.heard().len();
        let sent = gate.ask(&with(&get(path, token), &IDENTITIES)).await;
        assert_eq!(sent.status(), 200, "{path} {sent:?}");
        let bearer = format!("Bearer {token}");
        let fields = [&[("authorization", bearer.as_str())], &IDENTITIES[..]].concat();
        let sent = frames.ask(&request("GET", path, &fields)).await;
        assert_eq!(sent.status(), 200, "{path}");
        let heard = upstream.heard();
        assert_eq!(heard.len(), before + 2);
        for heard in &heard[before..] {
            assert!(!heard.head.contains("root"), "{}", heard.head);
            assert_eq!(told(heard), expected, "{path}");
        }
    }
}

#[tokio::test]
async fn at_16_what_is_answered_here_hears_nothing_of_what_only_we_say() {
    let gate = Gate::start("[calls]\nlimit = 1\n").await;
    let (ann, bob) = (
        gate.token("ann", &["calls.#"]).await,
        gate.token("bob", &["calls.read"]).await,
    );
    let posing = [
        ("X-Callgate-User", "ann"),
        ("X-Callgate-Tenant", "acme"),
        ("X-Callgate-Client", "crm"),
        ("X-Callgate-Access", "#"),
        ("X-Callgate-Subject", "user:id-of-ann"),
        ("X-Callgate-Decision", "00000000000000000000000000000000"),
    ];
    let number = "number=%2B390501234567";
    let place = |token: &str| with(&form("POST", "/rest/call", token, number), &posing);
    let placed = gate.ask(&place(&ann)).await;
    assert_eq!(placed.status(), 201);
    let call = placed
        .header("location")
        .rsplit('=')
        .next()
        .unwrap()
        .to_owned();
    // Bob may not place one, sees none, and ends none of ann's.
    assert_eq!(gate.ask(&place(&bob)).await.status(), 403);
    let listed = gate.ask(&with(&get("/rest/call", &bob), &posing)).await;
    assert_eq!(listed.status(), 204);
    let one = format!("/rest/call?token_call={call}");
    let shown = gate.ask(&with(&get(&one, &bob), &posing)).await;
    assert_ne!(shown.status(), 200, "{}", shown.text());
    let mut anonymous = get("/rest/call", "-").replace("Authorization: Bearer -\r\n", "");
    assert_eq!(gate.ask(&with(&anonymous, &posing)).await.status(), 401);
    // Nor do they open what is the operator's, there or here.
    anonymous = anonymous.replace("/rest/call", "/admin/users");
    assert_eq!(gate.ask(&with(&anonymous, &posing)).await.status(), 404);
    let mut wire = Wire::connect(gate.operations).await;
    wire.send(&with(&anonymous, &posing)).await;
    assert_eq!(wire.answer().await.status(), 401);
    // The decision has the name that we gave it.
    let named = gate.ask(&place("wrong")).await.json();
    assert_ne!(named["decision_id"], "00000000000000000000000000000000");
}

const ATTEMPTS: u16 = 3;

fn limited(more: &str) -> String {
    format!(
        "[oauth]\nlogin_attempts = {ATTEMPTS}\naddress_attempts = {ATTEMPTS}\naccount_attempts = 1000\n{more}"
    )
}

/// The status of the answer to a login of `name` that says of itself that it comes from elsewhere.
async fn log_in(gate: &Gate, name: &str, password: &str, claim: &str) -> u16 {
    let mut person = Person::new(gate);
    let path = format!("/auth/login?{}", encoded(wish()));
    let page = person.get(&path).await;
    let form = crate::oauth::Form::of(&page);
    let hidden = form.hidden.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    let typed = [("username", name), ("password", password)];
    let body = encoded(hidden.chain(typed));
    let head = format!("Origin: null\r\n{claim}");
    let answer = person.send("POST", &form.action, &head, &body).await;
    answer.status.as_u16()
}

#[tokio::test]
async fn at_14_no_address_that_a_client_invents_is_counted() {
    let gate = Gate::start(&limited("")).await;
    for n in 0..ATTEMPTS {
        let claim = format!(
            "X-Forwarded-For: 198.51.100.{n}\r\nForwarded: for=198.51.100.{n}\r\nX-Real-IP: 198.51.100.{n}\r\n"
        );
        assert_eq!(log_in(&gate, "ann", "wrong", &claim).await, 403);
    }
    let claim = "X-Forwarded-For: 198.51.100.200\r\n";
    assert_eq!(log_in(&gate, "ann", PASSWORD, claim).await, 429);
    assert_eq!(log_in(&gate, "bob", PASSWORD, claim).await, 429);
    // The same for secrets of clients.
    let guess = posted(
        "/oauth/token",
        ("crm", "wrong"),
        &[("grant_type", "client_credentials")],
    );
    let mut statuses = Vec::new();
    for n in 0..=ATTEMPTS {
        let claim = format!("\r\nX-Forwarded-For: 198.51.100.{n}\r\nContent-Type");
        let claimed = guess.replacen("\r\nContent-Type", &claim, 1);
        statuses.push(gate.ask(&claimed).await.status());
    }
    assert_eq!(statuses, [401, 401, 401, 429]);
}

#[tokio::test]
async fn at_15_what_is_unreadable_from_a_trusted_proxy_skips_no_limit() {
    let trusting = "trusted_proxies = ['127.0.0.1']";
    let gate = Gate::with(trusting, &limited("")).await;
    let unreadable = [
        "unknown",
        "",
        "198.51.100.7, ",
        "198.51.100.7, evil",
        "10.0.0.1.5",
        "198.51.100.7:port",
        "[2001:db8::1",
        "198.51.100.7\r\nX-Forwarded-For: _hidden",
        "\u{e9}",
    ];
    for (n, value) in unreadable.iter().enumerate() {
        let claim = format!("X-Forwarded-For: {value}\r\n");
        let status = log_in(&gate, "ann", "wrong", &claim).await;
        let expected = if n < usize::from(ATTEMPTS) { 403 } else { 429 };
        assert_eq!(status, expected, "{value:?}");
    }
    let claim = format!("X-Forwarded-For: {}\r\n", unreadable[0]);
    assert_eq!(log_in(&gate, "ann", PASSWORD, &claim).await, 429);
    // Whom the proxy names is counted for himself.
    let named = "X-Forwarded-For: 198.51.100.7\r\n";
    assert_eq!(log_in(&gate, "ann", PASSWORD, named).await, 303);
}

/// Front ends of IIS, Symfony, Zend and nginx rewrite by these.
const TARGETS: [&str; 9] = [
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Original-URI",
    "X-Forwarded-Uri",
    "X-Forwarded-Path",
    "X-Forwarded-Prefix",
    "X-Override-URL",
    "X-Envoy-Original-Path",
    "X-Accel-Redirect",
];

#[tokio::test]
async fn at_20_no_header_and_no_query_names_another_path() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let anonymous = |path: &str| get(path, "-").replace("Authorization: Bearer -\r\n", "");
    for name in TARGETS {
        for value in [
            "/open/a",
            "http://gate.example/open/a",
            "/rest/salt/default",
        ] {
            let posing = [(name, value)];
            for path in ["/pbx/a", "/extensions/1", "/rest/call"] {
                let answer = gate.ask(&with(&anonymous(path), &posing)).await;
                assert_eq!(answer.status(), 401, "{name}: {value} for {path}");
            }
        }
        // Nor does it lead anybody behind the gateway from a public path to another.
        let posing = [(name, "/pbx/secret")];
        assert_eq!(
            gate.ask(&with(&anonymous("/open/a"), &posing))
                .await
                .status(),
            200
        );
    }
    for path in [
        "/pbx?/open/a",
        "/pbx/a?x=/open/a",
        "/pbx/a?/../../open/a",
        "/pbx?path=/open/a",
        "/pbx/a?_method=OPTIONS",
    ] {
        assert_eq!(gate.ask(&anonymous(path)).await.status(), 401, "{path}");
    }
    for heard in upstream.heard() {
        assert_eq!(heard.target(), "GET /open/a");
        assert!(!heard.head.contains("secret"), "{}", heard.head);
    }
    assert_eq!(upstream.heard().len(), TARGETS.len());
}

#[tokio::test]
async fn at_20_no_header_and_no_parameter_names_another_method() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token("ann", &["pbx.1.read", "calls.read"]).await;
    for name in [
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
    ] {
        let deleting = with(&get("/extensions/1", &ann), &[(name, "DELETE")]);
        assert_eq!(gate.ask(&deleting).await.status(), 200, "{name}");
        // A GET is all that she may.
        let placing = with(
            &get("/rest/call?number=%2B390501234567", &ann),
            &[(name, "POST")],
        );
        assert_eq!(gate.ask(&placing).await.status(), 204, "{name}");
        let posing = form("POST", "/rest/call", &ann, "number=%2B390501234567");
        let posing = with(&posing, &[(name, "GET")]);
        assert_eq!(gate.ask(&posing).await.status(), 403, "{name}");
    }
    for heard in upstream.heard() {
        assert!(
            !heard.head.to_lowercase().contains("method"),
            "{}",
            heard.head
        );
    }
}

#[tokio::test]
async fn at_23_nobody_is_exempt_for_what_it_calls_itself() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    for agent in [
        "kube-probe/1.30",
        "GoogleHC/1.0",
        "ELB-HealthChecker/2.0",
        "Prometheus/3.0",
        "Amazon-Route53-Health-Check-Service",
        "Consul Health Check",
        "Go-http-client/1.1",
        "callgate/1.0",
    ] {
        let headers = [
            ("User-Agent", agent),
            ("X-Health-Check", "1"),
            ("X-Internal", "true"),
            ("X-Forwarded-For", "127.0.0.1"),
        ];
        let asked = |path: &str| {
            let anonymous = get(path, "-").replace("Authorization: Bearer -\r\n", "");
            with(&anonymous, &headers)
        };
        for path in [
            "/pbx/a",
            "/pbx/healthz",
            "/pbx/metrics",
            "/extensions/health",
            "/rest/call",
        ] {
            assert_eq!(gate.ask(&asked(path)).await.status(), 401, "{agent} {path}");
        }
        let mut wire = Wire::connect(gate.operations).await;
        for path in ["/admin/users", "/admin/tenants"] {
            wire.send(&asked(path)).await;
            assert_eq!(wire.answer().await.status(), 401, "{agent} {path}");
        }
    }
    assert_eq!(upstream.heard().len(), 0);
}

#[tokio::test]
async fn at_25_what_no_route_matches_is_404_for_everybody() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let all = gate.token("ann", &["#"]).await;
    let mut wire = gate.wire().await;
    for path in [
        "/nowhere",
        "/PBX/a",
        "/pbxx",
        "/opena",
        "/extensions",
        "/extensions/1/2",
        "/rest",
        "/rest/call/",
        "/rest/callx",
        "/api/a",
        "/admin/users",
        "/.git/config",
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"] {
            for token in ["wrong", &all] {
                let request = get(path, token).replacen("GET", method, 1);
                wire.send(&request).await;
                let status = wire.answer().await.status();
                assert_eq!(status, 404, "{method} {path}");
            }
        }
    }
    assert_eq!(upstream.heard().len(), 0);
}
