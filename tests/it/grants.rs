//! Grants and logins that an administrator ends: what came of them ends with the very next request.

use crate::harness::{OPERATOR, TestGateway, user};
use crate::oauth::{
    Browser, calls_with, code, code_for, encoded, exchange, parameters, refresh, token, tokens,
    wish,
};
use serde_json::{Value, json};

async fn grants(gateway: &TestGateway, query: &str) -> Value {
    let list = gateway.admin_get(&format!("/admin/grants?{query}")).await;
    list.expect(200).json()["items"].clone()
}

/// What `crm` gets once a user allows it, or has allowed it before.
async fn allowed(gateway: &TestGateway, name: &str) -> Value {
    let mut browser = Browser::new(gateway);
    let logged_in = browser.log_in(name, &wish()).await;
    let mut answer = browser.get(logged_in.header("location")).await;
    if answer.status == 200 {
        answer = browser.submit(&answer, &[("grant", "true")]).await;
    }
    let code = &parameters(answer.header("location"))["code"];
    token(gateway, &exchange(code)).await.expect(200).json()
}

/// Ends the only grant of ann.
async fn revoke(gateway: &TestGateway) {
    let id = grants(gateway, "user=acme/ann").await[0]["id"].clone();
    let path = format!("/admin/grants/{}", id.as_str().unwrap());
    gateway.admin_delete(&path).await.expect(204);
    gateway.admin_delete(&path).await.expect(404);
}

#[tokio::test]
async fn a_grant_tells_who_may_do_what_and_since_when() {
    let gateway = TestGateway::start().await;
    tokens(&gateway).await;
    let list = grants(&gateway, "user=acme/ann&client=crm").await;
    let grant = &list[0];
    assert_eq!(
        list,
        json!([{
            "id": grant["id"], "user": "id-of-ann", "client": "crm", "client_name": "Acme CRM", "scope": ["call"],
            "created_at": "2026-11-22T02:39:33Z", "used_at": "2026-11-22T02:39:33Z"
        }])
    );
    assert_eq!(grants(&gateway, "client=other").await, json!([]));
    assert_eq!(grants(&gateway, "user=acme/bob").await, json!([]));
    assert_eq!(grants(&gateway, "").await, list);
}

#[tokio::test]
async fn at_37_a_revoked_grant_ends_all_its_families_with_the_very_next_request() {
    let gateway = TestGateway::start().await;
    let (first, second) = (
        allowed(&gateway, "ann").await,
        allowed(&gateway, "ann").await,
    );
    let of_bob = allowed(&gateway, "bob").await;
    let itself = token(&gateway, &[("grant_type", "client_credentials")]).await;
    let itself = itself.json();
    for issued in [&first, &second, &of_bob, &itself] {
        assert_eq!(calls_with(&gateway, &issued["access_token"]).await, 204);
    }
    revoke(&gateway).await;
    for ended in [&first, &second] {
        assert_eq!(calls_with(&gateway, &ended["access_token"]).await, 401);
        let value = ended["refresh_token"].as_str().unwrap();
        assert_eq!(refresh(&gateway, value).await.status, 400);
    }
    for live in [&of_bob, &itself] {
        assert_eq!(calls_with(&gateway, &live["access_token"]).await, 204);
    }
}

#[tokio::test]
async fn one_record_tells_of_a_revoked_grant_however_many_tokens_it_had() {
    let gateway = TestGateway::start().await;
    for _ in 0..3 {
        allowed(&gateway, "ann").await;
    }
    let before = gateway.services.store.revocation_head().await.unwrap();
    revoke(&gateway).await;
    let after = gateway.services.store.revocation_head().await.unwrap();
    assert_eq!(after - before, 1);
}

#[tokio::test]
async fn a_revoked_grant_ends_codes_and_the_memory_of_the_consent() {
    let gateway = TestGateway::start().await;
    let code = code(&gateway).await;
    revoke(&gateway).await;
    assert_eq!(token(&gateway, &exchange(&code)).await.status, 400);
    let mut browser = Browser::new(&gateway);
    browser.log_in("ann", &wish()).await;
    let asked = browser
        .get(&format!("/auth/grant?{}", encoded(wish())))
        .await;
    assert_eq!(asked.status, 200, "the user is asked again");
    // What is allowed anew is a grant of its own.
    let again = token(&gateway, &exchange(&code_for(&gateway, &wish()).await)).await;
    let again = again.json();
    assert_eq!(calls_with(&gateway, &again["access_token"]).await, 204);
}

#[tokio::test]
async fn who_ended_a_grant_stands_in_the_audit_log() {
    let gateway = TestGateway::start().await;
    tokens(&gateway).await;
    revoke(&gateway).await;
    let log = gateway
        .admin_get("/admin/audit?user=acme/ann&limit=1")
        .await;
    let entry = log.json()["items"][0].clone();
    assert_eq!(entry["event"], "administration");
    assert_eq!(
        (&entry["client"], &entry["tenant"]),
        (&json!("crm"), &json!("acme"))
    );
    assert_eq!(entry["detail"]["act"], "grant.revoke");
    assert_eq!(entry["detail"]["by"], "operator");
    assert!(!entry.to_string().contains(OPERATOR));
}

#[tokio::test]
async fn a_user_is_logged_out_of_all_browsers_and_applications_keep_their_tokens() {
    let gateway = TestGateway::start().await;
    let token = gateway.token(user("ann"), &["calls.#"]).await;
    let (mut first, mut second, mut bob) = (
        Browser::new(&gateway),
        Browser::new(&gateway),
        Browser::new(&gateway),
    );
    for (browser, name) in [(&mut first, "ann"), (&mut second, "ann"), (&mut bob, "bob")] {
        browser.log_in(name, &wish()).await;
    }
    let ended = gateway.admin_delete("/admin/sessions?user=acme/ann").await;
    assert_eq!(ended.expect(200).json(), json!({ "ended": 2 }));
    let path = format!("/auth/grant?{}", encoded(wish()));
    for browser in [&mut first, &mut second] {
        assert_eq!(browser.get(&path).await.status, 303);
    }
    assert_eq!(bob.get(&path).await.status, 200);
    let call = crate::harness::get("/rest/call", &token);
    assert_eq!(gateway.edge(call).await.status, 204);
    gateway.admin_delete("/admin/sessions").await.expect(400);
}
