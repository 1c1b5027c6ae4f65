//! Forgetting old rows: what goes, what stays, and that nobody waits for it.

use crate::harness::{NOW, TestGateway, user};
use callgate::replay;
use callgate::storage::tokens::{Selection, Token};
use futures_util::join;
use std::cell::Cell;

fn expired(number: usize) -> Token {
    Token {
        hash: format!("hash-{number}"),
        id: format!("id-{number}"),
        class: "access".to_owned(),
        family_id: "family".to_owned(),
        tenant_id: "acme".to_owned(),
        client_id: "crm".to_owned(),
        created_at: NOW - 20,
        expires_at: NOW - 10,
        ..Token::default()
    }
}

#[tokio::test]
async fn o09_expired_tokens_go_in_batches_between_which_others_write() {
    let gateway = TestGateway::start().await;
    let store = &gateway.services.store;
    let many = (0..5_000).map(expired).collect();
    store.create_tokens(many).await.unwrap();
    let alive = gateway.token(user("ann"), &["calls.#"]).await;
    let pruned = Cell::new(false);
    let prune = async {
        store.prune_tokens(NOW).await.unwrap();
        pruned.set(true);
    };
    let write = async {
        store.touch_session("none", NOW).await.unwrap();
        assert!(!pruned.get(), "whoever writes waited for all of it");
    };
    join!(prune, write);
    assert!(pruned.get());
    let all = Selection::default();
    let left = store.tokens(&all, 0).await.unwrap();
    assert_eq!(left.len(), 1, "the one that is alive");
    let answer = gateway
        .edge(crate::harness::get("/rest/call", &alive))
        .await;
    assert_eq!(answer.status, 204);
}

#[tokio::test]
async fn at_40_a_used_name_is_kept_for_longer_than_anybody_could_use_it() {
    let gateway = TestGateway::start().await;
    let store = &gateway.services.store;
    assert!(store.use_name("a".to_owned(), NOW).await.unwrap());
    // The clock of another gateway may be some minutes behind.
    replay::prune(store, NOW + 300_000).await.unwrap();
    assert!(!store.use_name("a".to_owned(), NOW).await.unwrap());
    assert_eq!(store.used_names().await.unwrap(), 1);
    replay::prune(store, NOW + 300_001).await.unwrap();
    assert_eq!(store.used_names().await.unwrap(), 0);
}
