//! Administration: who gets in, what is refused, tenants and policies.

use crate::harness::{Answer, OPERATOR, TestGateway, get};
use bytes::Bytes;
use callgate::http::Request;
use callgate::secret::Secret;
use http::Method;
use serde_json::{Value, json};

/// A request with the operations token, and a JSON body unless it is null.
pub(crate) fn admin(method: Method, path: &str, body: &Value) -> Request {
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {OPERATOR}"))
        .header("content-type", "application/json");
    let body = if body.is_null() {
        Bytes::new()
    } else {
        body.to_string().into()
    };
    request.body(body).unwrap()
}

impl TestGateway {
    pub(crate) async fn admin_get(&self, path: &str) -> Answer {
        self.operations(admin(Method::GET, path, &Value::Null))
            .await
    }

    pub(crate) async fn admin_post(&self, path: &str, body: Value) -> Answer {
        self.operations(admin(Method::POST, path, &body)).await
    }

    pub(crate) async fn admin_patch(&self, path: &str, body: Value) -> Answer {
        self.operations(admin(Method::PATCH, path, &body)).await
    }

    pub(crate) async fn admin_put(&self, path: &str, body: Value) -> Answer {
        self.operations(admin(Method::PUT, path, &body)).await
    }

    pub(crate) async fn admin_delete(&self, path: &str) -> Answer {
        self.operations(admin(Method::DELETE, path, &Value::Null))
            .await
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// A refusal whose explanation contains `why`.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, why: &str) {
        let detail = self.expect(status).json()["detail"].to_string();
        assert!(detail.contains(why), "{detail}");
    }
}

const PATHS: &[&str] = &[
    "/admin/tenants",
    "/admin/users",
    "/admin/clients",
    "/admin/policies",
    "/admin/tokens",
    "/admin/keys",
    "/admin/calls",
    "/admin/dialling",
];

#[tokio::test]
async fn without_the_operations_token_nothing_is_shown() {
    let gateway = TestGateway::start().await;
    let ann = gateway.token(crate::harness::user("ann"), &["#"]).await;
    for path in PATHS {
        let anonymous = http::Request::get(*path).body(Bytes::new()).unwrap();
        gateway.operations(anonymous).await.expect(401);
        gateway
            .operations(get(path, &Secret::new("wrong")))
            .await
            .expect(401);
        gateway.operations(get(path, &ann)).await.expect(401);
        gateway.admin_get(path).await.expect(200);
    }
}

#[tokio::test]
async fn the_public_listener_has_no_administration() {
    let gateway = TestGateway::start().await;
    for path in PATHS {
        gateway
            .edge(get(path, &Secret::new(OPERATOR)))
            .await
            .expect(404);
    }
}

#[tokio::test]
async fn a_misspelt_field_is_named() {
    let gateway = TestGateway::start().await;
    let body = json!({ "id": "blue", "region": "IT", "calllimit": 3 });
    let answer = gateway.admin_post("/admin/tenants", body).await;
    answer.refused(400, "unknown field `calllimit`");
    let answer = gateway.admin_get("/admin/users?tenat=acme").await;
    answer.refused(400, "unknown field `tenat`");
    gateway.admin_get("/admin/tenants/blue").await.expect(404);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() {
    let gateway = TestGateway::start().await;
    let mut request = admin(Method::POST, "/admin/tenants", &json!({}));
    request
        .headers_mut()
        .insert("content-type", "text/plain".parse().unwrap());
    gateway.operations(request).await.expect(415);
    let mut request = admin(Method::POST, "/admin/tenants", &json!({}));
    *request.body_mut() = Bytes::from_static(b"{");
    gateway
        .operations(request)
        .await
        .refused(400, "the body is not understood");
}

#[tokio::test]
async fn a_tenant_is_created_shown_and_changed() {
    let gateway = TestGateway::start().await;
    let made = gateway
        .admin_post(
            "/admin/tenants",
            json!({ "id": "blue", "region": "FR", "call_limit": 3 }),
        )
        .await
        .expect(201);
    assert_eq!(made.header("location"), "/admin/tenants/blue");
    assert_eq!(made.header("cache-control"), "no-store");
    let path = "/admin/tenants/blue";
    let shown = gateway.admin_get(path).await.expect(200).json();
    assert_eq!(
        (
            &shown["name"],
            &shown["region"],
            &shown["call_limit"],
            &shown["enabled"]
        ),
        (&json!("blue"), &json!("FR"), &json!(3), &json!(true))
    );
    let changed = gateway
        .admin_patch(
            path,
            json!({ "name": "Blue", "call_limit": null, "backend": "store" }),
        )
        .await
        .expect(200)
        .json();
    assert_eq!(
        (
            &changed["name"],
            &changed["region"],
            &changed["call_limit"],
            &changed["backend"]
        ),
        (&json!("Blue"), &json!("FR"), &Value::Null, &json!("store"))
    );
    assert_eq!(gateway.admin_get(path).await.json(), changed);
}

#[tokio::test]
async fn a_tenant_that_cannot_be_is_refused() {
    let gateway = TestGateway::start().await;
    for (body, why) in [
        (json!({ "id": "a/b", "region": "IT" }), "1 to 64 characters"),
        (json!({ "id": "blue", "region": "Italy" }), "ISO 3166"),
        (
            json!({ "id": "blue", "region": "IT", "backend": "x" }),
            "no backend `x`",
        ),
        (json!({ "id": "blue", "region": "IT", "name": "" }), "name"),
        (
            json!({ "id": "blue", "region": "IT", "call_limit": -1 }),
            "-1",
        ),
        (json!({ "id": "blue" }), "missing field `region`"),
    ] {
        gateway
            .admin_post("/admin/tenants", body)
            .await
            .refused(400, why);
    }
    let acme = json!({ "id": "acme", "region": "IT" });
    gateway.admin_post("/admin/tenants", acme).await.expect(409);
    gateway
        .admin_patch("/admin/tenants/acme", json!({ "name": null }))
        .await
        .expect(400);
    gateway
        .admin_patch("/admin/tenants/nobody", json!({}))
        .await
        .expect(404);
}

#[tokio::test]
async fn a_disabled_tenant_is_refused_with_the_very_next_request() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    gateway.edge(get("/rest/call", &ann)).await.expect(204);
    let tenant = "/admin/tenants/acme";
    gateway
        .admin_patch(tenant, json!({ "enabled": false }))
        .await
        .expect(200);
    gateway.edge(get("/rest/call", &ann)).await.expect(401);
}

#[tokio::test]
async fn a_policy_is_put_replaced_and_deleted() {
    let gateway = TestGateway::start().await;
    let path = "/admin/policies/calls:read";
    let text = json!({ "description": "See your calls.", "accesses": ["calls.read"] });
    gateway.admin_put(path, text).await.expect(200);
    let text =
        json!({ "description": "See your calls.", "accesses": ["calls.read", "!calls.create"] });
    gateway.admin_put(path, text).await.expect(200);
    let shown = gateway.admin_get(path).await.expect(200).json();
    assert_eq!(shown["accesses"], json!(["calls.read", "!calls.create"]));
    gateway.admin_delete(path).await.expect(204);
    gateway.admin_get(path).await.expect(404);
    gateway.admin_delete(path).await.expect(404);
}

#[tokio::test]
async fn a_policy_must_be_a_scope_token_with_accesses_in_words() {
    let gateway = TestGateway::start().await;
    let text = |description: &str, access: &str| json!({ "description": description, "accesses": [access] });
    let spaced = "/admin/policies/two%20words";
    gateway
        .admin_put(spaced, text("x", "x"))
        .await
        .refused(400, "RFC 6749");
    let path = "/admin/policies/new";
    gateway
        .admin_put(path, text("", "x"))
        .await
        .refused(400, "description");
    gateway
        .admin_put(path, text("x", ""))
        .await
        .refused(400, "an access");
    gateway.admin_get(path).await.expect(404);
}

#[tokio::test]
async fn a_policy_that_a_client_may_ask_for_is_not_deleted() {
    let gateway = TestGateway::start().await;
    let answer = gateway.admin_delete("/admin/policies/call").await;
    answer.refused(409, "the client `crm`");
    gateway.admin_get("/admin/policies/call").await.expect(200);
}
