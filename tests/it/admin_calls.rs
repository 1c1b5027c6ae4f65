//! Administration of live calls (docs/calls.md S12).

use crate::harness::{TestGateway, form, get};
use callgate::secret::Secret;
use http::Method;
use serde_json::json;
use std::time::Duration;

async fn place(gateway: &TestGateway, token: &Secret) -> String {
    let body = "number=%2B390501234567";
    let request = form(Method::POST, "/rest/call", token, body);
    let placed = gateway.edge(request).await.expect(201);
    let location = placed.header("location");
    location.split_once("token_call=").unwrap().1.to_owned()
}

#[tokio::test]
async fn s12_a_users_leases_are_seen_with_all_that_holds_them() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let call = place(&gateway, &ann).await;
    gateway.advance(Duration::from_secs(90)).await;
    let list = gateway
        .admin_get("/admin/calls?user=id-of-ann")
        .await
        .expect(200)
        .json();
    let lease = &list["items"][0];
    assert_eq!(
        lease,
        &json!({
            "id": call,
            "state": "active",
            "owner": "user:id-of-ann",
            "tenant": "acme",
            "client": "crm",
            "number": "+390501234567",
            "line": null,
            "backend": "store",
            "backend_call_id": call,
            "emergency": false,
            "age_seconds": 90,
            "expires_in_seconds": 12 * 3600 - 90,
            "reserved_at": "2026-11-22T02:39:33Z",
            "active_at": "2026-11-22T02:39:33Z",
            "last_evidence_at": "2026-11-22T02:39:33Z",
            "expires_at": "2026-11-22T14:39:33Z",
            "ended_at": null,
            "end_cause": null,
        })
    );
    let others = gateway
        .admin_get("/admin/calls?user=id-of-bob")
        .await
        .json();
    assert_eq!(others["items"], json!([]));
    let all = gateway.admin_get("/admin/calls").await.json();
    assert_eq!(all, list);
}

#[tokio::test]
async fn s12_an_administrator_ends_a_call_and_its_slot_is_free() {
    let gateway = TestGateway::with("calls.limit = 1").await;
    let ann = gateway.ann().await;
    let path = format!("/admin/calls/{}", place(&gateway, &ann).await);
    let ended = gateway.admin_delete(&path).await.expect(200).json();
    assert_eq!(
        (
            &ended["state"],
            &ended["end_cause"],
            &ended["expires_in_seconds"]
        ),
        (&json!("ended"), &json!("administrator"), &json!(0))
    );
    gateway.edge(get("/rest/call", &ann)).await.expect(204);
    place(&gateway, &ann).await;
    let shown = gateway.admin_get(&path).await.expect(200).json();
    assert_eq!(shown["state"], "ended");
}

#[tokio::test]
async fn a_call_that_nobody_placed_is_not_found() {
    let gateway = TestGateway::start().await;
    gateway.admin_get("/admin/calls/nothing").await.expect(404);
    gateway
        .admin_delete("/admin/calls/nothing")
        .await
        .expect(404);
    let answer = gateway
        .admin_delete("/admin/calls/nothing?force=perhaps")
        .await;
    answer.refused(400, "the query is not understood");
}

#[tokio::test]
async fn s12_a_call_whose_backend_is_gone_ends_by_force_alone() {
    let mut gateway = TestGateway::start().await;
    let path = format!(
        "/admin/calls/{}",
        place(&gateway, &gateway.ann().await).await
    );
    let mut config = gateway.version.config.clone();
    config.backend = vec![toml::from_str("name = 'other'\nkind = 'session'").unwrap()];
    gateway.version = gateway.services.version(config).await.unwrap();

    let answer = gateway.admin_delete(&path).await;
    answer.refused(409, "`store` is not configured");
    assert_eq!(gateway.admin_get(&path).await.json()["state"], "active");
    let ended = gateway.admin_delete(&format!("{path}?force=true")).await;
    assert_eq!(ended.expect(200).json()["state"], "ended");
}
