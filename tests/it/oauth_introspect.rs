//! Introspection (RFC 7662): who may ask about which token, and what they are told.

use crate::harness::{Answer, CRM_SECRET, NOW, ORIGIN, TestGateway};
use crate::oauth::{
    Browser, CRM, basic, client, code_for, exchange, post, public_client, refresh, token, tokens,
    wish, wish_with,
};
use bytes::Bytes;
use callgate::storage::users::User;
use callgate::token::Class;
use serde_json::{Value, json};
use std::time::Duration;

const PATH: &str = "/oauth/introspect";
/// A resource server that the tokens of `crm` are for.
const SERVER: Option<(&str, &str)> = Some(("server", CRM_SECRET));

async fn ask(gateway: &TestGateway, who: Option<(&str, &str)>, token: &Value) -> Answer {
    post(gateway, PATH, who, &[("token", token.as_str().unwrap())]).await
}

#[track_caller]
fn is_inactive(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json(), json!({ "active": false }));
}

/// A gateway with `server`, which the tokens of `crm` are for, and `other`, which they are not for.
async fn with_servers() -> TestGateway {
    let gateway = TestGateway::start().await;
    for id in ["server", "other"] {
        client(&gateway, id, |_| ()).await;
    }
    let change = json!({ "audience": ["server"] });
    gateway
        .admin_patch("/admin/clients/crm", change)
        .await
        .expect(200);
    gateway
}

#[tokio::test]
async fn i01_whoever_does_not_prove_who_they_are_is_told_to() {
    let gateway = with_servers().await;
    public_client(&gateway, "spa").await;
    let access = tokens(&gateway).await["access_token"].clone();
    let by_name = [("token", access.as_str().unwrap()), ("client_id", "spa")];
    for answer in [
        ask(&gateway, None, &access).await,
        ask(&gateway, Some(("crm", "wrong")), &access).await,
        ask(&gateway, Some(("nobody", "wrong")), &access).await,
        post(&gateway, PATH, None, &by_name).await,
        post(&gateway, PATH, None, &[by_name[0], ("client_id", "")]).await,
    ] {
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error"]),
            (401, &json!("invalid_client"))
        );
        assert!(answer.header("www-authenticate").starts_with("Basic "));
    }
    let bearer = http::Request::post(PATH)
        .header("content-type", "application/x-www-form-urlencoded")
        .header(
            "authorization",
            format!("Bearer {}", access.as_str().unwrap()),
        )
        .body(Bytes::from(format!("token={}", access.as_str().unwrap())));
    assert_eq!(gateway.edge(bearer.unwrap()).await.status, 401);
}

#[tokio::test]
async fn i02_its_client_learns_what_a_token_is_worth() {
    let gateway = with_servers().await;
    let first = tokens(&gateway).await;
    let answer = ask(&gateway, CRM, &first["access_token"]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        (
            answer.header("content-type"),
            answer.header("cache-control")
        ),
        ("application/json", "no-store")
    );
    let mut told = answer.json();
    assert!(!told["jti"].as_str().unwrap().is_empty());
    told["jti"] = Value::Null;
    let (now, jti) = (NOW / 1000, Value::Null);
    assert_eq!(
        told,
        json!({
            "active": true, "scope": "call", "client_id": "crm", "username": "ann", "sub": "user:id-of-ann",
            "token_type": "Bearer", "iat": now, "nbf": now, "exp": now + 3600, "jti": jti,
            "aud": [ORIGIN, "server"], "iss": ORIGIN,
        })
    );
    let renewal = ask(&gateway, CRM, &first["refresh_token"]).await.json();
    assert_eq!(renewal["active"], true);
    assert_eq!(renewal["aud"], ORIGIN);
    assert_eq!(renewal["exp"], now + 30 * 24 * 3600);
    assert_eq!(
        renewal.get("token_type"),
        None,
        "nobody may take it for an access token"
    );
}

#[tokio::test]
async fn i02_a_resource_server_may_ask_about_the_access_tokens_that_are_for_it() {
    let gateway = with_servers().await;
    let first = tokens(&gateway).await;
    let told = ask(&gateway, SERVER, &first["access_token"]).await.json();
    assert_eq!(
        (&told["active"], &told["client_id"]),
        (&json!(true), &json!("crm"))
    );
    is_inactive(&ask(&gateway, SERVER, &first["refresh_token"]).await);
}

#[tokio::test]
async fn i03_what_is_not_active_is_that_and_nothing_else() {
    let gateway = with_servers().await;
    let first = tokens(&gateway).await;
    let second = refresh(&gateway, first["refresh_token"].as_str().unwrap())
        .await
        .json();
    is_inactive(&ask(&gateway, CRM, &first["refresh_token"]).await);
    let unknown = gateway.services.mint.mint(Class::Access).token;
    for text in [unknown.expose(), "cg_at_x", "a.b.c", "\u{e9}", "%00"] {
        is_inactive(&ask(&gateway, CRM, &json!(text)).await);
    }
    let cookie = session_cookie(&gateway).await;
    is_inactive(&ask(&gateway, CRM, &json!(cookie)).await);
    let revoked = [("token", second["access_token"].as_str().unwrap())];
    post(&gateway, "/oauth/revoke", CRM, &revoked).await;
    is_inactive(&ask(&gateway, CRM, &second["access_token"]).await);
    gateway.advance(Duration::from_hours(1)).await;
    is_inactive(&ask(&gateway, CRM, &first["access_token"]).await);
    assert_eq!(
        ask(&gateway, CRM, &second["refresh_token"]).await.json()["active"],
        true
    );
    gateway.advance(Duration::from_hours(31 * 24)).await;
    is_inactive(&ask(&gateway, CRM, &second["refresh_token"]).await);
    let nothing = post(&gateway, PATH, CRM, &[]).await;
    assert_eq!(nothing.json()["error"], "invalid_request");
}

async fn session_cookie(gateway: &TestGateway) -> String {
    let mut browser = Browser::new(gateway);
    browser.log_in("bob", &wish()).await;
    browser.cookies["__Host-callgate"].clone()
}

#[tokio::test]
async fn i03_a_token_of_a_disabled_user_is_not_active() {
    let gateway = with_servers().await;
    let first = tokens(&gateway).await;
    let disabled = json!({ "enabled": false });
    gateway
        .admin_patch("/admin/users/id-of-ann", disabled)
        .await
        .expect(200);
    for name in ["access_token", "refresh_token"] {
        is_inactive(&ask(&gateway, CRM, &first[name]).await);
    }
}

#[tokio::test]
async fn i03_tenants_know_nothing_of_one_anothers_tokens() {
    let gateway = with_servers().await;
    let tenant = json!({ "id": "beta", "name": "Beta", "region": "IT" });
    gateway
        .admin_post("/admin/tenants", tenant)
        .await
        .expect(201);
    client(&gateway, "foreign", |client| {
        client.tenant_id = "beta".to_owned();
    })
    .await;
    let change = json!({ "audience": ["server", "foreign"] });
    gateway
        .admin_patch("/admin/clients/crm", change)
        .await
        .expect(200);
    let access = tokens(&gateway).await["access_token"].clone();
    is_inactive(&ask(&gateway, Some(("foreign", CRM_SECRET)), &access).await);
}

#[tokio::test]
async fn i04_at_34_a_client_that_a_token_is_not_for_learns_nothing() {
    let gateway = with_servers().await;
    let first = tokens(&gateway).await;
    for name in ["access_token", "refresh_token"] {
        is_inactive(&ask(&gateway, Some(("other", CRM_SECRET)), &first[name]).await);
    }
}

#[tokio::test]
async fn i05_a_token_in_an_address_is_not_looked_at() {
    let gateway = with_servers().await;
    let request = http::Request::get(format!("{PATH}?token=x"))
        .header("authorization", basic("crm", CRM_SECRET))
        .body(Bytes::new());
    let answer = gateway.edge(request.unwrap()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("allow")),
        (405, "POST")
    );
}

#[tokio::test]
async fn g03_a_client_that_is_called_like_a_user_is_not_that_user() {
    let gateway = with_servers().await;
    let ann: User = gateway
        .services
        .store
        .user("id-of-ann")
        .await
        .unwrap()
        .unwrap();
    client(&gateway, &ann.id, |_| ()).await;
    let form = [("grant_type", "client_credentials"), ("scope", "call")];
    let twin = Some((ann.id.as_str(), CRM_SECRET));
    let own = post(&gateway, "/oauth/token", twin, &form).await.json();
    let told = ask(&gateway, twin, &own["access_token"]).await.json();
    assert_eq!(told["sub"], "client:id-of-ann");
    assert_eq!(told["client_id"], "id-of-ann");
    assert_eq!(told.get("username"), None);
    let of_ann = tokens(&gateway).await;
    let told = ask(&gateway, CRM, &of_ann["access_token"]).await.json();
    assert_eq!(told["sub"], "user:id-of-ann");
}

#[tokio::test]
async fn i03_guessing_is_counted_but_no_stranger_locks_a_resource_server_out() {
    let gateway = with_servers().await;
    let change = json!({ "audience": ["server"] });
    gateway
        .admin_patch("/admin/clients/other", change)
        .await
        .expect(200);
    for (id, last) in [("server", 200), ("other", 429)] {
        let who = Some((id, CRM_SECRET));
        for _ in 0..100 {
            is_inactive(&ask(&gateway, who, &json!("a guess")).await);
        }
        let answer = ask(&gateway, who, &json!("a guess")).await;
        assert_eq!(answer.status, last, "{id}");
    }
}

#[tokio::test]
async fn k02_the_metadata_names_the_endpoint_and_how_to_authenticate_there() {
    let gateway = TestGateway::start().await;
    let path = "/.well-known/oauth-authorization-server";
    let request = http::Request::get(path).body(Bytes::new()).unwrap();
    let document = gateway.edge(request).await.json();
    assert_eq!(
        document["introspection_endpoint"],
        format!("{ORIGIN}{PATH}")
    );
    let methods = &document["introspection_endpoint_auth_methods_supported"];
    assert!(!methods.as_array().unwrap().contains(&json!("none")));
}

#[tokio::test]
async fn i02_a_token_of_a_narrower_scope_tells_that_scope() {
    let gateway = with_servers().await;
    let code = code_for(&gateway, &wish_with(&[("scope", "call pbx")])).await;
    let first = token(&gateway, &exchange(&code)).await.json();
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", first["refresh_token"].as_str().unwrap()),
        ("scope", "pbx"),
    ];
    let narrow = token(&gateway, &form).await.json();
    let told = ask(&gateway, CRM, &narrow["access_token"]).await.json();
    assert_eq!(told["scope"], "pbx");
}
