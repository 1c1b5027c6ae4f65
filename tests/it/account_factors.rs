//! The second factors of an account: how a person sets them up, removes them and renews the recovery codes.

use crate::authenticator::Authenticator;
use crate::harness::{Answer, PASSWORD, TestGateway};
use crate::oauth::Browser;
use crate::oauth_factor::{app_of, codes_of};
use crate::oauth_passkey::options;
use std::time::Duration;
use totp_rs::Totp;

const SET_UP: &str = "/account/factor";
const CHANGE: &str = "/account/factors";

/// Somebody who is logged in for themselves. With `app` its code is given as well.
async fn at_home<'g>(gateway: &'g TestGateway, app: Option<&Totp>) -> Browser<'g> {
    let mut browser = Browser::new(gateway);
    let page = browser.get("/auth/login?to=account").await;
    let mut answer = browser
        .submit(&page, &[("username", "ann"), ("password", PASSWORD)])
        .await;
    if let Some(app) = app {
        let page = browser.get(answer.header("location")).await;
        answer = browser
            .submit(&page, &[("code", &code(gateway, app))])
            .await;
    }
    assert_eq!(answer.header("location"), "/account", "{}", answer.text());
    browser
}

/// What the app shows; a step later its next code counts.
fn code(gateway: &TestGateway, app: &Totp) -> String {
    let seconds = gateway.clock.now() / 1000;
    app.generate(seconds.try_into().unwrap()).to_string()
}

/// Sends the form of the page that posts to `action` and has `with` in it.
async fn send(
    browser: &mut Browser<'_>,
    page: &Answer,
    (action, with): (&str, &str),
    typed: &[(&str, &str)],
) -> Answer {
    let text = page.text();
    let start = format!("action=\"{action}\"");
    let form = text
        .split("<form ")
        .filter_map(|form| form.split("</form>").next())
        .find(|form| form.contains(&start) && form.contains(with))
        .unwrap_or_else(|| panic!("no form to {action} with {with} in {text}"));
    let value = |tag: &str, name: &str| {
        let rest = tag.split(&format!(" {name}=\"")).nth(1).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let fields: Vec<_> = form
        .split("<input type=\"hidden\"")
        .skip(1)
        .map(|tag| (value(tag, "name"), value(tag, "value")))
        .filter(|(name, _)| name != "passkey")
        .collect();
    let mut pairs: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    pairs.extend(typed);
    browser.headers.push(("origin", "null"));
    let answer = browser.post(&action.replace("&#38;", "&"), &pairs).await;
    browser.headers.pop();
    answer
}

/// Sets up an app, and says which codes come with it.
async fn set_up(gateway: &TestGateway, browser: &mut Browser<'_>) -> (Totp, Vec<String>) {
    let page = browser.get(SET_UP).await;
    let app = app_of(&page);
    let code = code(gateway, &app);
    let done = send(browser, &page, (SET_UP, "setup"), &[("code", &code)]).await;
    assert_eq!(done.status, 200, "{}", done.text());
    gateway.advance(Duration::from_secs(30)).await;
    (app, codes_of(&done))
}

#[tokio::test]
async fn a_person_sets_up_an_app_and_is_asked_for_it_from_then_on() {
    let gateway = TestGateway::start().await;
    let mut browser = at_home(&gateway, None).await;
    let before = browser.get("/account").await;
    assert!(before.text().contains("Set up a second step"));
    let page = browser.get(SET_UP).await;
    let app = app_of(&page);
    let wrong = send(
        &mut browser,
        &page,
        (SET_UP, "setup"),
        &[("code", "000000")],
    )
    .await;
    assert_eq!(wrong.status, 403);
    assert_eq!(app_of(&wrong), app, "the app need not be set up anew");
    assert!(
        !gateway
            .services
            .store
            .factors("id-of-ann")
            .await
            .unwrap()
            .any()
    );
    let now = code(&gateway, &app);
    let typed = [("code", now.as_str())];
    let done = send(&mut browser, &wrong, (SET_UP, "setup"), &typed).await;
    assert_eq!(codes_of(&done).len(), 10);
    let after = browser.get("/account").await.text();
    assert!(
        after.contains("Authenticator app") && after.contains("10 are left"),
        "{after}"
    );
    gateway.advance(Duration::from_secs(30)).await;
    at_home(&gateway, Some(&app)).await;
    let log = gateway
        .admin_get("/admin/audit?user=acme/ann&event=factor_added")
        .await
        .json();
    assert_eq!(log["items"][0]["detail"]["factor"], "totp");
}

#[tokio::test]
async fn a_person_adds_a_passkey_with_a_name_and_gets_no_further_codes() {
    let gateway = TestGateway::start().await;
    let mut browser = at_home(&gateway, None).await;
    set_up(&gateway, &mut browser).await;
    let page = browser.get(SET_UP).await;
    assert!(
        !page.text().contains("name=\"setup\""),
        "there is an app already"
    );
    let passkey = Authenticator::new();
    let answer = passkey.create(&options(&page));
    let typed = [("passkey", answer.as_str()), ("name", "My <key>")];
    let done = send(&mut browser, &page, (SET_UP, "data-passkey"), &typed).await;
    assert_eq!(
        done.header("location"),
        "/account?done=factor",
        "{}",
        done.text()
    );
    let text = browser.get("/account").await.text();
    assert!(text.contains("My &#60;key&#62;"), "{text}");
    let again = send(&mut browser, &page, (SET_UP, "data-passkey"), &typed).await;
    assert_eq!(again.status, 403, "the challenge was spent");
}

#[tokio::test]
async fn the_first_factor_takes_the_password_after_a_while() {
    let gateway = TestGateway::start().await;
    let mut browser = at_home(&gateway, None).await;
    gateway.advance(Duration::from_mins(11)).await;
    let page = browser.get(SET_UP).await;
    let app = app_of(&page);
    for password in [None, Some("wrong")] {
        let code = code(&gateway, &app);
        let mut typed = vec![("code", code.as_str())];
        typed.extend(password.map(|password| ("current_password", password)));
        let refused = send(&mut browser, &page, (SET_UP, "setup"), &typed).await;
        assert_eq!(refused.status, 403, "{password:?}");
        assert_eq!(app_of(&refused), app);
    }
    let code = code(&gateway, &app);
    let typed = [("code", code.as_str()), ("current_password", PASSWORD)];
    let done = send(&mut browser, &page, (SET_UP, "setup"), &typed).await;
    assert_eq!(done.status, 200, "{}", done.text());
}

#[tokio::test]
async fn who_has_a_factor_must_have_given_it_lately_to_change_any() {
    let gateway = TestGateway::start().await;
    let mut browser = at_home(&gateway, None).await;
    let (app, _) = set_up(&gateway, &mut browser).await;
    let fresh = browser.get("/account").await;
    gateway.advance(Duration::from_mins(11)).await;
    let stale = browser.get("/account").await;
    assert!(!stale.text().contains("value=\"totp\""));
    let typed = [("current_password", PASSWORD)];
    let refused = send(&mut browser, &fresh, (CHANGE, "value=\"totp\""), &typed).await;
    assert_eq!(
        refused.status, 403,
        "the password alone does not take it away"
    );
    let page = browser.get(SET_UP).await.text();
    assert!(!page.contains("data-passkey") && !page.contains("name=\"setup\""));
    // Out and in again, with the factor.
    let action = stale.text();
    let action = action.split("action=\"/auth/logout?").nth(1).unwrap();
    let action = format!("/auth/logout?{}", action.split('"').next().unwrap());
    let out = send(&mut browser, &stale, (&action, ""), &[]).await;
    assert_eq!(
        out.header("location"),
        "/auth/login?to=account&tenant=acme",
        "{}",
        out.text()
    );
    let mut browser = at_home(&gateway, Some(&app)).await;
    let page = browser.get("/account").await;
    let removed = send(&mut browser, &page, (CHANGE, "value=\"totp\""), &[]).await;
    assert_eq!(removed.header("location"), "/account?done=factor_removed");
    let left = gateway.services.store.factors("id-of-ann").await.unwrap();
    assert_eq!(
        (left.totp, left.recovery_codes),
        (0, 0),
        "the codes went with the last factor"
    );
    at_home(&gateway, None).await;
}

#[tokio::test]
async fn a_new_password_is_no_second_factor() {
    let gateway = TestGateway::start().await;
    let mut browser = at_home(&gateway, None).await;
    set_up(&gateway, &mut browser).await;
    gateway.advance(Duration::from_mins(11)).await;
    let page = browser.get("/account").await;
    let new = "a much better one";
    let typed = [
        ("current_password", PASSWORD),
        ("new_password", new),
        ("new_password_again", new),
    ];
    let changed = send(&mut browser, &page, ("/account/password", ""), &typed).await;
    assert_eq!(changed.status, 303, "{}", changed.text());
    let page = browser.get("/account").await;
    assert_eq!(page.status, 200);
    assert!(!page.text().contains("value=\"totp\""));
}

#[tokio::test]
async fn new_recovery_codes_replace_the_old_ones() {
    let gateway = TestGateway::start().await;
    let mut browser = at_home(&gateway, None).await;
    let (_, old) = set_up(&gateway, &mut browser).await;
    let page = browser.get("/account").await;
    let renewed = send(&mut browser, &page, (CHANGE, "recovery_codes"), &[]).await;
    let new = codes_of(&renewed);
    assert_eq!(new.len(), 10);
    for (code, works) in [(&old[0], false), (&new[0], true)] {
        let mut browser = Browser::new(&gateway);
        let page = browser.get("/auth/login?to=account").await;
        let led = browser
            .submit(&page, &[("username", "ann"), ("password", PASSWORD)])
            .await;
        let page = browser.get(led.header("location")).await;
        let answer = browser.submit(&page, &[("recovery_code", code)]).await;
        assert_eq!(answer.status == 303, works);
    }
    assert!(browser.get("/account").await.text().contains("9 are left"));
    let log = gateway
        .admin_get("/admin/audit?user=acme/ann&event=recovery_codes_renewed")
        .await
        .json();
    assert_eq!(log["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn where_a_factor_is_required_the_last_one_stays() {
    let gateway = TestGateway::with("oauth.second_factor = 'required'").await;
    let kept = crate::oauth_factor::set_up(&gateway).await;
    let mut browser = at_home(&gateway, Some(&kept.app)).await;
    let page = browser.get("/account").await;
    let refused = send(&mut browser, &page, (CHANGE, "value=\"totp\""), &[]).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("Set up another one first"));
    let page = browser.get(SET_UP).await;
    let answer = Authenticator::new().create(&options(&page));
    send(
        &mut browser,
        &page,
        (SET_UP, "data-passkey"),
        &[("passkey", &answer)],
    )
    .await;
    let page = browser.get("/account").await;
    let removed = send(&mut browser, &page, (CHANGE, "value=\"totp\""), &[]).await;
    assert_eq!(removed.status, 303);
}

#[tokio::test]
async fn nobody_else_changes_the_factors_of_an_account() {
    let gateway = TestGateway::start().await;
    assert_eq!(Browser::new(&gateway).get(SET_UP).await.status, 303);
    let mut browser = at_home(&gateway, None).await;
    let page = browser.get(SET_UP).await;
    let app = app_of(&page);
    let forged = browser
        .post(SET_UP, &[("code", &code(&gateway, &app))])
        .await;
    assert_eq!(forged.status, 403, "without the form's token");
    let code = code(&gateway, &app);
    browser.headers.push(("sec-fetch-site", "cross-site"));
    let foreign = send(&mut browser, &page, (SET_UP, "setup"), &[("code", &code)]).await;
    assert_eq!(foreign.status, 403);
    browser.headers.pop();
    let mut other = at_home(&gateway, None).await;
    let moved = send(&mut other, &page, (SET_UP, "setup"), &[("code", &code)]).await;
    assert_eq!(moved.status, 400, "a form of another session");
    assert!(
        !gateway
            .services
            .store
            .factors("id-of-ann")
            .await
            .unwrap()
            .any()
    );
}

#[tokio::test]
async fn the_page_that_sets_up_a_factor_runs_our_script_and_the_account_none() {
    let gateway = TestGateway::start().await;
    let mut browser = at_home(&gateway, None).await;
    let account = browser.get("/account").await;
    assert!(
        !account
            .header("content-security-policy")
            .contains("script-src")
    );
    let page = browser.get(SET_UP).await;
    assert!(
        page.header("content-security-policy")
            .ends_with("; script-src 'self'")
    );
    assert_eq!(page.header("cache-control"), "no-store");
}
