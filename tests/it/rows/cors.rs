//! Which other sites may use the endpoints for programs from a browser.

use crate::harness::{Answer, TestGateway};
use crate::oauth::{Browser, client, code_for, encoded, exchange, wish, wish_with};
use http::Method;

const SPA: &str = "https://spa.example";
const METADATA: &str = "/.well-known/oauth-authorization-server";

async fn with_spa() -> TestGateway {
    let gateway = TestGateway::start().await;
    client(&gateway, "spa", |spa| {
        spa.secret_hash = None;
        spa.grant_types = "authorization_code refresh_token".to_owned().into();
        spa.redirect_uris = format!("{SPA}/cb").into();
    })
    .await;
    gateway
}

async fn send(
    gateway: &TestGateway,
    origin: &'static str,
    (method, path, body): (Method, &str, &str),
) -> Answer {
    let mut browser = Browser::script(gateway);
    browser.headers.push(("origin", origin));
    browser
        .headers
        .push(("access-control-request-method", "POST"));
    browser.send(method, path, body).await
}

fn lets_in(answer: &Answer) -> bool {
    answer.headers.contains_key("access-control-allow-origin")
}

#[tokio::test]
async fn d21_a_browser_application_may_ask_for_tokens_from_its_own_origin() {
    let gateway = with_spa().await;
    for path in [
        "/oauth/token",
        "/oauth/revoke",
        METADATA,
        "/.well-known/jwks.json",
    ] {
        let ahead = send(&gateway, SPA, (Method::OPTIONS, path, "")).await;
        assert_eq!(ahead.status, 204, "{path}");
        assert_eq!(ahead.header("access-control-allow-origin"), SPA, "{path}");
        assert!(
            ahead
                .header("access-control-allow-methods")
                .contains("POST")
        );
        assert!(
            ahead
                .header("access-control-allow-headers")
                .contains("DPoP")
        );
        assert!(
            !ahead
                .headers
                .contains_key("access-control-allow-credentials")
        );
        assert_eq!(ahead.header("vary"), "Origin");
    }
    let wish = wish_with(&[
        ("client_id", "spa"),
        ("redirect_uri", "https://spa.example/cb"),
    ]);
    let code = code_for(&gateway, &wish).await;
    let mut form = exchange(&code).to_vec();
    form[2].1 = "https://spa.example/cb";
    form.push(("client_id", "spa"));
    let request = (
        Method::POST,
        "/oauth/token",
        &*encoded(form.iter().copied()),
    );
    let answer = send(&gateway, SPA, request.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("access-control-allow-origin"), SPA);
    let failed = send(&gateway, SPA, request).await;
    assert_eq!(
        (failed.status.as_u16(), failed.header("vary")),
        (400, "Origin")
    );
    assert_eq!(failed.header("access-control-allow-origin"), SPA);
    let large = "x".repeat(70_000);
    let refused = send(&gateway, SPA, (Method::POST, "/oauth/token", &large)).await;
    assert_eq!(refused.status, 413);
    assert_eq!(refused.header("access-control-allow-origin"), SPA);
    let metadata = send(&gateway, SPA, (Method::GET, METADATA, "")).await;
    assert_eq!(metadata.header("access-control-allow-origin"), SPA);
}

#[tokio::test]
async fn d21_no_other_origin_may() {
    let gateway = with_spa().await;
    for origin in [
        "https://evil.example",
        "null",
        "http://spa.example",
        "https://spa.example:8443",
        "https://spa.exampl",
        "https://spa.example.evil.example",
        "https://%",
        "https://____example",
        "https:",
        // A confidential client has no business in a browser.
        "https://crm.example",
    ] {
        for method in [Method::OPTIONS, Method::POST] {
            let answer = send(&gateway, origin, (method, "/oauth/token", "")).await;
            assert!(!lets_in(&answer), "{origin}");
        }
    }
    gateway
        .admin_patch(
            "/admin/clients/spa",
            serde_json::json!({ "enabled": false }),
        )
        .await
        .expect(200);
    let answer = send(&gateway, SPA, (Method::OPTIONS, "/oauth/token", "")).await;
    assert!(!lets_in(&answer), "a disabled client");
}

#[tokio::test]
async fn a14_d21_the_pages_are_for_no_site_at_all() {
    let gateway = with_spa().await;
    let query = encoded(wish());
    for path in [
        "/oauth/authorize",
        "/oauth/auth",
        "/auth/login",
        "/auth/grant",
        "/auth/logout",
        "/account",
        "/oauth/introspect",
    ] {
        for method in [Method::OPTIONS, Method::GET, Method::POST] {
            let path = format!("{path}?{query}");
            let answer = send(&gateway, SPA, (method, &path, "")).await;
            assert!(!lets_in(&answer), "{path}");
        }
    }
}
