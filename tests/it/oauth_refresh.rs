//! Renewing tokens and taking them back.

use crate::harness::{Answer, CRM_SECRET, TestGateway};
use crate::oauth::{
    CRM, calls_with, client, code_for, exchange, post, public_client, refresh, token, tokens,
    wish_with,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);
/// Longer than a refresh token that was used gives the same again.
const PAST_GRACE: Duration = Duration::from_secs(11);

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn refused(answer: &Answer) {
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["error"]),
        (400, &json!("invalid_grant"))
    );
}

async fn revoke(gateway: &TestGateway, value: &Value) -> u16 {
    let answer = post(gateway, "/oauth/revoke", CRM, &[("token", text(value))]).await;
    answer.status.as_u16()
}

#[tokio::test]
async fn f01_every_refresh_gives_a_new_refresh_token() {
    let gateway = TestGateway::start().await;
    public_client(&gateway, "spa").await;
    let code = code_for(&gateway, &wish_with(&[("client_id", "spa")])).await;
    let mut form = exchange(&code).to_vec();
    form.push(("client_id", "spa"));
    let first = post(&gateway, "/oauth/token", None, &form).await.json();
    let renew = [
        ("grant_type", "refresh_token"),
        ("refresh_token", text(&first["refresh_token"])),
        ("client_id", "spa"),
    ];
    let second = post(&gateway, "/oauth/token", None, &renew).await;
    assert_eq!(second.status, 200, "{}", second.text());
    assert_ne!(second.json()["refresh_token"], first["refresh_token"]);
    assert_eq!(
        calls_with(&gateway, &second.json()["access_token"]).await,
        204
    );
    gateway.advance(PAST_GRACE).await;
    refused(&post(&gateway, "/oauth/token", None, &renew).await);
    let nameless = post(&gateway, "/oauth/token", None, &renew[..2]).await;
    assert_eq!(nameless.json()["error"], "invalid_request", "F06");
}

#[tokio::test]
async fn f02_a_refresh_token_used_twice_ends_the_family() {
    let gateway = TestGateway::start().await;
    let first = tokens(&gateway).await;
    let second = refresh(&gateway, text(&first["refresh_token"]))
        .await
        .json();
    assert_eq!(calls_with(&gateway, &second["access_token"]).await, 204);
    gateway.advance(PAST_GRACE).await;
    refused(&refresh(&gateway, text(&first["refresh_token"])).await);
    assert_eq!(calls_with(&gateway, &first["access_token"]).await, 401);
    assert_eq!(calls_with(&gateway, &second["access_token"]).await, 401);
    refused(&refresh(&gateway, text(&second["refresh_token"])).await);
}

#[tokio::test]
async fn f03_of_fifty_refreshes_at_once_one_succeeds() {
    let gateway = TestGateway::with("oauth.refresh_grace = '0s'").await;
    let first = tokens(&gateway).await;
    let old = text(&first["refresh_token"]);
    let answers = join_all((0..50).map(|_| refresh(&gateway, old))).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 200).count(),
        1
    );
}

/// Live tokens of `crm`, by class.
async fn live(gateway: &TestGateway) -> (usize, usize) {
    let path = "/admin/tokens?client=crm";
    let list = gateway.admin_get(path).await.expect(200).json();
    let of = |class| {
        let items = list["items"].as_array().unwrap();
        items.iter().filter(|item| item["class"] == class).count()
    };
    (of("access"), of("refresh"))
}

#[tokio::test]
async fn f04_fifty_refreshes_at_once_give_one_set_of_tokens() {
    let gateway = TestGateway::start().await;
    let first = tokens(&gateway).await;
    let old = text(&first["refresh_token"]);
    let answers = join_all((0..50).map(|_| refresh(&gateway, old))).await;
    let set = answers[0].json();
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json(), set);
    }
    assert_eq!(calls_with(&gateway, &set["access_token"]).await, 204);
    // The first access token, and one set; the first refresh token is used up.
    assert_eq!(live(&gateway).await, (2, 2));
    assert_eq!(
        refresh(&gateway, text(&set["refresh_token"])).await.status,
        200
    );
}

#[tokio::test]
async fn f04_a_repeat_with_another_scope_gives_nothing_and_ends_nothing() {
    let gateway = TestGateway::start().await;
    let code = code_for(&gateway, &wish_with(&[("scope", "call pbx")])).await;
    let first = token(&gateway, &exchange(&code)).await.json();
    let with = |scope| {
        [
            ("grant_type", "refresh_token"),
            ("refresh_token", text(&first["refresh_token"])),
            ("scope", scope),
        ]
    };
    let given = token(&gateway, &with("call")).await.json();
    for other in ["pbx", "call pbx", ""] {
        let answer = token(&gateway, &with(other)).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error"]),
            (400, &json!("invalid_scope")),
            "{other}"
        );
    }
    assert_eq!(token(&gateway, &with("call")).await.json(), given);
    assert_eq!(calls_with(&gateway, &given["access_token"]).await, 204);
    let next = refresh(&gateway, text(&given["refresh_token"])).await;
    assert_eq!(next.json()["scope"], "call pbx");
}

#[tokio::test]
async fn f05_once_the_new_access_token_was_revoked_there_is_no_grace() {
    let gateway = TestGateway::start().await;
    let first = tokens(&gateway).await;
    let old = text(&first["refresh_token"]);
    let second = refresh(&gateway, old).await.json();
    assert_eq!(revoke(&gateway, &second["access_token"]).await, 200);
    refused(&refresh(&gateway, old).await);
    refused(&refresh(&gateway, text(&second["refresh_token"])).await);
}

#[tokio::test]
async fn f05_a_lost_answer_is_given_again_and_after_the_grace_it_is_misuse() {
    let gateway = TestGateway::start().await;
    let first = tokens(&gateway).await;
    let old = text(&first["refresh_token"]);
    let mut lost = refresh(&gateway, old).await.json();
    gateway.advance(Duration::from_secs(3)).await;
    lost["expires_in"] = json!(3597);
    assert_eq!(refresh(&gateway, old).await.json(), lost);
    gateway.advance(Duration::from_secs(8)).await;
    refused(&refresh(&gateway, old).await);
    refused(&refresh(&gateway, text(&lost["refresh_token"])).await);
    assert_eq!(calls_with(&gateway, &lost["access_token"]).await, 401);
}

#[tokio::test]
async fn f05_once_the_successor_was_used_there_is_no_grace() {
    let gateway = TestGateway::start().await;
    let first = tokens(&gateway).await;
    let second = refresh(&gateway, text(&first["refresh_token"]))
        .await
        .json();
    assert_eq!(
        refresh(&gateway, text(&second["refresh_token"]))
            .await
            .status,
        200
    );
    refused(&refresh(&gateway, text(&first["refresh_token"])).await);
}

#[tokio::test]
async fn f06_another_client_can_neither_use_nor_end_a_refresh_token() {
    let gateway = TestGateway::start().await;
    client(&gateway, "two", |_| ()).await;
    let first = tokens(&gateway).await;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", text(&first["refresh_token"])),
    ];
    refused(&post(&gateway, "/oauth/token", Some(("two", CRM_SECRET)), &form).await);
    assert_eq!(
        refresh(&gateway, text(&first["refresh_token"]))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn f07_a_narrower_scope_is_for_the_access_token_alone() {
    let gateway = TestGateway::start().await;
    let code = code_for(&gateway, &wish_with(&[("scope", "call pbx")])).await;
    let first = token(&gateway, &exchange(&code)).await.json();
    let with = |scope| {
        [
            ("grant_type", "refresh_token"),
            ("refresh_token", text(&first["refresh_token"])),
            ("scope", scope),
        ]
    };
    assert_eq!(
        token(&gateway, &with("call admin")).await.json()["error"],
        "invalid_scope"
    );
    let narrow = token(&gateway, &with("pbx")).await.json();
    assert_eq!(narrow["scope"], "pbx");
    assert_eq!(calls_with(&gateway, &narrow["access_token"]).await, 403);
    let wide = refresh(&gateway, text(&narrow["refresh_token"]))
        .await
        .json();
    assert_eq!(wide["scope"], "call pbx");
}

#[tokio::test]
async fn f08_an_idle_refresh_token_ends() {
    let gateway = TestGateway::start().await;
    let first = tokens(&gateway).await;
    gateway.advance(30 * DAY).await;
    refused(&refresh(&gateway, text(&first["refresh_token"])).await);
}

#[tokio::test]
async fn f08_an_authorization_ends_however_often_it_is_renewed() {
    let gateway = TestGateway::start().await;
    let mut last = tokens(&gateway).await;
    for _ in 0..8 {
        gateway.advance(20 * DAY).await;
        let answer = refresh(&gateway, text(&last["refresh_token"])).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        last = answer.json();
    }
    gateway.advance(20 * DAY).await;
    refused(&refresh(&gateway, text(&last["refresh_token"])).await);
}

#[tokio::test]
async fn f09_without_its_secret_a_client_uses_nothing_up() {
    let gateway = TestGateway::start().await;
    let first = tokens(&gateway).await;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", text(&first["refresh_token"])),
        ("client_id", "crm"),
    ];
    for client in [None, Some(("crm", "wrong"))] {
        let answer = post(&gateway, "/oauth/token", client, &form).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error"]),
            (401, &json!("invalid_client"))
        );
    }
    assert_eq!(
        refresh(&gateway, text(&first["refresh_token"]))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn f10_a_disabled_user_or_client_renews_nothing() {
    let gateway = TestGateway::start().await;
    let store = &gateway.services.store;
    let first = tokens(&gateway).await;
    let mut ann = store.user_named("acme", "ann").await.unwrap().unwrap();
    ann.disabled_at = Some(1);
    store.update_user(ann, gateway.clock.now()).await.unwrap();
    refused(&refresh(&gateway, text(&first["refresh_token"])).await);
    let mut crm = store.client("crm").await.unwrap().unwrap();
    crm.disabled_at = Some(1);
    store.update_client(crm, gateway.clock.now()).await.unwrap();
    assert_eq!(
        refresh(&gateway, text(&first["refresh_token"]))
            .await
            .json()["error"],
        "invalid_client"
    );
}

#[tokio::test]
async fn f10_f05_a_user_disabled_within_the_grace_is_given_nothing_again() {
    let gateway = TestGateway::start().await;
    let first = tokens(&gateway).await;
    let old = text(&first["refresh_token"]);
    assert_eq!(refresh(&gateway, old).await.status, 200);
    let disabled = json!({ "enabled": false });
    gateway
        .admin_patch("/admin/users/id-of-ann", disabled)
        .await
        .expect(200);
    refused(&refresh(&gateway, old).await);
}

#[tokio::test]
async fn f11_a_client_that_acts_for_itself_gets_no_refresh_token() {
    let gateway = TestGateway::start().await;
    let form = [("grant_type", "client_credentials"), ("scope", "call")];
    let answer = token(&gateway, &form).await.json();
    assert!(answer.get("access_token").is_some() && answer.get("refresh_token").is_none());
}

#[tokio::test]
async fn f10_a_policy_taken_from_the_client_is_not_renewed() {
    let gateway = TestGateway::start().await;
    let store = &gateway.services.store;
    let first = tokens(&gateway).await;
    let mut crm = store.client("crm").await.unwrap().unwrap();
    crm.policies = "pbx".to_owned().into();
    store.update_client(crm, gateway.clock.now()).await.unwrap();
    let second = refresh(&gateway, text(&first["refresh_token"]))
        .await
        .json();
    assert_eq!(calls_with(&gateway, &second["access_token"]).await, 403);
}

#[tokio::test]
async fn j01_a_revoked_access_token_is_refused_at_once() {
    let gateway = TestGateway::start().await;
    let first = tokens(&gateway).await;
    assert_eq!(calls_with(&gateway, &first["access_token"]).await, 204);
    assert_eq!(revoke(&gateway, &first["access_token"]).await, 200);
    assert_eq!(calls_with(&gateway, &first["access_token"]).await, 401);
    assert_eq!(
        refresh(&gateway, text(&first["refresh_token"]))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn j02_with_a_refresh_token_its_access_tokens_end() {
    let gateway = TestGateway::start().await;
    let first = tokens(&gateway).await;
    assert_eq!(calls_with(&gateway, &first["access_token"]).await, 204);
    assert_eq!(revoke(&gateway, &first["refresh_token"]).await, 200);
    assert_eq!(calls_with(&gateway, &first["access_token"]).await, 401);
    refused(&refresh(&gateway, text(&first["refresh_token"])).await);
}

#[tokio::test]
async fn j03_revoking_what_is_not_there_is_a_success() {
    let gateway = TestGateway::start().await;
    let first = tokens(&gateway).await;
    assert_eq!(revoke(&gateway, &json!("anything")).await, 200);
    for _ in 0..2 {
        assert_eq!(revoke(&gateway, &first["access_token"]).await, 200);
    }
}

#[tokio::test]
async fn j04_another_clients_token_lives_on() {
    let gateway = TestGateway::start().await;
    client(&gateway, "two", |_| ()).await;
    let first = tokens(&gateway).await;
    for name in ["access_token", "refresh_token"] {
        let form = [("token", text(&first[name]))];
        let answer = post(&gateway, "/oauth/revoke", Some(("two", CRM_SECRET)), &form).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(calls_with(&gateway, &first["access_token"]).await, 204);
    assert_eq!(
        refresh(&gateway, text(&first["refresh_token"]))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn j05_a_wrong_hint_changes_nothing() {
    let gateway = TestGateway::start().await;
    let first = tokens(&gateway).await;
    let form = [
        ("token", text(&first["access_token"])),
        ("token_type_hint", "refresh_token"),
    ];
    assert_eq!(
        post(&gateway, "/oauth/revoke", CRM, &form).await.status,
        200
    );
    assert_eq!(calls_with(&gateway, &first["access_token"]).await, 401);
}

#[tokio::test]
async fn j06_a_client_without_its_secret_revokes_nothing() {
    let gateway = TestGateway::start().await;
    let first = tokens(&gateway).await;
    let form = [
        ("token", text(&first["access_token"])),
        ("client_id", "crm"),
    ];
    let answer = post(&gateway, "/oauth/revoke", None, &form).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["error"]),
        (401, &json!("invalid_client"))
    );
    assert_eq!(calls_with(&gateway, &first["access_token"]).await, 204);
}
