//! Linking accounts on the account page, and what administrators see and end of them.

use crate::external::{link, log_in, refused, with};
use crate::harness::{Answer, PASSWORD, TestGateway};
use crate::idp::Idp;
use crate::oauth::{Browser, parameters};
use std::time::Duration;

const ACTION: &str = "/account/identities";

/// Somebody who has just logged in with the password.
async fn at_home<'g>(gateway: &'g TestGateway, name: &str) -> Browser<'g> {
    let mut browser = Browser::new(gateway);
    enter(&mut browser, name).await;
    browser
}

async fn enter(browser: &mut Browser<'_>, name: &str) {
    browser.cookies.remove("__Host-callgate");
    let page = browser.get("/auth/login?to=account").await;
    let typed = [("username", name), ("password", PASSWORD)];
    let answer = browser.submit(&page, &typed).await;
    assert_eq!(answer.header("location"), "/account", "{}", answer.text());
}

/// Sends the form of the section, with what is pressed and typed.
async fn send(browser: &mut Browser<'_>, typed: &[(&str, &str)]) -> Answer {
    let page = browser.get("/account").await;
    assert_eq!(page.status, 200, "{}", page.text());
    send_on(browser, &page, typed).await
}

async fn send_on(browser: &mut Browser<'_>, page: &Answer, typed: &[(&str, &str)]) -> Answer {
    let text = page.text();
    let start = format!("action=\"{ACTION}\"");
    let form = text.split("<form ").find(|form| form.contains(&start));
    let form = form.unwrap_or_else(|| panic!("no form in {text}"));
    let value = |name: &str| {
        let rest = form.split(&format!("name=\"{name}\" value=\"")).nth(1);
        rest.unwrap().split('"').next().unwrap().to_owned()
    };
    let (token, number) = (value("csrf_token"), value("consent"));
    let mut pairs = vec![("csrf_token", token.as_str()), ("consent", number.as_str())];
    pairs.extend(typed);
    browser.headers.push(("origin", "null"));
    let answer = browser.post(ACTION, &pairs).await;
    browser.headers.pop();
    answer
}

/// To the provider and back.
async fn link_by(browser: &mut Browser<'_>, idp: &Idp, subject: &str) -> Answer {
    let led = send(browser, &[("link", "idp")]).await;
    assert_eq!(led.status, 303, "{}", led.text());
    let back = idp.log_in(led.header("location"), subject);
    browser.get(&back).await
}

async fn linked(gateway: &TestGateway, user: &str) -> Vec<String> {
    let store = &gateway.services.store;
    let found = store.identities(&format!("id-of-{user}")).await.unwrap();
    found.into_iter().map(|identity| identity.subject).collect()
}

#[tokio::test]
async fn an_account_is_linked_by_who_is_signed_in_and_unlinked_again() {
    let (gateway, idp) = with("").await;
    let mut ann = at_home(&gateway, "ann").await;
    let page = ann.get("/account").await;
    assert!(page.text().contains("Linked accounts"), "{}", page.text());
    assert!(
        page.header("content-security-policy")
            .contains(&idp.issuer())
    );
    let back = link_by(&mut ann, &idp, "sub-1").await;
    assert_eq!(
        back.header("location"),
        "/account?done=linked",
        "{}",
        back.text()
    );
    assert_eq!(linked(&gateway, "ann").await, ["sub-1"]);
    let mut other = Browser::new(&gateway);
    assert_eq!(log_in(&mut other, &idp, "sub-1").await.status, 303);
    assert!(
        gateway
            .version
            .provider_tokens
            .access("id-of-ann", "idp")
            .await
            .is_ok()
    );

    let done = send(&mut ann, &[("unlink", "idp")]).await;
    assert_eq!(done.header("location"), "/account?done=unlinked");
    assert!(linked(&gateway, "ann").await.is_empty());
    let page = ann.get("/account").await.text();
    for words in [
        "was linked to yours",
        "You unlinked an account",
        "with a linked account",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[tokio::test]
async fn q05_an_account_is_linked_in_the_session_that_asked_for_it_alone() {
    let (gateway, idp) = with("").await;
    let mut browser = at_home(&gateway, "ann").await;
    let led = send(&mut browser, &[("link", "idp")]).await;
    let back = idp.log_in(led.header("location"), "sub-of-attacker");
    enter(&mut browser, "bob").await;
    refused(&browser.get(&back).await, 403, "other_session");
    enter(&mut browser, "ann").await;
    refused(&browser.get(&back).await, 400, "unknown_login");

    let led = send(&mut browser, &[("link", "idp")]).await;
    let back = idp.log_in(led.header("location"), "sub-of-attacker");
    let mut victim = at_home(&gateway, "bob").await;
    refused(&victim.get(&back).await, 400, "unknown_login");
    for name in ["ann", "bob"] {
        assert!(linked(&gateway, name).await.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn an_account_belongs_to_one_user_and_a_user_has_one_there() {
    let (gateway, idp) = with("").await;
    link(&gateway, &idp, "sub-1", "bob").await;
    let mut ann = at_home(&gateway, "ann").await;
    refused(
        &link_by(&mut ann, &idp, "sub-1").await,
        409,
        "linked_already",
    );
    assert_eq!(link_by(&mut ann, &idp, "sub-2").await.status, 303);
    ann.get("/account").await;
    let led = send(&mut ann, &[("link", "idp")]).await;
    let back = idp.log_in(led.header("location"), "sub-3");
    refused(&ann.get(&back).await, 409, "linked_already");
    assert_eq!(linked(&gateway, "ann").await, ["sub-2"]);
    assert_eq!(linked(&gateway, "bob").await, ["sub-1"]);
}

#[tokio::test]
async fn a_browser_that_was_left_alone_links_nothing_without_the_password() {
    let (gateway, idp) = with("").await;
    let mut ann = at_home(&gateway, "ann").await;
    gateway.advance(Duration::from_mins(11)).await;
    let answer = send(&mut ann, &[("link", "idp")]).await;
    assert_eq!(answer.status, 403);
    assert!(
        answer.text().contains("identities-error"),
        "{}",
        answer.text()
    );
    let wrong = send(&mut ann, &[("link", "idp"), ("current_password", "wrong")]).await;
    assert_eq!(wrong.status, 403);
    let right = [("link", "idp"), ("current_password", PASSWORD)];
    let led = send(&mut ann, &right).await;
    assert!(
        led.header("location").starts_with(&idp.issuer()),
        "{}",
        led.text()
    );
}

#[tokio::test]
async fn another_site_links_nothing() {
    let (gateway, _idp) = with("").await;
    let mut ann = at_home(&gateway, "ann").await;
    assert_eq!(ann.post(ACTION, &[("link", "idp")]).await.status, 403);
    let page = ann.get("/account").await;
    ann.headers.push(("sec-fetch-site", "cross-site"));
    assert_eq!(
        send_on(&mut ann, &page, &[("link", "idp")]).await.status,
        403
    );
    ann.headers.pop();
    assert_eq!(send(&mut ann, &[("link", "none")]).await.status, 404);
    assert_eq!(
        send(&mut ann, &[("link", "idp"), ("unlink", "idp")])
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn who_has_no_password_keeps_the_last_way_in() {
    let (gateway, idp) = with("create_users = true").await;
    let claims = serde_json::json!({ "email": "eve@acme.example", "email_verified": true });
    idp.quirks(|quirks| quirks.claims = claims.as_object().unwrap().clone());
    let mut eve = Browser::new(&gateway);
    log_in(&mut eve, &idp, "sub-7").await;
    let answer = send(&mut eve, &[("unlink", "idp")]).await;
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert!(answer.text().contains("You have no password"));
}

#[tokio::test]
async fn a_set_that_is_good_no_more_is_told_on_the_page_and_to_administrators() {
    let (gateway, idp) = with("").await;
    let mut ann = at_home(&gateway, "ann").await;
    link_by(&mut ann, &idp, "sub-1").await;
    let path = "/admin/users/id-of-ann/identities";
    let shown = gateway.admin_get(path).await.expect(200).json();
    let shown = &shown["items"][0];
    assert_eq!(
        (&shown["provider"], &shown["tokens"]),
        (&"idp".into(), &"kept".into())
    );
    assert_eq!(shown["subject"], "sub-1");

    idp.forget();
    gateway.advance(Duration::from_mins(5)).await;
    let token = gateway
        .version
        .provider_tokens
        .access("id-of-ann", "idp")
        .await;
    assert!(token.is_err());
    let shown = gateway.admin_get(path).await.expect(200).json();
    assert_eq!(shown["items"][0]["tokens"], "login_again");
    let page = ann.get("/account").await.text();
    assert!(page.contains("Its access has ended there"), "{page}");

    let back = link_by(&mut ann, &idp, "sub-1").await;
    assert_eq!(back.status, 303, "{}", back.text());
    let shown = gateway.admin_get(path).await.expect(200).json();
    assert_eq!(shown["items"][0]["tokens"], "kept");
}

#[tokio::test]
async fn an_administrator_unlinks_an_account() {
    let (gateway, idp) = with("").await;
    link(&gateway, &idp, "sub-1", "ann").await;
    let path = "/admin/users/id-of-ann/identities";
    let one = format!("{path}/idp");
    gateway.admin_delete(&one).await.expect(204);
    gateway.admin_delete(&one).await.expect(404);
    gateway
        .admin_get("/admin/users/nobody/identities")
        .await
        .expect(404);
    assert!(linked(&gateway, "ann").await.is_empty());
    refused(
        &log_in(&mut Browser::new(&gateway), &idp, "sub-1").await,
        403,
        "not_linked",
    );
    let log = gateway
        .admin_get("/admin/audit?user=acme/ann")
        .await
        .expect(200);
    assert!(log.text().contains("user.unlink"), "{}", log.text());
}

#[tokio::test]
async fn what_a_login_is_for_stays_what_it_was_for() {
    let (gateway, idp) = with("").await;
    let mut ann = at_home(&gateway, "ann").await;
    let led = send(&mut ann, &[("link", "idp")]).await;
    let asked = parameters(led.header("location"));
    assert_eq!(
        asked["redirect_uri"],
        "https://calls.example/auth/with/idp/callback"
    );
    ann.cookies.remove("__Host-callgate");
    let back = idp.log_in(led.header("location"), "sub-1");
    // Signed out meanwhile: neither linked nor logged in.
    refused(&ann.get(&back).await, 403, "other_session");
    assert!(linked(&gateway, "ann").await.is_empty());
}
