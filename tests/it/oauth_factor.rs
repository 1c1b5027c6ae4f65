//! The second factor at login: what is asked for after the right password, and what is no login before it.

use crate::harness::{Answer, PASSWORD, TestGateway};
use crate::oauth::{Browser, Form, encoded, old_client, old_wish, parameters, wish, wish_with};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use totp_rs::{Builder, Secret, Totp};

const SESSION: &str = "__Host-callgate";
const REQUIRED: &str = "oauth.second_factor = 'required'";

/// What ann keeps of setting up her second factor.
pub(crate) struct Kept {
    pub(crate) app: Totp,
    pub(crate) recovery: Vec<String>,
}

/// The values between two marks, as they stand in a page.
fn between<'p>(page: &'p str, before: &str, after: &str) -> Vec<&'p str> {
    let rest = page.split(before).skip(1);
    rest.filter_map(|rest| rest.split(after).next()).collect()
}

/// The app as a person sets it up from what the page says.
pub(crate) fn app_of(page: &Answer) -> Totp {
    let text = page.text();
    let letters = between(&text, "<p class=\"secret\"><code>", "<")[0].replace(' ', "");
    let secret = Secret::try_from_base32(letters).unwrap();
    Builder::new()
        .with_secret(secret.as_bytes())
        .build()
        .unwrap()
}

impl Kept {
    /// The code that the app shows now, or `steps` later.
    pub(crate) fn code(&self, gateway: &TestGateway, steps: i64) -> String {
        let seconds = gateway.clock.now() / 1000 + 30 * steps;
        self.app.generate(seconds.try_into().unwrap()).to_string()
    }
}

/// The recovery codes that a page shows.
pub(crate) fn codes_of(page: &Answer) -> Vec<String> {
    let text = page.text();
    let codes = between(&text, "<li><code>", "<").into_iter();
    codes.map(str::to_owned).collect()
}

async fn password(browser: &mut Browser<'_>, wish: &BTreeMap<&'static str, String>) -> Answer {
    let answer = browser.log_in("ann", wish).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let location = answer.header("location").to_owned();
    assert!(location.starts_with("/auth/factor?pending="), "{location}");
    let page = browser.get(&location).await;
    assert_eq!(page.status, 200, "{}", page.text());
    page
}

/// Ann sets up an app, as she must at her first login, in a browser of its own; a step later its code can be used again.
pub(crate) async fn set_up(gateway: &TestGateway) -> Kept {
    let mut browser = Browser::new(gateway);
    let page = password(&mut browser, &wish()).await;
    let mut kept = Kept {
        app: app_of(&page),
        recovery: Vec::new(),
    };
    let done = browser
        .submit(&page, &[("code", &kept.code(gateway, 0))])
        .await;
    assert_eq!(done.status, 200, "{}", done.text());
    kept.recovery = codes_of(&done);
    gateway.advance(Duration::from_secs(30)).await;
    kept
}

async fn gateway_and_kept() -> (TestGateway, Kept) {
    let gateway = TestGateway::with(REQUIRED).await;
    let kept = set_up(&gateway).await;
    (gateway, kept)
}

/// Whether the browser is asked for consent, which only happens to who is logged in.
async fn is_logged_in(browser: &mut Browser<'_>) -> bool {
    let answer = browser
        .get(&format!("/auth/grant?{}", encoded(wish())))
        .await;
    answer.status == 200
}

async fn answer_with(browser: &mut Browser<'_>, name: &str, value: &str) -> Answer {
    let page = password(browser, &wish()).await;
    browser.submit(&page, &[(name, value)]).await
}

#[tokio::test]
async fn the_right_password_alone_is_no_login() {
    let (gateway, kept) = gateway_and_kept().await;
    let mut browser = Browser::new(&gateway);
    let page = password(&mut browser, &wish()).await;
    assert!(!browser.cookies.contains_key(SESSION));
    assert!(!is_logged_in(&mut browser).await);
    let login = browser
        .get(&format!("/auth/login?{}", encoded(wish())))
        .await;
    assert_eq!(login.status, 200, "the login is asked for, not passed");
    let account = browser.get("/account").await;
    assert_ne!(account.status, 200);
    let pending = parameters(&Form::of(&page).action)["pending"].clone();
    for cookie in [&pending, &browser.cookies["__Host-callgate_pre"].clone()] {
        browser.cookies.insert(SESSION.to_owned(), cookie.clone());
        assert!(!is_logged_in(&mut browser).await, "{cookie}");
    }
    browser.cookies.remove(SESSION);
    let done = browser
        .submit(&page, &[("code", &kept.code(&gateway, 0))])
        .await;
    assert_eq!(done.status, 303, "{}", done.text());
    assert!(
        done.header("location")
            .starts_with("/auth/grant?client_id=crm&")
    );
    assert!(browser.cookies[SESSION].starts_with("cg_se_"));
    assert!(is_logged_in(&mut browser).await);
}

#[tokio::test]
async fn b02_a_session_from_before_the_second_factor_is_worth_nothing_after_it() {
    let (gateway, kept) = gateway_and_kept().await;
    let mut attacker = Browser::new(&gateway);
    let done = answer_with(&mut attacker, "code", &kept.code(&gateway, 0)).await;
    assert_eq!(done.status, 303);
    let planted = attacker.cookies[SESSION].clone();
    gateway.advance(Duration::from_secs(30)).await;
    let mut victim = Browser::new(&gateway);
    let page = password(&mut victim, &wish()).await;
    victim.cookies.insert(SESSION.to_owned(), planted.clone());
    victim
        .submit(&page, &[("code", &kept.code(&gateway, 0))])
        .await;
    assert_ne!(victim.cookies[SESSION], planted);
    assert!(is_logged_in(&mut victim).await);
    assert!(!is_logged_in(&mut attacker).await);
}

#[tokio::test]
async fn b04_another_site_cannot_answer_for_a_browser() {
    let (gateway, kept) = gateway_and_kept().await;
    let mut browser = Browser::new(&gateway);
    let page = password(&mut browser, &wish()).await;
    let code = kept.code(&gateway, 0);
    browser.headers.push(("sec-fetch-site", "cross-site"));
    assert_eq!(browser.submit(&page, &[("code", &code)]).await.status, 403);
    browser.headers.pop();
    let bare = browser
        .post(&Form::of(&page).action, &[("code", &code)])
        .await;
    assert_eq!(bare.status, 403, "without the form's token");
    assert!(!browser.cookies.contains_key(SESSION));
}

#[tokio::test]
async fn a_code_works_once_and_looks_wrong_then() {
    let (gateway, kept) = gateway_and_kept().await;
    let code = kept.code(&gateway, 0);
    let first = answer_with(&mut Browser::new(&gateway), "code", &code).await;
    assert_eq!(first.status, 303);
    let mut browser = Browser::new(&gateway);
    let page = password(&mut browser, &wish()).await;
    let used = browser.submit(&page, &[("code", &code)]).await;
    let earlier = browser
        .submit(&page, &[("code", &kept.code(&gateway, -1))])
        .await;
    let wrong = browser.submit(&page, &[("code", "000000")]).await;
    assert_eq!(used.status, 403);
    for other in [earlier, wrong] {
        assert_eq!((other.status, other.text()), (used.status, used.text()));
        assert_eq!(other.headers, used.headers);
    }
    assert!(!browser.cookies.contains_key(SESSION));
    let next = browser
        .submit(&page, &[("code", &kept.code(&gateway, 1))])
        .await;
    assert_eq!(next.status, 303, "a clock that is ahead");
}

#[tokio::test]
async fn of_many_logins_with_one_code_one_begins() {
    let (gateway, kept) = gateway_and_kept().await;
    let code = kept.code(&gateway, 0);
    let logins = (0..8).map(|_| async {
        let mut browser = Browser::new(&gateway);
        answer_with(&mut browser, "code", &code).await.status
    });
    let statuses = futures_util::future::join_all(logins).await;
    let begun = statuses.iter().filter(|status| **status == 303).count();
    assert_eq!(begun, 1, "{statuses:?}");
}

#[tokio::test]
async fn a_recovery_code_works_once_however_it_is_written() {
    let (gateway, kept) = gateway_and_kept().await;
    assert_eq!(kept.recovery.len(), 10);
    let code = kept.recovery[3].to_uppercase().replace('-', " ");
    let first = answer_with(&mut Browser::new(&gateway), "recovery_code", &code).await;
    assert_eq!(first.status, 303, "{}", first.text());
    let again = answer_with(&mut Browser::new(&gateway), "recovery_code", &code).await;
    assert_eq!(again.status, 403);
    let other = answer_with(
        &mut Browser::new(&gateway),
        "recovery_code",
        &kept.recovery[4],
    )
    .await;
    assert_eq!(other.status, 303);
}

#[tokio::test]
async fn a_recovery_code_of_another_user_is_worth_nothing() {
    let (gateway, kept) = gateway_and_kept().await;
    let mut bob = Browser::new(&gateway);
    let led = bob.log_in("bob", &wish()).await;
    let page = bob.get(led.header("location")).await;
    assert!(page.text().contains("Set up a second step"));
    let answer = bob
        .submit(&page, &[("recovery_code", &kept.recovery[0])])
        .await;
    assert_eq!(answer.status, 403);
    assert!(!bob.cookies.contains_key(SESSION));
}

#[tokio::test]
async fn a_pending_login_is_of_the_browser_that_began_it() {
    let (gateway, kept) = gateway_and_kept().await;
    let mut browser = Browser::new(&gateway);
    let page = password(&mut browser, &wish()).await;
    let mut other = Browser::new(&gateway);
    other.get(&format!("/auth/login?{}", encoded(wish()))).await;
    let shown = other.get(&Form::of(&page).action).await;
    assert_eq!(shown.status, 303);
    assert!(
        shown
            .header("location")
            .starts_with("/auth/login?client_id=crm&")
    );
    let answer = other
        .submit(&page, &[("code", &kept.code(&gateway, 0))])
        .await;
    assert_eq!(answer.status, 303);
    assert!(answer.header("location").starts_with("/auth/login?"));
    assert!(!other.cookies.contains_key(SESSION));
}

#[tokio::test]
async fn a_pending_login_lasts_five_minutes() {
    let (gateway, kept) = gateway_and_kept().await;
    let mut browser = Browser::new(&gateway);
    let page = password(&mut browser, &wish()).await;
    gateway.advance(Duration::from_secs(299)).await;
    assert_eq!(browser.get(&Form::of(&page).action).await.status, 200);
    gateway.advance(Duration::from_secs(1)).await;
    let late = browser
        .submit(&page, &[("code", &kept.code(&gateway, 0))])
        .await;
    assert_eq!(late.status, 303);
    assert!(late.header("location").starts_with("/auth/login?"));
    assert!(!browser.cookies.contains_key(SESSION));
}

#[tokio::test]
async fn after_five_wrong_answers_the_password_is_asked_for_again() {
    let (gateway, kept) = gateway_and_kept().await;
    let mut browser = Browser::new(&gateway);
    let page = password(&mut browser, &wish()).await;
    for _ in 0..4 {
        let wrong = browser.submit(&page, &[("code", "000000")]).await;
        assert_eq!(wrong.status, 403);
        assert!(wrong.text().contains("name=\"code\""));
    }
    let last = browser.submit(&page, &[("code", "000000")]).await;
    assert_eq!(last.status, 403);
    assert!(last.text().contains("name=\"password\""));
    let right = browser
        .submit(&page, &[("code", &kept.code(&gateway, 0))])
        .await;
    assert!(right.header("location").starts_with("/auth/login?"));
    assert!(!browser.cookies.contains_key(SESSION));
    let anew = answer_with(&mut browser, "code", &kept.code(&gateway, 0)).await;
    assert_eq!(anew.status, 303, "nobody is locked out by that");
    assert!(is_logged_in(&mut browser).await);
}

#[tokio::test]
async fn b06_wrong_codes_are_counted_by_account_and_address() {
    let (gateway, kept) = gateway_and_kept().await;
    let mut browser = Browser::new(&gateway);
    for _ in 0..10 {
        assert_eq!(
            answer_with(&mut browser, "code", "000000").await.status,
            403
        );
    }
    let limited = answer_with(&mut browser, "code", &kept.code(&gateway, 0)).await;
    assert_eq!(
        (limited.status.as_u16(), limited.header("retry-after")),
        (429, "600")
    );
    let mut elsewhere = Browser::new(&gateway);
    elsewhere.peer = [192, 0, 2, 2];
    let there = answer_with(&mut elsewhere, "code", &kept.code(&gateway, 0)).await;
    assert_eq!(there.status, 303, "b07: nobody can lock another out");
}

#[tokio::test]
async fn codes_cannot_be_guessed_from_many_addresses_and_a_recovery_code_still_works() {
    let (gateway, kept) = gateway_and_kept().await;
    for host in 0..20 {
        let mut browser = Browser::new(&gateway);
        browser.peer = [198, 51, 100, host];
        assert_eq!(
            answer_with(&mut browser, "code", "000000").await.status,
            403
        );
    }
    let code = kept.code(&gateway, 0);
    let limited = answer_with(&mut Browser::new(&gateway), "code", &code).await;
    assert_eq!(limited.status, 429);
    let recovered = answer_with(
        &mut Browser::new(&gateway),
        "recovery_code",
        &kept.recovery[0],
    )
    .await;
    assert_eq!(recovered.status, 303);
}

#[tokio::test]
async fn a_new_password_ends_what_is_pending() {
    let (gateway, kept) = gateway_and_kept().await;
    let mut browser = Browser::new(&gateway);
    let page = password(&mut browser, &wish()).await;
    let store = &gateway.services.store;
    let mut user = store.user("id-of-ann").await.unwrap().unwrap();
    user.password_hash = Some("$argon2id$another".to_owned());
    store.update_user(user, gateway.clock.now()).await.unwrap();
    let answer = browser
        .submit(&page, &[("code", &kept.code(&gateway, 0))])
        .await;
    assert!(answer.header("location").starts_with("/auth/login?"));
    assert!(!browser.cookies.contains_key(SESSION));
}

#[tokio::test]
async fn b18_two_logins_in_one_browser_end_where_they_belong() {
    let (gateway, kept) = gateway_and_kept().await;
    let second = wish_with(&[("state", "2")]);
    let mut browser = Browser::new(&gateway);
    let first_page = password(&mut browser, &wish()).await;
    let second_page = password(&mut browser, &second).await;
    let code = kept.code(&gateway, 0);
    let crossed: Vec<_> = Form::of(&first_page).hidden.into_iter().collect();
    let mut fields: Vec<_> = crossed
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    fields.push(("code", &code));
    let mixed = browser.post(&Form::of(&second_page).action, &fields).await;
    assert_eq!(mixed.status, 400, "a form of the other tab");
    let second_done = browser.submit(&second_page, &[("code", &code)]).await;
    gateway.advance(Duration::from_secs(30)).await;
    let first_done = browser
        .submit(&first_page, &[("code", &kept.code(&gateway, 0))])
        .await;
    assert!(second_done.header("location").contains("&state=2&"));
    assert!(first_done.header("location").contains("&state=xyz&"));
}

#[tokio::test]
async fn p04_a_script_cannot_log_in_for_who_has_a_second_factor() {
    let (gateway, _) = gateway_and_kept().await;
    old_client(&gateway, "no_pkce scriptable_login").await;
    let path = format!("/auth/login?{}", encoded(old_wish()));
    for accept in ["application/json", "text/html"] {
        let mut script = Browser::script(&gateway);
        script.headers = vec![("accept", accept)];
        let answer = script
            .post(&path, &[("username", "ann"), ("password", PASSWORD)])
            .await;
        assert_eq!(answer.status, 403);
        assert!(answer.text().contains("second factor"), "{}", answer.text());
        assert!(script.cookies.is_empty());
    }
}

#[tokio::test]
async fn who_must_have_a_second_factor_sets_one_up_before_anything_else() {
    let gateway = TestGateway::with(REQUIRED).await;
    let mut browser = Browser::new(&gateway);
    let page = password(&mut browser, &wish()).await;
    assert!(page.text().contains("<svg class=\"qr\""));
    assert!(!is_logged_in(&mut browser).await);
    let app = app_of(&page);
    let wrong = browser.submit(&page, &[("code", "000000")]).await;
    assert_eq!(wrong.status, 403);
    assert_eq!(app_of(&wrong), app, "the app need not be set up anew");
    let kept = Kept {
        app,
        recovery: Vec::new(),
    };
    let done = browser
        .submit(&wrong, &[("code", &kept.code(&gateway, 0))])
        .await;
    assert_eq!(done.status, 200);
    assert_eq!(codes_of(&done).len(), 10);
    assert!(done.text().contains("href=\"/auth/grant?client_id=crm&"));
    assert!(is_logged_in(&mut browser).await);
    let again = password(&mut Browser::new(&gateway), &wish()).await;
    assert!(
        !again.text().contains("name=\"setup\""),
        "it is asked for from now on"
    );
}

#[tokio::test]
async fn a_password_alone_gets_past_no_factor_by_setting_up_another() {
    let gateway = TestGateway::with(REQUIRED).await;
    let mut thief = Browser::new(&gateway);
    let page = password(&mut thief, &wish()).await;
    let thiefs = Kept {
        app: app_of(&page),
        recovery: Vec::new(),
    };
    set_up(&gateway).await;
    let answer = thief
        .submit(&page, &[("code", &thiefs.code(&gateway, 0))])
        .await;
    assert_eq!(answer.status, 403);
    assert!(!thief.cookies.contains_key(SESSION));
}

#[tokio::test]
async fn one_tenant_may_require_what_is_optional_for_the_others() {
    let gateway = TestGateway::with("oauth.second_factor_of = { acme = 'required' }").await;
    password(&mut Browser::new(&gateway), &wish()).await;
    let more = format!("{REQUIRED}\noauth.second_factor_of = {{ acme = 'optional' }}");
    let gateway = TestGateway::with(&more).await;
    let answer = Browser::new(&gateway).log_in("ann", &wish()).await;
    assert!(answer.header("location").starts_with("/auth/grant?"));
}

#[tokio::test]
async fn the_login_for_oneself_asks_as_well() {
    let (gateway, kept) = gateway_and_kept().await;
    let mut browser = Browser::new(&gateway);
    let page = browser.get("/auth/login?to=account").await;
    let led = browser
        .submit(&page, &[("username", "ann"), ("password", PASSWORD)])
        .await;
    let page = browser.get(led.header("location")).await;
    let done = browser
        .submit(&page, &[("code", &kept.code(&gateway, 0))])
        .await;
    assert_eq!(
        (done.status.as_u16(), done.header("location")),
        (303, "/account")
    );
}

#[tokio::test]
async fn what_happened_is_written_down_without_any_code() {
    let (gateway, kept) = gateway_and_kept().await;
    let mut browser = Browser::new(&gateway);
    let page = password(&mut browser, &wish()).await;
    browser.submit(&page, &[("code", "000000")]).await;
    let code = kept.code(&gateway, 0);
    browser.submit(&page, &[("code", &code)]).await;
    let log = gateway
        .admin_get("/admin/audit?user=acme/ann")
        .await
        .expect(200)
        .json();
    let entries = log["items"].as_array().unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry["event"].as_str().unwrap(),
                entry["detail"]["factor"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("login", Some("totp")),
            ("factor_failed", Some("totp")),
            ("factor_added", Some("totp")),
            ("login", Some("totp")),
        ]
    );
    assert!(!log.to_string().contains(&code));
}

#[tokio::test]
async fn neither_secret_nor_codes_are_in_the_store() {
    let (gateway, kept) = gateway_and_kept().await;
    let store = &gateway.services.store;
    let row = store.totp("id-of-ann").await.unwrap().unwrap();
    let secret = kept.app.secret();
    assert!(!row.secret.contains(&secret.to_base32()));
    assert!(
        !row.secret
            .contains(&callgate::secret::encode(secret.as_bytes()))
    );
    let opened = gateway.services.sealer.open("totp:id-of-bob", &row.secret);
    assert!(opened.is_none(), "another user's row cannot hold it");
    assert_eq!(store.recovery_codes_left("id-of-ann").await.unwrap(), 10);
}

#[tokio::test]
async fn scripts_run_on_the_pages_of_passkeys_alone() {
    let gateway = TestGateway::with(REQUIRED).await;
    let mut browser = Browser::new(&gateway);
    let login = browser
        .get(&format!("/auth/login?{}", encoded(wish())))
        .await;
    assert!(
        !login
            .header("content-security-policy")
            .contains("script-src")
    );
    let page = password(&mut browser, &wish()).await;
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.ends_with("; script-src 'self'"),
        "{policy}"
    );
    let script = browser.get("/assets/passkey.js").await;
    assert_eq!(script.status, 200);
    assert_eq!(
        script.header("content-type"),
        "text/javascript; charset=utf-8"
    );
    assert_eq!(script.header("x-content-type-options"), "nosniff");
    for forbidden in ["eval", "innerHTML", "fetch(", "http:", "https:"] {
        assert!(!script.text().contains(forbidden), "{forbidden}");
    }
}

#[tokio::test]
async fn an_administrator_takes_all_factors_from_who_has_lost_them() {
    let (gateway, kept) = gateway_and_kept().await;
    let path = "/admin/users/id-of-ann/factors";
    let before = gateway.admin_get(path).await.expect(200).json();
    assert_eq!(
        before,
        json!({ "totp": 1, "passkeys": 0, "recovery_codes": 10 })
    );
    let mut browser = Browser::new(&gateway);
    let page = password(&mut browser, &wish()).await;
    gateway.admin_delete(path).await.expect(204);
    let after = gateway.admin_get(path).await.expect(200).json();
    assert_eq!(
        after,
        json!({ "totp": 0, "passkeys": 0, "recovery_codes": 0 })
    );
    for (name, value) in [
        ("code", &kept.code(&gateway, 0)),
        ("recovery_code", &kept.recovery[0]),
    ] {
        let answer = browser.submit(&page, &[(name, value)]).await;
        assert!(answer.header("location").starts_with("/auth/login?"));
    }
    let anew = password(&mut browser, &wish()).await;
    assert!(anew.text().contains("name=\"setup\""));
    let log = gateway
        .admin_get("/admin/audit?event=administration")
        .await
        .json();
    assert_eq!(log["items"][0]["detail"]["act"], "user.factor_reset");
    assert_eq!(log["items"][0]["user"], "id-of-ann");
    gateway
        .admin_delete("/admin/users/nobody/factors")
        .await
        .expect(404);
}
