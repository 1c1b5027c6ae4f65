//! Tokens at the edge: which are taken, in which form, and what is never one (RFC 6750).

use crate::harness::{Answer, CRM_SECRET, TestGateway, get, user};
use crate::oauth::{Browser, code_for, old_client, tokens, wish, wish_with};
use bytes::Bytes;
use callgate::http::Request;
use callgate::secret::Secret;
use callgate::storage::tenants::Tenant;
use http::Method;
use std::time::Duration;

fn with(headers: &[(&str, &str)]) -> Request {
    let mut request = http::Request::get("/rest/call");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Bytes::new()).unwrap()
}

fn is_challenged(answer: &Answer, error: &str) {
    assert_eq!(answer.status, 401, "{}", answer.text());
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("Bearer realm="), "{challenge}");
    let told = challenge.contains("error=");
    assert_eq!(told, !error.is_empty(), "{challenge}");
    assert!(challenge.contains(error), "{challenge}");
}

#[tokio::test]
async fn l02_a_bad_an_old_and_a_revoked_token_are_invalid() {
    let gateway = TestGateway::start().await;
    let (old, revoked) = (gateway.ann().await, tokens(&gateway).await);
    let revoked = Secret::new(revoked["access_token"].as_str().unwrap());
    let form = [("token", revoked.expose())];
    let done = crate::oauth::post(&gateway, "/oauth/revoke", crate::oauth::CRM, &form).await;
    assert_eq!(done.status, 200);
    let invalid = "error=\"invalid_token\"";
    is_challenged(&gateway.edge(get("/rest/call", &revoked)).await, invalid);
    gateway.advance(Duration::from_hours(1)).await;
    is_challenged(&gateway.edge(get("/rest/call", &old)).await, invalid);
    let bad = with(&[("authorization", "Bearer x")]);
    is_challenged(&gateway.edge(bad).await, invalid);
}

#[tokio::test]
async fn l04_the_scheme_is_bearer_in_any_case_after_any_blanks() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    for scheme in ["Bearer ", "bearer ", "BEARER ", "Bearer  "] {
        let value = format!("{scheme}{}", ann.expose());
        let answer = gateway.edge(with(&[("authorization", &value)])).await;
        assert_eq!(answer.status, 204, "{scheme:?}");
    }
}

#[tokio::test]
async fn l05_no_other_scheme_carries_a_token() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    for scheme in ["Basic ", "Foo ", "Token ", ""] {
        let value = format!("{scheme}{}", ann.expose());
        let answer = gateway.edge(with(&[("authorization", &value)])).await;
        assert_eq!(answer.status, 401, "{scheme:?}");
    }
}

#[tokio::test]
async fn l06_of_two_credentials_neither_counts() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, "query_token authentication_header").await;
    let ann = gateway.ann().await;
    let (token, bearer) = (ann.expose(), format!("Bearer {}", ann.expose()));
    let twice = [("authorization", bearer.as_str()); 2];
    let query = format!("/rest/call?access_token={token}");
    for request in [
        with(&twice),
        with(&[("authorization", &bearer), ("x-auth-token", token)]),
        with(&[("authorization", &bearer), ("authentication", &bearer)]),
        get(&query, &ann),
    ] {
        let answer = gateway.edge(request).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json()["code"], "invalid_request");
    }
}

#[tokio::test]
async fn l07_a_token_in_the_query_is_nothing_without_the_switch() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let path = format!("/rest/call?access_token={}", ann.expose());
    let request = http::Request::get(path).body(Bytes::new()).unwrap();
    assert_eq!(gateway.edge(request).await.status, 401);
}

/// RFC 6750 §2.2 is not offered at all: not even clients of 2012 sent a token there.
#[tokio::test]
async fn l08_a_token_in_a_body_is_no_credential() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let token = ann.expose();
    for (method, kind, body) in [
        (
            Method::POST,
            "application/x-www-form-urlencoded",
            format!("access_token={token}&number=201"),
        ),
        (
            Method::GET,
            "application/x-www-form-urlencoded",
            format!("access_token={token}"),
        ),
        (
            Method::POST,
            "application/x-www-form-urlencoded",
            format!("access_token={token}&access_token={token}"),
        ),
        (
            Method::POST,
            "multipart/form-data; boundary=x",
            format!(
                "--x\r\nContent-Disposition: form-data; name=\"access_token\"\r\n\r\n{token}\r\n--x--\r\n"
            ),
        ),
    ] {
        let request = http::Request::builder()
            .method(method)
            .uri("/rest/call")
            .header("content-type", kind)
            .body(Bytes::from(body));
        is_challenged(&gateway.edge(request.unwrap()).await, "");
    }
}

#[tokio::test]
async fn l09_a_token_is_good_for_what_it_was_given_for() {
    let gateway = TestGateway::start().await;
    let other = gateway.token(user("ann"), &["pbx.#"]).await;
    assert_eq!(gateway.edge(get("/rest/call", &other)).await.status, 403);
    let ann = gateway.ann().await;
    let store = &gateway.services.store;
    let tenant: Tenant = store.tenant("acme").await.unwrap().unwrap();
    gateway
        .admin_patch(
            "/admin/tenants/acme",
            serde_json::json!({ "enabled": false }),
        )
        .await
        .expect(200);
    assert_eq!(tenant.disabled_at, None);
    assert_eq!(gateway.edge(get("/rest/call", &ann)).await.status, 401);
}

#[tokio::test]
async fn l10_nothing_but_an_access_token_is_one() {
    let gateway = TestGateway::start().await;
    let tokens = tokens(&gateway).await;
    let code = code_for(&gateway, &wish_with(&[("scope", "call pbx")])).await;
    let mut browser = Browser::new(&gateway);
    browser.log_in("ann", &wish()).await;
    let session = &browser.cookies["__Host-callgate"];
    let refresh = tokens["refresh_token"].as_str().unwrap();
    for other in [code.as_str(), refresh, session, CRM_SECRET] {
        let answer = gateway.edge(get("/rest/call", &Secret::new(other))).await;
        is_challenged(&answer, "error=\"invalid_token\"");
    }
    // Nor does a cookie open anything but the pages.
    let cookie = format!("__Host-callgate={session}");
    is_challenged(&gateway.edge(with(&[("cookie", &cookie)])).await, "");
}

#[tokio::test]
async fn n04_the_method_that_counts_is_the_one_of_the_request() {
    let gateway = TestGateway::start().await;
    let reader = gateway.token(user("ann"), &["calls.read"]).await;
    for name in [
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
    ] {
        let mut sly = get("/rest/call", &reader);
        *sly.method_mut() = Method::POST;
        sly.headers_mut().insert(name, "GET".parse().unwrap());
        assert_eq!(gateway.edge(sly).await.status, 403, "{name}");
        let mut sly = get("/rest/call?number=201", &reader);
        sly.headers_mut().insert(name, "POST".parse().unwrap());
        assert_eq!(gateway.edge(sly).await.status, 204, "{name}: it lists");
    }
    for method in [Method::HEAD, Method::OPTIONS] {
        let mut anonymous = with(&[("origin", "https://crm.example")]);
        *anonymous.method_mut() = method.clone();
        let answer = gateway.edge(anonymous).await;
        assert!([401, 405].contains(&answer.status.as_u16()), "{method}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
}
