//! The device grant (RFC 8628): what a device gets, how it polls, and what the person before it is asked.

use crate::account::{at_home, page, send};
use crate::harness::{Answer, PASSWORD, TestGateway};
use crate::oauth::{Browser, calls_with, client, encoded, post, refresh};
use callgate::storage::audit::{Entry, Event};
use callgate::token::TokenHash;
use futures_util::future::join_all;
use serde_json::Value;
use std::time::Duration;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A gateway with the public client `tv`, for devices alone.
async fn gateway(more: &str) -> TestGateway {
    let gateway = TestGateway::with(more).await;
    client(&gateway, "tv", |client| {
        client.secret_hash = None;
        "Acme <TV>".clone_into(&mut client.name);
        client.grant_types = format!("{GRANT_TYPE} refresh_token").into();
    })
    .await;
    gateway
}

async fn ask(gateway: &TestGateway, pairs: &[(&str, &str)]) -> Answer {
    let pairs: Vec<_> = [("client_id", "tv")]
        .into_iter()
        .chain(pairs.iter().copied())
        .collect();
    post(gateway, "/oauth/device_authorization", None, &pairs).await
}

/// What a device got that asked for `call`.
async fn begin(gateway: &TestGateway) -> Value {
    let answer = ask(
        gateway,
        &[("scope", "call"), ("device_label", "Living room")],
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn poll_as(gateway: &TestGateway, id: &str, device: &Value) -> Answer {
    let code = device["device_code"].as_str().unwrap();
    let pairs = [
        ("grant_type", GRANT_TYPE),
        ("client_id", id),
        ("device_code", code),
    ];
    post(gateway, "/oauth/token", None, &pairs).await
}

/// The error of a poll, or `tokens`.
async fn poll(gateway: &TestGateway, device: &Value) -> String {
    let answer = poll_as(gateway, "tv", device).await;
    if answer.status == 200 {
        return "tokens".to_owned();
    }
    assert_eq!(answer.status, 400, "{}", answer.text());
    answer.json()["error"].as_str().unwrap().to_owned()
}

async fn wait(gateway: &TestGateway, seconds: u64) {
    gateway.advance(Duration::from_secs(seconds)).await;
}

fn user_code(device: &Value) -> &str {
    device["user_code"].as_str().unwrap()
}

/// Types a code at `/device`.
async fn enter(browser: &mut Browser<'_>, code: &str) -> Answer {
    let page = browser.get("/device").await;
    assert_eq!(page.status, 200, "{}", page.text());
    browser.submit(&page, &[("user_code", code)]).await
}

/// The page that asks `name` about the device.
async fn approval(browser: &mut Browser<'_>, name: &str, device: &Value) -> Answer {
    let led = enter(browser, user_code(device)).await;
    assert_eq!(led.status, 303, "{}", led.text());
    let led = browser.get(led.header("location")).await;
    if led.status == 200 {
        return led;
    }
    let login = browser.get(led.header("location")).await;
    let typed = [("username", name), ("password", PASSWORD)];
    let led = browser.submit(&login, &typed).await;
    assert_eq!(led.status, 303, "{}", led.text());
    browser.get(led.header("location")).await
}

async fn answer(gateway: &TestGateway, device: &Value, grant: &str) -> Answer {
    let mut browser = Browser::new(gateway);
    let page = approval(&mut browser, "ann", device).await;
    assert_eq!(page.status, 200, "{}", page.text());
    browser.submit(&page, &[("grant", grant)]).await
}

#[tokio::test]
async fn h01_a_device_gets_two_codes_and_is_told_where_to_go() {
    let gateway = gateway("").await;
    let answer = ask(&gateway, &[("scope", "call")]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let device = answer.json();
    let code = device["device_code"].as_str().unwrap();
    assert!(code.starts_with("cg_dc_") && code.len() > 40, "{code}");
    let shown = regex::Regex::new("^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$").unwrap();
    assert!(shown.is_match(user_code(&device)));
    assert_eq!(device["verification_uri"], "https://calls.example/device");
    assert_eq!(
        device["verification_uri_complete"],
        format!(
            "https://calls.example/device?user_code={}",
            user_code(&device)
        )
    );
    assert_eq!(
        (&device["expires_in"], &device["interval"]),
        (&600.into(), &5.into())
    );
}

#[tokio::test]
async fn h01_a_device_that_asks_for_too_much_or_calls_itself_strange_names_is_refused() {
    let gateway = gateway("").await;
    let wide = ask(&gateway, &[("scope", "call admin")]).await;
    assert_eq!(
        (wide.status.as_u16(), &wide.json()["error"]),
        (400, &"invalid_scope".into())
    );
    for label in ["a\nb", "\u{202e}abc", &"x".repeat(65)] {
        let answer = ask(&gateway, &[("device_label", label)]).await;
        assert_eq!(answer.json()["error"], "invalid_request", "{label:?}");
    }
    let twice = ask(&gateway, &[("scope", "call"), ("scope", "call")]).await;
    assert_eq!(twice.json()["error"], "invalid_request");
    let unknown = post(
        &gateway,
        "/oauth/device_authorization",
        None,
        &[("client_id", "no")],
    )
    .await;
    assert_eq!(
        (unknown.status.as_u16(), &unknown.json()["error"]),
        (401, &"invalid_client".into())
    );
}

#[tokio::test]
async fn h01_neither_code_is_in_the_store() {
    let gateway = gateway("").await;
    let device = begin(&gateway).await;
    let code = device["device_code"].as_str().unwrap();
    let row = gateway
        .services
        .store
        .device(&TokenHash::of(code).to_string())
        .await;
    let row = format!("{:?}", row.unwrap().unwrap());
    let letters = user_code(&device).replace('-', "");
    for secret in [
        code,
        user_code(&device),
        &letters,
        &TokenHash::of(&letters).to_string(),
    ] {
        assert!(!row.contains(secret), "{row}");
    }
}

#[tokio::test]
async fn h02_h04_a_device_gets_its_tokens_once_after_the_user_has_allowed_it() {
    let gateway = gateway("").await;
    let device = begin(&gateway).await;
    assert_eq!(poll(&gateway, &device).await, "authorization_pending");
    let allowed = answer(&gateway, &device, "true").await;
    assert_eq!(allowed.status, 200);
    assert!(allowed.text().contains("Your device has access"));
    wait(&gateway, 5).await;
    let tokens = poll_as(&gateway, "tv", &device).await;
    assert_eq!(tokens.header("cache-control"), "no-store");
    let tokens = tokens.json();
    assert_eq!(tokens["scope"], "call");
    assert_eq!(calls_with(&gateway, &tokens["access_token"]).await, 204);
    wait(&gateway, 5).await;
    assert_eq!(poll(&gateway, &device).await, "invalid_grant");
    assert_eq!(calls_with(&gateway, &tokens["access_token"]).await, 204);
    let pairs = [
        ("grant_type", "refresh_token"),
        ("client_id", "tv"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
    ];
    assert_eq!(
        post(&gateway, "/oauth/token", None, &pairs).await.status,
        200
    );
    let grant = gateway
        .services
        .store
        .grant("id-of-ann", "tv")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(grant.scope.to_string(), "call");
}

#[tokio::test]
async fn h03_a_device_that_polls_too_fast_waits_longer_for_good() {
    let gateway = gateway("").await;
    let device = begin(&gateway).await;
    assert_eq!(poll(&gateway, &device).await, "authorization_pending");
    wait(&gateway, 4).await;
    assert_eq!(poll(&gateway, &device).await, "slow_down");
    wait(&gateway, 9).await;
    assert_eq!(
        poll(&gateway, &device).await,
        "slow_down",
        "it must wait for 10 seconds now"
    );
    for _ in 0..3 {
        wait(&gateway, 15).await;
        assert_eq!(poll(&gateway, &device).await, "authorization_pending");
    }
    wait(&gateway, 14).await;
    assert_eq!(poll(&gateway, &device).await, "slow_down", "for good");
}

#[tokio::test]
async fn h03_a_device_is_slowed_down_by_all_gateways_of_a_store() {
    let gateway = gateway("").await;
    let second = gateway.beside().await;
    let device = begin(&gateway).await;
    assert_eq!(poll(&gateway, &device).await, "authorization_pending");
    wait(&gateway, 4).await;
    assert_eq!(poll(&second, &device).await, "slow_down");
    wait(&gateway, 9).await;
    assert_eq!(poll(&gateway, &device).await, "slow_down");
    wait(&gateway, 15).await;
    assert_eq!(poll(&second, &device).await, "authorization_pending");
    answer(&second, &device, "true").await;
    let polls = (0..20).map(|turn| {
        let asked = if turn % 2 == 0 { &gateway } else { &second };
        poll(asked, &device)
    });
    let polls = join_all(polls).await;
    let given = polls.iter().filter(|answer| *answer == "tokens").count();
    assert_eq!(given, 1, "{polls:?}");
}

#[tokio::test]
async fn h03_a_device_that_never_waits_is_refused_without_a_look_into_the_store() {
    let gateway = gateway("").await;
    let device = begin(&gateway).await;
    assert_eq!(poll(&gateway, &device).await, "authorization_pending");
    for _ in 0..30 {
        assert_eq!(poll(&gateway, &device).await, "slow_down");
    }
    let limited = poll_as(&gateway, "tv", &device).await;
    assert_eq!(limited.status, 429);
    assert!(!limited.header("retry-after").is_empty());
    let code = device["device_code"].as_str().unwrap();
    let row = gateway
        .services
        .store
        .device(&TokenHash::of(code).to_string())
        .await;
    assert_eq!(row.unwrap().unwrap().interval_ms, 155_000);
}

#[tokio::test]
async fn h04_a_device_hears_no_or_that_it_is_too_late() {
    let gateway = gateway("").await;
    let device = begin(&gateway).await;
    let denied = answer(&gateway, &device, "false").await;
    assert!(denied.text().contains("The device got no access"));
    assert_eq!(poll(&gateway, &device).await, "access_denied");
    assert!(
        gateway
            .services
            .store
            .grant("id-of-ann", "tv")
            .await
            .unwrap()
            .is_none()
    );

    let late = begin(&gateway).await;
    wait(&gateway, 601).await;
    assert_eq!(poll(&gateway, &late).await, "expired_token");
    let mut browser = Browser::new(&gateway);
    assert_eq!(enter(&mut browser, user_code(&late)).await.status, 400);

    let unused = begin(&gateway).await;
    answer(&gateway, &unused, "true").await;
    wait(&gateway, 601).await;
    assert_eq!(poll(&gateway, &unused).await, "expired_token");
}

#[tokio::test]
async fn h04_many_polls_at_once_are_given_one_set_of_tokens() {
    let gateway = gateway("").await;
    let device = begin(&gateway).await;
    answer(&gateway, &device, "true").await;
    let polls = join_all((0..50).map(|_| poll(&gateway, &device))).await;
    let count = |wanted: &str| polls.iter().filter(|answer| *answer == wanted).count();
    assert_eq!(
        (count("tokens"), count("invalid_grant")),
        (1, 49),
        "{polls:?}"
    );
}

#[tokio::test]
async fn h04_what_the_user_takes_back_before_the_device_asks_is_gone() {
    let gateway = gateway("").await;
    let store = &gateway.services.store;
    for take_back in ["user", "client", "grant", "password"] {
        let device = begin(&gateway).await;
        answer(&gateway, &device, "true").await;
        let now = gateway.clock.now();
        match take_back {
            "user" => store.revoke_user("id-of-ann", now).await.map(drop).unwrap(),
            "grant" => {
                let grant = store.grant("id-of-ann", "tv").await.unwrap().unwrap();
                let entry = Entry::new(Event::GrantRevoked, now);
                store.revoke_grant(&grant, entry, now).await.unwrap();
            }
            "client" => store.revoke_client("tv", now).await.map(drop).unwrap(),
            _ => {
                let mut ann = store.user("id-of-ann").await.unwrap().unwrap();
                ann.password_hash = None;
                store.update_user(ann, now).await.unwrap();
            }
        }
        assert_eq!(
            poll(&gateway, &device).await,
            "access_denied",
            "{take_back}"
        );
    }
}

#[tokio::test]
async fn h04_tokens_of_a_device_end_with_their_family() {
    let gateway = gateway("").await;
    let device = begin(&gateway).await;
    answer(&gateway, &device, "true").await;
    let tokens = poll_as(&gateway, "tv", &device).await.json();
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let pairs = [("client_id", "tv"), ("token", refresh_token)];
    assert_eq!(
        post(&gateway, "/oauth/revoke", None, &pairs).await.status,
        200
    );
    assert_eq!(calls_with(&gateway, &tokens["access_token"]).await, 401);
    assert_eq!(refresh(&gateway, refresh_token).await.status, 400);
}

#[tokio::test]
async fn h05_a_code_is_accepted_however_it_is_typed() {
    let gateway = gateway("").await;
    let device = begin(&gateway).await;
    let plain = user_code(&device).replace('-', "");
    let (first, second) = plain.split_at(4);
    let typed = [
        plain.to_lowercase(),
        format!(" {first} {second} "),
        format!("{first}-{second}-"),
        user_code(&device).to_lowercase(),
    ];
    for typed in typed {
        let led = enter(&mut Browser::new(&gateway), &typed).await;
        assert_eq!(led.status, 303, "{typed}");
        let grant = format!("/device/grant?to=device&user_code={}", user_code(&device));
        assert_eq!(led.header("location"), grant);
    }
}

#[tokio::test]
async fn h06_who_guesses_codes_is_stopped_after_six() {
    let gateway = gateway("").await;
    let device = begin(&gateway).await;
    let mut browser = Browser::new(&gateway);
    for _ in 0..6 {
        let wrong = enter(&mut browser, "BBBB-BBBB").await;
        assert_eq!(wrong.status, 400);
        assert!(wrong.text().contains("That code is not right"));
    }
    for path in ["/device/grant", "/auth/login"] {
        let query = encoded([("to", "device"), ("user_code", user_code(&device))]);
        let limited = browser.get(&format!("{path}?{query}")).await;
        assert_eq!(limited.status, 429, "{path} must not help to guess");
    }
    let limited = enter(&mut browser, user_code(&device)).await;
    assert_eq!(
        (limited.status.as_u16(), limited.header("retry-after")),
        (429, "600")
    );
    let mut elsewhere = Browser::new(&gateway);
    elsewhere.peer = [192, 0, 2, 9];
    assert_eq!(enter(&mut elsewhere, user_code(&device)).await.status, 303);
    let metrics = String::from_utf8(gateway.services.metrics.render()).unwrap();
    assert!(
        metrics.contains(r#"callgate_throttled_total{what="device_code"} 3"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn h06_who_is_logged_in_guesses_from_no_second_address() {
    let gateway = gateway("").await;
    let mut browser = Browser::new(&gateway);
    browser.log_in("ann", &crate::oauth::wish()).await;
    for guess in 0..6 {
        browser.peer = [192, 0, 2, 100 + guess];
        assert_eq!(enter(&mut browser, "BBBB-BBBB").await.status, 400);
    }
    browser.peer = [192, 0, 2, 200];
    assert_eq!(enter(&mut browser, "BBBB-BBBB").await.status, 429);
}

#[tokio::test]
async fn h07_the_person_is_asked_with_all_that_tells_whose_device_it_is() {
    let gateway = gateway("").await;
    let mut browser = Browser::new(&gateway);
    let asked = encoded([
        ("client_id", "tv"),
        ("scope", "call"),
        ("device_label", "Living <room>"),
    ]);
    browser.peer = [198, 51, 100, 7];
    let device = browser
        .send(http::Method::POST, "/oauth/device_authorization", &asked)
        .await;
    let device = device.json();
    wait(&gateway, 180).await;
    browser.peer = [192, 0, 2, 1];
    let page = approval(&mut browser, "ann", &device).await;
    assert_eq!(page.status, 200);
    let text = page.text();
    for part in [
        user_code(&device),
        "Acme &#60;TV&#62;",
        "Living &#60;room&#62;",
        "198.51.100.7",
        "3 minutes ago",
        "Use call.",
        "ann",
        "If somebody sent it to you, deny",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert!(
        page.header("content-security-policy")
            .contains("frame-ancestors 'none'")
    );
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(
        poll(&gateway, &device).await,
        "authorization_pending",
        "the page allows nothing"
    );
}

#[tokio::test]
async fn h07_a_whole_address_still_needs_login_and_two_confirmations() {
    let gateway = gateway("").await;
    let device = begin(&gateway).await;
    let mut browser = Browser::new(&gateway);
    let whole = device["verification_uri_complete"].as_str().unwrap();
    let page = browser.get(whole).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text()
            .contains(&format!("value=\"{}\"", user_code(&device)))
    );
    let garbage = browser.get("/device?user_code=%3Cscript%3E").await;
    assert!(!garbage.text().contains("script"));
    let led = browser
        .submit(&page, &[("user_code", user_code(&device))])
        .await;
    let led = browser.get(led.header("location")).await;
    assert_eq!(led.status, 303);
    assert!(led.header("location").starts_with("/auth/login?to=device&"));
    let login = browser.get(led.header("location")).await;
    assert!(login.text().contains("Acme &#60;TV&#62;"));
    assert_eq!(poll(&gateway, &device).await, "authorization_pending");
}

#[tokio::test]
async fn h07_c02_another_site_can_neither_enter_a_code_nor_allow_it() {
    let gateway = gateway("").await;
    let (device, other) = (begin(&gateway).await, begin(&gateway).await);
    let mut browser = Browser::new(&gateway);
    let page = approval(&mut browser, "ann", &device).await;
    let action = crate::oauth::Form::of(&page).action;
    assert_eq!(
        browser.post(&action, &[("grant", "true")]).await.status,
        403
    );
    browser.headers.push(("sec-fetch-site", "cross-site"));
    assert_eq!(
        browser.submit(&page, &[("grant", "true")]).await.status,
        403
    );
    let entry = [("user_code", user_code(&device))];
    assert_eq!(browser.post("/device", &entry).await.status, 403);
    browser.headers.pop();
    assert_eq!(
        browser.post("/device", &entry).await.status,
        403,
        "without a token"
    );
    let hidden = crate::oauth::Form::of(&page).hidden;
    let mut pairs: Vec<_> = hidden
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    pairs.push(("grant", "true"));
    let moved = action.replace(user_code(&device), user_code(&other));
    assert_eq!(
        browser.post(&moved, &pairs).await.status,
        400,
        "the form of another device"
    );
    let mut bob = Browser::new(&gateway);
    bob.log_in("bob", &crate::oauth::wish()).await;
    assert_eq!(bob.submit(&page, &[("grant", "true")]).await.status, 400);
    for device in [&device, &other] {
        assert_eq!(poll(&gateway, device).await, "authorization_pending");
    }
}

#[tokio::test]
async fn h07_c04_a_device_is_answered_once() {
    let gateway = gateway("").await;
    let device = begin(&gateway).await;
    let mut browser = Browser::new(&gateway);
    let page = approval(&mut browser, "ann", &device).await;
    assert_eq!(
        browser.submit(&page, &[("grant", "maybe")]).await.status,
        400
    );
    assert_eq!(
        browser.submit(&page, &[("grant", "false")]).await.status,
        200
    );
    let again = browser.submit(&page, &[("grant", "true")]).await;
    assert_eq!(again.status, 409);
    assert!(again.text().contains("answered already"));
    assert_eq!(poll(&gateway, &device).await, "access_denied");
}

#[tokio::test]
async fn h07_not_you_leads_to_another_login_for_the_same_device() {
    let gateway = gateway("").await;
    let device = begin(&gateway).await;
    let mut browser = Browser::new(&gateway);
    let page = approval(&mut browser, "ann", &device).await;
    let hidden = crate::oauth::Form::of(&page).hidden;
    let pairs: Vec<_> = hidden
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let path = format!("/auth/logout?to=device&user_code={}", user_code(&device));
    let out = browser.post(&path, &pairs).await;
    assert_eq!(out.status, 303);
    assert!(out.header("location").starts_with("/auth/login?to=device&"));
    assert_eq!(approval(&mut browser, "bob", &device).await.status, 200);
}

#[tokio::test]
async fn h07_a_login_at_another_tenant_answers_no_device() {
    let gateway = gateway("").await;
    let store = &gateway.services.store;
    let mut tenant = store.tenant("acme").await.unwrap().unwrap();
    tenant.id = "other".to_owned();
    store.create_tenant(tenant).await.unwrap();
    client(&gateway, "foreign", |client| {
        client.tenant_id = "other".to_owned();
        client.secret_hash = None;
        client.grant_types = GRANT_TYPE.to_owned().into();
    })
    .await;
    let asked = [("client_id", "foreign")];
    let device = post(&gateway, "/oauth/device_authorization", None, &asked)
        .await
        .json();
    let mut browser = Browser::new(&gateway);
    browser.log_in("ann", &crate::oauth::wish()).await;
    let led = enter(&mut browser, user_code(&device)).await;
    let led = browser.get(led.header("location")).await;
    assert!(led.header("location").starts_with("/auth/login?to=device&"));
}

#[tokio::test]
async fn h08_a_device_code_is_good_for_its_client_alone() {
    let gateway = gateway("").await;
    client(&gateway, "radio", |client| {
        client.secret_hash = None;
        client.grant_types = GRANT_TYPE.to_owned().into();
    })
    .await;
    let device = begin(&gateway).await;
    answer(&gateway, &device, "true").await;
    let stolen = poll_as(&gateway, "radio", &device).await;
    assert_eq!(
        (stolen.status.as_u16(), &stolen.json()["error"]),
        (400, &"invalid_grant".into())
    );
    assert_eq!(poll(&gateway, &device).await, "tokens");
    let invented = serde_json::json!({ "device_code": "cg_dc_invented" });
    assert_eq!(poll(&gateway, &invented).await, "invalid_grant");
}

#[tokio::test]
async fn h09_a_client_without_the_grant_type_gets_no_code_and_no_token() {
    let gateway = gateway("").await;
    client(&gateway, "app", |client| client.secret_hash = None).await;
    let asked = [("client_id", "app")];
    let answer = post(&gateway, "/oauth/device_authorization", None, &asked).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["error"]),
        (400, &"unauthorized_client".into())
    );
    let device = begin(&gateway).await;
    let answer = poll_as(&gateway, "app", &device).await;
    assert_eq!(answer.json()["error"], "unauthorized_client");
}

#[tokio::test]
async fn h10_ten_thousand_requests_leave_few_rows_and_those_go_away() {
    let gateway = gateway("").await;
    let (mut made, mut limited) = (Vec::new(), 0);
    for _ in 0..10_000 {
        let answer = ask(&gateway, &[]).await;
        match answer.status.as_u16() {
            200 => made.push(answer.json()),
            429 => limited += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((made.len(), limited), (60, 9_940));
    let store = &gateway.services.store;
    let hash = TokenHash::of(made[0]["device_code"].as_str().unwrap()).to_string();
    wait(&gateway, 601).await;
    store
        .prune_devices(gateway.clock.now() - 3_600_000)
        .await
        .unwrap();
    assert!(
        store.device(&hash).await.unwrap().is_some(),
        "it is told that it expired"
    );
    store.prune_devices(gateway.clock.now()).await.unwrap();
    assert!(store.device(&hash).await.unwrap().is_none());
}

#[tokio::test]
async fn h10_a_client_has_so_many_devices_that_wait_wherever_they_are() {
    let gateway = gateway("oauth.device_pending = 3").await;
    let from = async |last: u8| {
        let mut device = Browser::new(&gateway);
        device.peer = [198, 51, 100, last];
        device
            .send(
                http::Method::POST,
                "/oauth/device_authorization",
                "client_id=tv",
            )
            .await
    };
    for last in 0..3 {
        assert_eq!(from(last).await.status, 200);
    }
    let full = from(3).await;
    assert_eq!(
        (full.status.as_u16(), full.header("retry-after")),
        (429, "60")
    );
    wait(&gateway, 601).await;
    assert_eq!(from(4).await.status, 200);
}

#[tokio::test]
async fn h11_devices_can_be_switched_off() {
    let gateway = gateway("oauth.device = false").await;
    assert_eq!(ask(&gateway, &[]).await.status, 404);
    let mut browser = Browser::new(&gateway);
    for path in [
        "/device",
        "/device/grant",
        "/device/qr.svg?user_code=WDJB-MJHT",
    ] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
    assert_eq!(
        browser
            .get("/auth/login?to=device&user_code=WDJB-MJHT")
            .await
            .status,
        404
    );
    let device = serde_json::json!({ "device_code": "cg_dc_invented" });
    assert_eq!(poll(&gateway, &device).await, "unsupported_grant_type");
    let metadata = browser
        .get("/.well-known/oauth-authorization-server")
        .await
        .text();
    assert!(!metadata.contains("device"), "{metadata}");
}

#[tokio::test]
async fn h11_the_metadata_names_the_endpoint_when_it_is_there() {
    let gateway = gateway("").await;
    let metadata = Browser::new(&gateway)
        .get("/.well-known/oauth-authorization-server")
        .await
        .json();
    assert_eq!(
        metadata["device_authorization_endpoint"],
        "https://calls.example/oauth/device_authorization"
    );
    let types = metadata["grant_types_supported"].as_array().unwrap();
    assert!(types.contains(&GRANT_TYPE.into()));
}

#[tokio::test]
async fn the_picture_of_the_address_is_inert_and_made_of_any_code() {
    let gateway = gateway("").await;
    let device = begin(&gateway).await;
    let mut browser = Browser::new(&gateway);
    let picture = browser
        .get(device["verification_uri_qr"].as_str().unwrap())
        .await;
    assert_eq!(picture.status, 200);
    assert_eq!(picture.header("content-type"), "image/svg+xml");
    assert_eq!(
        picture.header("content-security-policy"),
        "default-src 'none'; sandbox"
    );
    assert_eq!(picture.header("x-content-type-options"), "nosniff");
    assert_eq!(picture.header("cache-control"), "no-store");
    let text = picture.text();
    assert!(text.contains("<svg ") && !text.contains("script"));
    assert_eq!(
        browser
            .get("/device/qr.svg?user_code=BBBB-BBBB")
            .await
            .status,
        200
    );
    assert_eq!(
        browser.get("/device/qr.svg?user_code=%22%3E").await.status,
        400
    );
    for _ in 0..97 {
        browser.get("/device/qr.svg?user_code=BBBB-BBBB").await;
    }
    let limited = browser.get("/device/qr.svg?user_code=BBBB-BBBB").await;
    assert_eq!(limited.status, 200);
    assert_eq!(
        browser
            .get("/device/qr.svg?user_code=BBBB-BBBB")
            .await
            .status,
        429
    );
}

#[tokio::test]
async fn what_a_user_answers_a_device_is_in_the_audit_log() {
    let gateway = gateway("").await;
    let device = begin(&gateway).await;
    answer(&gateway, &device, "true").await;
    poll(&gateway, &device).await;
    let log = gateway.admin_get("/admin/audit?user=acme/ann").await;
    let log = log.expect(200).json();
    let events: Vec<_> = log["items"].as_array().unwrap().iter().collect();
    assert_eq!(events[0]["event"], "token_issued");
    assert_eq!(events[1]["event"], "consent");
    assert_eq!(events[1]["detail"]["allowed"], true);
    assert_eq!(events[1]["detail"]["device"], "Living room");
    assert!(!log.to_string().contains(user_code(&device)));
}

/// A device of this name that `name` has allowed, with its tokens.
async fn allowed(gateway: &TestGateway, name: &str, label: &str) -> Value {
    let asked = ask(gateway, &[("scope", "call"), ("device_label", label)]).await;
    let device = asked.json();
    let mut browser = Browser::new(gateway);
    let page = approval(&mut browser, name, &device).await;
    browser.submit(&page, &[("grant", "true")]).await;
    poll_as(gateway, "tv", &device).await.expect(200).json()
}

#[tokio::test]
async fn c09_each_device_is_shown_by_its_name_and_ended_alone_with_the_very_next_request() {
    let gateway = gateway("").await;
    let living_room = allowed(&gateway, "ann", "Living room <b>").await;
    let kitchen = allowed(&gateway, "ann", "Kitchen").await;
    let of_bob = allowed(&gateway, "bob", "Bob's").await;
    for device in [&living_room, &kitchen, &of_bob] {
        assert_eq!(calls_with(&gateway, &device["access_token"]).await, 204);
    }
    let mut ann = at_home(&gateway, "ann", 7).await;
    let text = page(&mut ann).await;
    assert!(text.contains("Living room &#60;b&#62;"), "{text}");
    assert!(text.contains("Kitchen") && !text.contains("Bob"), "{text}");

    let which = ("/account/devices", "of Kitchen\"");
    let answer = send(&mut ann, which, &[]).await;
    assert_eq!(answer.header("location"), "/account?done=device");
    assert_eq!(calls_with(&gateway, &kitchen["access_token"]).await, 401);
    for device in [&living_room, &of_bob] {
        assert_eq!(calls_with(&gateway, &device["access_token"]).await, 204);
    }
    let text = page(&mut ann).await;
    assert!(!text.contains("Kitchen") && text.contains("Living room"));
    assert!(text.contains("You ended the access of a device"), "{text}");
}

#[tokio::test]
async fn c09_nobody_ends_the_device_of_another_user() {
    let gateway = gateway("").await;
    let of_bob = allowed(&gateway, "bob", "Bob's").await;
    allowed(&gateway, "ann", "Kitchen").await;
    let store = &gateway.services.store;
    let devices = store.devices_of("id-of-bob", gateway.clock.now()).await;
    let family = devices.unwrap()[0].family_id.clone();
    let mut ann = at_home(&gateway, "ann", 7).await;
    // Her own form, made for the password, carries what every form of her page does.
    let typed = [("device", family.as_str())];
    let fields = crate::account::fields(&page(&mut ann).await, "/account/password", "");
    let pairs: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .chain(typed)
        .collect();
    let answer = ann.post("/account/devices", &pairs).await;
    assert_eq!(answer.status, 303);
    assert_eq!(calls_with(&gateway, &of_bob["access_token"]).await, 204);
}
