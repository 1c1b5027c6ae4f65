//! The account page: what people see of their account, what they end, and that it ends at once.

use crate::harness::{Answer, PASSWORD, TestGateway, user};
use crate::oauth::{
    Browser, calls_with, client, encoded, exchange, parameters, refresh, token, wish,
};
use serde_json::Value;
use std::time::Duration;

const COOKIE: &str = "__Host-callgate";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const NEW: &str = "a much better one";

/// Somebody who is logged in for themselves, at the address 192.0.2.`host`.
pub(crate) async fn at_home<'g>(gateway: &'g TestGateway, name: &str, host: u8) -> Browser<'g> {
    let mut browser = Browser::new(gateway);
    browser.headers.push(("user-agent", FIREFOX));
    browser.peer = [192, 0, 2, host];
    let asked = browser.get("/account").await;
    assert_eq!(asked.status, 303);
    let page = browser.get(asked.header("location")).await;
    let typed = [("username", name), ("password", PASSWORD)];
    let answer = browser.submit(&page, &typed).await;
    assert_eq!(answer.header("location"), "/account", "{}", answer.text());
    browser
}

pub(crate) async fn page(browser: &mut Browser<'_>) -> String {
    let page = browser.get("/account").await;
    assert_eq!(page.status, 200, "{}", page.text());
    page.text()
}

async fn is_logged_in(browser: &mut Browser<'_>) -> bool {
    browser.get("/account").await.status == 200
}

/// The fields of the first form of a page that posts to `action` and has `with` in it.
pub(crate) fn fields(page: &str, action: &str, with: &str) -> Vec<(String, String)> {
    let start = format!("action=\"{action}\"");
    let form = page
        .split("<form ")
        .filter_map(|form| form.split("</form>").next())
        .find(|form| form.contains(&start) && form.contains(with))
        .unwrap_or_else(|| panic!("no form to {action} with {with} in {page}"));
    let value = |tag: &str, name: &str| {
        let rest = tag.split(&format!(" {name}=\"")).nth(1).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    form.split("<input type=\"hidden\"")
        .skip(1)
        .map(|tag| (value(tag, "name"), value(tag, "value")))
        .collect()
}

/// Fills in and sends the form of the page that posts to `action` and has `with` in it.
pub(crate) async fn send(
    browser: &mut Browser<'_>,
    (action, with): (&str, &str),
    typed: &[(&str, &str)],
) -> Answer {
    let fields = fields(&page(browser).await, action, with);
    let mut pairs: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    pairs.extend(typed);
    browser.headers.push(("origin", "null"));
    let answer = browser.post(action, &pairs).await;
    browser.headers.pop();
    answer
}

async fn change_password(browser: &mut Browser<'_>, current: &str, new: &str) -> Answer {
    let typed = [
        ("current_password", current),
        ("new_password", new),
        ("new_password_again", new),
    ];
    send(browser, ("/account/password", ""), &typed).await
}

/// What an application gets that the user of the browser allows.
async fn allowed(gateway: &TestGateway, browser: &mut Browser<'_>) -> Value {
    let mut answer = browser
        .get(&format!("/auth/grant?{}", encoded(wish())))
        .await;
    if answer.status == 200 {
        answer = browser.submit(&answer, &[("grant", "true")]).await;
    }
    let code = &parameters(answer.header("location"))["code"];
    token(gateway, &exchange(code)).await.expect(200).json()
}

#[tokio::test]
async fn the_account_is_shown_to_who_is_logged_in_alone() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    let asked = browser.get("/account?tenant=acme").await;
    assert_eq!(
        asked.header("location"),
        "/auth/login?to=account&tenant=acme"
    );
    let mut ann = at_home(&gateway, "ann", 1).await;
    let answer = ann.get("/account").await;
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("strict-transport-security", "max-age=31536000"),
    ] {
        assert_eq!(answer.header(name), value);
    }
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    let text = answer.text();
    for forbidden in ["<script", "<style", " style=", " onclick"] {
        assert!(!text.contains(forbidden), "{forbidden}");
    }
    assert!(text.contains(">ann<"), "{text}");
}

#[tokio::test]
async fn sessions_are_shown_with_where_and_when() {
    let gateway = TestGateway::start().await;
    let mut here = at_home(&gateway, "ann", 1).await;
    gateway.advance(Duration::from_mins(30)).await;
    at_home(&gateway, "ann", 77).await;
    at_home(&gateway, "bob", 99).await;
    let text = page(&mut here).await;
    let (this, other) = (
        text.find("192.0.2.1 · since 2026-11-22 02:39, last seen 2026-11-22 03:09"),
        text.find("192.0.2.77 · since 2026-11-22 03:09"),
    );
    assert!(this.is_some() && this < other, "{text}");
    assert_eq!(text.matches("Firefox, Linux").count(), 2);
    assert_eq!(text.matches("This browser").count(), 1);
    assert!(!text.contains("192.0.2.99"), "another user's session");
    assert!(!text.contains("cg_se_"), "the cookie's value");
}

#[tokio::test]
async fn b12_one_session_is_ended_from_another() {
    let gateway = TestGateway::start().await;
    let (mut here, mut there) = (
        at_home(&gateway, "ann", 1).await,
        at_home(&gateway, "ann", 2).await,
    );
    let answer = send(&mut here, ("/account/sessions", "name=\"session\""), &[]).await;
    assert_eq!(answer.header("location"), "/account?done=session");
    assert!(!is_logged_in(&mut there).await);
    assert!(is_logged_in(&mut here).await);
    let told = here.get("/account?done=session").await.text();
    assert!(told.contains("That session has ended."), "{told}");
}

#[tokio::test]
async fn b12_all_other_sessions_are_ended_at_once() {
    let gateway = TestGateway::start().await;
    let mut here = at_home(&gateway, "ann", 1).await;
    let mut others = [
        at_home(&gateway, "ann", 2).await,
        at_home(&gateway, "ann", 3).await,
    ];
    let mut bob = at_home(&gateway, "bob", 4).await;
    let which = [("session", "others")];
    let answer = send(&mut here, ("/account/sessions", "others"), &which).await;
    assert_eq!(answer.header("location"), "/account?done=sessions");
    for other in &mut others {
        assert!(!is_logged_in(other).await);
    }
    assert!(is_logged_in(&mut here).await);
    assert!(is_logged_in(&mut bob).await);
}

#[tokio::test]
async fn nobody_ends_the_session_of_another_user() {
    let gateway = TestGateway::start().await;
    let (mut ann, mut bob) = (
        at_home(&gateway, "ann", 1).await,
        at_home(&gateway, "bob", 2).await,
    );
    at_home(&gateway, "bob", 3).await;
    let of_bob = fields(
        &page(&mut bob).await,
        "/account/sessions",
        "name=\"session\"",
    );
    let (_, hash) = of_bob.iter().find(|(name, _)| name == "session").unwrap();
    let typed = [("session", hash.as_str())];
    let mut fields = fields(&page(&mut ann).await, "/account/password", "");
    fields.push(("session".to_owned(), hash.clone()));
    let pairs: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    ann.post("/account/sessions", &pairs).await;
    assert_eq!(page(&mut bob).await.matches("Firefox, Linux").count(), 2);
    // And with her own form he can do nothing either.
    assert_eq!(bob.post("/account/sessions", &typed).await.status, 403);
}

#[tokio::test]
async fn b13_another_site_ends_and_changes_nothing() {
    let gateway = TestGateway::start().await;
    let mut ann = at_home(&gateway, "ann", 1).await;
    let mut other = at_home(&gateway, "ann", 2).await;
    allowed(&gateway, &mut ann).await;
    let text = page(&mut ann).await;
    for (action, with, more) in [
        ("/account/sessions", "others", ("session", "others")),
        ("/account/applications", "", ("x", "y")),
        ("/account/password", "", ("new_password", NEW)),
    ] {
        let mut fields = fields(&text, action, with);
        fields.push((more.0.to_owned(), more.1.to_owned()));
        for forged in [
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "cross-site"),
        ] {
            let pairs: Vec<_> = fields
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            ann.headers.push(forged);
            assert_eq!(ann.post(action, &pairs).await.status, 403, "{action}");
            ann.headers.pop();
        }
        let bare: Vec<_> = fields
            .iter()
            .filter(|(name, _)| name != "csrf_token")
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(ann.post(action, &bare).await.status, 403, "{action}");
        // The form of another session of the same user is no better.
        let pairs: Vec<_> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(other.post(action, &pairs).await.status, 400, "{action}");
    }
    assert!(is_logged_in(&mut other).await);
    assert!(page(&mut ann).await.contains("Acme CRM"));
}

#[tokio::test]
async fn b14_a_session_that_lay_idle_is_neither_shown_nor_of_use() {
    let gateway = TestGateway::start().await;
    let mut idle = at_home(&gateway, "ann", 2).await;
    gateway.advance(Duration::from_secs(3601)).await;
    let mut here = at_home(&gateway, "ann", 1).await;
    assert!(!page(&mut here).await.contains("192.0.2.2 "));
    let answer = idle.get("/account").await;
    assert_eq!(
        answer.header("location"),
        "/auth/login?to=account&tenant=acme"
    );
}

#[tokio::test]
async fn c09_an_application_is_shown_and_its_access_ends_with_the_very_next_request() {
    let gateway = TestGateway::start().await;
    let mut ann = at_home(&gateway, "ann", 1).await;
    let issued = allowed(&gateway, &mut ann).await;
    let mut bob = at_home(&gateway, "bob", 2).await;
    let of_bob = allowed(&gateway, &mut bob).await;
    assert_eq!(calls_with(&gateway, &issued["access_token"]).await, 204);
    let text = page(&mut ann).await;
    for part in [
        "Acme CRM",
        "Use call.",
        "since 2026-11-22 02:39, last got access 2026-11-22 02:39 UTC",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let answer = send(&mut ann, ("/account/applications", ""), &[]).await;
    assert_eq!(answer.header("location"), "/account?done=application");
    assert_eq!(calls_with(&gateway, &issued["access_token"]).await, 401);
    let value = issued["refresh_token"].as_str().unwrap();
    assert_eq!(refresh(&gateway, value).await.status, 400);
    assert_eq!(calls_with(&gateway, &of_bob["access_token"]).await, 204);
    assert!(
        page(&mut ann)
            .await
            .contains("No application may act for you.")
    );
}

#[tokio::test]
async fn c09_nobody_ends_the_access_that_another_user_gave() {
    let gateway = TestGateway::start().await;
    let mut ann = at_home(&gateway, "ann", 1).await;
    let issued = allowed(&gateway, &mut ann).await;
    let id = fields(&page(&mut ann).await, "/account/applications", "");
    let (_, id) = id.iter().find(|(name, _)| name == "grant").unwrap();
    let mut bob = at_home(&gateway, "bob", 2).await;
    let typed = [("grant", id.as_str())];
    send(&mut bob, ("/account/password", ""), &[]).await;
    let mut fields = fields(&page(&mut bob).await, "/account/password", "");
    fields.push(("grant".to_owned(), id.clone()));
    let pairs: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    bob.post("/account/applications", &pairs).await;
    assert_eq!(bob.post("/account/applications", &typed).await.status, 403);
    assert_eq!(calls_with(&gateway, &issued["access_token"]).await, 204);
}

#[tokio::test]
async fn b15_a_new_password_ends_all_else_and_keeps_this_session_under_a_new_name() {
    let gateway = TestGateway::start().await;
    let mut here = at_home(&gateway, "ann", 1).await;
    let mut there = at_home(&gateway, "ann", 2).await;
    let issued = allowed(&gateway, &mut here).await;
    let direct = gateway.token(user("ann"), &["calls.#"]).await;
    let former = here.cookies[COOKIE].clone();
    let answer = change_password(&mut here, PASSWORD, NEW).await;
    assert_eq!(answer.header("location"), "/account?done=password");
    assert!(is_logged_in(&mut here).await);
    assert_ne!(here.cookies[COOKIE], former);
    assert!(!is_logged_in(&mut there).await);
    let mut planted = Browser::new(&gateway);
    planted.cookies.insert(COOKIE.to_owned(), former);
    assert!(!is_logged_in(&mut planted).await);
    assert_eq!(calls_with(&gateway, &issued["access_token"]).await, 401);
    assert_eq!(
        gateway
            .edge(crate::harness::get("/rest/call", &direct))
            .await
            .status,
        401
    );
    let value = issued["refresh_token"].as_str().unwrap();
    assert_eq!(refresh(&gateway, value).await.status, 400);
    let mut again = Browser::new(&gateway);
    for (password, status) in [(PASSWORD, 403), (NEW, 303)] {
        let login = again.get("/auth/login?to=account").await;
        let typed = [("username", "ann"), ("password", password)];
        assert_eq!(again.submit(&login, &typed).await.status, status);
    }
}

#[tokio::test]
async fn a_new_password_wants_the_current_one_and_its_rules() {
    let gateway = TestGateway::start().await;
    let mut ann = at_home(&gateway, "ann", 1).await;
    for (current, new, again, status, why) in [
        ("wrong", NEW, NEW, 403, "not your current password"),
        ("", NEW, NEW, 403, "not your current password"),
        (PASSWORD, "short", "short", 400, "8 characters or more"),
        (PASSWORD, "sevéns!", "sevéns!", 400, "8 characters or more"),
        (PASSWORD, "", "", 400, "8 characters or more"),
        (PASSWORD, NEW, "another one", 400, "differ"),
        (PASSWORD, "hiANN1234", "hiANN1234", 400, "the user name"),
        (PASSWORD, PASSWORD, PASSWORD, 400, "the current one"),
    ] {
        let typed = [
            ("current_password", current),
            ("new_password", new),
            ("new_password_again", again),
        ];
        let answer = send(&mut ann, ("/account/password", ""), &typed).await;
        assert_eq!(answer.status, status, "{new}");
        assert!(answer.text().contains(why), "{}", answer.text());
        assert!(answer.text().contains("role=\"alert\""));
        assert!(
            !answer.text().contains(NEW),
            "what was typed is not sent back"
        );
    }
    assert!(is_logged_in(&mut ann).await);
}

#[tokio::test]
async fn b06_guessing_the_current_password_is_counted_like_a_login() {
    let gateway = TestGateway::start().await;
    let mut thief = at_home(&gateway, "ann", 1).await;
    for _ in 0..10 {
        let answer = change_password(&mut thief, "a guess", NEW).await;
        assert_eq!(answer.status, 403);
    }
    let answer = change_password(&mut thief, PASSWORD, NEW).await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("content-type").starts_with("text/html"));
}

#[tokio::test]
async fn the_shortest_password_is_a_setting() {
    let gateway = TestGateway::with("oauth.shortest_password = 20").await;
    let mut ann = at_home(&gateway, "ann", 1).await;
    let answer = change_password(&mut ann, PASSWORD, NEW).await;
    assert!(answer.text().contains("20 characters"), "{}", answer.text());
}

#[tokio::test]
async fn who_has_no_password_is_not_asked_for_one() {
    let gateway = TestGateway::start().await;
    let mut ann = at_home(&gateway, "ann", 1).await;
    let clear = "UPDATE users SET password_hash = NULL";
    gateway
        .services
        .store
        .write(move |c| {
            Box::pin(async move {
                sqlx::query(clear).execute(c).await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    assert!(!page(&mut ann).await.contains("/account/password"));
}

#[tokio::test]
async fn recent_activity_is_told_in_words() {
    let gateway = TestGateway::start().await;
    let mut ann = at_home(&gateway, "ann", 1).await;
    let issued = allowed(&gateway, &mut ann).await;
    let mut value = issued["refresh_token"].clone();
    for _ in 0..3 {
        let next = refresh(&gateway, value.as_str().unwrap()).await.json();
        value = next["refresh_token"].clone();
    }
    change_password(&mut ann, "a guess", NEW).await;
    send(&mut ann, ("/account/applications", ""), &[]).await;
    change_password(&mut ann, PASSWORD, NEW).await;
    at_home(&gateway, "bob", 99).await;
    let text = page(&mut ann).await;
    let mut rest = text.as_str();
    for words in [
        "You changed your password",
        "You ended an application’s access",
        "A wrong password was given on this page",
        "An application renewed its access (3 times)",
        "An application got access",
        "You allowed access",
        "You signed in",
    ] {
        let Some((_, after)) = rest.split_once(words) else {
            panic!("{words} is not where it should be in {text}");
        };
        rest = after;
    }
    assert!(rest.contains("192.0.2.1"));
    assert!(!text.contains("192.0.2.99"), "another user's login");
}

#[tokio::test]
async fn c10_names_and_words_of_others_are_shown_escaped() {
    let gateway = TestGateway::start().await;
    let markup = "<img src=x onerror=alert(1)>";
    client(&gateway, "evil", |client| {
        markup.clone_into(&mut client.name);
    })
    .await;
    let mut ann = at_home(&gateway, "ann", 1).await;
    let store = &gateway.services.store;
    store
        .write(|c| {
            Box::pin(async move {
                let sql = "INSERT INTO grants (id, user_id, client_id, scope, created_at) VALUES ('g', 'id-of-ann', 'evil', 'call', 0)";
                sqlx::query(sql).execute(&mut *c).await?;
                let sql = "INSERT INTO audit (at, event, user_id, client_id, detail) VALUES (0, 'consent', 'id-of-ann', 'evil', '{}')";
                sqlx::query(sql).execute(c).await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    let text = page(&mut ann).await;
    assert!(!text.contains("<img"), "{text}");
    assert!(text.matches("&#60;img src=x").count() >= 3, "{text}");
}

#[tokio::test]
async fn signing_out_is_one_button_away() {
    let gateway = TestGateway::start().await;
    let mut ann = at_home(&gateway, "ann", 1).await;
    let answer = send(&mut ann, ("/auth/logout", "Sign out"), &[]).await;
    assert_eq!(answer.status, 200);
    assert!(!is_logged_in(&mut ann).await);
}

#[tokio::test]
async fn the_account_speaks_the_readers_language() {
    let gateway = TestGateway::start().await;
    let mut ann = at_home(&gateway, "ann", 1).await;
    for (language, words) in [
        ("de", ["Dieser Browser", "Anmeldung"]),
        ("it", ["Questo browser", "Esci"]),
    ] {
        ann.headers.push(("accept-language", language));
        let text = page(&mut ann).await;
        for words in words {
            assert!(text.contains(words), "{words} in {text}");
        }
        let refused = change_password(&mut ann, PASSWORD, "short").await.text();
        for english in ["Your account", "You signed in", "must have"] {
            assert!(!refused.contains(english), "{english} in {refused}");
        }
        ann.headers.pop();
    }
}
