//! What an upstream hears of a request, and what a client hears of an upstream.

use super::upstream::{ROUTES, Upstream};
use super::{Gate, free_port, get};
use std::time::Duration;

#[tokio::test]
async fn a_request_goes_up_with_its_prefix_replaced_and_the_callers_identity() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token("ann", &["pbx.#"]).await;

    let answer = gate.ask(&get("/pbx/lines?a=%2F&b", &ann)).await;

    assert_eq!(
        (answer.status(), answer.text().as_str()),
        (200, "heard"),
        "{answer:?}"
    );
    let heard = upstream.heard().remove(0);
    assert_eq!(heard.target(), "GET /api/lines?a=%2F&b");
    assert_eq!(heard.headers("x-callgate-user"), ["ann"]);
    assert_eq!(heard.headers("x-callgate-tenant"), ["acme"]);
    assert_eq!(heard.headers("x-callgate-client"), ["crm"]);
    assert_eq!(heard.headers("x-callgate-access"), ["pbx.use"]);
    assert_eq!(heard.headers("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(heard.headers("host"), ["gate.example"]);
}

/// What goes up is HTTP/1.1, in which there must be a host.
#[tokio::test]
async fn a_request_of_old_without_a_host_goes_up_with_that_of_the_peer() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;

    assert_eq!(gate.ask("GET /open/a HTTP/1.0\r\n\r\n").await.status(), 200);
    let named = "GET /open/a HTTP/1.0\r\nHost: gate.example\r\n\r\n";
    assert_eq!(gate.ask(named).await.status(), 200);

    let heard = upstream.heard();
    let hosts: Vec<_> = heard.iter().map(|heard| heard.headers("host")).collect();
    let address = upstream.address.to_string();
    assert_eq!(hosts, [[address.as_str()], ["gate.example"]]);
}

#[tokio::test]
async fn at_19_a_credential_never_goes_up_in_whichever_carrier_it_came() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let token = gate.token_through("legacy", "ann", &["pbx.#"]).await;

    for (target, header) in [
        ("/pbx/a", format!("Authorization: Bearer {token}\r\n")),
        ("/pbx/a", format!("X-Auth-Token: {token}\r\n")),
        ("/pbx/a", format!("Authentication: Bearer {token}\r\n")),
        (&*format!("/pbx/a?access_token={token}&b=1"), String::new()),
    ] {
        let answer = gate
            .ask(&format!(
                "GET {target} HTTP/1.1\r\nHost: gate.example\r\n{header}\r\n"
            ))
            .await;
        assert_eq!(answer.status(), 200, "{header} {answer:?}");
    }

    for heard in upstream.heard() {
        assert!(!heard.head.contains(&token), "{}", heard.head);
        assert!(
            !heard.head.to_lowercase().contains("auth"),
            "{}",
            heard.head
        );
    }
    assert_eq!(upstream.heard().len(), 4);
}

#[tokio::test]
async fn at_12_at_14_at_16_what_a_client_says_of_itself_is_replaced_or_dropped() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;

    let answer = gate
        .ask(
            "GET /open/a HTTP/1.1\r\nHost: gate.example\r\nX-Callgate-User: root\r\nX-CALLGATE-ACCESS: #\r\n\
             X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\nForwarded: for=10.0.0.1\r\nX-Real-IP: 10.0.0.1\r\n\
             X-User: root\r\nRemote-User: root\r\nCookie: session=1\r\nX-Secret: 1\r\nAccept: text/plain\r\n\r\n",
        )
        .await;

    assert_eq!(answer.status(), 200);
    let heard = upstream.heard().remove(0);
    let mut names: Vec<_> = heard
        .head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.to_lowercase())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "accept",
            "host",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto"
        ]
    );
    assert_eq!(heard.header("x-forwarded-for"), "127.0.0.1");
    assert_eq!(heard.header("x-forwarded-proto"), "http");
}

#[tokio::test]
async fn at_10_at_11_at_18_a_name_that_imitates_or_removes_ours_is_refused() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token("ann", &["pbx.#"]).await;

    for header in [
        "X_Callgate_User: root",
        "x_auth_token: a",
        "X_authenticate: a",
        "X_Forwarded_User: root",
        "X.Callgate.User: root",
        "X.Authenticated.User: root",
        "Connection: X-Callgate-User",
        "Connection: keep-alive, x-callgate-access",
        "Connection: Authorization",
    ] {
        let request = get("/pbx/a", &ann);
        let answer = gate
            .ask(&request.replace("\r\n\r\n", &format!("\r\n{header}\r\n\r\n")))
            .await;
        assert_eq!(answer.status(), 400, "{header} {answer:?}");
    }
    assert_eq!(upstream.heard().len(), 0);
}

#[tokio::test]
async fn at_13_two_credentials_are_refused() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token_through("legacy", "ann", &["pbx.#"]).await;

    for request in [
        get("/pbx/a", &ann).replace("\r\n\r\n", &format!("\r\nX-Auth-Token: {ann}\r\n\r\n")),
        get("/pbx/a", &ann).replace(
            "\r\n\r\n",
            &format!("\r\nAuthorization: Bearer {ann}\r\n\r\n"),
        ),
        get(&format!("/pbx/a?access_token={ann}"), &ann),
    ] {
        assert_eq!(gate.ask(&request).await.status(), 400, "{request}");
    }
    assert_eq!(upstream.heard().len(), 0);
}

#[tokio::test]
async fn a_template_requires_the_access_of_its_path() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token("ann", &["pbx.100.read"]).await;

    assert_eq!(gate.ask(&get("/extensions/100", &ann)).await.status(), 200);
    // Another's, with a wildcard, with a further part, and a method that the route does not take.
    for (path, status) in [
        ("/extensions/101", 403),
        ("/extensions/*", 403),
        ("/extensions/100/x", 404),
        ("/pbx/a", 403),
        ("/nowhere", 404),
    ] {
        assert_eq!(gate.ask(&get(path, &ann)).await.status(), status, "{path}");
    }
    let post = get("/extensions/100", &ann).replace("GET", "POST");
    let answer = gate.ask(&post).await;
    assert_eq!((answer.status(), answer.header("allow")), (405, "GET"));
    assert_eq!(upstream.heard().len(), 1);
}

#[tokio::test]
async fn at_20_at_21_at_22_a_path_has_one_form_for_the_decision_and_for_the_upstream() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;

    for path in [
        "/open/../pbx/a",
        "/open/%2e%2e/pbx/a",
        "/open/..%2fpbx",
        "/open//a",
        "/open/a%5cb",
        "/open/a%00",
        "/open/a%3bb",
        "/open/a;b",
        "/open/a%3fb",
        "/open/a#b",
        "/open/a%23b",
        "/open/a%252e",
        "/open/%zz",
    ] {
        let answer = gate.ask(&get(path, "x")).await;
        assert_eq!(answer.status(), 400, "{path} {answer:?}");
    }
    assert_eq!(upstream.heard().len(), 0);
    assert_eq!(gate.ask(&get("/pbx?/open/a", "x")).await.status(), 401);
    assert_eq!(
        gate.ask(&get("/%6fpen/%61%e9%a9%ac", "x")).await.status(),
        200
    );
    let target = upstream.heard().remove(0).target();
    assert_eq!(target, "GET /open/a%E9%A9%AC");
}

#[tokio::test]
async fn at_23_health_and_metrics_are_only_on_the_operations_listener() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;

    for path in ["/healthz", "/readyz", "/metrics", "/admin/reload"] {
        let request = get(path, "x").replace("\r\n\r\n", "\r\nUser-Agent: kube-probe/1.0\r\n\r\n");
        assert_eq!(gate.ask(&request).await.status(), 404, "{path}");
    }
    assert_eq!(gate.operate("GET", "/metrics").await.status(), 200);
}

#[tokio::test]
async fn at_24_what_cannot_be_read_of_a_credential_is_refused() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token("ann", &["pbx.#"]).await;

    for value in [
        "Bearer",
        "Bearer \u{e9}",
        "Basic !!!",
        "Bearer a b",
        "Bearer cg_at_",
        &format!("Bearer {ann}x"),
        &format!("Bearer {}", "a".repeat(9000)),
    ] {
        let request = get("/pbx/a", "-").replace("Bearer -", value);
        let status = gate.ask(&request).await.status();
        assert!((400..500).contains(&status), "{value}: {status}");
    }
    assert_eq!(upstream.heard().len(), 0);
}

#[tokio::test]
async fn an_upstream_that_fails_is_told_as_a_problem() {
    let upstream = Upstream::start().await;
    let more = format!(
        "{}[[upstream]]\nname = 'gone'\npeers = ['{}']\n\
         [[route]]\nname = 'gone'\npath = '/gone'\npublic = true\nupstream = 'gone'\n",
        upstream.routes(),
        free_port()
    );
    let gate = Gate::start(&more).await;

    for (path, status, code) in [
        ("/gone", 502, "upstream_unreachable"),
        ("/open/never", 504, "upstream_timeout"),
        ("/open/hangs-up", 502, "upstream_unreachable"),
    ] {
        let answer = gate.ask(&get(path, "x")).await;
        assert_eq!(answer.status(), status, "{path} {answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.json()["code"], code, "{path}");
    }
}

#[tokio::test]
async fn a_post_is_sent_at_most_once() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let post = |path: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: gate.example\r\nContent-Length: 2\r\n\r\nhi")
    };

    // On a connection that was used before, which a proxy is tempted to try again.
    assert_eq!(gate.ask(&post("/open/a")).await.status(), 200);
    for path in ["/open/hangs-up", "/open/never"] {
        let status = gate.ask(&post(path)).await.status();
        assert!(matches!(status, 502 | 504), "{path}: {status}");
    }

    let targets: Vec<_> = upstream
        .heard()
        .iter()
        .map(super::wire::Message::target)
        .collect();
    assert_eq!(
        targets,
        ["POST /open/a", "POST /open/hangs-up", "POST /open/never"]
    );
}

#[tokio::test]
async fn connections_to_an_upstream_are_used_again() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let before = upstream.connections();

    let mut wire = gate.wire().await;
    for _ in 0..20 {
        wire.send(&get("/open/a", "x")).await;
        assert_eq!(wire.answer().await.status(), 200);
    }

    // One for the requests, and at the most a few checks of its health.
    assert!(upstream.connections() - before <= 3);
}

#[tokio::test]
async fn a_peer_that_is_dead_is_left_out_and_comes_back() {
    let (one, dead) = (Upstream::start().await, free_port());
    let more = format!(
        "[[upstream]]\nname = 'pbx'\npeers = ['{}', '{dead}']\nhealth = {{ interval = '100ms', failures = 1 }}\n{ROUTES}",
        one.address
    );
    let gate = Gate::start(&more).await;

    // A peer that refuses the connection has heard nothing: another one is asked, even with a POST.
    for _ in 0..10 {
        let post =
            "POST /open/a HTTP/1.1\r\nHost: gate.example\r\nContent-Length: 2\r\n\r\nhi".to_owned();
        assert_eq!(gate.ask(&post).await.status(), 200);
    }
    assert_eq!(one.heard().len(), 10);

    let other = Upstream::at(dead).await;
    let begun = std::time::Instant::now();
    while other.heard().is_empty() {
        assert_eq!(gate.ask(&get("/open/a", "x")).await.status(), 200);
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "it is never back"
        );
    }
}

#[tokio::test]
async fn n05_what_came_to_a_trusted_proxy_in_plain_is_refused() {
    let upstream = Upstream::start().await;
    let trusting = "trusted_proxies = ['127.0.0.1']";
    let gate = Gate::with(trusting, &upstream.routes()).await;
    let ann = gate.token("ann", &["#"]).await;
    let with = |path: &str, proto: &str| {
        get(path, &ann).replace("\r\n\r\n", &format!("\r\n{proto}\r\n\r\n"))
    };
    for path in [
        "/pbx/a",
        "/rest/call",
        "/auth/login?client_id=crm",
        "/oauth/jwks",
    ] {
        for proto in [
            "X-Forwarded-Proto: http",
            "X-Forwarded-Proto: HTTP",
            "X-Forwarded-Proto: ws",
            "X-Forwarded-Proto: https, http",
            "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http",
            "X-Forwarded-Proto: ",
        ] {
            let answer = gate.ask(&with(path, proto)).await;
            assert_eq!(answer.status(), 400, "{path} {proto} {answer:?}");
            assert_eq!(answer.header("set-cookie"), "");
        }
    }
    assert_eq!(upstream.heard().len(), 0);
    for proto in [
        "X-Forwarded-Proto: https",
        "X-Forwarded-Proto: wss",
        "X-Other: a",
    ] {
        assert_eq!(
            gate.ask(&with("/pbx/a", proto)).await.status(),
            200,
            "{proto}"
        );
    }
    let told: Vec<_> = upstream
        .heard()
        .iter()
        .map(|heard| heard.header("x-forwarded-proto").to_owned())
        .collect();
    assert_eq!(told, ["https", "https", "http"]);
    // What anybody else says is nothing.
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token("ann", &["#"]).await;
    let asked = get("/pbx/a", &ann).replace("\r\n\r\n", "\r\nX-Forwarded-Proto: http\r\n\r\n");
    assert_eq!(gate.ask(&asked).await.status(), 200);
}
