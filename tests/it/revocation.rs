//! What ends with a user's or a client's access: tokens, codes not yet used, consents, logins under way.

use crate::harness::{NOW, TestGateway};
use callgate::storage::StoreError;
use callgate::storage::codes::Consented;
use callgate::storage::sessions::Session;
use serde_json::json;

fn session(hash: &str) -> Session {
    Session {
        hash: hash.to_owned(),
        user_id: "id-of-ann".to_owned(),
        created_at: NOW,
        last_seen_at: NOW,
        expires_at: NOW + 1_000_000,
        ..Session::default()
    }
}

fn consented(session: &str) -> Consented {
    Consented {
        hash: "hash-of-a-code".to_owned(),
        client_id: "crm".to_owned(),
        user_id: "id-of-ann".to_owned(),
        redirect_uri: "https://crm.example/cb".to_owned(),
        redirect_named: true,
        scope: "call".to_owned().into(),
        challenge: None,
        jkt: None,
        pushed: None,
        consent: "a-number".to_owned(),
        session: session.to_owned(),
        created_at: NOW,
        expires_at: NOW + 60_000,
    }
}

/// The gateway, with a login of ann whose hash is `login`.
async fn logged_in() -> TestGateway {
    let gateway = TestGateway::start().await;
    let store = &gateway.services.store;
    let ann = store.user("id-of-ann").await.unwrap().unwrap();
    store
        .create_session(session("login"), ann.password_hash)
        .await
        .unwrap();
    gateway
}

#[tokio::test]
async fn revoking_all_of_a_user_ends_codes_and_consents_too() {
    for holder in [json!({ "user": "acme/ann" }), json!({ "client": "crm" })] {
        let gateway = logged_in().await;
        let store = &gateway.services.store;
        store.create_code(consented("login")).await.unwrap();
        assert!(store.grant("id-of-ann", "crm").await.unwrap().is_some());

        let answer = gateway
            .admin_post("/admin/tokens/revoke", holder.clone())
            .await;
        assert!(answer.status.is_success(), "{}", answer.text());

        let code = store.code("hash-of-a-code").await.unwrap().unwrap();
        assert!(code.used_at.is_some(), "{holder}");
        let grant = store.grant("id-of-ann", "crm").await.unwrap();
        assert_eq!(grant, None, "{holder}");
    }
}

#[tokio::test]
async fn at_37_a_login_that_a_new_password_overtook_is_none() {
    let gateway = logged_in().await;
    let store = &gateway.services.store;
    let mut ann = store.user("id-of-ann").await.unwrap().unwrap();
    let verified = ann.password_hash.replace("another".to_owned());
    store.update_user(ann, NOW).await.unwrap();
    let late = store.create_session(session("late"), verified).await;
    assert!(matches!(late, Err(StoreError::Missing(_))), "{late:?}");
}

#[tokio::test]
async fn at_37_no_code_is_made_in_a_login_that_has_ended() {
    let gateway = logged_in().await;
    let store = &gateway.services.store;
    store.end_session("login", NOW).await.unwrap();
    let late = store.create_code(consented("login")).await;
    assert!(matches!(late, Err(StoreError::Missing(_))), "{late:?}");
    let grant = store.grant("id-of-ann", "crm").await.unwrap();
    assert_eq!(grant, None, "what was undone must leave no consent");
}
