//! `/rest/call`: place, see and end calls; whose they are, how many there may be, who may ask.

use crate::harness::{Answer, NOW, ORIGIN, TestGateway, form, get, user};
use bytes::Bytes;
use callgate::http::Request;
use callgate::secret::Secret;
use callgate::storage::clients::Client;
use callgate::token::Subject;
use http::{HeaderName, HeaderValue, Method};
use std::time::Duration;

/// POSTs a form with this number, percent-encoded.
async fn place(gateway: &TestGateway, token: &Secret, number: &str) -> Answer {
    let body: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("number", number)
        .finish();
    gateway
        .edge(form(Method::POST, "/rest/call", token, &body))
        .await
}

async fn stop(gateway: &TestGateway, token: &Secret, call: &str) -> Answer {
    let body = format!("token_call={call}");
    gateway
        .edge(form(Method::PUT, "/rest/call", token, &body))
        .await
}

async fn show(gateway: &TestGateway, token: &Secret, call: &str) -> Answer {
    let path = format!("/rest/call?token_call={call}");
    gateway.edge(get(&path, token)).await
}

/// The numbers of the live calls, oldest first.
async fn live(gateway: &TestGateway, token: &Secret) -> Vec<String> {
    let answer = gateway.edge(get("/rest/call", token)).await;
    if answer.status == 204 {
        return Vec::new();
    }
    let calls = answer.json();
    let numbers = calls.as_array().unwrap().iter();
    numbers
        .map(|call| call["info"]["number"].as_str().unwrap().to_owned())
        .collect()
}

/// The `token_call` of a call that was placed.
fn placed(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text());
    let location = answer.header("location");
    let call = location.strip_prefix("https://calls.example/rest/call?token_call=");
    call.unwrap().to_owned()
}

fn assert_problem(answer: &Answer, status: u16, code: &str) {
    let text = answer.text();
    assert_eq!(answer.status, status, "{text}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let problem = answer.json();
    assert_eq!(problem["code"], code, "{text}");
    assert_eq!(problem["status"], status);
    assert_eq!(problem["decision_id"].as_str().unwrap().len(), 32);
    assert!(!problem["detail"].as_str().unwrap().is_empty());
}

fn with(mut request: Request, name: &'static str, value: &str) -> Request {
    let value = HeaderValue::from_str(value).unwrap();
    request
        .headers_mut()
        .append(HeaderName::from_static(name), value);
    request
}

/// A request without a credential.
fn bare(path: &str) -> Request {
    http::Request::get(path).body(Bytes::new()).unwrap()
}

async fn crm(gateway: &TestGateway, change: impl FnOnce(&mut Client)) {
    let store = &gateway.services.store;
    let mut crm = store.client("crm").await.unwrap().unwrap();
    change(&mut crm);
    store.update_client(crm, NOW).await.unwrap();
    gateway.services.follower.catch_up().await.unwrap();
}

#[tokio::test]
async fn a_call_is_placed_seen_and_ended() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;

    let answer = place(&gateway, &ann, "+390501234567").await;
    let call = placed(&answer);
    assert_eq!(answer.body, "");

    gateway.advance(Duration::from_secs(2)).await;
    let seen = show(&gateway, &ann, &call).await;
    assert_eq!(seen.status, 200);
    let info = &seen.json()["info"];
    assert_eq!(info["number"], "+390501234567");
    assert_eq!(info["token"], call.as_str());
    assert_eq!(info["end"], "Call Ongoing");
    assert_eq!(info["start"], "22/11/2026 02:39:33");
    assert_eq!(info["duration"], "0:00:02");
    assert_eq!(seen.json()["user"]["username"], "ann");

    let ended = stop(&gateway, &ann, &call).await;
    assert_eq!(ended.status, 200);
    assert_eq!(ended.header("location"), answer.header("location"));
    assert_eq!(ended.body, "");

    let list = gateway.edge(get("/rest/call", &ann)).await;
    assert_eq!((list.status.as_u16(), list.body.len()), (204, 0));
}

#[tokio::test]
async fn an_ended_call_stays_as_it_ended() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let call = placed(&place(&gateway, &ann, "201").await);
    gateway.advance(Duration::from_secs(2)).await;
    let first = stop(&gateway, &ann, &call).await;
    gateway.advance(Duration::from_mins(1)).await;
    let second = stop(&gateway, &ann, &call).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200));
    assert_eq!(first.header("location"), second.header("location"));
    let info = &show(&gateway, &ann, &call).await.json()["info"];
    assert_eq!(info["end"], "22/11/2026 02:39:35");
    assert_eq!(info["duration"], "0:00:02");
}

#[tokio::test]
async fn nobody_sees_or_ends_anothers_call() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let bob = gateway.token(user("bob"), &["calls.#"]).await;
    let call = placed(&place(&gateway, &ann, "201").await);

    let foreign = [
        show(&gateway, &bob, &call).await,
        stop(&gateway, &bob, &call).await,
    ];
    let unknown = [
        show(&gateway, &bob, "zzz").await,
        stop(&gateway, &bob, "zzz").await,
    ];
    for (foreign, unknown) in foreign.iter().zip(&unknown) {
        assert_problem(foreign, 409, "unknown_call");
        assert_problem(unknown, 409, "unknown_call");
        // Nor does the answer tell that it exists.
        assert_eq!(foreign.json()["detail"], unknown.json()["detail"]);
    }
    assert_eq!(live(&gateway, &bob).await, [""; 0]);
    assert_eq!(live(&gateway, &ann).await, ["201"]);
}

#[tokio::test]
async fn a_client_sees_the_calls_that_its_user_placed_by_another() {
    let gateway = TestGateway::start().await;
    let (one, other) = (gateway.ann().await, gateway.ann().await);
    let call = placed(&place(&gateway, &one, "201").await);
    assert_eq!(show(&gateway, &other, &call).await.status, 200);
    assert_eq!(live(&gateway, &other).await, ["201"]);
    assert_eq!(stop(&gateway, &other, &call).await.status, 200);
}

#[tokio::test]
async fn a_call_over_the_limit_is_refused_with_the_calls_that_fill_it() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let first = placed(&place(&gateway, &ann, "201").await);
    gateway.advance(Duration::from_secs(1)).await;
    let second = placed(&place(&gateway, &ann, "202").await);
    let refused = place(&gateway, &ann, "203").await;
    assert_problem(&refused, 409, "call_limit_reached");
    let problem = refused.json();
    assert_eq!(
        (&problem["limit"], &problem["live"]),
        (&2.into(), &2.into())
    );
    assert_eq!(problem["calls"][0]["token_call"], first.as_str());
    assert_eq!(problem["calls"][1]["token_call"], second.as_str());

    assert_eq!(stop(&gateway, &ann, &first).await.status, 200);
    placed(&place(&gateway, &ann, "203").await);
}

#[tokio::test]
async fn parallel_calls_get_exactly_the_free_slots() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let calls = (0..32).map(|_| place(&gateway, &ann, "201"));
    let answers = futures_util::future::join_all(calls).await;
    let count = |status: u16| answers.iter().filter(|a| a.status == status).count();
    assert_eq!((count(201), count(409)), (2, 30));
}

#[tokio::test]
async fn the_users_limit_counts_else_the_tenants_else_the_configurations() {
    let gateway = TestGateway::with("[calls]\nlimit = 3\n").await;
    let ann = gateway.ann().await;
    let store = &gateway.services.store;
    assert_eq!(limit(&gateway, &ann).await, 3);

    let mut acme = store.tenant("acme").await.unwrap().unwrap();
    acme.call_limit = Some(4);
    store.update_tenant(acme, NOW).await.unwrap();
    assert_eq!(limit(&gateway, &ann).await, 4);

    let mut person = store.user("id-of-ann").await.unwrap().unwrap();
    person.call_limit = Some(1);
    store.update_user(person.clone(), NOW).await.unwrap();
    assert_eq!(limit(&gateway, &ann).await, 1);

    person.call_limit = Some(0);
    store.update_user(person.clone(), NOW).await.unwrap();
    assert_eq!(limit(&gateway, &ann).await, 0);

    // A limit that makes no sense is not a reason to fall back to the configuration's.
    person.call_limit = Some(-1);
    store.update_user(person, NOW).await.unwrap();
    assert_eq!(limit(&gateway, &ann).await, 0);
}

/// Fills the slots of `token`, and says what the refusal names as the limit.
async fn limit(gateway: &TestGateway, token: &Secret) -> u64 {
    loop {
        let answer = place(gateway, token, "201").await;
        if answer.status != 201 {
            assert_problem(&answer, 409, "call_limit_reached");
            return answer.json()["limit"].as_u64().unwrap();
        }
    }
}

#[tokio::test]
async fn a_client_that_acts_for_itself_has_slots_of_its_own() {
    let gateway = TestGateway::with("[calls]\nlimit = 1\n").await;
    let ann = gateway.ann().await;
    let itself = Subject::Client("crm".to_owned());
    let itself = gateway.token(itself, &["calls.#"]).await;
    let call = placed(&place(&gateway, &ann, "201").await);
    placed(&place(&gateway, &itself, "202").await);
    assert_eq!(live(&gateway, &itself).await, ["202"]);
    assert_problem(
        &place(&gateway, &itself, "203").await,
        409,
        "call_limit_reached",
    );
    assert_problem(&show(&gateway, &itself, &call).await, 409, "unknown_call");

    crm(&gateway, |crm| crm.call_limit = Some(2)).await;
    placed(&place(&gateway, &itself, "203").await);
}

#[tokio::test]
async fn emergency_numbers_are_admitted_over_the_limit() {
    let gateway = TestGateway::with("[calls]\nlimit = 0\n").await;
    let ann = gateway.ann().await;
    assert_problem(
        &place(&gateway, &ann, "201").await,
        409,
        "call_limit_reached",
    );
    for number in ["112", "911", "1 1 2", "tel:112"] {
        placed(&place(&gateway, &ann, number).await);
    }
    assert_eq!(live(&gateway, &ann).await.len(), 4);
}

#[tokio::test]
async fn a_call_ends_when_its_longest_duration_is_over() {
    let gateway = TestGateway::with("[calls]\nlimit = 1\nmax_duration = '1m'\n").await;
    let ann = gateway.ann().await;
    let call = placed(&place(&gateway, &ann, "201").await);
    gateway.advance(Duration::from_secs(59)).await;
    assert_problem(
        &place(&gateway, &ann, "202").await,
        409,
        "call_limit_reached",
    );
    gateway.advance(Duration::from_secs(2)).await;
    let info = &show(&gateway, &ann, &call).await.json()["info"];
    assert_eq!(
        (&info["state"], &info["duration"]),
        (&"ended".into(), &"0:01:00".into())
    );
    placed(&place(&gateway, &ann, "202").await);
}

#[tokio::test]
async fn numbers_are_stored_in_e164_as_the_tenants_country_reads_them() {
    for (sent, stored) in [
        ("+390501234567", "+390501234567"),
        ("050 123 4567", "+390501234567"),
        ("0039 050 1234567", "+390501234567"),
        ("+49 (30) 901820", "+4930901820"),
        ("tel:+390501234567", "+390501234567"),
        ("201", "201"),
        ("12", "12"),
    ] {
        let gateway = TestGateway::start().await;
        let ann = gateway.ann().await;
        placed(&place(&gateway, &ann, sent).await);
        assert_eq!(live(&gateway, &ann).await, [stored], "{sent}");
    }
}

#[tokio::test]
async fn a_bad_number_is_refused_and_takes_no_slot() {
    let gateway = TestGateway::with("[calls]\nlimit = 1\n").await;
    let ann = gateway.ann().await;
    for bad in [
        "5",
        "<a>&b",
        "sip:ann@evil.example",
        "201;ext=5",
        "+39050123456\n7",
        "+999123456789",
        "2\u{661}1",
        &"1".repeat(65),
    ] {
        let answer = place(&gateway, &ann, bad).await;
        assert_problem(&answer, 400, "invalid_request");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(!detail.contains(bad), "{detail}");
    }
    assert_eq!(live(&gateway, &ann).await, [""; 0]);
    placed(&place(&gateway, &ann, "201").await);
}

#[tokio::test]
async fn the_location_is_of_the_configured_origin_whatever_the_host_says() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let mut request = form(Method::POST, "/rest/call", &ann, "number=201");
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "host=evil.example;proto=http"),
    ] {
        request = with(request, name, value);
    }
    let answer = gateway.edge(request).await;
    assert!(answer.header("location").starts_with(ORIGIN));
    placed(&answer);
}

#[tokio::test]
async fn other_methods_are_answered_with_those_that_are_taken() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    for method in [Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let answer = gateway.edge(form(method, "/rest/call", &ann, "")).await;
        assert_problem(&answer, 405, "method_not_allowed");
        assert_eq!(answer.header("allow"), "GET, POST, PUT");
    }
}

#[tokio::test]
async fn a_head_is_answered_as_a_get_without_its_body() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    placed(&place(&gateway, &ann, "201").await);
    let answer = gateway
        .edge(form(Method::HEAD, "/rest/call", &ann, ""))
        .await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
}

#[tokio::test]
async fn without_a_token_the_answer_is_a_challenge() {
    let gateway = TestGateway::start().await;
    let answer = gateway.edge(bare("/rest/call")).await;
    assert_problem(&answer, 401, "missing_token");
    assert_eq!(
        answer.header("www-authenticate"),
        "Bearer realm=\"callgate\""
    );
    let answer = gateway
        .edge(with(bare("/rest/call"), "authorization", "Bearer nope"))
        .await;
    assert_problem(&answer, 401, "invalid_token");
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("Bearer realm=\"callgate\", error=\"invalid_token\""));
}

#[tokio::test]
async fn a_token_without_the_access_is_denied_and_learns_which() {
    let gateway = TestGateway::start().await;
    let reader = gateway.token(user("ann"), &["calls.read"]).await;
    assert_eq!(gateway.edge(get("/rest/call", &reader)).await.status, 204);
    let answer = place(&gateway, &reader, "201").await;
    assert_problem(&answer, 403, "insufficient_scope");
    assert_eq!(answer.json()["required_access"], "calls.create");
    assert!(
        answer
            .header("www-authenticate")
            .contains("error=\"insufficient_scope\"")
    );
    let answer = stop(&gateway, &reader, "zzz").await;
    assert_eq!(answer.json()["required_access"], "calls.update");
}

#[tokio::test]
async fn a_token_may_come_in_x_auth_token() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let request = with(bare("/rest/call"), "x-auth-token", ann.expose());
    assert_eq!(gateway.edge(request).await.status, 204);
}

#[tokio::test]
async fn legacy_carriers_are_taken_with_the_clients_switch_only() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let header = || {
        let bearer = format!("Bearer {}", ann.expose());
        with(bare("/rest/call"), "authentication", &bearer)
    };
    let query = || bare(&format!("/rest/call?access_token={}", ann.expose()));
    for switches in [
        "",
        "authentication_header",
        "query_token",
        "authentication_header query_token",
    ] {
        crm(&gateway, |crm| crm.switches = switches.to_owned().into()).await;
        let status = |on: &str| if switches.contains(on) { 204 } else { 401 };
        let answer = gateway.edge(header()).await;
        assert_eq!(answer.status, status("authentication_header"), "{switches}");
        let answer = gateway.edge(query()).await;
        assert_eq!(answer.status, status("query_token"), "{switches}");
        assert!(answer.header("cache-control").ends_with("no-store"));
    }
}

#[tokio::test]
async fn a_call_is_placed_with_everything_in_the_query() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    crm(&gateway, |crm| {
        crm.switches = "query_token".to_owned().into();
    })
    .await;
    let path = format!("/rest/call?access_token={}&number=201", ann.expose());
    let request = http::Request::post(path).body(Bytes::new()).unwrap();
    placed(&gateway.edge(request).await);
}

#[tokio::test]
async fn two_credentials_are_refused_whatever_they_are() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let token = ann.expose();
    let twice = [
        with(get("/rest/call", &ann), "x-auth-token", token),
        with(
            get("/rest/call", &ann),
            "authentication",
            &format!("Bearer {token}"),
        ),
        with(
            get("/rest/call", &ann),
            "authorization",
            &format!("Bearer {token}"),
        ),
        get(&format!("/rest/call?access_token={token}"), &ann),
        get(&format!("/rest/call?access%5Ftoken={token}"), &ann),
    ];
    for request in twice {
        assert_problem(&gateway.edge(request).await, 400, "invalid_request");
    }
}

#[tokio::test]
async fn the_same_key_is_the_same_call_and_with_another_number_refused() {
    let gateway = TestGateway::with("[calls]\nlimit = 1\n").await;
    let ann = gateway.ann().await;
    let keyed = |body: &str| {
        let request = form(Method::POST, "/rest/call", &ann, body);
        with(request, "idempotency-key", "order-17")
    };
    let first = gateway.edge(keyed("number=050%201234567")).await;
    // The same number, written otherwise.
    let second = gateway.edge(keyed("number=%2B390501234567")).await;
    assert_eq!(placed(&first), placed(&second));
    let other = gateway.edge(keyed("number=201")).await;
    assert_problem(&other, 422, "idempotency_key_reused");
}

#[tokio::test]
async fn a_key_that_cannot_be_kept_is_refused() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let request = || form(Method::POST, "/rest/call", &ann, "number=201");
    let twice = with(
        with(request(), "idempotency-key", "a"),
        "idempotency-key",
        "b",
    );
    for request in [
        with(request(), "idempotency-key", ""),
        with(request(), "idempotency-key", &"k".repeat(256)),
        twice,
    ] {
        assert_problem(&gateway.edge(request).await, 400, "invalid_request");
    }
    assert_eq!(live(&gateway, &ann).await, [""; 0]);
}
