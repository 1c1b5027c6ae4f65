//! The audit log: what is written down, what never is, and how it is read.

use crate::harness::{PASSWORD, TestGateway, form};
use crate::oauth::{
    Browser, CRM, VERIFIER, code, encoded, exchange, parameters, post, refresh, token, tokens, wish,
};
use callgate::clock::millis;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// A page of the log, newest first.
async fn log(gateway: &TestGateway, query: &str) -> Vec<Value> {
    let page = gateway.admin_get(&format!("/admin/audit?{query}")).await;
    let page = page.expect(200).json();
    page["items"].as_array().unwrap().clone()
}

fn events(entries: &[Value]) -> Vec<&str> {
    entries
        .iter()
        .map(|entry| entry["event"].as_str().unwrap())
        .collect()
}

async fn try_password(browser: &mut Browser<'_>, name: &str, password: &str) {
    let page = browser
        .get(&format!("/auth/login?{}", encoded(wish())))
        .await;
    browser
        .submit(&page, &[("username", name), ("password", password)])
        .await;
}

#[tokio::test]
async fn the_life_of_an_authorization_is_written_down() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    let location = browser.allow("ann", &wish()).await;
    let code = parameters(&location)["code"].clone();
    let first = token(&gateway, &exchange(&code)).await.json();
    let next = refresh(&gateway, first["refresh_token"].as_str().unwrap()).await;
    for name in ["access_token", "refresh_token"] {
        let value = next.json()[name].as_str().unwrap().to_owned();
        post(&gateway, "/oauth/revoke", CRM, &[("token", &value)]).await;
    }
    browser.get("/auth/logout").await;
    let mut entries = log(&gateway, "user=acme/ann").await;
    entries.reverse();
    assert_eq!(
        events(&entries),
        [
            "login",
            "consent",
            "token_issued",
            "token_refreshed",
            "token_revoked",
            "family_revoked",
            "logout"
        ]
    );
    for entry in &entries {
        assert_eq!(
            (&entry["tenant"], &entry["user"]),
            (&json!("acme"), &json!("id-of-ann"))
        );
    }
    let (login, consent, issued) = (&entries[0], &entries[1], &entries[2]);
    assert_eq!(issued["client"], "crm");
    assert_eq!(
        consent["detail"],
        json!({ "allowed": true, "scope": "call" })
    );
    assert_eq!(login["at"], "2026-11-22T02:39:33Z");
    assert_eq!(login["address"], "192.0.2.1");
    assert_eq!(login["client"], "crm");
    assert_eq!(issued["detail"]["family"], entries[2]["detail"]["family"]);
}

#[tokio::test]
async fn a_consent_that_is_denied_is_written_down() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    let logged_in = browser.log_in("ann", &wish()).await;
    let page = browser.get(logged_in.header("location")).await;
    browser.submit(&page, &[("grant", "false")]).await;
    let entries = log(&gateway, "event=consent").await;
    assert_eq!(entries[0]["detail"]["allowed"], false);
}

#[tokio::test]
async fn a_client_that_acts_for_itself_is_named_alone() {
    let gateway = TestGateway::start().await;
    token(&gateway, &[("grant_type", "client_credentials")]).await;
    let entries = log(&gateway, "event=token_issued&client=crm").await;
    assert_eq!(
        (&entries[0]["client"], &entries[0]["user"]),
        (&json!("crm"), &Value::Null)
    );
}

#[tokio::test]
async fn d02_a_code_used_again_is_written_down() {
    let gateway = TestGateway::start().await;
    let code = code(&gateway).await;
    token(&gateway, &exchange(&code)).await;
    token(&gateway, &exchange(&code)).await;
    let entries = log(&gateway, "limit=2").await;
    assert_eq!(events(&entries), ["code_reused", "token_issued"]);
    assert_eq!(entries[0]["user"], "id-of-ann");
}

#[tokio::test]
async fn f03_a_refresh_token_used_again_is_written_down() {
    let gateway = TestGateway::start().await;
    let first = tokens(&gateway).await;
    let value = first["refresh_token"].as_str().unwrap();
    let second = refresh(&gateway, value).await.json();
    refresh(&gateway, second["refresh_token"].as_str().unwrap()).await;
    gateway.advance(Duration::from_mins(10)).await;
    refresh(&gateway, value).await;
    let entries = log(&gateway, "limit=1").await;
    assert_eq!(events(&entries), ["refresh_token_reused"]);
    assert_eq!(entries[0]["user"], "id-of-ann");
}

#[tokio::test]
async fn a_failed_login_names_its_user_and_nobody_who_does_not_exist() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    try_password(&mut browser, "ann", "wrong").await;
    // It happens that a password is typed as the name.
    try_password(&mut browser, "hunter2", "wrong").await;
    let entries = log(&gateway, "").await;
    assert_eq!(events(&entries), ["login_failed", "login_failed"]);
    assert_eq!(entries[1]["user"], "id-of-ann");
    assert_eq!(entries[0]["user"], Value::Null);
    assert_eq!(entries[0]["tenant"], "acme");
    assert!(!json!(entries).to_string().contains("hunter2"));
}

#[tokio::test]
async fn no_credential_is_in_the_log() {
    let gateway = TestGateway::start().await;
    let code = code(&gateway).await;
    let issued = token(&gateway, &exchange(&code)).await.json();
    let value = issued["refresh_token"].as_str().unwrap();
    let next = refresh(&gateway, value).await.json();
    let wrong = Some(("crm", "cg_cs_a-wrong-secret"));
    post(&gateway, "/oauth/token", wrong, &exchange(&code)).await;
    let all = json!(log(&gateway, "limit=1000").await).to_string();
    for secret in [
        PASSWORD,
        VERIFIER,
        &code,
        value,
        issued["access_token"].as_str().unwrap(),
        next["access_token"].as_str().unwrap(),
        "a-wrong-secret",
        CRM.unwrap().1,
    ] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

#[tokio::test]
async fn a_flood_of_refused_clients_fills_no_disk() {
    let gateway = TestGateway::with("oauth.address_attempts = 5").await;
    for attempt in 0..20 {
        let id = format!("client-{attempt}");
        let guessed = Some((id.as_str(), "wrong"));
        let form = [("grant_type", "client_credentials")];
        post(&gateway, "/oauth/token", guessed, &form).await;
    }
    let entries = log(&gateway, "event=client_refused").await;
    assert_eq!(entries.len(), 5);
    assert!(!json!(entries).to_string().contains("client-"));
    let metrics = String::from_utf8(gateway.services.metrics.render()).unwrap();
    let line = "callgate_audit_events_total{event=\"client_refused\"} 20";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn a_secret_that_is_known_to_be_wrong_names_its_client() {
    let gateway = TestGateway::start().await;
    let form = [("grant_type", "client_credentials")];
    post(&gateway, "/oauth/token", Some(("crm", "wrong")), &form).await;
    let entries = log(&gateway, "client=crm").await;
    assert_eq!(events(&entries), ["client_refused"]);
    assert_eq!(entries[0]["tenant"], "acme");
}

#[tokio::test]
async fn acts_of_administration_and_forced_ends_of_calls_are_written_down() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let place = form(Method::POST, "/rest/call", &ann, "number=%2B390501234567");
    let placed = gateway.edge(place).await.expect(201);
    let call = placed
        .header("location")
        .split_once('=')
        .unwrap()
        .1
        .to_owned();
    gateway
        .admin_delete(&format!("/admin/calls/{call}?force=true"))
        .await
        .expect(200);
    let change = json!({ "display_name": "Ann Archer" });
    gateway
        .admin_patch("/admin/users/id-of-ann", change)
        .await
        .expect(200);
    let entries = log(&gateway, "user=acme/ann&tenant=acme").await;
    assert_eq!(events(&entries), ["administration", "call_ended"]);
    assert_eq!(
        entries[0]["detail"],
        json!({ "act": "user.update", "by": "operator", "what": "id-of-ann" })
    );
    assert_eq!(entries[1]["detail"]["call"], call);
    assert_eq!(entries[1]["detail"]["force"], true);
}

#[tokio::test]
async fn the_log_is_read_page_by_page() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    for _ in 0..5 {
        try_password(&mut browser, "ann", "wrong").await;
    }
    let (mut path, mut seen) = ("/admin/audit?limit=2".to_owned(), Vec::new());
    let mut sizes = Vec::new();
    loop {
        let page = gateway.admin_get(&path).await.expect(200).json();
        let items = page["items"].as_array().unwrap();
        sizes.push(items.len());
        seen.extend(items.iter().map(|item| item["id"].as_i64().unwrap()));
        let Some(next) = page["next"].as_i64() else {
            break;
        };
        path = format!("/admin/audit?limit=2&cursor={next}");
    }
    assert_eq!(sizes, [2, 2, 1]);
    assert!(seen.is_sorted_by(|newer, older| newer > older), "{seen:?}");
}

#[tokio::test]
async fn the_log_is_searched_by_whom_what_and_when() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    try_password(&mut browser, "ann", "wrong").await;
    gateway.advance(Duration::from_hours(1)).await;
    try_password(&mut browser, "bob", PASSWORD).await;
    for (query, found) in [
        ("", &["login", "login_failed"] as &[_]),
        ("event=login", &["login"]),
        ("user=id-of-ann", &["login_failed"]),
        ("user=acme/ann&event=login", &[]),
        ("client=crm", &["login", "login_failed"]),
        ("client=other", &[]),
        ("tenant=acme&event=login_failed", &["login_failed"]),
        ("tenant=other", &[]),
        ("since=2026-11-22T03:39:33Z", &["login"]),
        ("until=2026-11-22T03:39:32Z", &["login_failed"]),
    ] {
        assert_eq!(events(&log(&gateway, query).await), found, "{query}");
    }
    let unknown = gateway.admin_get("/admin/audit?event=lunch").await;
    unknown.refused(400, "login_failed");
    let unclear = gateway.admin_get("/admin/audit?since=yesterday").await;
    unclear.refused(400, "`since`");
}

#[tokio::test]
async fn what_is_older_than_the_retention_is_forgotten() {
    let gateway = TestGateway::start().await;
    let store = &gateway.services.store;
    let mut browser = Browser::new(&gateway);
    try_password(&mut browser, "ann", "wrong").await;
    gateway.advance(Duration::from_hours(2)).await;
    try_password(&mut browser, "ann", PASSWORD).await;
    let then = gateway.clock.now() - millis(Duration::from_hours(1));
    store.prune_audit(then).await.unwrap();
    assert_eq!(events(&log(&gateway, "").await), ["login"]);
}

#[tokio::test]
async fn a_log_that_cannot_be_written_keeps_nobody_from_being_refused() {
    let gateway = TestGateway::start().await;
    let store = &gateway.services.store;
    store
        .write(|c| {
            Box::pin(async move {
                sqlx::query("DROP TABLE audit").execute(c).await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    let form = [("grant_type", "client_credentials")];
    let refused = post(&gateway, "/oauth/token", Some(("crm", "wrong")), &form).await;
    assert_eq!(refused.status, 401);
    let mut browser = Browser::new(&gateway);
    let page = browser
        .get(&format!("/auth/login?{}", encoded(wish())))
        .await;
    let wrong = browser
        .submit(&page, &[("username", "ann"), ("password", "wrong")])
        .await;
    assert_eq!(wrong.status, 403);
}

/// How often the store was written.
fn writes(gateway: &TestGateway) -> u64 {
    let text = String::from_utf8(gateway.services.metrics.render()).unwrap();
    let line = "callgate_store_duration_seconds_count{operation=\"write\"} ";
    let found = text.lines().find_map(|l| l.strip_prefix(line));
    found.map_or(0, |value| value.trim().parse().unwrap())
}

#[tokio::test]
async fn tokens_and_their_entry_are_one_write() {
    let gateway = TestGateway::start().await;
    let form = [("grant_type", "client_credentials")];
    let before = writes(&gateway);
    token(&gateway, &form).await.expect(200);
    assert_eq!(writes(&gateway) - before, 1);
    let issued = tokens(&gateway).await;
    let before = writes(&gateway);
    refresh(&gateway, issued["refresh_token"].as_str().unwrap())
        .await
        .expect(200);
    assert_eq!(writes(&gateway) - before, 1);
    assert_eq!(log(&gateway, "event=token_refreshed").await.len(), 1);
}

#[tokio::test]
async fn a_store_that_stands_still_keeps_nobody_from_being_refused() {
    let gateway = TestGateway::start().await;
    let store = &gateway.services.store;
    let (go_on, released) = tokio::sync::oneshot::channel::<()>();
    let hold = store.write(move |_| {
        Box::pin(async move {
            released.await.ok();
            Ok(())
        })
    });
    let refused = async {
        let form = [("grant_type", "client_credentials")];
        let refused = post(&gateway, "/oauth/token", Some(("crm", "wrong")), &form).await;
        go_on.send(()).unwrap();
        refused
    };
    let (done, refused) = tokio::join!(hold, refused);
    done.unwrap();
    assert_eq!(refused.status, 401);
    // Nothing is lost: its turn comes.
    store.write(|_| Box::pin(async { Ok(()) })).await.unwrap();
    assert_eq!(events(&log(&gateway, "").await), ["client_refused"]);
}
