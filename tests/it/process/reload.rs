//! A new configuration while requests are under way.

use super::upstream::Upstream;
use super::wire::Wire;
use super::{Gate, get};
use serde_json::Value;

fn route(upstream: &Upstream, name: &str) -> String {
    format!(
        "[[upstream]]\nname = 'up'\npeers = ['{}']\n\
         [[route]]\nname = '{name}'\nprefix = '/{name}'\npublic = true\nupstream = 'up'\n",
        upstream.address
    )
}

#[tokio::test]
async fn a_reload_swaps_the_routes_by_signal_and_by_request() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&route(&upstream, "old")).await;
    let mut wire = gate.wire().await;
    wire.send(&get("/old/a", "x")).await;
    assert_eq!(wire.answer().await.status(), 200);

    gate.configure("", &route(&upstream, "new"));
    gate.signal("HUP");
    gate.says("the configuration was reloaded").await;
    // A connection goes on.
    for (path, status) in [("/old/a", 404), ("/new/a", 200)] {
        wire.send(&get(path, "x")).await;
        assert_eq!(wire.answer().await.status(), status, "{path}");
    }

    gate.configure("", &route(&upstream, "newest"));
    assert_eq!(gate.operate("POST", "/admin/reload").await.status(), 204);
    assert_eq!(gate.ask(&get("/newest/a", "x")).await.status(), 200);
}

#[tokio::test]
async fn a_reload_takes_the_operators_token() {
    let gate = Gate::start("").await;
    let ann = gate.token("ann", &["#"]).await;
    for (token, status) in [("wrong", 401), (&*ann, 401)] {
        let mut wire = Wire::connect(gate.operations).await;
        wire.send(&get("/admin/reload", token).replace("GET", "POST"))
            .await;
        assert_eq!(wire.answer().await.status(), status);
    }
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_leaves_the_old_one_and_says_why() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&route(&upstream, "old")).await;
    let open = route(&upstream, "new").replace("public = true\n", "");
    let cases = [
        ("nonsense = [", "TOML"),
        ("[serve]\n", "did you mean `server`?"),
        (&*open, "route.new.access"),
        (
            "[[route]]\nname='a'\npath='/a'\npublic=true\nupstream='none'",
            "route.a.upstream",
        ),
        (
            "[[upstream]]\nname='u'\npeers=['127.0.0.1:1']\ntls=true",
            "upstream.u.server_name",
        ),
    ];
    for (more, reason) in cases {
        gate.configure("", more);
        let refused = gate.operate("POST", "/admin/reload").await;
        assert_eq!(refused.status(), 400, "{more}");
        let detail = refused.json()["detail"].to_string();
        assert!(detail.contains(reason), "{more}: {detail}");
        assert_eq!(gate.ask(&get("/old/a", "x")).await.status(), 200);
    }
    gate.signal("HUP");
    gate.says("the old one goes on").await;
    assert_eq!(gate.ask(&get("/old/a", "x")).await.status(), 200);
}

#[tokio::test]
async fn a_setting_that_a_reload_does_not_change_is_told() {
    let gate = Gate::start("").await;
    gate.configure(
        "trusted_proxies = ['10.0.0.0/8']\ngrace = '9s'\nclient_timeout = '9s'",
        "",
    );
    assert_eq!(gate.operate("POST", "/admin/reload").await.status(), 204);
    for setting in ["server.grace", "server.client_timeout"] {
        gate.says(&format!("\"setting\":\"{setting}\"")).await;
    }
    for counts_at_once in ["server.keepalive", "server.trusted_proxies"] {
        assert!(!gate.stderr().contains(counts_at_once));
    }
}

#[tokio::test]
async fn a_request_ends_on_the_configuration_that_it_began_with() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&route(&upstream, "old")).await;
    let mut wire = gate.wire().await;
    wire.send(&get("/old/stream", "x")).await;
    assert_eq!(wire.head().await.unwrap().status(), 200);

    gate.configure("", "");
    assert_eq!(gate.operate("POST", "/admin/reload").await.status(), 204);
    assert_eq!(gate.ask(&get("/old/a", "x")).await.status(), 404);

    upstream.go_on();
    let mut rest = Vec::new();
    while !rest.ends_with(b"0\r\n\r\n") {
        let bytes = wire.bytes().await;
        assert!(!bytes.is_empty(), "it broke off");
        rest.extend(bytes);
    }
    assert!(String::from_utf8_lossy(&rest).contains("last"));
    // After that it was ready, was reloaded, and knew a route no more.
    let log = gate.logged(4).await;
    let ended = |line: &Value| line["route"] == "old" && line["status"] == 200;
    assert!(log.iter().any(ended), "{log:?}");
}
