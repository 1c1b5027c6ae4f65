//! Login and logout: who gets a session, what it is worth, and when it ends.

use crate::harness::{Answer, PASSWORD, TestGateway};
use crate::oauth::{Browser, OLD_QUERY, encoded, old_client, old_wish, wish, wish_with};
use http::Method;
use std::time::Duration;

const COOKIE: &str = "__Host-callgate";

fn login_path() -> String {
    format!("/auth/login?{}", encoded(wish()))
}

fn grant_path() -> String {
    format!("/auth/grant?{}", encoded(wish()))
}

async fn try_password(browser: &mut Browser<'_>, name: &str, password: &str) -> Answer {
    let page = browser.get(&login_path()).await;
    browser
        .submit(&page, &[("username", name), ("password", password)])
        .await
}

/// Whether the browser is asked for consent, which only happens to who is logged in.
async fn is_logged_in(browser: &mut Browser<'_>) -> bool {
    let answer = browser.get(&grant_path()).await;
    if answer.status == 200 {
        return true;
    }
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert!(answer.header("location").starts_with("/auth/login?"));
    false
}

#[tokio::test]
async fn b01_a_login_leads_on_with_a_session() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    let answer = browser.log_in("ann", &wish()).await;
    assert_eq!(answer.status, 303);
    assert!(
        answer
            .header("location")
            .starts_with("/auth/grant?client_id=crm&")
    );
    assert!(is_logged_in(&mut browser).await);
}

#[tokio::test]
async fn b02_a_session_from_before_the_login_is_worth_nothing_after_it() {
    let gateway = TestGateway::start().await;
    let mut attacker = Browser::new(&gateway);
    attacker.log_in("bob", &wish()).await;
    let planted = attacker.cookies[COOKIE].clone();
    let mut victim = Browser::new(&gateway);
    let page = victim.get(&login_path()).await;
    victim.cookies.insert(COOKIE.to_owned(), planted.clone());
    victim
        .submit(&page, &[("username", "ann"), ("password", PASSWORD)])
        .await;
    assert_ne!(victim.cookies[COOKIE], planted);
    assert!(!is_logged_in(&mut attacker).await);
    let mut invented = Browser::new(&gateway);
    invented
        .cookies
        .insert(COOKIE.to_owned(), "invented".to_owned());
    invented.cookies.insert(
        "clkcallagent".to_owned(),
        "YW5u|1795318771|5e85a615534a8a0d04a04dae379b86a913eef91f".to_owned(),
    );
    assert!(!is_logged_in(&mut invented).await);
}

#[tokio::test]
async fn b03_the_session_cookie_is_the_servers_alone() {
    let gateway = TestGateway::start().await;
    let answer = Browser::new(&gateway).log_in("ann", &wish()).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-callgate=cg_se_"), "{cookie}");
    for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[tokio::test]
async fn b04_another_site_cannot_log_a_browser_in() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    let page = browser.get(&login_path()).await;
    for forged in [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        browser.headers.push(forged);
        let answer = browser
            .submit(&page, &[("username", "ann"), ("password", PASSWORD)])
            .await;
        assert_eq!(answer.status, 403, "{forged:?}");
        browser.headers.pop();
    }
    let without = browser
        .post(
            &login_path(),
            &[("username", "ann"), ("password", PASSWORD)],
        )
        .await;
    assert_eq!(without.status, 403);
    let mut other = Browser::new(&gateway);
    let foreign = other
        .submit(&page, &[("username", "ann"), ("password", PASSWORD)])
        .await;
    assert_eq!(foreign.status, 400, "a form of another browser");
    assert!(!browser.cookies.contains_key(COOKIE) && !other.cookies.contains_key(COOKIE));
}

#[tokio::test]
async fn b05_an_unknown_user_looks_like_a_wrong_password() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    let wrong = try_password(&mut browser, "ann", "wrong").await;
    let unknown = try_password(&mut browser, "eve", "wrong").await;
    assert_eq!(wrong.status, 403);
    assert_eq!(unknown.status, 403);
    assert_eq!(
        wrong.text().replace("value=\"ann\"", ""),
        unknown.text().replace("value=\"eve\"", "")
    );
    assert_eq!(wrong.headers, unknown.headers);
}

#[tokio::test]
async fn b06_after_ten_wrong_passwords_even_the_right_one_is_refused_for_a_while() {
    let gateway = TestGateway::start().await;
    for name in ["ann", "nobody"] {
        let mut browser = Browser::new(&gateway);
        for _ in 0..10 {
            assert_eq!(try_password(&mut browser, name, "wrong").await.status, 403);
        }
        let limited = try_password(&mut browser, name, PASSWORD).await;
        assert_eq!(
            (limited.status.as_u16(), limited.header("retry-after")),
            (429, "600")
        );
        assert!(!browser.cookies.contains_key(COOKIE));
    }
    gateway.advance(Duration::from_secs(601)).await;
    assert_eq!(
        try_password(&mut Browser::new(&gateway), "ann", PASSWORD)
            .await
            .status,
        303
    );
}

#[tokio::test]
async fn b07_nobody_can_lock_another_out() {
    let gateway = TestGateway::start().await;
    let mut attacker = Browser::new(&gateway);
    for _ in 0..11 {
        try_password(&mut attacker, "ann", "wrong").await;
    }
    let mut ann = Browser::new(&gateway);
    ann.peer = [192, 0, 2, 2];
    assert_eq!(try_password(&mut ann, "ann", PASSWORD).await.status, 303);
    assert_eq!(
        try_password(&mut attacker, "bob", PASSWORD).await.status,
        303
    );
}

#[tokio::test]
async fn b07_an_attack_from_everywhere_slows_an_account_down_but_not_in_its_own_browser() {
    let gateway = TestGateway::with("oauth.account_attempts = 20").await;
    let mut own = Browser::new(&gateway);
    own.log_in("ann", &wish()).await;
    own.cookies.remove(COOKIE);
    let from = async |network: u8, password: &str| {
        let mut browser = Browser::new(&gateway);
        browser.peer = [198, 51, 100, network];
        try_password(&mut browser, "ann", password).await
    };
    for network in 0..21 {
        assert_eq!(from(network, "wrong").await.status, 403, "{network}");
    }
    let slowed = from(21, PASSWORD).await;
    assert_eq!(
        (slowed.status.as_u16(), slowed.header("retry-after")),
        (429, "10")
    );
    assert_eq!(try_password(&mut own, "ann", PASSWORD).await.status, 303);
    gateway.advance(Duration::from_secs(10)).await;
    assert_eq!(from(21, PASSWORD).await.status, 303, "once in ten seconds");
}

#[tokio::test]
async fn b07_an_attack_from_the_same_address_keeps_nobody_out_of_their_own_browser() {
    let gateway = TestGateway::with("oauth.address_attempts = 20").await;
    let mut own = Browser::new(&gateway);
    own.log_in("ann", &wish()).await;
    own.cookies.remove(COOKIE);
    let mut attacker = Browser::new(&gateway);
    for name in ["ann", "bob", "eve"] {
        for _ in 0..10 {
            try_password(&mut attacker, name, "wrong").await;
        }
    }
    assert_eq!(
        try_password(&mut attacker, "bob", PASSWORD).await.status,
        429
    );
    assert_eq!(try_password(&mut own, "ann", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn b07_a_known_browser_is_known_for_its_user_alone_and_guesses_no_more_than_others() {
    let gateway = TestGateway::start().await;
    let mut known = Browser::new(&gateway);
    known.log_in("bob", &wish()).await;
    known.cookies.remove(COOKIE);
    for name in ["bob", "ann"] {
        for _ in 0..10 {
            assert_eq!(try_password(&mut known, name, "wrong").await.status, 403);
        }
        assert_eq!(try_password(&mut known, name, PASSWORD).await.status, 429);
    }
    let mut forged = Browser::new(&gateway);
    let cookie = known.cookies["__Host-callgate_known"].clone();
    let (_, proof) = cookie.rsplit_once('.').unwrap();
    let value = format!("another.{}.{proof}", gateway.clock.now());
    forged
        .cookies
        .insert("__Host-callgate_known".to_owned(), value);
    assert_eq!(try_password(&mut forged, "bob", PASSWORD).await.status, 303);
    let set = known.cookies.contains_key("__Host-callgate_known");
    assert!(set, "what counts attempts apart opens nothing");
}

#[tokio::test]
async fn b08_one_address_cannot_try_one_password_on_everybody() {
    let gateway = TestGateway::with("oauth.address_attempts = 5").await;
    let mut browser = Browser::new(&gateway);
    for user in 0..5 {
        assert_eq!(
            try_password(&mut browser, &format!("user{user}"), "wrong")
                .await
                .status,
            403
        );
    }
    assert_eq!(
        try_password(&mut browser, "user5", "wrong").await.status,
        429
    );
}

#[tokio::test]
async fn b09_of_two_hundred_logins_at_once_those_past_the_queue_are_sent_away() {
    let gateway = TestGateway::with("oauth.password_workers = 1\noauth.password_queue = 5").await;
    let mut pages = Vec::new();
    for last in 0..200 {
        let mut browser = Browser::new(&gateway);
        browser.peer = [198, 51, 100, last];
        let page = browser.get(&login_path()).await;
        pages.push((browser, page));
    }
    // An unknown user's password takes as long as a real one.
    let answers = futures_util::future::join_all(pages.iter_mut().map(|(browser, page)| {
        let name = format!("nobody{}", browser.peer[3]);
        async move {
            browser
                .submit(page, &[("username", name.as_str()), ("password", "wrong")])
                .await
        }
    }))
    .await;
    let refused: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 503)
        .collect();
    assert!(refused.len() > 100, "{}", refused.len());
    assert!(
        refused
            .iter()
            .all(|answer| answer.header("retry-after") == "1")
    );
    let others = answers.iter().filter(|answer| answer.status == 403).count();
    assert_eq!(others + refused.len(), 200);
    assert!(others >= 6, "{others}");
    let late = try_password(&mut Browser::new(&gateway), "ann", PASSWORD).await;
    assert_eq!(late.status, 303);
}

#[tokio::test]
async fn b10_a_password_without_end_is_refused() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    assert_eq!(
        try_password(&mut browser, "ann", &"x".repeat(2000))
            .await
            .status,
        400
    );
    assert_eq!(
        try_password(&mut browser, "ann", &"x".repeat(1 << 20))
            .await
            .status,
        413
    );
}

#[tokio::test]
async fn b11_no_parameter_leads_away() {
    let gateway = TestGateway::start().await;
    for next in ["https://evil.example", "//evil.example", "/\\evil.example"] {
        let mut browser = Browser::new(&gateway);
        let path = format!("{}&{}", login_path(), encoded([("next", next)]));
        let page = browser.get(&path).await;
        let answer = browser
            .submit(&page, &[("username", "ann"), ("password", PASSWORD)])
            .await;
        assert!(answer.header("location").starts_with("/auth/grant?"));
        assert!(!answer.header("location").contains("evil"));
    }
}

#[tokio::test]
async fn b11_a_login_for_oneself_leads_to_a_page_of_ours_by_its_name() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    let page = browser.get("/auth/login?to=account").await;
    assert!(page.text().contains("Acme"), "the only tenant there is");
    let answer = browser
        .submit(&page, &[("username", "ann"), ("password", PASSWORD)])
        .await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), "/account");
    for elsewhere in [
        "https://evil.example",
        "//evil.example",
        "/account",
        "grant",
    ] {
        let path = format!("/auth/login?{}", encoded([("to", elsewhere)]));
        let answer = browser.get(&path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (400, "")
        );
    }
}

#[tokio::test]
async fn a_login_for_oneself_asks_for_the_organisation_when_there_are_several() {
    let gateway = TestGateway::start().await;
    let store = &gateway.services.store;
    let mut tenant = store.tenant("acme").await.unwrap().unwrap();
    tenant.id = "other".to_owned();
    store.create_tenant(tenant).await.unwrap();
    let mut browser = Browser::new(&gateway);
    let page = browser.get("/auth/login?to=account").await;
    assert!(page.text().contains("name=\"organisation\""));
    for organisation in ["other", "nowhere"] {
        let typed = [
            ("organisation", organisation),
            ("username", "ann"),
            ("password", PASSWORD),
        ];
        let answer = browser.submit(&page, &typed).await;
        assert_eq!(answer.status, 403, "{organisation}");
        assert!(answer.text().contains(&format!("value=\"{organisation}\"")));
    }
    let typed = [
        ("organisation", "acme"),
        ("username", "ann"),
        ("password", PASSWORD),
    ];
    assert_eq!(browser.submit(&page, &typed).await.status, 303);
    let named = Browser::new(&gateway)
        .get("/auth/login?to=account&tenant=acme")
        .await;
    assert!(!named.text().contains("name=\"organisation\""));
}

#[tokio::test]
async fn b12_a_session_is_over_after_the_logout() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    browser.log_in("ann", &wish()).await;
    let cookie = browser.cookies[COOKIE].clone();
    let page = browser.get(&grant_path()).await;
    assert!(page.text().contains("/auth/logout?"));
    let answer = browser.get("/auth/logout").await;
    assert_eq!(answer.status, 200);
    browser.cookies.insert(COOKIE.to_owned(), cookie);
    assert!(!is_logged_in(&mut browser).await);
}

#[tokio::test]
async fn b12_not_you_leads_to_another_login_for_the_same_request() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    browser.log_in("ann", &wish()).await;
    let page = browser.get(&grant_path()).await;
    let form = crate::oauth::Form::of(&page);
    let fields: Vec<_> = form
        .hidden
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let forged = browser
        .post(&form.action.replace("/auth/grant", "/auth/logout"), &[])
        .await;
    assert_eq!(forged.status, 403);
    assert!(is_logged_in(&mut browser).await);
    let out = browser
        .post(&form.action.replace("/auth/grant", "/auth/logout"), &fields)
        .await;
    assert_eq!(out.status, 303);
    assert!(
        out.header("location")
            .starts_with("/auth/login?client_id=crm&")
    );
    assert!(!is_logged_in(&mut browser).await);
}

#[tokio::test]
async fn b13_another_site_cannot_log_a_browser_out() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    browser.log_in("ann", &wish()).await;
    for forged in [
        ("sec-fetch-site", "cross-site"),
        ("sec-purpose", "prefetch"),
    ] {
        browser.headers.push(forged);
        assert_eq!(browser.get("/auth/logout").await.status, 403);
        browser.headers.pop();
        assert!(is_logged_in(&mut browser).await);
    }
}

#[tokio::test]
async fn b14_an_idle_session_ends_and_so_does_an_old_one() {
    let gateway = TestGateway::start().await;
    let mut idle = Browser::new(&gateway);
    idle.log_in("ann", &wish()).await;
    gateway.advance(Duration::from_secs(3601)).await;
    assert!(!is_logged_in(&mut idle).await);

    let mut busy = Browser::new(&gateway);
    busy.log_in("ann", &wish()).await;
    for _ in 0..14 {
        gateway.advance(Duration::from_mins(50)).await;
        assert!(is_logged_in(&mut busy).await);
    }
    gateway.advance(Duration::from_mins(50)).await;
    assert!(!is_logged_in(&mut busy).await);
}

#[tokio::test]
async fn b15_a_disabled_user_and_one_with_a_new_password_are_logged_out() {
    let gateway = TestGateway::start().await;
    let store = &gateway.services.store;
    for (name, disable) in [("ann", true), ("bob", false)] {
        let mut browser = Browser::new(&gateway);
        browser.log_in(name, &wish()).await;
        let mut user = store.user_named("acme", name).await.unwrap().unwrap();
        if disable {
            user.disabled_at = Some(1);
        } else {
            user.password_hash = Some("$argon2id$another".to_owned());
        }
        store.update_user(user, gateway.clock.now()).await.unwrap();
        assert!(!is_logged_in(&mut browser).await);
        assert_eq!(try_password(&mut browser, name, PASSWORD).await.status, 403);
    }
}

#[tokio::test]
async fn b18_two_flows_in_one_browser_end_where_they_belong() {
    let gateway = TestGateway::start().await;
    crate::oauth::client(&gateway, "two", |client| {
        client.redirect_uris = "https://two.example/cb".to_owned().into();
    })
    .await;
    let second = wish_with(&[
        ("client_id", "two"),
        ("redirect_uri", "https://two.example/cb"),
        ("state", "2"),
    ]);
    let mut browser = Browser::new(&gateway);
    let led = browser.log_in("ann", &wish()).await;
    let first_page = browser.get(led.header("location")).await;
    let second_page = browser
        .get(&format!("/auth/grant?{}", encoded(&second)))
        .await;
    let second_done = browser.submit(&second_page, &[("grant", "true")]).await;
    let first_done = browser.submit(&first_page, &[("grant", "true")]).await;
    assert!(
        second_done
            .header("location")
            .starts_with("https://two.example/cb?code=")
    );
    assert!(second_done.header("location").contains("&state=2&"));
    assert!(
        first_done
            .header("location")
            .starts_with("https://crm.example/cb?code=")
    );
    assert!(first_done.header("location").contains("&state=xyz&"));
}

#[tokio::test]
async fn a_login_at_one_tenant_is_none_at_another() {
    let gateway = TestGateway::start().await;
    let store = &gateway.services.store;
    let mut tenant = store.tenant("acme").await.unwrap().unwrap();
    tenant.id = "other".to_owned();
    store.create_tenant(tenant).await.unwrap();
    crate::oauth::client(&gateway, "foreign", |client| {
        client.tenant_id = "other".to_owned();
    })
    .await;
    let mut browser = Browser::new(&gateway);
    browser.log_in("ann", &wish()).await;
    let path = format!(
        "/auth/grant?{}",
        encoded(wish_with(&[("client_id", "foreign")]))
    );
    let answer = browser.get(&path).await;
    assert_eq!(answer.status, 303);
    assert!(answer.header("location").starts_with("/auth/login?"));
}

#[tokio::test]
async fn p02_a_script_reads_the_login_as_json_or_xml() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, "no_pkce").await;
    let mut script = Browser::script(&gateway);
    let answer = script.get(&format!("/auth/login?{OLD_QUERY}")).await;
    assert_eq!(
        answer.text(),
        r#"{"scope":"call","message":"login","redirect_uri":"http://localhost:8888/test","response_type":"code","client_id":"123456"}"#
    );
    script.headers = vec![("accept", "text/xml")];
    let answer = script.get(&format!("/auth/login?{OLD_QUERY}")).await;
    assert_eq!(
        answer.text(),
        "<None><scope>call</scope><message>login</message><redirect_uri>http://localhost:8888/test</redirect_uri>\
         <response_type>code</response_type><client_id>123456</client_id></None>"
    );
}

#[tokio::test]
async fn p03_who_is_logged_in_goes_on_to_the_grant() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    browser.log_in("ann", &wish()).await;
    let answer = browser.get(&login_path()).await;
    assert_eq!(answer.status, 303);
    assert!(
        answer
            .header("location")
            .starts_with("/auth/grant?client_id=crm&")
    );
}

#[tokio::test]
async fn p04_a_script_of_2012_logs_in_without_a_form() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, "no_pkce scriptable_login").await;
    let mut script = Browser::script(&gateway);
    let with = |password: &str| format!("{OLD_QUERY}&username=ann&password={password}");
    assert_eq!(
        script
            .send(Method::POST, "/auth/login", &with("wrong"))
            .await
            .status,
        403
    );
    let right = script
        .send(Method::POST, "/auth/login", &with("correct+horse"))
        .await;
    assert_eq!(right.status, 303);
    assert_eq!(right.header("location"), format!("/auth/grant?{OLD_QUERY}"));
    assert!(script.cookies.contains_key(COOKIE));

    let mut browser = Browser::new(&gateway);
    browser.headers.push(("origin", "https://calls.example"));
    assert_eq!(
        browser
            .send(Method::POST, "/auth/login", &with("correct+horse"))
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn p04_without_its_switch_no_client_logs_in_by_script() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, "no_pkce").await;
    let body = format!(
        "{}&username=ann&password=correct+horse",
        encoded(old_wish())
    );
    assert_eq!(
        Browser::script(&gateway)
            .send(Method::POST, "/auth/login", &body)
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn p16_a_script_is_told_that_it_logged_out() {
    let gateway = TestGateway::start().await;
    let answer = Browser::script(&gateway).get("/auth/logout").await;
    assert_eq!(answer.text(), r#"{"message":"logout complete"}"#);
}
