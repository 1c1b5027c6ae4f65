//! What is no access token, though it comes from here: as a bearer token it is nothing.

use crate::harness::{CRM_SECRET, TestGateway};
use crate::oauth::{Browser, calls_with, code_for, tokens, wish, wish_with};
use callgate::storage::tokens::Selection;
use callgate::token::{Class, TokenHash};
use serde_json::json;

#[tokio::test]
async fn l10_only_an_access_token_is_a_bearer_token() {
    let gateway = TestGateway::start().await;
    let set = tokens(&gateway).await;
    assert_eq!(calls_with(&gateway, &set["access_token"]).await, 204);
    let mut browser = Browser::new(&gateway);
    browser.log_in("bob", &wish()).await;
    let mut others = vec![
        set["refresh_token"].as_str().unwrap().to_owned(),
        code_for(&gateway, &wish_with(&[("scope", "pbx")])).await,
        CRM_SECRET.to_owned(),
    ];
    others.push(browser.cookies["__Host-callgate"].clone());
    for class in [
        Class::Refresh,
        Class::Code,
        Class::Session,
        Class::ClientSecret,
    ] {
        let minted = gateway.services.mint.mint(class).token;
        others.push(minted.expose().to_owned());
        // With the prefix of an access token, the tag is wrong.
        others.push(minted.expose().replacen(class.prefix(), "cg_at_", 1));
    }
    // An ID token (OpenID Connect Core §2), as another provider signs it.
    others.push(
        "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2NhbGxzLmV4YW1wbGUifQ.c2ln"
            .to_owned(),
    );
    for other in others {
        assert_eq!(calls_with(&gateway, &json!(other)).await, 401, "{other}");
    }
}

#[tokio::test]
async fn o02_what_the_store_holds_of_a_token_opens_nothing() {
    let gateway = TestGateway::start().await;
    let set = tokens(&gateway).await;
    let (all, now) = (Selection::default(), gateway.clock.now());
    let rows = gateway.services.store.tokens(&all, now).await.unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        let known = [&set["access_token"], &set["refresh_token"]];
        let hash_of =
            |token: &serde_json::Value| TokenHash::of(token.as_str().unwrap()).to_string();
        assert!(known.map(hash_of).contains(&row.hash));
        for text in [row.hash.clone(), format!("cg_at_{}", row.hash), row.id] {
            assert_eq!(calls_with(&gateway, &json!(text)).await, 401);
        }
    }
}
