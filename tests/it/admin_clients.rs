//! Administration of clients.

use crate::harness::{TestGateway, get};
use callgate::token::TokenHash;
use serde_json::{Value, json};

fn app(more: &[(&str, Value)]) -> Value {
    let mut body = json!({
        "tenant": "acme", "id": "app", "name": "App", "policies": ["call"],
        "redirect_uris": ["https://app.example/cb"],
    });
    for (name, value) in more {
        body[name] = value.clone();
    }
    body
}

async fn secret_hash(gateway: &TestGateway, id: &str) -> Option<String> {
    let client = gateway.services.store.client(id).await.unwrap();
    client.unwrap().secret_hash
}

#[tokio::test]
async fn a_confidential_client_gets_a_secret_that_is_shown_once() {
    let gateway = TestGateway::start().await;
    let made = gateway
        .admin_post("/admin/clients", app(&[]))
        .await
        .expect(201);
    assert_eq!(made.header("location"), "/admin/clients/app");
    let made = made.json();
    assert_eq!(made["kind"], "confidential");
    assert_eq!(
        made["grant_types"],
        json!(["authorization_code", "refresh_token"])
    );
    let secret = made["client_secret"].as_str().unwrap();
    let stored = secret_hash(&gateway, "app").await;
    assert_eq!(stored, Some(TokenHash::of(secret).to_string()));
    let shown = gateway
        .admin_get("/admin/clients/app")
        .await
        .expect(200)
        .text();
    assert!(!shown.contains("secret"), "{shown}");
}

#[tokio::test]
async fn a_public_client_has_no_secret_and_cannot_get_one() {
    let gateway = TestGateway::start().await;
    let public = app(&[("kind", json!("public"))]);
    let made = gateway
        .admin_post("/admin/clients", public)
        .await
        .expect(201)
        .json();
    assert_eq!(made["client_secret"], Value::Null);
    assert_eq!(secret_hash(&gateway, "app").await, None);
    let rotated = gateway
        .admin_post("/admin/clients/app/secret", Value::Null)
        .await;
    rotated.refused(409, "a public client has no secret");
}

#[tokio::test]
async fn a_rotated_secret_replaces_the_old_one() {
    let gateway = TestGateway::start().await;
    let before = secret_hash(&gateway, "crm").await;
    let answer = gateway
        .admin_post("/admin/clients/crm/secret", Value::Null)
        .await;
    let rotated = answer.expect(200).json();
    let secret = rotated["client_secret"].as_str().unwrap();
    let after = secret_hash(&gateway, "crm").await;
    assert_ne!(before, after);
    assert_eq!(after, Some(TokenHash::of(secret).to_string()));
}

#[tokio::test]
async fn a06_a_redirect_uri_that_could_leak_a_code_is_refused_and_nothing_is_stored() {
    let gateway = TestGateway::start().await;
    for uri in [
        "http://app.example/cb",
        "https://app.example/cb#fragment",
        "https://*.app.example/cb",
        "/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "myapp:/cb",
    ] {
        let body = app(&[("redirect_uris", json!(["https://app.example/cb", uri]))]);
        let answer = gateway.admin_post("/admin/clients", body).await;
        answer.refused(400, &format!("the redirect URI `{uri}` is refused"));
        let body = json!({ "redirect_uris": [uri] });
        gateway
            .admin_patch("/admin/clients/crm", body)
            .await
            .expect(400);
    }
    gateway.admin_get("/admin/clients/app").await.expect(404);
    let crm = gateway.admin_get("/admin/clients/crm").await.json();
    assert_eq!(crm["redirect_uris"], json!(["https://crm.example/cb"]));
}

#[tokio::test]
async fn a_client_that_cannot_be_is_refused() {
    let gateway = TestGateway::start().await;
    for (field, value, status, why) in [
        ("id", json!("a b"), 400, "a client's id"),
        ("id", json!("crm"), 409, "exists"),
        ("name", json!(""), 400, "a client's name"),
        ("kind", json!("secret"), 400, "unknown variant `secret`"),
        ("tenant", json!("none"), 404, "no such tenant"),
        ("policies", json!(["call", "x"]), 400, "no policy `x`"),
        ("policies", json!(["call x"]), 400, "RFC 6749"),
        ("switches", json!(["magic"]), 400, "unknown variant `magic`"),
        (
            "grant_types",
            json!(["password"]),
            400,
            "unknown variant `password`",
        ),
        ("redirect_uris", json!([]), 400, "needs a redirect URI"),
    ] {
        let answer = gateway
            .admin_post("/admin/clients", app(&[(field, value)]))
            .await;
        answer.refused(status, why);
    }
    let public = app(&[
        ("kind", json!("public")),
        ("grant_types", json!(["client_credentials"])),
    ]);
    let answer = gateway.admin_post("/admin/clients", public).await;
    answer.refused(400, "a public client cannot");
}

#[tokio::test]
async fn a_public_client_cannot_become_one_with_client_credentials() {
    let gateway = TestGateway::start().await;
    let public = app(&[("kind", json!("public"))]);
    gateway
        .admin_post("/admin/clients", public)
        .await
        .expect(201);
    let body = json!({ "grant_types": ["client_credentials"] });
    let answer = gateway.admin_patch("/admin/clients/app", body).await;
    answer.refused(400, "a public client cannot");
    let body = json!({ "redirect_uris": [] });
    let answer = gateway.admin_patch("/admin/clients/app", body).await;
    answer.refused(400, "needs a redirect URI");
}

#[tokio::test]
async fn a_change_leaves_the_rest_of_a_client_alone() {
    let gateway = TestGateway::start().await;
    let before = gateway.admin_get("/admin/clients/crm").await.json();
    let changes = json!({ "switches": ["query_token"], "policies": ["call"] });
    let mut after = gateway
        .admin_patch("/admin/clients/crm", changes)
        .await
        .expect(200)
        .json();
    assert_eq!(after["switches"], json!(["query_token"]));
    assert_eq!(after["policies"], json!(["call"]));
    for field in ["switches", "policies"] {
        after[field] = before[field].clone();
    }
    assert_eq!(after, before);
}

#[tokio::test]
async fn at_37_a_disabled_client_is_refused_with_the_very_next_request() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    gateway.edge(get("/rest/call", &ann)).await.expect(204);
    gateway
        .admin_patch("/admin/clients/crm", json!({ "enabled": false }))
        .await
        .expect(200);
    gateway.edge(get("/rest/call", &ann)).await.expect(401);
    gateway
        .admin_patch("/admin/clients/crm", json!({ "enabled": true }))
        .await
        .expect(200);
    gateway.edge(get("/rest/call", &ann)).await.expect(401);
}

#[tokio::test]
async fn a_client_has_lines_of_its_own() {
    let gateway = TestGateway::start().await;
    let line = "/admin/clients/crm/lines/store";
    gateway
        .admin_put(line, json!({ "line": "200" }))
        .await
        .expect(204);
    let lines = gateway.admin_get("/admin/clients/crm").await.json()["lines"].clone();
    assert_eq!(
        lines,
        json!({ "store": { "line": "200", "device": null, "caller_id": null } })
    );
    gateway.admin_delete(line).await.expect(204);
    assert_eq!(
        gateway.admin_get("/admin/clients/crm").await.json()["lines"],
        json!({})
    );
}

#[tokio::test]
async fn what_a_client_of_high_security_needs_is_set_shown_and_cleared() {
    let gateway = TestGateway::start().await;
    let key = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] });
    let options = json!({
        "token_format": "jwt", "audience": ["reports"], "jwks": key, "dpop_bound": true, "par_required": true,
        "sunset_at": "2027-06-30T00:00:00Z",
        "grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
    });
    let path = "/admin/clients/crm";
    gateway.admin_patch(path, options.clone()).await.expect(200);
    let shown = gateway.admin_get(path).await.json();
    for (name, value) in options.as_object().unwrap() {
        assert_eq!(&shown[name], value, "{name}");
    }
    let none = json!({ "jwks": null, "sunset_at": null, "dpop_bound": false });
    let shown = gateway.admin_patch(path, none).await.expect(200).json();
    assert_eq!(shown.get("jwks"), None);
    assert_eq!(shown["sunset_at"], json!(null));
    assert_eq!(shown["par_required"], json!(true));
}

#[tokio::test]
async fn a_private_key_is_not_registered() {
    let gateway = TestGateway::start().await;
    let key = json!({ "jwks": { "keys": [{ "kty": "EC", "d": "AA" }] } });
    let answer = gateway.admin_patch("/admin/clients/crm", key).await;
    answer.refused(400, "register the public half alone");
}
