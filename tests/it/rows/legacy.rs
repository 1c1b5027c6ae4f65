//! The service of 2012: what its clients may still do, and how they are told that it ends.

use crate::harness::{Answer, TestGateway, user};
use crate::oauth::{
    Browser, HTML, OLD_QUERY, calls_with, client, code_for, old_client, old_wish, parameters,
};
use bytes::Bytes;
use callgate::http::Request;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// 2025-01-01, when RFC 9700 was published.
const DEPRECATED: &str = "@1735689600";
const ALL: &str =
    "implicit token_get query_token authentication_header json_ui no_pkce scriptable_login";

fn bare(path: &str, header: Option<(&str, &str)>) -> Request {
    let mut request = http::Request::get(path);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    request.body(Bytes::new()).unwrap()
}

/// Changes the client `123456`.
async fn set(gateway: &TestGateway, change: Value) {
    gateway
        .admin_patch("/admin/clients/123456", change)
        .await
        .expect(200);
}

/// Logs in by script, as in 2012.
async fn logged_in(gateway: &TestGateway) -> Browser<'_> {
    let mut script = Browser::script(gateway);
    script.headers.clear();
    let body = format!("{OLD_QUERY}&username=ann&password=correct+horse");
    let led = script.send(Method::POST, "/auth/login", &body).await;
    assert_eq!(led.status, 303, "{}", led.text());
    script
}

fn is_told(answer: &Answer) -> bool {
    answer.header("deprecation") == DEPRECATED
}

async fn token_of(gateway: &TestGateway) -> String {
    let token = crate::harness::issue(
        &gateway.services.store,
        &gateway.services.mint,
        gateway.clock.now(),
        "123456",
        user("ann"),
        &["calls.#"],
    );
    token.await.expose().to_owned()
}

#[tokio::test]
async fn p02_without_an_accept_header_the_client_of_2012_gets_json_and_a_browser_a_form() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, "no_pkce json_ui").await;
    let path = format!("/auth/login?{OLD_QUERY}");
    let mut script = Browser::script(&gateway);
    script.headers.clear();
    let answer = script.get(&path).await;
    assert_eq!(answer.header("content-type"), "application/json");
    let told = answer.json();
    for (name, value) in [
        ("client_id", "123456"),
        ("response_type", "code"),
        ("redirect_uri", "http://localhost:8888/test"),
        ("scope", "call"),
        ("message", "login"),
    ] {
        assert_eq!(told[name], value);
    }
    script.headers = vec![("accept", "text/xml")];
    let answer = script.get(&path).await;
    assert!(answer.text().starts_with("<None><scope>call</scope>"));
    script.headers = vec![("accept", HTML)];
    let answer = script.get(&path).await;
    assert!(answer.text().starts_with("<!doctype html>"));
}

#[tokio::test]
async fn a02_a_client_of_2012_is_told_403_of_another_redirect_uri_and_nobody_is_led_there() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, "no_pkce json_ui").await;
    let path = format!("/oauth/auth?{OLD_QUERY}").replace("Ftest", "Fother");
    let answer = Browser::script(&gateway).get(&path).await;
    assert_eq!(answer.status, 403);
    assert!(!answer.headers.contains_key("location"));
}

#[tokio::test]
async fn p06_a_code_is_given_for_the_consent_of_2012_and_the_state_if_there_was_one() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, ALL).await;
    let mut script = logged_in(&gateway).await;
    for state in ["", "&state=a%2Bb"] {
        let body = format!("{OLD_QUERY}{state}&grant=true");
        let answer = script.send(Method::POST, "/auth/grant", &body).await;
        assert_eq!(answer.status, 303);
        let location = answer.header("location");
        assert!(location.starts_with("http://localhost:8888/test?code=cg_ac_"));
        let told = parameters(location);
        assert_eq!(
            told.get("state").map(String::as_str),
            (!state.is_empty()).then_some("a+b")
        );
        assert!(told.contains_key("iss"), "RFC 9207");
    }
}

#[tokio::test]
async fn p12_a_token_in_the_query_is_taken_and_its_answer_kept_back() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, "query_token").await;
    let token = token_of(&gateway).await;
    let path = format!("/rest/call?access_token={token}");
    let answer = gateway.edge(bare(&path, None)).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("cache-control"), "private, no-store");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert!(is_told(&answer));
    let both = ("authorization", format!("Bearer {token}"));
    let answer = gateway.edge(bare(&path, Some((both.0, &both.1)))).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn p13_the_header_that_was_documented_is_taken_alone() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, "authentication_header").await;
    let bearer = format!("Bearer {}", token_of(&gateway).await);
    let answer = gateway
        .edge(bare("/rest/call", Some(("authentication", &bearer))))
        .await;
    assert_eq!(answer.status, 204);
    assert!(is_told(&answer));
    let mut both = bare("/rest/call", Some(("authentication", &bearer)));
    both.headers_mut()
        .insert("authorization", bearer.parse().unwrap());
    assert_eq!(gateway.edge(both).await.status, 400);
}

#[tokio::test]
async fn p14_the_switch_is_looked_up_at_the_client_of_the_token() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, "query_token authentication_header").await;
    let ann = gateway.ann().await;
    let path = format!("/rest/call?access_token={}", ann.expose());
    let bearer = format!("Bearer {}", ann.expose());
    for request in [
        bare(&path, None),
        bare("/rest/call", Some(("authentication", &bearer))),
    ] {
        let answer = gateway.edge(request).await;
        assert_eq!(answer.status, 401, "crm has no switch");
        assert!(!is_told(&answer));
    }
}

#[tokio::test]
async fn p15_the_page_that_shows_codes_is_there_in_the_demonstration_alone() {
    let gateway = TestGateway::start().await;
    let mut script = Browser::script(&gateway);
    assert_eq!(script.get("/test?code=x").await.status, 404);
    let gateway = TestGateway::at("http://127.0.0.1:8080", "oauth.echo_client = true").await;
    let mut script = Browser::script(&gateway);
    assert_eq!(
        script.get("/test?code=x").await.json(),
        json!({ "code": "x" })
    );
    assert_eq!(
        script
            .get("/test?access_token=abc&expires_in=3600")
            .await
            .json(),
        json!({ "token": "abc", "expire": "3600" })
    );
    let page = Browser::new(&gateway).get("/test?code=%3Cb%3E").await;
    assert!(page.text().starts_with("<!doctype html>") && !page.text().contains("<b>"));
}

#[tokio::test]
async fn p17_every_answer_that_a_switch_made_possible_says_that_it_is_deprecated_and_until_when() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, ALL).await;
    set(&gateway, json!({ "sunset_at": "2027-06-30T00:00:00Z" })).await;
    let mut script = Browser::script(&gateway);
    script.headers.clear();
    let asked = script.get(&format!("/oauth/auth?{OLD_QUERY}")).await;
    let shown = script.get(asked.header("location")).await;
    let login = format!("{OLD_QUERY}&username=ann&password=");
    let wrong = script
        .send(Method::POST, "/auth/login", &format!("{login}no"))
        .await;
    let led = script
        .send(
            Method::POST,
            "/auth/login",
            &format!("{login}correct+horse"),
        )
        .await;
    let consent = script.get(led.header("location")).await;
    let allow = async |script: &mut Browser<'_>, query: &str| {
        let body = format!("{query}&grant=true");
        script.send(Method::POST, "/auth/grant", &body).await
    };
    let granted = allow(&mut script, OLD_QUERY).await;
    let code = parameters(granted.header("location"))["code"].clone();
    let redeem = format!(
        "/oauth/token?client_id=123456&client_secret=s3cret&code={code}\
         &redirect_uri=http://localhost:8888/test&grant_type=authorization_code"
    );
    let redeemed = script.get(&redeem).await;
    let again = script.get(&redeem).await;
    let implicit = OLD_QUERY.replace("=code", "=token");
    let given = allow(&mut script, &implicit).await;
    let token = parameters(given.header("location"))["access_token"].clone();
    let query = bare(&format!("/rest/call?access_token={token}"), None);
    let called = gateway.edge(query).await;
    let denied = bare(&format!("/rest/call?access_token={token}&x=1"), None);
    let (mut head, body) = denied.into_parts();
    head.method = Method::POST;
    let failed = gateway.edge(Request::from_parts(head, body)).await;
    for (what, status, answer) in [
        ("no_pkce", 303, &asked),
        ("json_ui", 200, &shown),
        ("scriptable_login, failed", 403, &wrong),
        ("scriptable_login", 303, &led),
        ("json_ui", 200, &consent),
        ("scriptable_login", 303, &granted),
        ("token_get", 303, &redeemed),
        ("token_get, failed", 400, &again),
        ("implicit", 303, &given),
        ("query_token", 204, &called),
        ("query_token, failed", 400, &failed),
    ] {
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        assert!(is_told(answer), "{what}");
        assert_eq!(
            answer.header("sunset"),
            "Wed, 30 Jun 2027 00:00:00 GMT",
            "{what}"
        );
    }
    let metrics = gateway.admin_get("/metrics").await.text();
    for switch in ["implicit", "token_get", "query_token", "json_ui", "no_pkce"] {
        let counted = format!("callgate_legacy_uses_total{{switch=\"{switch}\"}}");
        assert!(metrics.contains(&counted), "{switch}: {metrics}");
    }
}

#[tokio::test]
async fn p17_who_uses_no_switch_is_told_nothing() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, ALL).await;
    let mut browser = Browser::new(&gateway);
    let location = browser.allow("ann", &crate::oauth::wish()).await;
    let code = parameters(&location)["code"].clone();
    let answer = crate::oauth::token(&gateway, &crate::oauth::exchange(&code)).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("deprecation").is_empty() && answer.header("sunset").is_empty());
    let bearer = format!("Bearer {}", token_of(&gateway).await);
    let answer = gateway
        .edge(bare("/rest/call", Some(("authorization", &bearer))))
        .await;
    assert_eq!(answer.status, 204);
    assert!(!is_told(&answer));
}

#[tokio::test]
async fn p17_past_its_sunset_a_client_has_no_switches() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, ALL).await;
    let token = token_of(&gateway).await;
    let query = || bare(&format!("/rest/call?access_token={token}"), None);
    let code = code_for(&gateway, &old_wish()).await;
    let sunset = callgate::clock::millis(Duration::from_mins(1)) + gateway.clock.now();
    let at = jiff::Timestamp::from_millisecond(sunset).unwrap();
    set(&gateway, json!({ "sunset_at": at.to_string() })).await;
    assert_eq!(gateway.edge(query()).await.status, 204);
    let mut script = Browser::script(&gateway);
    let metadata = "/.well-known/oauth-authorization-server";
    let types = script.get(metadata).await.json()["response_types_supported"].clone();
    assert_eq!(types, json!(["code", "token"]));

    gateway.advance(Duration::from_mins(1)).await;
    assert_eq!(gateway.edge(query()).await.status, 401, "query_token");
    let asked = script.get(&format!("/oauth/auth?{OLD_QUERY}")).await;
    let told = parameters(asked.header("location"));
    assert_eq!(told["error"], "invalid_request", "no_pkce");
    let implicit = OLD_QUERY.replace("=code", "=token");
    let asked = script.get(&format!("/oauth/auth?{implicit}")).await;
    let told = parameters(asked.header("location"));
    assert_eq!(told["error"], "unauthorized_client", "implicit");
    let got = script
        .get(&format!(
            "/oauth/token?client_id=123456&client_secret=s3cret&code={code}&grant_type=authorization_code"
        ))
        .await;
    assert_eq!(got.status, 405, "token_get");
    let types = script.get(metadata).await.json()["response_types_supported"].clone();
    assert_eq!(types, json!(["code"]));
}

#[tokio::test]
async fn p17_a_switch_that_is_turned_is_written_down() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, "").await;
    set(&gateway, json!({ "name": "Old" })).await;
    set(&gateway, json!({ "switches": ["implicit", "no_pkce"] })).await;
    set(&gateway, json!({ "sunset_at": "2027-06-30T00:00:00Z" })).await;
    set(&gateway, json!({ "switches": [] })).await;
    let log = gateway
        .admin_get("/admin/audit?event=switches_changed")
        .await
        .json();
    let told: Vec<_> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            assert_eq!(
                (&entry["client"], &entry["detail"]["by"]),
                (&json!("123456"), &json!("operator"))
            );
            let detail = &entry["detail"];
            format!("{}>{} {}", detail["was"], detail["is"], detail["sunset_at"])
        })
        .collect();
    assert_eq!(
        told,
        [
            "\"implicit no_pkce\">\"\" \"2027-06-30T00:00:00Z\"",
            "\"implicit no_pkce\">\"implicit no_pkce\" \"2027-06-30T00:00:00Z\"",
            "\"\">\"implicit no_pkce\" null",
        ]
    );
}

#[tokio::test]
async fn p10_the_token_in_a_fragment_lives_an_hour_at_the_most() {
    let gateway = TestGateway::with("oauth.implicit_lifetime = '1h'").await;
    old_client(&gateway, ALL).await;
    let mut script = logged_in(&gateway).await;
    let query = OLD_QUERY.replace("=code", "=token");
    let body = format!("{query}&grant=true");
    let given = script.send(Method::POST, "/auth/grant", &body).await;
    let told = parameters(given.header("location"));
    assert_eq!(told["expires_in"], "3600");
    gateway.advance(Duration::from_hours(1)).await;
    assert_eq!(
        calls_with(&gateway, &json!(told["access_token"])).await,
        401
    );
}

#[tokio::test]
async fn p07_the_secret_of_another_client_opens_nothing() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, ALL).await;
    client(&gateway, "other", |other| {
        other.switches = "token_get".to_owned().into();
    })
    .await;
    let code = code_for(&gateway, &old_wish()).await;
    let path = format!(
        "/oauth/token?client_id=other&client_secret={}&code={code}\
         &redirect_uri=http://localhost:8888/test&grant_type=authorization_code",
        crate::harness::CRM_SECRET
    );
    let answer = Browser::script(&gateway).get(&path).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["error"]),
        (400, &json!("invalid_grant"))
    );
}
