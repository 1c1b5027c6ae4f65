//! Kalliope's digest, from a client to a call: who gets in, who does not, and what is kept of it.

use crate::harness::{Answer, NOW, PASSWORD, TestGateway, person};
use bytes::Bytes;
use callgate::http::{Arrival, Transport};
use callgate::kalliope::{Account, DigestPassword, Salt};
use callgate::replay;
use callgate::secret::Secret;
use callgate::storage::audit::Search;
use callgate::storage::policies::{Accesses, Policy};
use callgate::storage::tenants::Tenant;
use callgate::storage::users::User;
use futures_util::future::join_all;
use http::{HeaderValue, Method};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::time::Duration;

const SCOPE: &str = "digest.scope = 'call'\n";
const SALT: &str = "b5a8fdcf2f8d5acdad33c4a072a97d7a";
const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1));
const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));
const CALL: (Method, &str) = (Method::POST, "/rest/call?number=%2B390501234567");
const LIST: (Method, &str) = (Method::GET, "/rest/call");

/// A gateway whose tenant `acme` is `default` at Kalliope, and whose users have their passwords there too.
async fn start() -> TestGateway {
    with(SCOPE).await
}

async fn with(more: &str) -> TestGateway {
    let gateway = TestGateway::with(more).await;
    let domain = json!({ "domain": "default", "salt": SALT });
    put(&gateway, "/admin/tenants/acme/digest", domain)
        .await
        .expect(200);
    for name in ["ann", "bob"] {
        set(&gateway, name, json!({ "password": PASSWORD })).await;
    }
    gateway
}

async fn put(gateway: &TestGateway, path: &str, body: Value) -> Answer {
    gateway.admin_put(path, body).await
}

async fn set(gateway: &TestGateway, name: &str, secret: Value) {
    let path = format!("/admin/users/id-of-{name}/digest");
    put(gateway, &path, secret).await.expect(204);
}

fn account(username: &str, domain: &str, password: &str) -> Account {
    let salt = Salt::parse(SALT).unwrap();
    let password = DigestPassword::of(&Secret::new(password), &salt);
    Account::new(username, domain, password).unwrap()
}

fn ann() -> Account {
    account("ann", "default", PASSWORD)
}

/// A header that was made so many seconds from now.
fn signed(gateway: &TestGateway, account: &Account, seconds: i64) -> HeaderValue {
    account.sign(gateway.clock.now() + seconds * 1000).unwrap()
}

async fn send(
    gateway: &TestGateway,
    (method, path): (Method, &str),
    header: &HeaderValue,
    arrival: Arrival,
) -> Answer {
    let mut request = http::Request::builder().method(method).uri(path);
    request = request.header("x-authenticate", header);
    let mut request = request.body(Bytes::new()).unwrap();
    request.extensions_mut().insert(arrival);
    gateway.edge(request).await
}

fn from(client: IpAddr) -> Arrival {
    Arrival {
        client: Some(client),
        transport: Transport::Tls,
    }
}

/// The status of the answer to a look at the calls, with this header.
async fn status(gateway: &TestGateway, header: &HeaderValue) -> u16 {
    status_from(gateway, header, HOME).await
}

async fn status_from(gateway: &TestGateway, header: &HeaderValue, client: IpAddr) -> u16 {
    send(gateway, LIST, header, from(client))
        .await
        .status
        .as_u16()
}

/// Whether the account gets in with a header made now.
async fn gets_in(gateway: &TestGateway, account: &Account) -> bool {
    match status(gateway, &signed(gateway, account, 0)).await {
        204 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

fn code(answer: &Answer) -> (u16, String) {
    let code = answer.json()["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (answer.status.as_u16(), code)
}

async fn events(gateway: &TestGateway) -> Vec<String> {
    let search = Search {
        limit: 1000,
        ..Search::default()
    };
    let rows = gateway.services.store.audit_log(&search).await.unwrap();
    let mut events: Vec<_> = rows.into_iter().map(|row| row.event).collect();
    events.retain(|event| event != "administration");
    events.reverse();
    events
}

// --- who gets in ---

#[tokio::test]
async fn a_user_gets_in_and_places_a_call_as_itself() {
    let gateway = start().await;
    let header = signed(&gateway, &ann(), 0);
    let placed = send(&gateway, CALL, &header, from(HOME)).await;
    assert_eq!(placed.status, 201, "{}", placed.text());
    let listed = send(&gateway, LIST, &signed(&gateway, &ann(), 0), from(HOME)).await;
    assert_eq!(listed.json().as_array().unwrap().len(), 1);
    // The calls are the user's, whatever it came with.
    let token = gateway.ann().await;
    let listed = gateway
        .edge(crate::harness::get("/rest/call", &token))
        .await;
    assert_eq!(listed.json().as_array().unwrap().len(), 1);
    let bob = account("bob", "default", PASSWORD);
    assert_eq!(status(&gateway, &signed(&gateway, &bob, 0)).await, 204);
}

#[tokio::test]
async fn the_digest_password_itself_can_be_set() {
    let gateway = start().await;
    let salt = Salt::parse("0123456789abcdef0123456789abcdef").unwrap();
    let elsewhere = DigestPassword::of(&Secret::new("of the telephone system"), &salt);
    set(
        &gateway,
        "ann",
        json!({ "digest_password": elsewhere.expose() }),
    )
    .await;
    let ann = Account::new("ann", "default", elsewhere).unwrap();
    assert!(gets_in(&gateway, &ann).await);
    assert!(!gets_in(&gateway, &self::ann()).await);
}

#[tokio::test]
async fn nothing_gets_in_where_the_tenant_has_no_domain() {
    let gateway = TestGateway::with(SCOPE).await;
    assert!(!gets_in(&gateway, &ann()).await);
    // Nor can a digest be set there.
    let path = "/admin/users/id-of-ann/digest";
    let answer = put(&gateway, path, json!({ "password": PASSWORD })).await;
    assert_eq!(code(&answer), (409, "conflict".to_owned()));
}

#[tokio::test]
async fn the_operations_listener_takes_no_digest() {
    let gateway = start().await;
    let request = http::Request::get("/admin/tenants")
        .header("x-authenticate", signed(&gateway, &ann(), 0))
        .body(Bytes::new());
    assert_eq!(gateway.operations(request.unwrap()).await.status, 401);
}

#[tokio::test]
async fn what_a_login_may_do_is_what_its_policies_say_now() {
    let gateway = with("").await;
    let header = || signed(&gateway, &ann(), 0);
    assert_eq!(status(&gateway, &header()).await, 403);
    let domain = |policies| json!({ "domain": "default", "policies": policies });
    let tenant = "/admin/tenants/acme/digest";
    put(&gateway, tenant, domain(json!(["call"])))
        .await
        .expect(200);
    assert_eq!(status(&gateway, &header()).await, 204);
    put(&gateway, tenant, domain(json!(["pbx"])))
        .await
        .expect(200);
    assert_eq!(status(&gateway, &header()).await, 403);
    let wider = Policy {
        name: "pbx".to_owned(),
        description: "Use it.".to_owned(),
        accesses: Accesses(vec!["calls.read".to_owned()]),
        created_at: NOW,
    };
    gateway.services.store.put_policy(wider).await.unwrap();
    assert_eq!(status(&gateway, &header()).await, 204);
    let unknown = put(&gateway, tenant, domain(json!(["nothing"]))).await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test]
async fn a_digest_is_taken_where_nobody_on_the_way_can_read_it() {
    let gateway = start().await;
    let lax = with(&format!("{SCOPE}digest.require_tls = false\n")).await;
    for (transport, taken) in [
        (Transport::Tls, true),
        (Transport::Local, true),
        (Transport::Plain, false),
        (Transport::PlainToProxy, false),
    ] {
        let arrival = Arrival {
            transport,
            ..from(HOME)
        };
        let answer = send(&gateway, LIST, &signed(&gateway, &ann(), 0), arrival).await;
        let expected = if taken { 204 } else { 403 };
        assert_eq!(answer.status, expected, "{transport:?}");
        assert!(taken || answer.json()["code"] == "tls_required");
        let answer = send(&lax, LIST, &signed(&lax, &ann(), 0), arrival).await;
        assert_eq!(answer.status, 204, "{transport:?}");
    }
}

#[tokio::test]
async fn the_window_is_what_the_configuration_says() {
    for (more, accepted) in [
        ("", [(-301, false), (-300, true), (300, true), (301, false)]),
        (
            "digest.past = '2min'\ndigest.future = '30s'\n",
            [(-121, false), (-120, true), (30, true), (31, false)],
        ),
    ] {
        let gateway = with(&format!("{SCOPE}{more}")).await;
        for (seconds, taken) in accepted {
            let header = signed(&gateway, &ann(), seconds);
            let answer = send(&gateway, LIST, &header, from(HOME)).await;
            let expected = if taken { 204 } else { 401 };
            assert_eq!(answer.status, expected, "{more} {seconds}");
            assert!(
                taken || answer.text().contains("clock"),
                "{}",
                answer.text()
            );
        }
    }
}

// --- who does not ---

#[tokio::test]
async fn at_13_a_digest_beside_another_credential_is_refused() {
    let gateway = start().await;
    let token = gateway.ann().await;
    for other in ["authorization", "x-authenticate", "x-auth-token"] {
        let value = match other {
            "authorization" => HeaderValue::try_from(format!("Bearer {}", token.expose())).unwrap(),
            "x-auth-token" => HeaderValue::try_from(token.expose()).unwrap(),
            _ => signed(&gateway, &ann(), 0),
        };
        let mut request = http::Request::get("/rest/call")
            .header("x-authenticate", signed(&gateway, &ann(), 0))
            .body(Bytes::new())
            .unwrap();
        request.headers_mut().append(other, value);
        assert_eq!(gateway.edge(request).await.status, 400, "{other}");
    }
}

#[tokio::test]
async fn at_38_whoever_is_not_let_in_hears_the_same() {
    let gateway = start().await;
    gateway
        .services
        .store
        .create_user(person("carl"))
        .await
        .unwrap();
    let disabled = User {
        disabled_at: Some(NOW),
        ..gateway
            .services
            .store
            .user("id-of-bob")
            .await
            .unwrap()
            .unwrap()
    };
    gateway
        .services
        .store
        .update_user(disabled, NOW)
        .await
        .unwrap();
    let mut told = Vec::new();
    for account in [
        account("ann", "default", "another password"),
        account("nobody", "default", PASSWORD),
        account("ann", "nowhere", PASSWORD),
        // Without a digest, and disabled.
        account("carl", "default", PASSWORD),
        account("bob", "default", PASSWORD),
        account("Ann", "default", PASSWORD),
        account("ann", "Default", PASSWORD),
    ] {
        let header = signed(&gateway, &account, 0);
        let answer = send(&gateway, LIST, &header, from(HOME)).await;
        let mut body = answer.json();
        body["decision_id"] = Value::Null;
        told.push((answer.status, answer.headers, body));
    }
    let first = told[0].clone();
    assert_eq!(first.0, 401);
    assert_eq!(first.2["code"], "invalid_digest");
    assert!(told.iter().all(|answer| *answer == first), "{told:?}");
    // Of each there is a row, and only what we know is in it.
    assert_eq!(events(&gateway).await, ["login_failed"; 7]);
}

/// A tenant of its own, with one user.
async fn tenant(gateway: &TestGateway, domain: &str, username: &str, password: &str) {
    let store = &gateway.services.store;
    let tenant = Tenant {
        id: format!("tenant-{domain}"),
        name: domain.to_owned(),
        region: "IT".to_owned(),
        call_limit: None,
        backend: None,
        created_at: NOW,
        time_zone: None,
        disabled_at: None,
    };
    store.create_tenant(tenant.clone()).await.unwrap();
    let user = User {
        tenant_id: tenant.id.clone(),
        username: username.to_owned(),
        ..person(&format!("{username}-{domain}"))
    };
    store.create_user(user).await.unwrap();
    let path = format!("/admin/tenants/{}/digest", tenant.id);
    let text = json!({ "domain": domain, "salt": SALT });
    put(gateway, &path, text).await.expect(200);
    set(
        gateway,
        &format!("{username}-{domain}"),
        json!({ "password": password }),
    )
    .await;
}

fn replaced(header: &HeaderValue, part: &str, other: &str) -> HeaderValue {
    let text = header.to_str().unwrap();
    assert!(text.contains(part), "{part}");
    text.replace(part, other).parse().unwrap()
}

#[tokio::test]
async fn at_42_a_digest_is_of_exactly_one_domain_and_one_user() {
    let gateway = start().await;
    tenant(&gateway, "main", "admin", "admin").await;
    let admin = account("admin", "main", "admin");
    // The digest is the same, and there is no such user.
    let shifted = |header: &HeaderValue| {
        let header = replaced(header, "\"admin\"", "\"adminm\"");
        replaced(&header, "\"main\"", "\"ain\"")
    };
    assert_eq!(
        status(&gateway, &shifted(&signed(&gateway, &admin, 0))).await,
        401
    );
    // Nor does it help that there is: it has a password of its own.
    tenant(&gateway, "ain", "adminm", "another").await;
    let header = signed(&gateway, &admin, 0);
    assert_eq!(status(&gateway, &shifted(&header)).await, 401);
    assert_eq!(status(&gateway, &header).await, 204);
    // With the same password, it is another user's all the same: its nonce is another, and it is counted by itself.
    set(&gateway, "adminm-ain", json!({ "password": "admin" })).await;
    assert_eq!(status(&gateway, &shifted(&header)).await, 204);
    assert_eq!(status(&gateway, &shifted(&header)).await, 401);
}

#[tokio::test]
async fn at_42_what_is_not_of_the_strict_form_is_refused() {
    let gateway = start().await;
    for (part, other) in [
        ("RestApiUsernameToken", "restapiusernametoken"),
        ("RestApiUsernameToken", "Bearer"),
        (", Domain", ",Domain"),
        ("Domain=\"default\"", "Domain=\"\""),
        ("Nonce=\"", "Nonce=\"xyz"),
        ("Z\"", "Z\", Domain=\"default\""),
        ("Z\"", "Z\" "),
        ("\"ann\"", "\"ann@default\""),
    ] {
        let header = replaced(&signed(&gateway, &ann(), 0), part, other);
        let answer = send(&gateway, LIST, &header, from(HOME)).await;
        let expected = (401, "invalid_digest".to_owned());
        assert_eq!(code(&answer), expected, "{other}");
    }
    let header = HeaderValue::from_bytes(b"RestApiUsernameToken Username=\"\xe9\"").unwrap();
    assert_eq!(status(&gateway, &header).await, 401);
    // None of them was a guess.
    assert_eq!(events(&gateway).await, [""; 0]);
}

#[tokio::test]
async fn a_name_of_another_alphabet_gets_in() {
    let gateway = start().await;
    tenant(&gateway, "österreich", "jürgen", "pässwörd€").await;
    assert!(gets_in(&gateway, &account("jürgen", "österreich", "pässwörd€")).await);
}

#[tokio::test]
async fn at_37_what_ends_a_digest_ends_it_at_once_and_everywhere() {
    for act in ["changed", "removed", "user", "password", "domain", "tenant"] {
        let gateway = start().await;
        let other = gateway.beside().await;
        assert!(gets_in(&gateway, &ann()).await && gets_in(&other, &ann()).await);
        let (user, tenant) = ("/admin/users/id-of-ann", "/admin/tenants/acme");
        let digest = |of: &str| format!("{of}/digest");
        let enabled = json!({ "enabled": false });
        let answer = match act {
            "changed" => put(&gateway, &digest(user), json!({ "password": "new" })).await,
            "removed" => gateway.admin_delete(&digest(user)).await,
            "user" => gateway.admin_patch(user, enabled).await,
            "password" => {
                gateway
                    .admin_patch(user, json!({ "password": "a new one" }))
                    .await
            }
            "domain" => gateway.admin_delete(&digest(tenant)).await,
            _ => gateway.admin_patch(tenant, enabled).await,
        };
        assert!(answer.status.is_success(), "{act}: {}", answer.text());
        assert!(!gets_in(&gateway, &ann()).await, "{act}");
        assert!(!gets_in(&other, &ann()).await, "{act}");
        let set = gateway
            .services
            .store
            .digest_password_set_at("id-of-ann")
            .await
            .unwrap();
        assert_eq!(
            set.is_some(),
            !["removed", "password"].contains(&act),
            "{act}"
        );
    }
}

#[tokio::test]
async fn a_request_that_lasts_goes_on_only_while_its_digest_would_be_right() {
    let gateway = start().await;
    let header = signed(&gateway, &ann(), 0);
    assert_eq!(status(&gateway, &header).await, 204);
    let request = http::Request::get("/rest/call").header("x-authenticate", &header);
    let (head, ()) = request.body(()).unwrap().into_parts();
    let edge = &gateway.version.edge.gateway;
    gateway.advance(Duration::from_hours(1)).await;
    assert!(edge.still_lets_in(&head).await);
    set(&gateway, "ann", json!({ "password": "another" })).await;
    assert!(!edge.still_lets_in(&head).await);
    // Which opened nothing anew.
    assert_eq!(gateway.services.store.used_names().await.unwrap(), 1);
}

// --- once ---

#[tokio::test]
async fn a_header_is_good_once() {
    let gateway = start().await;
    let header = signed(&gateway, &ann(), 0);
    assert_eq!(status(&gateway, &header).await, 204);
    let again = send(&gateway, CALL, &header, from(ELSEWHERE)).await;
    assert_eq!(code(&again), (401, "invalid_digest".to_owned()));
    assert!(again.text().contains("nonce"), "{}", again.text());
    assert_eq!(events(&gateway).await, ["digest_replayed"]);
    // A flood of them fills no disk.
    for _ in 0..150 {
        status(&gateway, &header).await;
    }
    assert_eq!(events(&gateway).await.len(), 101);
}

#[tokio::test]
async fn of_many_at_once_one_is_taken() {
    let gateway = start().await;
    let other = gateway.beside().await;
    let header = signed(&gateway, &ann(), 0);
    let sent = (0..40).map(|n| status(if n % 2 == 0 { &gateway } else { &other }, &header));
    let statuses = join_all(sent).await;
    let taken = statuses.iter().filter(|status| **status == 204).count();
    assert_eq!(taken, 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [204, 401].contains(status)));
}

#[tokio::test]
async fn at_40_a_header_of_the_future_is_not_taken_again_while_it_counts() {
    let gateway = start().await;
    let header = signed(&gateway, &ann(), 299);
    assert_eq!(status(&gateway, &header).await, 204);
    for seconds in [1, 299, 1, 1, 200, 96, 1] {
        gateway.advance(Duration::from_secs(seconds)).await;
        replay::prune(&gateway.services.store, gateway.clock.now())
            .await
            .unwrap();
        let answer = send(&gateway, LIST, &header, from(HOME)).await;
        assert!(answer.text().contains("used before"), "{}", answer.text());
        // Nor at a gateway that has no memory of it.
        let other = gateway.beside().await;
        let answer = send(&other, LIST, &header, from(HOME)).await;
        assert!(answer.text().contains("used before"), "{}", answer.text());
    }
    assert_eq!(gateway.clock.now(), NOW + 599_000);
    gateway.advance(Duration::from_secs(1)).await;
    let answer = send(&gateway, LIST, &header, from(HOME)).await;
    assert!(answer.text().contains("clock"), "{}", answer.text());
}

#[tokio::test]
async fn at_43_a_flood_of_wrong_digests_is_not_kept_and_evicts_nothing() {
    let gateway = start().await;
    let store = &gateway.services.store;
    let good = signed(&gateway, &ann(), 0);
    assert_eq!(status(&gateway, &good).await, 204);
    let wrong = account("ann", "default", "wrong");
    for n in 0..300_u32 {
        // From everywhere, so that no limit hides what becomes of them.
        let client = IpAddr::from((0xC000_0000 + n).to_be_bytes());
        assert_eq!(
            status_from(&gateway, &signed(&gateway, &wrong, 0), client).await,
            401
        );
    }
    assert_eq!(store.used_names().await.unwrap(), 1);
    assert_eq!(status(&gateway, &good).await, 401);
    // A nonce that was sent with a wrong digest is still good with the right one.
    let header = signed(&gateway, &ann(), 0);
    let digest = header
        .to_str()
        .unwrap()
        .split('"')
        .nth(5)
        .unwrap()
        .to_owned();
    let spoiled = replaced(&header, &digest, &format!("{}=", "A".repeat(43)));
    assert_eq!(status_from(&gateway, &spoiled, ELSEWHERE).await, 401);
    assert_eq!(status(&gateway, &header).await, 204);
    assert_eq!(store.used_names().await.unwrap(), 2);
}

#[tokio::test]
async fn a_digest_that_cannot_be_remembered_opens_nothing() {
    let gateway = start().await;
    let broken = gateway.services.store.write(|c| {
        Box::pin(async move {
            sqlx::query("DROP TABLE used_names").execute(c).await?;
            Ok(())
        })
    });
    broken.await.unwrap();
    let header = signed(&gateway, &ann(), 0);
    assert_eq!(status(&gateway, &header).await, 503);
    assert_eq!(status(&gateway, &header).await, 401);
}

// --- limits ---

#[tokio::test]
async fn wrong_digests_are_limited_by_user_and_address_and_nobody_else_is() {
    let gateway = start().await;
    let wrong = account("ann", "default", "wrong");
    for _ in 0..10 {
        assert_eq!(status(&gateway, &signed(&gateway, &wrong, 0)).await, 401);
    }
    // Also for the right one, as whoever guesses must not hear of it.
    let answer = send(&gateway, LIST, &signed(&gateway, &ann(), 0), from(HOME)).await;
    assert_eq!(code(&answer), (429, "too_many_attempts".to_owned()));
    assert_eq!(answer.header("retry-after"), "600");
    // The right user elsewhere, and others from there, notice nothing.
    let ann_elsewhere = signed(&gateway, &ann(), 0);
    assert_eq!(status_from(&gateway, &ann_elsewhere, ELSEWHERE).await, 204);
    assert!(gets_in(&gateway, &account("bob", "default", PASSWORD)).await);
    gateway.advance(Duration::from_mins(10)).await;
    assert!(gets_in(&gateway, &ann()).await);
}

#[tokio::test]
async fn an_address_that_invents_names_is_limited_whoever_they_are() {
    let gateway = start().await;
    for n in 0..100 {
        let nobody = account(&format!("user{n}"), "default", PASSWORD);
        assert_eq!(status(&gateway, &signed(&gateway, &nobody, 0)).await, 401);
    }
    assert_eq!(status(&gateway, &signed(&gateway, &ann(), 0)).await, 429);
    assert_eq!(
        status_from(&gateway, &signed(&gateway, &ann(), 0), ELSEWHERE).await,
        204
    );
}

#[tokio::test]
async fn guesses_that_come_at_once_do_not_pass_together() {
    let gateway = start().await;
    let wrong = account("ann", "default", "wrong");
    let headers: Vec<_> = (0..200).map(|_| signed(&gateway, &wrong, 0)).collect();
    let statuses = join_all(headers.iter().map(|header| status(&gateway, header))).await;
    let looked_at = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!(looked_at, 10);
}

#[tokio::test]
async fn right_digests_are_not_limited_however_many_come_at_once() {
    let gateway = start().await;
    let headers: Vec<_> = (0..300).map(|_| signed(&gateway, &ann(), 0)).collect();
    let statuses = join_all(headers.iter().map(|header| status(&gateway, header))).await;
    assert!(statuses.iter().all(|status| *status == 204));
}

// --- at rest, and in administration ---

#[tokio::test]
async fn the_digest_password_lies_sealed_and_is_never_shown() {
    let gateway = start().await;
    let salt = Salt::parse(SALT).unwrap();
    let password = DigestPassword::of(&Secret::new(PASSWORD), &salt);
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT user_id, sealed FROM digest_passwords ORDER BY user_id")
            .fetch_all(gateway.services.store.readers())
            .await
            .unwrap();
    assert_eq!(rows.len(), 2);
    for (_, sealed) in &rows {
        assert!(!sealed.contains(password.expose()));
    }
    // Each is sealed for its user: what is moved to another row opens no more.
    let moved = rows[0].1.clone();
    let act = gateway.services.store.write(move |c| {
        Box::pin(async move {
            sqlx::query("UPDATE digest_passwords SET sealed = $1 WHERE user_id = 'id-of-bob'")
                .bind(moved)
                .execute(c)
                .await?;
            Ok(())
        })
    });
    act.await.unwrap();
    assert!(!gets_in(&gateway, &account("bob", "default", PASSWORD)).await);

    let shown = gateway
        .admin_get("/admin/users/id-of-ann/digest")
        .await
        .expect(200);
    assert_eq!(shown.json(), json!({ "set_at": "2026-11-22T02:39:33Z" }));
    let log = gateway
        .admin_get("/admin/audit?user=acme/ann")
        .await
        .expect(200);
    assert!(log.text().contains("user.digest.set"), "{}", log.text());
    assert!(!log.text().contains(password.expose()) && !log.text().contains(PASSWORD));
}

#[tokio::test]
async fn a_tenants_domain_is_given_shown_and_taken() {
    let gateway = TestGateway::with(SCOPE).await;
    let path = "/admin/tenants/acme/digest";
    assert_eq!(gateway.admin_get(path).await.status, 404);
    let made = put(&gateway, path, json!({ "domain": "default" }))
        .await
        .expect(200)
        .json();
    assert_eq!(made["salt"].as_str().unwrap().len(), 32);
    assert_eq!(made["policies"], Value::Null);
    // Another domain leaves the salt as it is, which clients have fetched.
    let moved = put(&gateway, path, json!({ "domain": "acme.example" }))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&moved["salt"], &moved["domain"]),
        (&made["salt"], &json!("acme.example"))
    );
    for wrong in [
        json!({ "domain": "" }),
        json!({ "domain": "a@b" }),
        json!({ "domain": "default", "salt": "a{b" }),
        json!({ "domain": "default", "salt": "" }),
        json!({ "domain": "default", "other": 1 }),
    ] {
        assert_eq!(
            put(&gateway, path, wrong.clone()).await.status,
            400,
            "{wrong}"
        );
    }
    tenant(&gateway, "taken", "admin", "admin").await;
    assert_eq!(
        put(&gateway, path, json!({ "domain": "taken" }))
            .await
            .status,
        409
    );
    assert_eq!(
        put(
            &gateway,
            "/admin/tenants/none/digest",
            json!({ "domain": "x" })
        )
        .await
        .status,
        404
    );
    gateway.admin_delete(path).await.expect(204);
    gateway.admin_delete(path).await.expect(404);
}

#[tokio::test]
async fn a_secret_that_cannot_be_one_is_refused() {
    let gateway = start().await;
    let path = "/admin/users/id-of-ann/digest";
    for wrong in [
        json!({}),
        json!({ "password": "" }),
        json!({ "password": "x".repeat(1025) }),
        json!({ "digest_password": "abc" }),
        json!({ "digest_password": "g".repeat(64) }),
        json!({ "password": "a", "digest_password": "a".repeat(64) }),
    ] {
        assert_eq!(
            put(&gateway, path, wrong.clone()).await.status,
            400,
            "{wrong}"
        );
    }
    // A name that cannot stand in the header.
    let user = User {
        username: "eve@acme.example".to_owned(),
        ..person("eve")
    };
    gateway.services.store.create_user(user).await.unwrap();
    let answer = put(
        &gateway,
        "/admin/users/id-of-eve/digest",
        json!({ "password": "p" }),
    )
    .await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(gets_in(&gateway, &ann()).await);
}

// --- salts ---

async fn salt(gateway: &TestGateway, domain: &str, accept: Option<&str>) -> Answer {
    let mut request = http::Request::get(format!("/rest/salt/{domain}"));
    if let Some(accept) = accept {
        request = request.header("accept", accept);
    }
    gateway.edge(request.body(Bytes::new()).unwrap()).await
}

#[tokio::test]
async fn the_salt_of_a_domain_is_told_as_kalliope_tells_it() {
    let gateway = start().await;
    for accept in [
        "application/json",
        "json",
        "text/html, application/json;q=0.5",
    ] {
        let answer = salt(&gateway, "default", Some(accept)).await;
        assert_eq!(
            answer.header("content-type"),
            "application/json",
            "{accept}"
        );
        assert_eq!(answer.json(), json!({ "salt": SALT }));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    for accept in [None, Some("application/xml"), Some("*/*"), Some("")] {
        let answer = salt(&gateway, "default", accept).await;
        assert_eq!(
            answer.header("content-type"),
            "application/xml",
            "{accept:?}"
        );
        assert!(
            answer.text().contains(&format!("<salt>{SALT}</salt>")),
            "{}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn a_domain_that_there_is_not_has_a_salt_that_stays() {
    let gateway = start().await;
    let json = Some("application/json");
    let told = |answer: Answer| answer.json()["salt"].as_str().unwrap().to_owned();
    let first = told(salt(&gateway, "nowhere", json).await);
    let other = gateway.beside().await;
    assert_eq!(told(salt(&other, "nowhere", json).await), first);
    assert_ne!(told(salt(&gateway, "Default", json).await), SALT);
    let looks =
        |salt: &str| salt.len() == 32 && salt.bytes().all(|b| b"0123456789abcdef".contains(&b));
    assert!(looks(&first) && looks(SALT));
    // A tenant that is disabled is as if it were none.
    let path = "/admin/tenants/acme";
    gateway
        .admin_patch(path, json!({ "enabled": false }))
        .await
        .expect(200);
    assert_ne!(told(salt(&gateway, "default", json).await), SALT);
    for odd in ["%20", "a%22b", "%C3%BC", "a@b"] {
        assert!(looks(&told(salt(&gateway, odd, json).await)), "{odd}");
    }
}

#[tokio::test]
async fn salts_are_limited_by_address() {
    let gateway = start().await;
    for n in 0..100 {
        assert_eq!(salt(&gateway, &format!("d{n}"), None).await.status, 200);
    }
    let answer = salt(&gateway, "default", Some("application/xml")).await;
    assert_eq!(answer.status, 429);
    assert!(!answer.header("retry-after").is_empty());
    assert_eq!(answer.header("content-type"), "application/problem+xml");
}
