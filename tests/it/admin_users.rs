//! Administration of users, and of tokens: what it revokes ends at once.

use crate::harness::{PASSWORD, TestGateway, form, get, user};
use callgate::auth::password;
use callgate::secret::Secret;
use http::Method;
use serde_json::{Value, json};

const ANN: &str = "/admin/users/id-of-ann";

async fn may_call(gateway: &TestGateway, token: &Secret) -> bool {
    let status = gateway.edge(get("/rest/call", token)).await.status;
    assert!(status == 204 || status == 401, "{status}");
    status == 204
}

async fn password_hash(gateway: &TestGateway, id: &str) -> Option<String> {
    let user = gateway.services.store.user(id).await.unwrap();
    user.unwrap().password_hash
}

#[tokio::test]
async fn a_user_is_created_with_a_password_that_is_shown_once() {
    let gateway = TestGateway::start().await;
    let made = gateway
        .admin_post(
            "/admin/users",
            json!({ "tenant": "acme", "username": "eve" }),
        )
        .await
        .expect(201);
    let location = made.header("location").to_owned();
    let made = made.json();
    let id = made["id"].as_str().unwrap();
    let password = made["password"].as_str().unwrap();
    let hash = password_hash(&gateway, id).await;
    assert!(password::verify(password, hash.as_deref()).await.unwrap());

    let shown = gateway.admin_get(&location).await.expect(200);
    assert!(!shown.text().contains(password));
    assert!(!shown.text().contains("argon2"), "{}", shown.text());
    assert_eq!(shown.json()["can_log_in"], true);
}

#[tokio::test]
async fn a_password_that_is_given_is_taken_and_not_shown() {
    let gateway = TestGateway::start().await;
    let body = json!({ "tenant": "acme", "username": "eve", "password": "file:/etc/hostname" });
    let made = gateway
        .admin_post("/admin/users", body)
        .await
        .expect(201)
        .json();
    assert_eq!(made["password"], Value::Null);
    let hash = password_hash(&gateway, made["id"].as_str().unwrap()).await;
    assert!(
        password::verify("file:/etc/hostname", hash.as_deref())
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_user_may_have_no_password() {
    let gateway = TestGateway::start().await;
    let body = json!({ "tenant": "acme", "username": "eve", "password": null });
    let made = gateway
        .admin_post("/admin/users", body)
        .await
        .expect(201)
        .json();
    assert_eq!(made["can_log_in"], false);
    assert_eq!(
        password_hash(&gateway, made["id"].as_str().unwrap()).await,
        None
    );
}

#[tokio::test]
async fn a_user_that_cannot_be_is_refused() {
    let gateway = TestGateway::start().await;
    let long = "x".repeat(129);
    for (body, status, why) in [
        (
            json!({ "tenant": "acme", "username": "" }),
            400,
            "a username",
        ),
        (json!({ "tenant": "acme", "username": long }), 400, "128"),
        (
            json!({ "tenant": "acme", "username": "a\nb" }),
            400,
            "control",
        ),
        (
            json!({ "tenant": "acme", "username": "eve", "backend": "x" }),
            400,
            "no backend `x`",
        ),
        (
            json!({ "tenant": "acme", "username": "eve", "password": "" }),
            400,
            "a password",
        ),
        (
            json!({ "tenant": "acme", "username": "eve", "call_limit": 1.5 }),
            400,
            "u32",
        ),
        (
            json!({ "tenant": "none", "username": "eve" }),
            404,
            "no such tenant",
        ),
        (
            json!({ "tenant": "acme", "username": "ann" }),
            409,
            "exists",
        ),
    ] {
        gateway
            .admin_post("/admin/users", body)
            .await
            .refused(status, why);
    }
    let all = gateway.admin_get("/admin/users?tenant=acme").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    gateway.admin_get("/admin/users/nobody").await.expect(404);
}

#[tokio::test]
async fn at_37_a_disabled_user_is_refused_with_the_very_next_request() {
    let gateway = TestGateway::start().await;
    let (ann, bob) = (
        gateway.ann().await,
        gateway.token(user("bob"), &["calls.#"]).await,
    );
    assert!(may_call(&gateway, &ann).await);
    assert!(may_call(&gateway, &bob).await);
    gateway
        .admin_patch(ANN, json!({ "enabled": false }))
        .await
        .expect(200);
    assert!(!may_call(&gateway, &ann).await);
    assert!(may_call(&gateway, &bob).await);
    // Being enabled again brings no token back.
    let shown = gateway
        .admin_patch(ANN, json!({ "enabled": true }))
        .await
        .expect(200);
    assert_eq!(shown.json()["enabled"], true);
    assert!(!may_call(&gateway, &ann).await);
}

#[tokio::test]
async fn at_37_a_new_password_ends_all_tokens() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    assert!(may_call(&gateway, &ann).await);
    let body = json!({ "password": "another good one" });
    let answer = gateway.admin_patch(ANN, body).await.expect(200);
    assert!(!answer.text().contains("another good one"));
    assert!(!may_call(&gateway, &ann).await);
    let hash = password_hash(&gateway, "id-of-ann").await;
    assert!(!password::verify(PASSWORD, hash.as_deref()).await.unwrap());
}

#[tokio::test]
async fn what_is_not_mentioned_stays_and_null_clears() {
    let gateway = TestGateway::start().await;
    let body = json!({ "display_name": "Ann Archer", "call_limit": 1, "backend": "store" });
    gateway.admin_patch(ANN, body).await.expect(200);
    let token = gateway.ann().await;
    let changed = gateway
        .admin_patch(ANN, json!({ "backend": null }))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (
            &changed["display_name"],
            &changed["call_limit"],
            &changed["backend"]
        ),
        (&json!("Ann Archer"), &json!(1), &Value::Null)
    );
    // A change that takes nothing away logs nobody out.
    assert!(may_call(&gateway, &token).await);
}

#[tokio::test]
async fn a_limit_counts_from_the_next_call_on() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let call = || form(Method::POST, "/rest/call", &ann, "number=%2B390501234567");
    gateway.edge(call()).await.expect(201);
    gateway
        .admin_patch(ANN, json!({ "call_limit": 1 }))
        .await
        .expect(200);
    gateway.edge(call()).await.refused(409, "1 of 1 calls");
    gateway
        .admin_patch(ANN, json!({ "call_limit": null }))
        .await
        .expect(200);
    gateway.edge(call()).await.expect(201);
}

#[tokio::test]
async fn a_line_is_set_replaced_and_removed() {
    let gateway = TestGateway::start().await;
    let line = format!("{ANN}/lines/store");
    gateway
        .admin_put(&line, json!({ "line": "100" }))
        .await
        .expect(204);
    gateway
        .admin_put(
            &line,
            json!({ "line": "101", "device": "e0", "caller_id": "+390501234567" }),
        )
        .await
        .expect(204);
    let lines = async || gateway.admin_get(ANN).await.json()["lines"].clone();
    assert_eq!(
        lines().await,
        json!({ "store": { "line": "101", "device": "e0", "caller_id": "+390501234567" } })
    );
    // PUT says all of it.
    gateway
        .admin_put(&line, json!({ "line": "102" }))
        .await
        .expect(204);
    assert_eq!(
        lines().await,
        json!({ "store": { "line": "102", "device": null, "caller_id": null } })
    );
    gateway.admin_delete(&line).await.expect(204);
    assert_eq!(gateway.admin_get(ANN).await.json()["lines"], json!({}));
}

#[tokio::test]
async fn a_line_needs_its_user_its_backend_and_its_form() {
    let gateway = TestGateway::start().await;
    let set = async |path: &str, line: &str| gateway.admin_put(path, json!({ "line": line })).await;
    set("/admin/users/nobody/lines/store", "100")
        .await
        .expect(404);
    set(&format!("{ANN}/lines/x"), "100")
        .await
        .refused(400, "no backend `x`");
    set(&format!("{ANN}/lines/store"), "1 0")
        .await
        .refused(400, "a line");
    set(&format!("{ANN}/lines/store"), "")
        .await
        .refused(400, "a line");
    for (more, why) in [
        (json!({ "line": "100", "device": "e 0" }), "a device"),
        (
            json!({ "line": "100", "caller_id": "0501234567" }),
            "a caller id",
        ),
        (json!({ "line": "100", "caller_id": "+39" }), "a caller id"),
        (
            json!({ "line": "100", "colour": "red" }),
            "unknown field `colour`",
        ),
    ] {
        gateway
            .admin_put(&format!("{ANN}/lines/store"), more)
            .await
            .refused(400, why);
    }
}

#[tokio::test]
async fn tokens_are_listed_by_user_and_show_no_secret() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    gateway.token(user("bob"), &[]).await;
    let list = gateway
        .admin_get("/admin/tokens?user=id-of-ann&client=crm")
        .await
        .expect(200);
    assert!(!list.text().contains(ann.expose()));
    let items = list.json()["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 1);
    assert_eq!(items[0]["user"], "id-of-ann");
    assert_eq!(items[0]["expires_at"], "2026-11-22T03:39:33Z");
    let all = gateway.admin_get("/admin/tokens").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn one_token_is_ended_and_the_others_live() {
    let gateway = TestGateway::start().await;
    let (ann, bob) = (
        gateway.ann().await,
        gateway.token(user("bob"), &["calls.#"]).await,
    );
    assert!(may_call(&gateway, &ann).await);
    assert!(may_call(&gateway, &bob).await);
    let list = gateway
        .admin_get("/admin/tokens?user=id-of-ann")
        .await
        .json();
    let path = format!("/admin/tokens/{}", list["items"][0]["id"].as_str().unwrap());
    gateway.admin_delete(&path).await.expect(204);
    assert!(!may_call(&gateway, &ann).await);
    assert!(may_call(&gateway, &bob).await);
    gateway.admin_delete(&path).await.expect(404);
}

#[tokio::test]
async fn all_tokens_of_a_user_or_a_client_are_ended() {
    let gateway = TestGateway::start().await;
    let (ann, bob) = (
        gateway.ann().await,
        gateway.token(user("bob"), &["calls.#"]).await,
    );
    assert!(may_call(&gateway, &ann).await);
    let revoke = async |body| gateway.admin_post("/admin/tokens/revoke", body).await;
    let ended = revoke(json!({ "user": "id-of-ann" })).await.expect(200);
    assert_eq!(ended.json(), json!({ "revoked": 1 }));
    assert!(!may_call(&gateway, &ann).await);
    assert!(may_call(&gateway, &bob).await);
    revoke(json!({ "client": "crm" })).await.expect(200);
    assert!(!may_call(&gateway, &bob).await);
    revoke(json!({})).await.expect(400);
    revoke(json!({ "user": "nobody" })).await.expect(404);
}
