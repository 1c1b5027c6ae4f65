//! Passkeys as the second factor: what an authenticator must say, and what it says in vain.

use crate::authenticator::Authenticator;
use crate::harness::{Answer, TestGateway};
use crate::oauth::{Browser, Form, encoded, wish};
use serde_json::Value;
use std::time::Duration;

const SESSION: &str = "__Host-callgate";
const REQUIRED: &str = "oauth.second_factor = 'required'";

/// What a page's script would hand to the browser.
pub(crate) fn options(page: &Answer) -> Value {
    let text = page.text();
    let options = text
        .split("data-options=\"")
        .nth(1)
        .unwrap_or_else(|| panic!("no passkey in {text}"));
    let options = options.split('"').next().unwrap();
    serde_json::from_str(&options.replace("&#34;", "\"").replace("&#38;", "&")).unwrap()
}

async fn password(browser: &mut Browser<'_>, name: &str) -> Answer {
    let led = browser.log_in(name, &wish()).await;
    let page = browser.get(led.header("location")).await;
    assert_eq!(page.status, 200, "{}", page.text());
    page
}

/// Sends what the script would send.
async fn send(browser: &mut Browser<'_>, page: &Answer, answer: &str) -> Answer {
    let form = Form::of(page);
    let mut fields: Vec<_> = form
        .hidden
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    fields.retain(|(name, _)| *name == "csrf_token");
    fields.push(("passkey", answer));
    browser.headers.push(("origin", "null"));
    let answer = browser.post(&form.action, &fields).await;
    browser.headers.pop();
    answer
}

async fn make(gateway: &TestGateway, name: &str, passkey: &Authenticator) {
    let mut browser = Browser::new(gateway);
    let page = password(&mut browser, name).await;
    let done = send(&mut browser, &page, &passkey.create(&options(&page))).await;
    assert_eq!(done.status, 200, "{}", done.text());
}

async fn gateway_with(passkey: &Authenticator) -> TestGateway {
    let gateway = TestGateway::with(REQUIRED).await;
    make(&gateway, "ann", passkey).await;
    gateway
}

async fn is_logged_in(browser: &mut Browser<'_>) -> bool {
    let answer = browser
        .get(&format!("/auth/grant?{}", encoded(wish())))
        .await;
    answer.status == 200
}

#[tokio::test]
async fn a_passkey_that_was_made_logs_in() {
    let mut passkey = Authenticator::new();
    let gateway = gateway_with(&passkey).await;
    for _ in 0..3 {
        let mut browser = Browser::new(&gateway);
        let page = password(&mut browser, "ann").await;
        assert!(!page.text().contains("name=\"code\""), "there is no app");
        let done = send(&mut browser, &page, &passkey.get(&options(&page))).await;
        assert_eq!(done.status, 303, "{}", done.text());
        assert!(
            done.header("location")
                .starts_with("/auth/grant?client_id=crm&")
        );
        assert!(is_logged_in(&mut browser).await);
    }
    let store = &gateway.services.store;
    let rows = store.passkeys("id-of-ann").await.unwrap();
    assert_eq!(
        (rows[0].counter, rows[0].last_used_at),
        (4, Some(gateway.clock.now()))
    );
}

#[tokio::test]
async fn what_is_asked_for_is_ours_alone_and_the_users_verification() {
    let passkey = Authenticator::new();
    let gateway = TestGateway::with(REQUIRED).await;
    let page = password(&mut Browser::new(&gateway), "ann").await;
    let made = options(&page)["publicKey"].clone();
    assert_eq!(made["rp"]["id"], "calls.example");
    assert_eq!(made["attestation"], "none");
    assert_eq!(
        made["authenticatorSelection"]["userVerification"],
        "required"
    );
    let handle = made["user"]["id"].as_str().unwrap();
    assert!(!handle.contains("ann") && callgate::secret::decode(handle).unwrap().len() == 16);
    make(&gateway, "ann", &passkey).await;
    let page = password(&mut Browser::new(&gateway), "ann").await;
    let asked = options(&page)["publicKey"].clone();
    assert_eq!(asked["rpId"], "calls.example");
    assert_eq!(asked["userVerification"], "required");
    assert_eq!(
        asked["allowCredentials"][0]["id"],
        callgate::secret::encode(&passkey.id)
    );
}

#[tokio::test]
async fn an_answer_that_is_not_right_in_every_part_is_no_login() {
    let mut passkey = Authenticator::new();
    let gateway = gateway_with(&passkey).await;
    let (ours, us) = (passkey.origin.clone(), passkey.rp_id.clone());
    for (host, (origin, rp_id, verifies)) in [
        ("https://evil.example", us.as_str(), true),
        ("https://calls.example:8443", &us, true),
        ("http://calls.example", &us, true),
        (&ours, "evil.example", true),
        (&ours, &us, false),
    ]
    .into_iter()
    .enumerate()
    {
        let mut browser = Browser::new(&gateway);
        browser.peer = [198, 51, 100, u8::try_from(host).unwrap()];
        let page = password(&mut browser, "ann").await;
        (passkey.origin, passkey.rp_id) = (origin.to_owned(), rp_id.to_owned());
        passkey.verifies = verifies;
        let answer = send(&mut browser, &page, &passkey.get(&options(&page))).await;
        assert_eq!(answer.status, 403, "{origin} {rp_id} {verifies}");
        assert!(!browser.cookies.contains_key(SESSION));
    }
    (passkey.origin, passkey.rp_id, passkey.verifies) = (ours, us, true);
    let mut browser = Browser::new(&gateway);
    let page = password(&mut browser, "ann").await;
    let forged = passkey.another().get(&options(&page));
    assert_eq!(
        send(&mut browser, &page, &forged).await.status,
        403,
        "another key"
    );
    for garbage in ["{}", "null", "garbage", "[1]"] {
        let page = password(&mut browser, "ann").await;
        assert_eq!(send(&mut browser, &page, garbage).await.status, 403);
    }
    let page = password(&mut browser, "ann").await;
    let done = send(&mut browser, &page, &passkey.get(&options(&page))).await;
    assert_eq!(done.status, 303, "the very one works");
}

#[tokio::test]
async fn a_challenge_is_good_once_and_for_its_login_alone() {
    let mut passkey = Authenticator::new();
    let gateway = gateway_with(&passkey).await;
    let mut browser = Browser::new(&gateway);
    let page = password(&mut browser, "ann").await;
    let other_page = password(&mut browser, "ann").await;
    let answer = passkey.get(&options(&page));
    let crossed = send(&mut browser, &other_page, &answer).await;
    assert_eq!(crossed.status, 403, "the challenge of another tab");
    let garbage = send(&mut browser, &page, "{}").await;
    assert_eq!(garbage.status, 403);
    let late = send(&mut browser, &page, &answer).await;
    assert_eq!(late.status, 403, "the challenge was spent");
    let fresh = send(&mut browser, &late, &passkey.get(&options(&late))).await;
    assert_eq!(fresh.status, 303);
}

#[tokio::test]
async fn a_counter_that_does_not_rise_is_a_clone() {
    let mut passkey = Authenticator::new();
    let gateway = gateway_with(&passkey).await;
    for expected in [303, 403, 403] {
        let mut browser = Browser::new(&gateway);
        let page = password(&mut browser, "ann").await;
        passkey.counter = 8;
        let answer = passkey.get(&options(&page));
        assert_eq!(send(&mut browser, &page, &answer).await.status, expected);
    }
}

#[tokio::test]
async fn a_passkey_that_does_not_count_is_fine() {
    let mut passkey = Authenticator::new();
    passkey.counter = 0;
    let gateway = gateway_with(&passkey).await;
    for _ in 0..2 {
        let mut browser = Browser::new(&gateway);
        let page = password(&mut browser, "ann").await;
        let done = send(&mut browser, &page, &passkey.get(&options(&page))).await;
        assert_eq!(done.status, 303);
    }
}

#[tokio::test]
async fn a_passkey_of_another_user_is_worth_nothing() {
    let (anns, mut bobs) = (Authenticator::new(), Authenticator::new());
    let gateway = gateway_with(&anns).await;
    make(&gateway, "bob", &bobs).await;
    let mut browser = Browser::new(&gateway);
    let page = password(&mut browser, "ann").await;
    let answer = send(&mut browser, &page, &bobs.get(&options(&page))).await;
    assert_eq!(answer.status, 403);
    assert!(!browser.cookies.contains_key(SESSION));
}

#[tokio::test]
async fn a_passkey_is_not_made_twice_nor_for_two_users() {
    let passkey = Authenticator::new();
    let gateway = gateway_with(&passkey).await;
    let mut browser = Browser::new(&gateway);
    let page = password(&mut browser, "bob").await;
    let answer = send(&mut browser, &page, &passkey.create(&options(&page))).await;
    assert_eq!(answer.status, 403);
    assert!(!is_logged_in(&mut browser).await);
}

#[tokio::test]
async fn a_challenge_ends_with_its_login() {
    let mut passkey = Authenticator::new();
    let gateway = gateway_with(&passkey).await;
    let mut browser = Browser::new(&gateway);
    let page = password(&mut browser, "ann").await;
    gateway.advance(Duration::from_mins(5)).await;
    let answer = send(&mut browser, &page, &passkey.get(&options(&page))).await;
    assert!(answer.header("location").starts_with("/auth/login?"));
    assert!(!browser.cookies.contains_key(SESSION));
}
