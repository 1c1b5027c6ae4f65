//! Tokens of users at a provider: renewed by one for all, kept before they are used.

use crate::external::{link, log_in, with};
use crate::harness::{NOW, TestGateway};
use crate::idp::Idp;
use crate::oauth::Browser;
use callgate::provider::{ProviderTokens, TokensError};
use std::sync::Arc;
use std::time::Duration;

const ANN: &str = "id-of-ann";

/// A gateway, and a provider that has given tokens for ann.
async fn start() -> (TestGateway, Idp) {
    let (gateway, idp) = with("").await;
    link(&gateway, &idp, "sub-1", "ann").await;
    idp.quirks(|quirks| quirks.rotates = true);
    let back = log_in(&mut Browser::new(&gateway), &idp, "sub-1").await;
    assert_eq!(back.status, 303, "{}", back.text());
    (gateway, idp)
}

async fn access(gateway: &TestGateway) -> Result<String, TokensError> {
    let token = gateway.version.provider_tokens.access(ANN, "idp").await?;
    Ok(token.expose().to_owned())
}

fn counted(gateway: &TestGateway, result: &str) -> String {
    let text = String::from_utf8(gateway.services.metrics.render()).unwrap();
    let name = format!("callgate_provider_refresh_total{{provider=\"idp\",result=\"{result}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap_or("0").to_owned()
}

/// Another gateway on the same store.
async fn another(gateway: &TestGateway) -> Arc<ProviderTokens> {
    let version = gateway
        .services
        .version(gateway.version.config.clone())
        .await;
    version.unwrap().provider_tokens
}

#[tokio::test]
async fn a_token_is_used_while_it_lasts_and_renewed_before_it_ends() {
    let (gateway, idp) = start().await;
    let first = access(&gateway).await.unwrap();
    gateway.advance(Duration::from_secs(269)).await;
    assert_eq!(access(&gateway).await.unwrap(), first);
    assert_eq!(idp.times("/token"), 1);
    gateway.advance(Duration::from_secs(1)).await;
    let second = access(&gateway).await.unwrap();
    assert_ne!(first, second);
    assert!(idp.issued().contains(&second));
    assert_eq!(
        (idp.times("/token"), counted(&gateway, "ok").as_str()),
        (2, "1")
    );
}

#[tokio::test]
async fn of_all_who_ask_at_two_gateways_one_renews() {
    let (gateway, idp) = start().await;
    let other = another(&gateway).await;
    gateway.advance(Duration::from_mins(5)).await;
    idp.quirks(|quirks| quirks.delay = Duration::from_millis(200));
    let here = Arc::clone(&gateway.version.provider_tokens);
    let asking = (0..40).map(|number| {
        let tokens = Arc::clone(if number % 2 == 0 { &here } else { &other });
        tokio::spawn(async move {
            tokens
                .access(ANN, "idp")
                .await
                .map(|token| token.expose().to_owned())
        })
    });
    let mut got = Vec::new();
    for task in asking.collect::<Vec<_>>() {
        got.push(task.await.unwrap().unwrap());
    }
    got.dedup();
    assert_eq!(got.len(), 1, "{got:?}");
    assert_eq!(idp.times("/token"), 2);
}

#[tokio::test]
async fn a_refresh_token_that_is_renewed_with_each_use_is_followed() {
    let (gateway, idp) = start().await;
    let mut presented = Vec::new();
    for _ in 0..3 {
        gateway.advance(Duration::from_mins(5)).await;
        access(&gateway).await.unwrap();
        presented.push(idp.last("/token").form["refresh_token"].clone());
    }
    presented.dedup();
    assert_eq!(presented.len(), 3, "{presented:?}");
}

#[tokio::test]
async fn a_provider_that_keeps_its_refresh_token_is_asked_with_it_again() {
    let (gateway, idp) = start().await;
    idp.quirks(|quirks| quirks.rotates = false);
    let mut presented = Vec::new();
    for _ in 0..3 {
        gateway.advance(Duration::from_mins(5)).await;
        access(&gateway).await.unwrap();
        presented.push(idp.last("/token").form["refresh_token"].clone());
    }
    presented.dedup();
    assert_eq!(presented.len(), 1, "{presented:?}");
}

#[tokio::test]
async fn a_set_that_the_provider_takes_no_more_needs_another_login() {
    let (gateway, idp) = start().await;
    gateway.advance(Duration::from_mins(5)).await;
    idp.forget();
    for _ in 0..3 {
        assert!(matches!(
            access(&gateway).await,
            Err(TokensError::LoginAgain)
        ));
    }
    assert_eq!(idp.times("/token"), 2, "it is not asked again");
    assert_eq!(counted(&gateway, "invalid_grant"), "1");
    let store = &gateway.services.store;
    let row = store.provider_token(ANN, "idp").await.unwrap().unwrap();
    assert_eq!(
        (row.lapsed_at, row.sealed.as_str()),
        (Some(gateway.clock.now()), "")
    );

    assert_eq!(
        log_in(&mut Browser::new(&gateway), &idp, "sub-1")
            .await
            .status,
        303
    );
    assert!(access(&gateway).await.is_ok());
}

#[tokio::test]
async fn a_provider_that_fails_is_left_alone_for_a_while_and_the_set_is_kept() {
    let (gateway, idp) = start().await;
    gateway.advance(Duration::from_secs(275)).await;
    idp.quirks(|quirks| quirks.token_answer = Some((503, "<html>".to_owned())));
    let old = access(&gateway).await.unwrap();
    assert!(idp.issued().contains(&old), "it lasts a little longer");
    gateway.advance(Duration::from_secs(9)).await;
    access(&gateway).await.unwrap();
    assert_eq!(idp.times("/token"), 2, "within the cool-down");
    gateway.advance(Duration::from_secs(30)).await;
    assert!(matches!(
        access(&gateway).await,
        Err(TokensError::Unavailable)
    ));
    assert_eq!(counted(&gateway, "unknown"), "2");
    idp.quirks(|quirks| quirks.token_answer = None);
    gateway.advance(Duration::from_secs(11)).await;
    assert_ne!(access(&gateway).await.unwrap(), old);
}

#[tokio::test]
async fn a_gateway_that_died_while_it_renewed_holds_nobody_up_for_long() {
    let (gateway, _idp) = start().await;
    gateway.advance(Duration::from_mins(5)).await;
    let store = &gateway.services.store;
    let row = store.provider_token(ANN, "idp").await.unwrap().unwrap();
    let now = gateway.clock.now();
    assert!(
        store
            .claim_provider_token(&row, now, now + 60_000)
            .await
            .unwrap()
    );
    assert!(
        !store
            .claim_provider_token(&row, now, now + 60_000)
            .await
            .unwrap()
    );
    gateway.advance(Duration::from_mins(1)).await;
    assert!(access(&gateway).await.is_ok());
}

#[tokio::test]
async fn a_set_of_a_login_in_between_counts_and_not_the_one_that_was_being_renewed() {
    let (gateway, _idp) = start().await;
    let store = &gateway.services.store;
    let row = store.provider_token(ANN, "idp").await.unwrap().unwrap();
    let now = gateway.clock.now();
    assert!(
        store
            .claim_provider_token(&row, now, now + 60_000)
            .await
            .unwrap()
    );
    let login = callgate::storage::provider_tokens::SealedTokens {
        user_id: ANN.to_owned(),
        provider: "idp".to_owned(),
        sealed: "the set of another login".to_owned(),
        now,
    };
    let identity = store.identities(ANN).await.unwrap().remove(0);
    store
        .use_identity(identity, Some(login), now)
        .await
        .unwrap();
    let late = store.replace_provider_token(&row, "late".to_owned(), now);
    assert!(!late.await.unwrap());
    let row = store.provider_token(ANN, "idp").await.unwrap().unwrap();
    assert_eq!(row.sealed, "the set of another login");
}

#[tokio::test]
async fn q07_a_sealed_set_opens_for_its_user_and_provider_alone() {
    let (gateway, idp) = start().await;
    link(&gateway, &idp, "sub-2", "bob").await;
    let store = &gateway.services.store;
    let row = store.provider_token(ANN, "idp").await.unwrap().unwrap();
    let moved = callgate::storage::provider_tokens::SealedTokens {
        user_id: "id-of-bob".to_owned(),
        provider: "idp".to_owned(),
        sealed: row.sealed,
        now: gateway.clock.now(),
    };
    let identity = store.identities("id-of-bob").await.unwrap().remove(0);
    store.use_identity(identity, Some(moved), 0).await.unwrap();
    let tokens = &gateway.version.provider_tokens;
    let opened = tokens.access("id-of-bob", "idp").await;
    assert!(matches!(opened, Err(TokensError::LoginAgain)));
    assert!(access(&gateway).await.is_ok());
}

#[tokio::test]
async fn tokens_are_kept_only_where_that_is_wanted_and_go_with_the_link() {
    let (gateway, idp) = with("keep_tokens = false").await;
    link(&gateway, &idp, "sub-1", "ann").await;
    log_in(&mut Browser::new(&gateway), &idp, "sub-1").await;
    assert!(matches!(access(&gateway).await, Err(TokensError::None)));

    let (gateway, _idp) = start().await;
    let store = &gateway.services.store;
    assert!(store.unlink_identity(ANN, "idp", NOW).await.unwrap());
    assert!(store.provider_token(ANN, "idp").await.unwrap().is_none());
    assert!(matches!(access(&gateway).await, Err(TokensError::None)));
}
