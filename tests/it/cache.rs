//! The cache of token facts: one look into the store for many requests, and nothing that outlives a revocation.

use crate::harness::{Answer, NOW, TestGateway, get, user};
use callgate::metrics::Metrics;
use callgate::secret::Secret;
use callgate::token::{Class, TokenHash};
use futures_util::future::join_all;
use std::time::Duration;

/// How often the store was asked for the facts of a token.
fn looks(gateway: &TestGateway) -> u64 {
    count(
        &gateway.services.metrics,
        "callgate_store_duration_seconds_count{operation=\"token_facts\"}",
    )
}

fn count(metrics: &Metrics, line: &str) -> u64 {
    let text = String::from_utf8(metrics.render()).unwrap();
    let found = text.lines().find_map(|l| l.strip_prefix(line));
    found.map_or(0, |value| value.trim().parse().unwrap())
}

async fn ask(gateway: &TestGateway, token: &Secret) -> Answer {
    gateway.edge(get("/rest/call", token)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_with_one_new_token_make_one_look_into_the_store() {
    let gateway = TestGateway::start().await;
    for round in 1..=4 {
        let ann = gateway.ann().await;
        let answers = join_all((0..512).map(|_| ask(&gateway, &ann))).await;
        assert!(answers.iter().all(|answer| answer.status == 204));
        assert_eq!(looks(&gateway), round);
    }
}

#[tokio::test]
async fn a_token_that_the_store_does_not_know_is_looked_up_once() {
    let gateway = TestGateway::start().await;
    let unknown = gateway.services.mint.mint(Class::Access).token;
    for _ in 0..5 {
        assert_eq!(ask(&gateway, &unknown).await.status, 401);
    }
    assert_eq!(looks(&gateway), 1);
}

#[tokio::test]
async fn what_is_no_token_of_ours_never_reaches_the_store() {
    let gateway = TestGateway::start().await;
    let good = gateway.ann().await;
    let good = good.expose();
    let other_class = gateway.services.mint.mint(Class::Refresh).token;
    let (head, last) = good.split_at(good.len() - 1);
    let forged_tag = format!("{head}{}", if last == "A" { "B" } else { "A" });
    let forged_random = good.replacen(
        &good[10..12],
        if &good[10..12] == "AA" { "BB" } else { "AA" },
        1,
    );
    for bad in [
        head,
        &format!("{good}A"),
        &format!("{good}="),
        &good.replacen("cg_at_", "cg_rt_", 1),
        &forged_tag,
        &forged_random,
        other_class.expose(),
        "cg_at_",
        "nope",
    ] {
        let answer = ask(&gateway, &Secret::new(bad.to_owned())).await;
        assert_eq!(answer.status, 401, "{bad}");
    }
    assert_eq!(looks(&gateway), 0);
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_the_next_request() {
    for revoked in ["token", "family", "user", "client", "tenant"] {
        let gateway = TestGateway::start().await;
        let token = gateway.ann().await;
        assert_eq!(ask(&gateway, &token).await.status, 204);
        revoke(&gateway, revoked, &token).await;
        gateway.services.follower.catch_up().await.unwrap();
        let before = looks(&gateway);
        for _ in 0..3 {
            let answer = ask(&gateway, &token).await;
            assert_eq!(answer.status, 401, "{revoked}");
            assert!(
                answer
                    .header("www-authenticate")
                    .contains("error=\"invalid_token\"")
            );
        }
        // The first refusal is remembered.
        assert_eq!(looks(&gateway) - before, 1, "{revoked}");
    }
}

async fn revoke(gateway: &TestGateway, what: &str, token: &Secret) {
    let store = &gateway.services.store;
    let hash = TokenHash::of(token.expose()).to_string();
    match what {
        "token" => store.revoke_token(&hash, NOW).await.unwrap(),
        "family" => {
            let family = store.token(&hash).await.unwrap().unwrap().family_id;
            assert_eq!(store.revoke_family(&family, NOW).await.unwrap(), 1);
        }
        "user" => {
            let mut ann = store.user("id-of-ann").await.unwrap().unwrap();
            ann.disabled_at = Some(NOW);
            store.update_user(ann, NOW).await.unwrap();
        }
        "client" => {
            let mut crm = store.client("crm").await.unwrap().unwrap();
            crm.disabled_at = Some(NOW);
            store.update_client(crm, NOW).await.unwrap();
        }
        _ => {
            let mut acme = store.tenant("acme").await.unwrap().unwrap();
            acme.disabled_at = Some(NOW);
            store.update_tenant(acme, NOW).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_change_that_ends_no_token_leaves_tokens_valid() {
    let gateway = TestGateway::start().await;
    let token = gateway.ann().await;
    assert_eq!(ask(&gateway, &token).await.status, 204);
    let store = &gateway.services.store;
    let mut ann = store.user("id-of-ann").await.unwrap().unwrap();
    ann.call_limit = Some(7);
    store.update_user(ann, NOW).await.unwrap();
    gateway.services.follower.catch_up().await.unwrap();
    assert_eq!(ask(&gateway, &token).await.status, 204);
    assert_eq!(looks(&gateway), 2);
    assert_eq!(ask(&gateway, &token).await.status, 204);
    assert_eq!(looks(&gateway), 2);
}

#[tokio::test]
async fn more_revocations_than_one_page_are_all_applied() {
    let gateway = TestGateway::start().await;
    let token = gateway.ann().await;
    assert_eq!(ask(&gateway, &token).await.status, 204);
    let hash = TokenHash::of(token.expose()).to_string();
    let filled = gateway.services.store.write(|c| {
        Box::pin(async move {
            let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
                       INSERT INTO revocations (kind, subject, at) SELECT 'family', 'f' || i, 0 FROM n";
            sqlx::query(sql).execute(c).await?;
            Ok(())
        })
    });
    filled.await.unwrap();
    gateway
        .services
        .store
        .revoke_token(&hash, NOW)
        .await
        .unwrap();
    gateway.services.follower.catch_up().await.unwrap();
    assert_eq!(ask(&gateway, &token).await.status, 401);
}

#[tokio::test]
async fn a_token_that_expires_in_the_cache_is_refused() {
    let gateway = TestGateway::start().await;
    let token = gateway.ann().await;
    gateway.advance(Duration::from_secs(3599)).await;
    assert_eq!(ask(&gateway, &token).await.status, 204);
    gateway.advance(Duration::from_secs(1)).await;
    let answer = ask(&gateway, &token).await;
    assert_eq!(answer.status, 401);
    assert!(answer.text().contains("expired"), "{}", answer.text());
    assert_eq!(looks(&gateway), 1);
}

#[tokio::test]
async fn without_fresh_revocations_the_store_is_asked_each_time() {
    let gateway = TestGateway::start().await;
    let token = gateway.ann().await;
    assert_eq!(ask(&gateway, &token).await.status, 204);
    gateway.clock.advance(Duration::from_secs(30));
    assert_eq!(ask(&gateway, &token).await.status, 204);
    assert_eq!(looks(&gateway), 1);
    gateway.clock.advance(Duration::from_millis(1));
    for look in 2..=3 {
        assert_eq!(ask(&gateway, &token).await.status, 204);
        assert_eq!(looks(&gateway), look);
    }
    gateway.services.follower.catch_up().await.unwrap();
    assert_eq!(ask(&gateway, &token).await.status, 204);
    assert_eq!(looks(&gateway), 3);
}

#[tokio::test]
async fn without_the_store_and_fresh_revocations_nobody_is_let_in() {
    let gateway = TestGateway::start().await;
    let token = gateway.ann().await;
    assert_eq!(ask(&gateway, &token).await.status, 204);
    gateway.services.store.readers().close().await;
    gateway.clock.advance(Duration::from_millis(30_001));
    let answer = ask(&gateway, &token).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (503, "1")
    );
}

#[tokio::test]
async fn a_token_whose_user_is_no_more_is_not_its_clients() {
    let gateway = TestGateway::start().await;
    let token = gateway.token(user("nobody"), &["calls.#"]).await;
    assert_eq!(ask(&gateway, &token).await.status, 401);
}
