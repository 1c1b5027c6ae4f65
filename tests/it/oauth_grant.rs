//! Consent: what the user is asked, and what each answer brings the client.

use crate::harness::{Answer, TestGateway};
use crate::oauth::{
    Browser, Form, OLD_QUERY, client, encoded, old_client, parameters, public_client, wish,
    wish_with,
};
use http::Method;

async fn consent_page(browser: &mut Browser<'_>) -> Answer {
    let led = browser.log_in("ann", &wish()).await;
    browser.get(led.header("location")).await
}

async fn codes(gateway: &TestGateway) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM codes");
    count
        .fetch_one(gateway.services.store.readers())
        .await
        .unwrap()
}

#[tokio::test]
async fn c01_without_a_login_nothing_is_granted() {
    let gateway = TestGateway::start().await;
    let path = format!("/auth/grant?{}", encoded(wish()));
    let answer = Browser::new(&gateway)
        .post(&path, &[("grant", "true")])
        .await;
    assert_eq!(answer.status, 303);
    assert!(answer.header("location").starts_with("/auth/login?"));
    assert_eq!(
        Browser::script(&gateway)
            .post(&path, &[("grant", "true")])
            .await
            .status,
        403
    );
    assert_eq!(codes(&gateway).await, 0);
}

#[tokio::test]
async fn c02_another_site_cannot_consent() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    let page = consent_page(&mut browser).await;
    for forged in [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ] {
        browser.headers.push(forged);
        assert_eq!(
            browser.submit(&page, &[("grant", "true")]).await.status,
            403
        );
        browser.headers.pop();
    }
    let path = Form::of(&page).action;
    assert_eq!(browser.post(&path, &[("grant", "true")]).await.status, 403);
    let mut bob = Browser::new(&gateway);
    bob.log_in("bob", &wish()).await;
    assert_eq!(bob.submit(&page, &[("grant", "true")]).await.status, 400);
    assert_eq!(codes(&gateway).await, 0);
}

#[tokio::test]
async fn c03_what_is_allowed_is_what_was_shown() {
    let gateway = TestGateway::start().await;
    client(&gateway, "two", |client| {
        client.redirect_uris = "https://crm.example/cb https://crm.example/other"
            .to_owned()
            .into();
    })
    .await;
    let mut browser = Browser::new(&gateway);
    let shown = wish_with(&[("client_id", "two")]);
    let led = browser.log_in("ann", &shown).await;
    let page = browser.get(led.header("location")).await;
    let form = Form::of(&page);
    let mut fields: Vec<_> = form
        .hidden
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    fields.push(("grant", "true"));
    for (name, value) in [
        ("redirect_uri", "https://crm.example/other"),
        ("scope", "call pbx"),
        ("client_id", "crm"),
        ("state", "other"),
        (
            "code_challenge",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ),
    ] {
        let mut changed = shown.clone();
        changed.insert(name, value.to_owned());
        let answer = browser
            .post(&format!("/auth/grant?{}", encoded(&changed)), &fields)
            .await;
        assert_eq!(answer.status, 400, "{name}");
    }
    assert_eq!(codes(&gateway).await, 0);
    assert_eq!(browser.post(&form.action, &fields).await.status, 303);
}

#[tokio::test]
async fn c04_one_consent_makes_one_code() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    let page = consent_page(&mut browser).await;
    assert_eq!(
        browser.submit(&page, &[("grant", "true")]).await.status,
        303
    );
    assert_eq!(
        browser.submit(&page, &[("grant", "true")]).await.status,
        409
    );
    assert_eq!(codes(&gateway).await, 1);
}

#[tokio::test]
async fn c05_a_refusal_is_told_to_the_client() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    let page = consent_page(&mut browser).await;
    let answer = browser.submit(&page, &[("grant", "false")]).await;
    assert_eq!(answer.status, 303);
    let told = parameters(answer.header("location"));
    assert_eq!(told["error"], "access_denied");
    assert_eq!(told["state"], "xyz");
    assert_eq!(told["iss"], "https://calls.example");
    assert!(!told.contains_key("code"));
    assert_eq!(
        browser.submit(&page, &[("grant", "maybe")]).await.status,
        400
    );
}

#[tokio::test]
async fn c06_looking_grants_nothing() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    let page = consent_page(&mut browser).await;
    assert_eq!(codes(&gateway).await, 0);
    assert_eq!(
        browser.submit(&page, &[("grant", "true")]).await.status,
        303
    );
    let path = format!("/auth/grant?{}", encoded(wish()));
    browser.send(Method::HEAD, &path, "").await;
    browser.headers.push(("sec-purpose", "prefetch;prerender"));
    assert_eq!(browser.get(&path).await.status, 200);
    assert_eq!(
        codes(&gateway).await,
        1,
        "neither HEAD nor a look ahead made a code"
    );
}

#[tokio::test]
async fn c07_a_confidential_client_need_not_ask_twice() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    browser
        .allow("ann", &wish_with(&[("scope", "call pbx")]))
        .await;
    let again = browser
        .get(&format!("/auth/grant?{}", encoded(wish())))
        .await;
    assert_eq!(again.status, 303);
    assert!(
        again
            .header("location")
            .starts_with("https://crm.example/cb?code=cg_ac_")
    );
}

#[tokio::test]
async fn c07_a_wider_scope_and_a_public_client_ask_again() {
    let gateway = TestGateway::start().await;
    public_client(&gateway, "spa").await;
    let mut browser = Browser::new(&gateway);
    browser.allow("ann", &wish()).await;
    let wider = wish_with(&[("scope", "call pbx")]);
    assert_eq!(
        browser
            .get(&format!("/auth/grant?{}", encoded(wider)))
            .await
            .status,
        200
    );
    let public = wish_with(&[("client_id", "spa")]);
    Browser::new(&gateway).allow("ann", &public).await;
    assert_eq!(
        browser
            .get(&format!("/auth/grant?{}", encoded(public)))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn c08_the_page_says_who_asks_for_what_and_where_it_leads() {
    let gateway = TestGateway::start().await;
    let text = consent_page(&mut Browser::new(&gateway)).await.text();
    for part in [
        "Acme CRM",
        "crm.example",
        "Use call.",
        "180 days",
        "ann",
        "Deny",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("Use pbx."));
}

#[tokio::test]
async fn a21_a_code_is_neither_kept_nor_passed_on() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    let page = consent_page(&mut browser).await;
    let answer = browser.submit(&page, &[("grant", "true")]).await;
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("cache-control"), "no-store");
    let told = parameters(answer.header("location"));
    assert_eq!(told["state"], "xyz");
    assert_eq!(told["iss"], "https://calls.example", "A13");
}

#[tokio::test]
async fn p05_a_script_reads_the_consent_and_gives_it() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, "no_pkce scriptable_login").await;
    let mut script = Browser::script(&gateway);
    let body = format!("{OLD_QUERY}&username=ann&password=correct+horse");
    let led = script.send(Method::POST, "/auth/login", &body).await;
    let shown = script.get(led.header("location")).await.json();
    assert_eq!(shown["message"], "grant");
    assert_eq!(shown["client_id"], "123456");
    assert_eq!(shown["response_type"], "code");
    assert_eq!(shown["redirect_uri"], "http://localhost:8888/test");
    assert_eq!(shown["scope"], "call");
    // P06
    let answer = script
        .send(
            Method::POST,
            "/auth/grant",
            &format!("{OLD_QUERY}&grant=true"),
        )
        .await;
    assert_eq!(answer.status, 303);
    assert!(
        answer
            .header("location")
            .starts_with("http://localhost:8888/test?code=cg_ac_")
    );
    let again = script.get(led.header("location")).await;
    assert!(
        again
            .header("location")
            .starts_with("http://localhost:8888/test?code=cg_ac_")
    );
}

#[tokio::test]
async fn c02_a_script_gives_back_the_token_that_it_read() {
    let gateway = TestGateway::start().await;
    let mut script = Browser::new(&gateway);
    script.log_in("ann", &wish()).await;
    script.headers = vec![("accept", "application/json")];
    let path = format!("/auth/grant?{}", encoded(wish()));
    let shown = script.get(&path).await.json();
    assert_eq!(script.post(&path, &[("grant", "true")]).await.status, 403);
    let fields = [
        ("grant", "true"),
        ("csrf_token", shown["csrf_token"].as_str().unwrap()),
        ("consent", shown["consent"].as_str().unwrap()),
    ];
    assert_eq!(script.post(&path, &fields).await.status, 303);
}

#[tokio::test]
async fn p10_the_implicit_flow_gives_a_short_token_and_nothing_to_renew_it() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, "implicit scriptable_login").await;
    let query = OLD_QUERY.replace("response_type=code", "response_type=token");
    let mut script = Browser::script(&gateway);
    script
        .send(
            Method::POST,
            "/auth/login",
            &format!("{query}&username=ann&password=correct+horse"),
        )
        .await;
    let answer = script
        .send(Method::POST, "/auth/grant", &format!("{query}&grant=true"))
        .await;
    let location = answer.header("location");
    assert!(
        location.starts_with("http://localhost:8888/test#access_token=cg_at_"),
        "{location}"
    );
    let told = parameters(location);
    assert_eq!(
        (told["token_type"].as_str(), told["expires_in"].as_str()),
        ("Bearer", "600")
    );
    assert!(!told.contains_key("refresh_token"), "F11");
    let token = serde_json::Value::String(told["access_token"].clone());
    assert_eq!(crate::oauth::calls_with(&gateway, &token).await, 204);
    assert_eq!(
        script.get(&format!("/auth/grant?{query}")).await.status,
        200,
        "no token unasked"
    );
}
