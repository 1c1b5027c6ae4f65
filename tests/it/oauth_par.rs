//! Pushed authorization requests (RFC 9126): checked when they are pushed, good for one code of their client.

use crate::harness::{Answer, ORIGIN, TestGateway};
use crate::oauth::{
    Browser, CALLBACK, CRM, calls_with, client, encoded, exchange, parameters, post, public_client,
    token, wish, wish_with,
};
use bytes::Bytes;
use callgate::storage::Flag;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

type Wish = BTreeMap<&'static str, String>;

async fn push_as(gateway: &TestGateway, client: Option<(&str, &str)>, wish: &Wish) -> Answer {
    let pairs: Vec<_> = wish.iter().map(|(n, v)| (*n, v.as_str())).collect();
    post(gateway, "/oauth/par", client, &pairs).await
}

/// What leads to the request that `crm` has pushed.
async fn pushed(gateway: &TestGateway, wish: &Wish) -> Wish {
    let answer = push_as(gateway, CRM, wish).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let uri = answer.json()["request_uri"].as_str().unwrap().to_owned();
    [
        ("client_id", wish["client_id"].clone()),
        ("request_uri", uri),
    ]
    .into()
}

async fn authorize(gateway: &TestGateway, wish: &Wish) -> Answer {
    let path = format!("/oauth/authorize?{}", encoded(wish));
    Browser::new(gateway).get(&path).await
}

fn error(answer: &Answer) -> (u16, String) {
    let code = answer.json()["error"].as_str().unwrap().to_owned();
    (answer.status.as_u16(), code)
}

#[tokio::test]
async fn a_pushed_request_goes_all_the_way_to_a_token() {
    let gateway = TestGateway::start().await;
    let answer = push_as(&gateway, CRM, &wish()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.json()["expires_in"], 60);
    let uri = answer.json()["request_uri"].as_str().unwrap().to_owned();
    assert!(
        uri.starts_with("urn:ietf:params:oauth:request_uri:"),
        "{uri}"
    );

    let reference: Wish = [("client_id", "crm".to_owned()), ("request_uri", uri)].into();
    let begun = authorize(&gateway, &reference).await;
    assert_eq!(
        begun.header("location"),
        format!("/auth/login?{}", encoded(&reference))
    );
    let location = Browser::new(&gateway).allow("ann", &reference).await;
    assert!(location.starts_with(CALLBACK), "{location}");
    let answer = parameters(&location);
    assert_eq!(
        (answer["state"].as_str(), answer["iss"].as_str()),
        ("xyz", ORIGIN)
    );
    let tokens = token(&gateway, &exchange(&answer["code"])).await.json();
    assert_eq!(tokens["scope"], "call");
    assert_eq!(calls_with(&gateway, &tokens["access_token"]).await, 204);
}

#[tokio::test]
async fn what_the_address_says_besides_is_ignored() {
    let gateway = TestGateway::start().await;
    let mut reference = pushed(&gateway, &wish()).await;
    for (name, value) in [
        ("scope", "call pbx"),
        ("state", "planted"),
        ("redirect_uri", "https://evil.example/cb"),
        ("response_type", "token"),
        ("code_challenge", "planted"),
        ("request", "e30.e30."),
    ] {
        reference.insert(name, value.to_owned());
    }
    let begun = authorize(&gateway, &reference).await;
    assert!(!begun.header("location").contains("planted"));
    let location = Browser::new(&gateway).allow("ann", &reference).await;
    assert!(location.starts_with(CALLBACK), "{location}");
    let answer = parameters(&location);
    assert_eq!(answer["state"], "xyz");
    let tokens = token(&gateway, &exchange(&answer["code"])).await.json();
    assert_eq!(tokens["scope"], "call");
}

#[tokio::test]
async fn a_reference_gives_one_code() {
    let gateway = TestGateway::start().await;
    let reference = pushed(&gateway, &wish()).await;
    // Two tabs, both at the question before either is answered.
    let mut browser = Browser::new(&gateway);
    let logged_in = browser.log_in("ann", &reference).await;
    let first = browser.get(logged_in.header("location")).await;
    let second = browser.get(logged_in.header("location")).await;
    assert_eq!(
        browser.submit(&first, &[("grant", "true")]).await.status,
        303
    );
    assert_eq!(
        browser.submit(&second, &[("grant", "true")]).await.status,
        409
    );
    assert_eq!(authorize(&gateway, &reference).await.status, 409);
}

#[tokio::test]
async fn two_answers_at_once_give_one_code() {
    let gateway = TestGateway::start().await;
    let reference = pushed(&gateway, &wish()).await;
    let (mut one, mut other) = (Browser::new(&gateway), Browser::new(&gateway));
    let mut pages = Vec::new();
    for (browser, name) in [(&mut one, "ann"), (&mut other, "bob")] {
        let logged_in = browser.log_in(name, &reference).await;
        pages.push(browser.get(logged_in.header("location")).await);
    }
    let answers = tokio::join!(
        one.submit(&pages[0], &[("grant", "true")]),
        other.submit(&pages[1], &[("grant", "true")])
    );
    let mut statuses = [answers.0.status.as_u16(), answers.1.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409]);
}

#[tokio::test]
async fn a_reference_begins_nothing_after_its_end_but_a_login_page_may_be_finished() {
    let gateway = TestGateway::start().await;
    let (early, late) = (
        pushed(&gateway, &wish()).await,
        pushed(&gateway, &wish()).await,
    );
    let mut browser = Browser::new(&gateway);
    let page = browser
        .get(&format!("/auth/login?{}", encoded(&early)))
        .await;
    gateway.advance(Duration::from_mins(1)).await;
    assert_eq!(authorize(&gateway, &late).await.status, 400);
    gateway.advance(Duration::from_mins(13)).await;
    let typed = [("username", "ann"), ("password", crate::harness::PASSWORD)];
    let logged_in = browser.submit(&page, &typed).await;
    let question = browser.get(logged_in.header("location")).await;
    let answer = browser.submit(&question, &[("grant", "true")]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    // Fifteen minutes after its end it is over for the pages as well.
    gateway.advance(Duration::from_mins(2)).await;
    let page = Browser::new(&gateway)
        .get(&format!("/auth/login?{}", encoded(&late)))
        .await;
    assert_eq!(page.status, 400);
}

#[tokio::test]
async fn a_reference_is_good_for_its_client_alone() {
    let gateway = TestGateway::start().await;
    client(&gateway, "other", |_| {}).await;
    let mut reference = pushed(&gateway, &wish()).await;
    reference.insert("client_id", "other".to_owned());
    let answer = authorize(&gateway, &reference).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (400, "")
    );
    reference.remove("client_id");
    assert_eq!(authorize(&gateway, &reference).await.status, 400);
}

#[tokio::test]
async fn a17_a_request_uri_that_nobody_pushed_leads_nowhere() {
    let gateway = TestGateway::start().await;
    let urn = "urn:ietf:params:oauth:request_uri:";
    let never_pushed = gateway
        .services
        .mint
        .mint(callgate::token::Class::PushedRequest);
    let another_class = gateway.services.mint.mint(callgate::token::Class::Code);
    for reference in [
        "x".to_owned(),
        never_pushed.token.expose().to_owned(),
        another_class.token.expose().to_owned(),
    ] {
        let answer = authorize(
            &gateway,
            &wish_with(&[("request_uri", &format!("{urn}{reference}"))]),
        )
        .await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (400, "")
        );
    }
    let foreign = wish_with(&[("request_uri", "https://evil.example/x")]);
    let told = authorize(&gateway, &foreign).await;
    let told = parameters(told.header("location"));
    assert_eq!(told["error"], "request_uri_not_supported");
}

#[tokio::test]
async fn who_pushes_must_prove_to_be_the_client() {
    let gateway = TestGateway::start().await;
    let wrong = push_as(&gateway, Some(("crm", "wrong")), &wish()).await;
    assert_eq!(error(&wrong), (401, "invalid_client".to_owned()));
    let by_name_alone = push_as(&gateway, None, &wish()).await;
    assert_eq!(error(&by_name_alone), (401, "invalid_client".to_owned()));
    client(&gateway, "other", |_| {}).await;
    let for_another = push_as(&gateway, CRM, &wish_with(&[("client_id", "other")])).await;
    assert_eq!(error(&for_another), (400, "invalid_request".to_owned()));
    // Basic names the client: it need not be said once more.
    let unnamed = push_as(&gateway, CRM, &wish_with(&[("client_id", "")])).await;
    assert_eq!(unnamed.status, 201, "{}", unnamed.text());
}

#[tokio::test]
async fn a_public_client_may_push() {
    let gateway = TestGateway::start().await;
    public_client(&gateway, "spa").await;
    let answer = push_as(&gateway, None, &wish_with(&[("client_id", "spa")])).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[tokio::test]
async fn all_that_is_wrong_with_a_request_is_said_at_once_and_here() {
    let gateway = TestGateway::start().await;
    for (change, code) in [
        (
            ("redirect_uri", "https://evil.example/cb"),
            "invalid_request",
        ),
        (("response_type", "id_token"), "unsupported_response_type"),
        (("response_type", "token"), "unauthorized_client"),
        (("response_type", ""), "invalid_request"),
        (("scope", "admin"), "invalid_scope"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("response_mode", "fragment"), "invalid_request"),
        (("request", "e30.e30."), "request_not_supported"),
        (("request_uri", "https://evil.example/x"), "invalid_request"),
    ] {
        let answer = push_as(&gateway, CRM, &wish_with(&[change])).await;
        assert_eq!(error(&answer), (400, code.to_owned()), "{change:?}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("location"), "");
    }
    let reference = pushed(&gateway, &wish()).await;
    let nested = wish_with(&[("request_uri", &reference["request_uri"])]);
    assert_eq!(
        error(&push_as(&gateway, CRM, &nested).await).1,
        "invalid_request"
    );
    // RFC 9126 §2.3: this endpoint takes a POST, and only a form.
    let get = http::Request::get("/oauth/par").body(Bytes::new()).unwrap();
    assert_eq!(gateway.edge(get).await.status, 405);
    let json = http::Request::post("/oauth/par")
        .header("content-type", "application/json")
        .body(Bytes::from_static(b"{}"))
        .unwrap();
    assert_eq!(gateway.edge(json).await.status, 415);
}

#[tokio::test]
async fn a_client_that_must_push_can_ask_in_no_other_way() {
    let gateway = TestGateway::start().await;
    client(&gateway, "pushing", |client| {
        client.par_required = Flag(true);
    })
    .await;
    let wish = wish_with(&[("client_id", "pushing")]);
    for path in [
        "/oauth/authorize",
        "/oauth/auth",
        "/auth/login",
        "/auth/grant",
    ] {
        let answer = Browser::new(&gateway)
            .get(&format!("{path}?{}", encoded(&wish)))
            .await;
        let told = parameters(answer.header("location"));
        assert_eq!(told["error"], "invalid_request", "{path}");
        assert_eq!(told["state"], "xyz");
    }
    let answer = push_as(
        &gateway,
        Some(("pushing", crate::harness::CRM_SECRET)),
        &wish,
    )
    .await;
    let uri = answer.json()["request_uri"].as_str().unwrap().to_owned();
    let reference: Wish = [("client_id", "pushing".to_owned()), ("request_uri", uri)].into();
    assert_eq!(authorize(&gateway, &reference).await.status, 303);
    assert!(
        Browser::new(&gateway)
            .allow("ann", &reference)
            .await
            .contains("code=")
    );
}

#[tokio::test]
async fn all_must_push_where_the_server_says_so() {
    let gateway = TestGateway::with("oauth.require_pushed_authorization_requests = true\n").await;
    let told = authorize(&gateway, &wish()).await;
    assert_eq!(
        parameters(told.header("location"))["error"],
        "invalid_request"
    );
    let reference = pushed(&gateway, &wish()).await;
    assert!(
        Browser::new(&gateway)
            .allow("ann", &reference)
            .await
            .contains("code=")
    );
    assert_eq!(
        metadata(&gateway).await["require_pushed_authorization_requests"],
        true
    );
}

async fn metadata(gateway: &TestGateway) -> serde_json::Value {
    let path = "/.well-known/oauth-authorization-server";
    let request = http::Request::get(path).body(Bytes::new()).unwrap();
    gateway.edge(request).await.json()
}

#[tokio::test]
async fn the_metadata_tell_where_to_push() {
    let gateway = TestGateway::start().await;
    let metadata = metadata(&gateway).await;
    assert_eq!(
        metadata["pushed_authorization_request_endpoint"],
        json!(format!("{ORIGIN}/oauth/par"))
    );
    assert_eq!(metadata["require_pushed_authorization_requests"], false);
}

#[tokio::test]
async fn who_pushes_too_often_waits() {
    let gateway = TestGateway::with("oauth.par_limit = 2\n").await;
    for _ in 0..2 {
        assert_eq!(push_as(&gateway, CRM, &wish()).await.status, 201);
    }
    let answer = push_as(&gateway, CRM, &wish()).await;
    assert_eq!(error(&answer), (429, "too_many_attempts".to_owned()));
    assert!(!answer.header("retry-after").is_empty());
    client(&gateway, "other", |_| {}).await;
    let other = Some(("other", crate::harness::CRM_SECRET));
    let wish = wish_with(&[("client_id", "other")]);
    assert_eq!(push_as(&gateway, other, &wish).await.status, 201);
}

#[tokio::test]
async fn neither_reference_nor_secret_is_kept_in_clear() {
    let gateway = TestGateway::start().await;
    let mut by_form = wish();
    by_form.insert("client_secret", crate::harness::CRM_SECRET.to_owned());
    let answer = push_as(&gateway, None, &by_form).await;
    let uri = answer.json()["request_uri"].as_str().unwrap().to_owned();
    let reference = uri.rsplit(':').next().unwrap();
    let hash = callgate::token::TokenHash::of(reference).to_string();
    let row = gateway.services.store.pushed_request(&hash).await.unwrap();
    let row = format!("{row:?}");
    assert!(row.contains("crm"), "{row}");
    assert!(!row.contains(crate::harness::CRM_SECRET) && !row.contains(reference));
}

#[tokio::test]
async fn a_client_that_is_disabled_loses_what_it_pushed() {
    let gateway = TestGateway::start().await;
    let reference = pushed(&gateway, &wish()).await;
    let store = &gateway.services.store;
    let mut crm = store.client("crm").await.unwrap().unwrap();
    crm.disabled_at = Some(crate::harness::NOW);
    store.update_client(crm, crate::harness::NOW).await.unwrap();
    assert_eq!(authorize(&gateway, &reference).await.status, 400);
}
