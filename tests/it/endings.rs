//! All that ends an access token, at two gateways on one store: here with the very next request, there once it has heard of it.

use crate::account::{at_home, send};
use crate::harness::{Answer, PASSWORD, TestGateway, user};
use crate::oauth::{CRM, calls_with, code, exchange, post, refresh, token};
use serde_json::{Value, json};
use std::time::Duration;

/// What ends it, and whether it ends all tokens of the client, be they whose they may.
const ENDINGS: [(&str, bool); 14] = [
    ("the token, by its client", false),
    ("its refresh token, by its client", false),
    ("its refresh token, used again", false),
    ("its code, used again", false),
    ("the token, by an administrator", false),
    ("the grant, by an administrator", false),
    ("the grant, by its user", false),
    ("all of the user", false),
    ("all of the client", true),
    ("the user, disabled", false),
    ("another password, by an administrator", false),
    ("another password, by the user", false),
    ("the client, disabled", true),
    ("the tenant, disabled", true),
];

/// Tokens of ann, whose code is in them.
async fn issued(gateway: &TestGateway) -> Value {
    let code = code(gateway).await;
    let answer = token(gateway, &exchange(&code)).await.expect(200);
    let mut set = answer.json();
    set["code"] = json!(code);
    set
}

fn text<'v>(set: &'v Value, name: &str) -> &'v str {
    set[name].as_str().unwrap()
}

async fn id_of(gateway: &TestGateway, what: &str) -> String {
    let list = gateway
        .admin_get(&format!("/admin/{what}?user=acme/ann"))
        .await
        .json();
    text(&list["items"][0], "id").to_owned()
}

async fn end(gateway: &TestGateway, what: &str, set: &Value) -> Answer {
    let revoked = |name: &'static str| [("token", text(set, name))];
    let off = json!({ "enabled": false });
    match what {
        "the token, by its client" => {
            post(gateway, "/oauth/revoke", CRM, &revoked("access_token")).await
        }
        "its refresh token, by its client" => {
            post(gateway, "/oauth/revoke", CRM, &revoked("refresh_token")).await
        }
        "its refresh token, used again" => {
            refresh(gateway, text(set, "refresh_token"))
                .await
                .expect(200);
            gateway.advance(Duration::from_mins(1)).await;
            refresh(gateway, text(set, "refresh_token"))
                .await
                .expect(400)
        }
        "its code, used again" => token(gateway, &exchange(text(set, "code")))
            .await
            .expect(400),
        "the token, by an administrator" => {
            let list = gateway
                .admin_get("/admin/tokens?user=acme/ann")
                .await
                .json();
            let items = list["items"].as_array().unwrap();
            let access = items.iter().find(|item| item["class"] == "access").unwrap();
            let path = format!("/admin/tokens/{}", text(access, "id"));
            gateway.admin_delete(&path).await
        }
        "the grant, by an administrator" => {
            let path = format!("/admin/grants/{}", id_of(gateway, "grants").await);
            gateway.admin_delete(&path).await
        }
        "the grant, by its user" => {
            let mut browser = at_home(gateway, "ann", 9).await;
            send(&mut browser, ("/account/applications", ""), &[]).await
        }
        "all of the user" => {
            let holder = json!({ "user": "acme/ann" });
            gateway.admin_post("/admin/tokens/revoke", holder).await
        }
        "all of the client" => {
            let holder = json!({ "client": "crm" });
            gateway.admin_post("/admin/tokens/revoke", holder).await
        }
        "the user, disabled" => gateway.admin_patch("/admin/users/id-of-ann", off).await,
        "another password, by an administrator" => {
            let change = json!({ "password": "another good one" });
            gateway.admin_patch("/admin/users/id-of-ann", change).await
        }
        "another password, by the user" => {
            let mut browser = at_home(gateway, "ann", 9).await;
            let typed = [
                ("current_password", PASSWORD),
                ("new_password", "another good one"),
                ("new_password_again", "another good one"),
            ];
            send(&mut browser, ("/account/password", ""), &typed).await
        }
        "the client, disabled" => gateway.admin_patch("/admin/clients/crm", off).await,
        "the tenant, disabled" => gateway.admin_patch("/admin/tenants/acme", off).await,
        other => panic!("{other}"),
    }
}

/// Tries each with access tokens of this format.
async fn try_all(format: &str) {
    for (what, ends_all) in ENDINGS {
        let gateway = TestGateway::with("oauth.signing_algorithm = 'ES256'").await;
        let change = json!({ "token_format": format });
        let changed = gateway.admin_patch("/admin/clients/crm", change).await;
        changed.expect(200);
        let other = gateway.beside().await;
        let set = issued(&gateway).await;
        let access = &set["access_token"];
        let bob = gateway.token(user("bob"), &["calls.#"]).await;
        let bob = json!(bob.expose());
        for at in [&gateway, &other] {
            for known in [access, access, &bob] {
                assert_eq!(calls_with(at, known).await, 204, "{format}: {what}");
            }
        }
        let ended = end(&gateway, what, &set).await;
        assert!(!ended.status.is_server_error(), "{what}: {}", ended.text());
        // Here with the very next request; there within the second in which it looks for what has ended.
        assert_eq!(calls_with(&gateway, access).await, 401, "{format}: {what}");
        other.services.follower.catch_up().await.unwrap();
        assert_eq!(calls_with(&other, access).await, 401, "{format}: {what}");
        for at in [&gateway, &other] {
            let status = calls_with(at, &bob).await;
            assert_eq!(status == 401, ends_all, "{format}: {what}");
            if !what.starts_with("the token") {
                let renewed = refresh(at, text(&set, "refresh_token")).await;
                assert!(renewed.status.is_client_error(), "{format}: {what}");
            }
        }
    }
}

#[tokio::test]
async fn at_37_whatever_ends_a_token_ends_it_at_all_gateways_on_the_store() {
    try_all("opaque").await;
}

#[tokio::test]
async fn at_37_whatever_ends_a_token_ends_it_though_its_signature_is_good() {
    try_all("jwt").await;
}
