//! Logging in with another provider: rows Q01 to Q08, B11 and O01, on a provider that is a real server.

use crate::harness::{Answer, ORIGIN, PASSWORD, TestGateway};
use crate::idp::{Idp, SECRET};
use crate::oauth::{Browser, Form, encoded, parameters, wish, wish_with};
use callgate::storage::identities::Identity;
use serde_json::json;
use std::time::Duration;

const SESSION: &str = "__Host-callgate";
const BROWSER: &str = "__Host-callgate_with";

async fn start() -> (TestGateway, Idp) {
    with("").await
}

/// A gateway with one provider, `idp`, with `more` keys.
pub(crate) async fn with(more: &str) -> (TestGateway, Idp) {
    let idp = Idp::start().await;
    let gateway = TestGateway::with(&idp.provider("idp", more)).await;
    idp.follow(&gateway.clock);
    (gateway, idp)
}

/// Makes the account `subject` that of a user.
pub(crate) async fn link(gateway: &TestGateway, idp: &Idp, subject: &str, user: &str) {
    let identity = Identity {
        provider: "idp".to_owned(),
        issuer: idp.issuer(),
        subject: subject.to_owned(),
        user_id: format!("id-of-{user}"),
        linked_at: gateway.clock.now(),
        last_used_at: None,
    };
    let store = &gateway.services.store;
    store.link_identity(identity, None).await.unwrap();
}

/// Presses the button of a provider on the login page.
async fn press(browser: &mut Browser<'_>, provider: &str) -> Answer {
    let page = browser
        .get(&format!("/auth/login?{}", encoded(wish())))
        .await;
    press_on(browser, &page, provider).await
}

async fn press_on(browser: &mut Browser<'_>, page: &Answer, provider: &str) -> Answer {
    let text = page.text();
    let action = text
        .split(&format!("action=\"/auth/with/{provider}?"))
        .nth(1)
        .unwrap_or_else(|| panic!("no button of {provider} in {text}"));
    let action = action.split('"').next().unwrap().replace("&#38;", "&");
    let hidden = Form::of(page).hidden;
    let pairs: Vec<_> = hidden
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    browser.headers.push(("origin", "null"));
    let answer = browser
        .post(&format!("/auth/with/{provider}?{action}"), &pairs)
        .await;
    browser.headers.pop();
    answer
}

/// Goes to the provider, logs in there as `subject`, and comes back.
pub(crate) async fn log_in(browser: &mut Browser<'_>, idp: &Idp, subject: &str) -> Answer {
    let led = press(browser, "idp").await;
    assert_eq!(led.status, 303, "{}", led.text());
    let back = idp.log_in(led.header("location"), subject);
    browser.get(&back).await
}

/// The code on a page about a failure.
pub(crate) fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let shown = format!("<code>{code}</code>");
    assert!(answer.text().contains(&shown), "{code}: {}", answer.text());
}

fn is_logged_in(browser: &Browser<'_>) -> bool {
    browser.cookies.contains_key(SESSION)
}

#[tokio::test]
async fn an_account_that_is_linked_logs_its_user_in() {
    let (gateway, idp) = start().await;
    link(&gateway, &idp, "sub-1", "ann").await;
    let mut browser = Browser::new(&gateway);
    let back = log_in(&mut browser, &idp, "sub-1").await;
    assert_eq!(back.status, 303, "{}", back.text());
    assert!(
        back.header("location")
            .starts_with("/auth/grant?client_id=crm&")
    );
    assert!(browser.cookies[SESSION].starts_with("cg_se_"));
    let page = browser.get(back.header("location")).await;
    assert!(page.text().contains("ann"), "{}", page.text());
    let answer = browser.submit(&page, &[("grant", "true")]).await;
    assert!(parameters(answer.header("location")).contains_key("code"));

    let asked = idp.last("/token");
    assert_eq!(
        asked.form["redirect_uri"],
        format!("{ORIGIN}/auth/with/idp/callback")
    );
    assert!(!asked.form.contains_key("client_secret"));
}

#[tokio::test]
async fn what_is_sent_to_the_provider_is_all_that_it_needs_and_new_each_time() {
    let (gateway, _idp) =
        with("scopes = ['openid', 'email']\nparameters = { access_type = 'offline' }").await;
    let mut browser = Browser::new(&gateway);
    let led = press(&mut browser, "idp").await;
    let first = parameters(led.header("location"));
    assert_eq!(first["scope"], "openid email");
    assert_eq!(first["access_type"], "offline");
    assert_eq!(first["code_challenge"].len(), 43);
    let cookie = led.header("set-cookie");
    for attribute in ["__Host-", "HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let second = parameters(press(&mut browser, "idp").await.header("location"));
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(first[name], second[name], "{name}");
    }
    assert_eq!(first["redirect_uri"], second["redirect_uri"]);
}

#[tokio::test]
async fn the_page_lets_its_forms_end_at_the_provider() {
    let (gateway, idp) = start().await;
    let page = Browser::new(&gateway)
        .get(&format!("/auth/login?{}", encoded(wish())))
        .await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains(&idp.issuer()), "{policy}");
    assert!(
        page.text()
            .contains("Sign in with <bdi class=\"name\">Example ID</bdi>")
    );
}

#[tokio::test]
async fn another_site_cannot_begin_a_login() {
    let (gateway, _idp) = start().await;
    let mut browser = Browser::new(&gateway);
    let path = format!("/auth/with/idp?{}", encoded(wish()));
    assert_eq!(browser.post(&path, &[]).await.status, 403);
    let page = browser
        .get(&format!("/auth/login?{}", encoded(wish())))
        .await;
    browser.headers.push(("sec-fetch-site", "cross-site"));
    assert_eq!(press_on(&mut browser, &page, "idp").await.status, 403);
}

#[tokio::test]
async fn logins_that_are_begun_without_end_are_refused_after_a_while() {
    let idp = Idp::start().await;
    let more = format!("oauth.address_attempts = 3\n{}", idp.provider("idp", ""));
    let gateway = TestGateway::with(&more).await;
    let mut browser = Browser::new(&gateway);
    for _ in 0..3 {
        assert_eq!(press(&mut browser, "idp").await.status, 303);
    }
    assert_eq!(press(&mut browser, "idp").await.status, 429);
}

#[tokio::test]
async fn q01_a_state_is_known_and_good_for_once() {
    let (gateway, idp) = start().await;
    link(&gateway, &idp, "sub-1", "ann").await;
    let mut browser = Browser::new(&gateway);
    let led = press(&mut browser, "idp").await;
    let back = idp.log_in(led.header("location"), "sub-1");

    let state = &parameters(&back)["state"];
    let code = &parameters(&back)["code"];
    for query in [
        format!("code={code}&state=invented"),
        format!("code={code}"),
        format!("code={code}&state={state}&state={state}"),
    ] {
        let answer = browser
            .get(&format!("/auth/with/idp/callback?{query}"))
            .await;
        assert_eq!(answer.status, 400, "{query}");
    }
    assert_eq!(idp.times("/token"), 0);
    assert_eq!(browser.get(&back).await.status, 303);
    refused(&browser.get(&back).await, 400, "unknown_login");
    assert_eq!(idp.times("/token"), 1);
}

#[tokio::test]
async fn q01_a_login_may_take_ten_minutes() {
    let (gateway, idp) = start().await;
    link(&gateway, &idp, "sub-1", "ann").await;
    for (seconds, status) in [(599, 303), (600, 400)] {
        let mut browser = Browser::new(&gateway);
        let led = press(&mut browser, "idp").await;
        gateway.advance(Duration::from_secs(seconds)).await;
        let back = idp.log_in(led.header("location"), "sub-1");
        assert_eq!(browser.get(&back).await.status, status, "{seconds}");
    }
}

#[tokio::test]
async fn q02_an_answer_that_names_another_issuer_is_refused() {
    for announces in [false, true] {
        let idp = Idp::start().await;
        idp.quirks(|quirks| quirks.announces_iss = announces);
        let gateway = TestGateway::with(&idp.provider("idp", "")).await;
        idp.follow(&gateway.clock);
        link(&gateway, &idp, "sub-1", "ann").await;
        let ours = idp.issuer();
        for (iss, right) in [
            (Some("https://evil.example".to_owned()), false),
            (Some(format!("{ours}/")), false),
            (None, !announces),
            (Some(ours.clone()), true),
        ] {
            let mut browser = Browser::new(&gateway);
            let led = press(&mut browser, "idp").await;
            let back = idp.log_in(led.header("location"), "sub-1");
            let mut answer = parameters(&back);
            answer.remove("iss");
            answer.extend(iss.clone().map(|iss| ("iss".to_owned(), iss)));
            let asked = idp.times("/token");
            let path = format!("/auth/with/idp/callback?{}", encoded(&answer));
            let answer = browser.get(&path).await;
            if right {
                assert_eq!(answer.status, 303, "{announces} {iss:?}: {}", answer.text());
            } else {
                refused(&answer, 400, "wrong_issuer");
                assert_eq!(idp.times("/token"), asked, "{announces} {iss:?}");
            }
        }
    }
}

#[tokio::test]
async fn q02_an_error_of_another_issuer_is_not_believed() {
    let (gateway, _idp) = start().await;
    let mut browser = Browser::new(&gateway);
    let led = press(&mut browser, "idp").await;
    let state = &parameters(led.header("location"))["state"];
    let path = format!(
        "/auth/with/idp/callback?error=access_denied&state={state}&iss=https%3A%2F%2Fevil.example"
    );
    refused(&browser.get(&path).await, 400, "wrong_issuer");
}

#[tokio::test]
async fn q03_an_answer_that_comes_to_another_providers_address_is_refused() {
    let (one, other) = (Idp::start().await, Idp::start().await);
    let both = format!("{}{}", one.provider("one", ""), other.provider("other", ""));
    let gateway = TestGateway::with(&both).await;
    let mut browser = Browser::new(&gateway);
    let led = press(&mut browser, "other").await;
    let back = other.log_in(led.header("location"), "sub-1");
    assert!(back.contains("/auth/with/other/callback?"), "{back}");
    let swapped = back.replace("/auth/with/other/", "/auth/with/one/");
    refused(&browser.get(&swapped).await, 400, "unknown_login");
    assert_eq!((one.times("/token"), other.times("/token")), (0, 0));
    // It was not used up: at its own address it still is what it was.
    refused(&browser.get(&back).await, 403, "not_linked");
}

#[tokio::test]
async fn q04_an_id_token_that_is_not_right_in_all_logs_nobody_in() {
    let (gateway, idp) = start().await;
    link(&gateway, &idp, "sub-1", "ann").await;
    let now = gateway.clock.now() / 1000;
    let claims = [
        (json!({ "iss": "https://evil.example" }), "id_token_issuer"),
        (json!({ "aud": "other" }), "id_token_audience"),
        (json!({ "aud": ["gate", "other"] }), "id_token_audience"),
        (json!({ "aud": null }), "id_token_form"),
        (json!({ "azp": "other" }), "id_token_azp"),
        (json!({ "nonce": "other" }), "id_token_nonce"),
        (json!({ "nonce": null }), "id_token_nonce"),
        (json!({ "exp": now - 61 }), "id_token_time"),
        (json!({ "exp": null }), "id_token_form"),
        (json!({ "iat": now + 61 }), "id_token_time"),
        (json!({ "iat": now - 3600 }), "id_token_time"),
        (
            json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }),
            "id_token_at_hash",
        ),
        (json!({ "sub": "" }), "id_token_subject"),
    ];
    let headers = [
        (json!({ "alg": "none" }), "id_token_algorithm"),
        (json!({ "alg": "HS256" }), "id_token_algorithm"),
        (json!({ "alg": "ES384" }), "id_token_algorithm"),
        (json!({ "kid": "unknown" }), "id_token_key"),
        (json!({ "crit": ["exp"] }), "id_token_form"),
        (json!({ "typ": "at+jwt" }), "id_token_form"),
    ];
    for (is_claim, (change, code)) in claims
        .into_iter()
        .map(|change| (true, change))
        .chain(headers.into_iter().map(|change| (false, change)))
    {
        let change = change.as_object().unwrap().clone();
        idp.quirks(|quirks| {
            (quirks.claims, quirks.header) = if is_claim {
                (change, serde_json::Map::new())
            } else {
                (serde_json::Map::new(), change)
            };
        });
        let mut browser = Browser::new(&gateway);
        let answer = log_in(&mut browser, &idp, "sub-1").await;
        refused(&answer, 502, code);
        assert!(!is_logged_in(&browser), "{code}");
    }
    idp.quirks(|quirks| {
        quirks.header.clear();
        quirks.bad_signature = true;
    });
    let mut browser = Browser::new(&gateway);
    refused(
        &log_in(&mut browser, &idp, "sub-1").await,
        502,
        "id_token_signature",
    );
    idp.quirks(|quirks| quirks.bad_signature = false);
    assert_eq!(log_in(&mut browser, &idp, "sub-1").await.status, 303);
}

#[tokio::test]
async fn q04_rs256_is_verified_too() {
    let (gateway, idp) = start().await;
    link(&gateway, &idp, "sub-1", "ann").await;
    idp.quirks(|quirks| quirks.rs256 = true);
    let mut browser = Browser::new(&gateway);
    let back = log_in(&mut browser, &idp, "sub-1").await;
    assert_eq!(back.status, 303, "{}", back.text());
}

#[tokio::test]
async fn q04_an_issuer_of_many_directories_is_that_of_the_token() {
    const ONE: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    const OTHER: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
    let idp = Idp::start().await;
    let base = idp.issuer();
    let template = format!("{base}/{{tenantid}}/v2.0");
    idp.quirks(|quirks| quirks.metadata_issuer = Some(template.clone()));
    let spec = idp.provider("idp", "").replace(
        &format!("issuer = '{base}'"),
        &format!("issuer = '{template}'\ndiscovery = '{base}/.well-known/openid-configuration'\ndirectories = ['{ONE}']"),
    );
    let gateway = TestGateway::with(&spec).await;
    idp.follow(&gateway.clock);
    let identity = Identity {
        provider: "idp".to_owned(),
        issuer: format!("{base}/{ONE}/v2.0"),
        subject: "sub-1".to_owned(),
        user_id: "id-of-ann".to_owned(),
        linked_at: 0,
        last_used_at: None,
    };
    gateway
        .services
        .store
        .link_identity(identity, None)
        .await
        .unwrap();
    for (iss, tid, right) in [
        (ONE, ONE, true),
        (ONE, OTHER, false),
        (OTHER, OTHER, false),
        ("{tenantid}", "{tenantid}", false),
    ] {
        let claims = json!({ "iss": format!("{base}/{iss}/v2.0"), "tid": tid });
        idp.quirks(|quirks| quirks.claims = claims.as_object().unwrap().clone());
        let answer = log_in(&mut Browser::new(&gateway), &idp, "sub-1").await;
        if right {
            assert_eq!(answer.status, 303, "{}", answer.text());
        } else {
            refused(&answer, 502, "id_token_issuer");
        }
    }
}

#[tokio::test]
async fn q05_a_login_ends_in_the_browser_that_began_it() {
    let (gateway, idp) = start().await;
    link(&gateway, &idp, "sub-1", "bob").await;
    let mut attacker = Browser::new(&gateway);
    let led = press(&mut attacker, "idp").await;
    let back = idp.log_in(led.header("location"), "sub-1");
    let mut victim = Browser::new(&gateway);
    refused(&victim.get(&back).await, 400, "unknown_login");
    press(&mut victim, "idp").await;
    refused(&victim.get(&back).await, 400, "unknown_login");
    assert!(!is_logged_in(&victim));
    assert_eq!(idp.times("/token"), 0);
    assert_ne!(attacker.cookies[BROWSER], victim.cookies[BROWSER]);
    assert_eq!(attacker.get(&back).await.status, 303);
}

#[tokio::test]
async fn q06_nothing_is_linked_by_an_address_that_is_not_verified() {
    let address = "ann@acme.example";
    for (policy, verified, right) in [
        ("", json!(true), false),
        ("link = 'verified_email'", json!(false), false),
        ("link = 'verified_email'", json!("true"), false),
        ("link = 'verified_email'", json!(null), false),
        ("create_users = true", json!(true), false),
        ("link = 'verified_email'", json!(true), true),
    ] {
        let (gateway, idp) = with(policy).await;
        let named = callgate::storage::users::User {
            id: "id-of-address".to_owned(),
            username: address.to_owned(),
            ..crate::harness::person("ann")
        };
        let store = &gateway.services.store;
        store.create_user(named).await.unwrap();
        let claims = json!({ "email": address, "email_verified": verified });
        idp.quirks(|quirks| quirks.claims = claims.as_object().unwrap().clone());
        let mut browser = Browser::new(&gateway);
        let answer = log_in(&mut browser, &idp, "sub-1").await;
        if right {
            assert_eq!(answer.status, 303, "{}", answer.text());
        } else {
            refused(&answer, 403, "not_linked");
        }
        let linked = store.identities("id-of-address").await.unwrap();
        assert_eq!(
            (linked.len(), is_logged_in(&browser)),
            (usize::from(right), right),
            "{policy}"
        );
    }
}

#[tokio::test]
async fn a_user_is_made_where_that_is_allowed_and_has_no_password() {
    let (gateway, idp) = with("create_users = true").await;
    let claims = json!({ "email": "eve@acme.example", "email_verified": true, "name": "Eve" });
    idp.quirks(|quirks| quirks.claims = claims.as_object().unwrap().clone());
    let mut browser = Browser::new(&gateway);
    assert_eq!(log_in(&mut browser, &idp, "sub-7").await.status, 303);
    let store = &gateway.services.store;
    let eve = store
        .user_named("acme", "eve@acme.example")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (eve.display_name.as_str(), eve.password_hash),
        ("Eve", None)
    );
    // The subject counts, not the address.
    idp.quirks(|quirks| quirks.claims.clear());
    assert_eq!(
        log_in(&mut Browser::new(&gateway), &idp, "sub-7")
            .await
            .status,
        303
    );
}

#[tokio::test]
async fn q08_a_provider_whose_metadata_is_anothers_is_not_used() {
    let idp = Idp::start().await;
    let other = format!("{}/", idp.issuer());
    idp.quirks(|quirks| quirks.metadata_issuer = Some(other));
    let gateway = TestGateway::with(&idp.provider("idp", "")).await;
    let answer = press(&mut Browser::new(&gateway), "idp").await;
    refused(&answer, 503, "provider_metadata");
    assert_eq!(answer.header("location"), "");
}

#[tokio::test]
async fn b11_a_login_elsewhere_leads_to_where_this_one_began_and_nowhere_else() {
    let (gateway, idp) = start().await;
    link(&gateway, &idp, "sub-1", "ann").await;
    let mut browser = Browser::new(&gateway);
    let led = press(&mut browser, "idp").await;
    let back = idp.log_in(led.header("location"), "sub-1");
    let planted = format!(
        "{back}&next=https%3A%2F%2Fevil.example&redirect_uri=https%3A%2F%2Fevil.example&to=%2F%2Fevil"
    );
    let answer = browser.get(&planted).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let location = answer.header("location");
    assert!(
        location.starts_with("/auth/grant?client_id=crm&"),
        "{location}"
    );
    assert!(!location.contains("evil"), "{location}");
}

#[tokio::test]
async fn b18_two_tabs_finish_each_their_own_login() {
    let (gateway, idp) = start().await;
    link(&gateway, &idp, "sub-1", "ann").await;
    let mut browser = Browser::new(&gateway);
    let mut tabs = Vec::new();
    for state in ["first", "second"] {
        let path = format!("/auth/login?{}", encoded(wish_with(&[("state", state)])));
        let page = browser.get(&path).await;
        let led = press_on(&mut browser, &page, "idp").await;
        tabs.push((state, idp.log_in(led.header("location"), "sub-1")));
    }
    for (state, back) in tabs.into_iter().rev() {
        let answer = browser.get(&back).await;
        assert_eq!(parameters(answer.header("location"))["state"], state);
    }
}

#[tokio::test]
async fn what_the_provider_refuses_is_told_in_words_of_ours() {
    let (gateway, _idp) = start().await;
    for (error, shown) in [
        ("access_denied", "access_denied"),
        ("temporarily_unavailable", "temporarily_unavailable"),
        ("<script>alert(1)</script>", "unknown_error"),
        ("call-this-number", "unknown_error"),
    ] {
        let mut browser = Browser::new(&gateway);
        let led = press(&mut browser, "idp").await;
        let state = &parameters(led.header("location"))["state"];
        let answer = encoded([
            ("error", error),
            ("state", state),
            ("error_description", "planted words"),
        ]);
        let page = browser
            .get(&format!("/auth/with/idp/callback?{answer}"))
            .await;
        refused(&page, 403, shown);
        assert!(!page.text().contains("planted words"));
        assert!(page.text().contains("Example ID"), "{}", page.text());
    }
}

#[tokio::test]
async fn an_account_that_is_not_linked_or_whose_user_is_disabled_logs_nobody_in() {
    let (gateway, idp) = start().await;
    let mut browser = Browser::new(&gateway);
    refused(
        &log_in(&mut browser, &idp, "sub-1").await,
        403,
        "not_linked",
    );
    link(&gateway, &idp, "sub-1", "ann").await;
    let store = &gateway.services.store;
    let disable = |user: &mut callgate::storage::users::User| user.disabled_at = Some(1);
    store.change_user("id-of-ann", disable, 1).await.unwrap();
    refused(
        &log_in(&mut browser, &idp, "sub-1").await,
        403,
        "user_disabled",
    );
    assert!(!is_logged_in(&browser));
}

#[tokio::test]
async fn a_provider_is_for_the_users_of_its_tenant() {
    let idp = Idp::start().await;
    let spec = idp
        .provider("idp", "")
        .replace("tenant = 'acme'", "tenant = 'other'");
    let gateway = TestGateway::with(&spec).await;
    let mut browser = Browser::new(&gateway);
    let page = browser
        .get(&format!("/auth/login?{}", encoded(wish())))
        .await;
    assert!(!page.text().contains("Example ID"));
    let hidden = Form::of(&page).hidden;
    let pairs: Vec<_> = hidden
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let path = format!("/auth/with/idp?{}", encoded(wish()));
    assert_eq!(browser.post(&path, &pairs).await.status, 404);
    assert_eq!(
        browser
            .post(&path.replace("idp", "none"), &pairs)
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn q07_o01_nothing_of_the_provider_is_in_the_store_in_clear() {
    let (gateway, idp) = start().await;
    link(&gateway, &idp, "sub-1", "ann").await;
    let mut browser = Browser::new(&gateway);
    let led = press(&mut browser, "idp").await;
    let mut planted = vec![
        SECRET.to_owned(),
        browser.cookies[BROWSER].clone(),
        PASSWORD.to_owned(),
    ];
    planted.push(parameters(led.header("location"))["state"].clone());
    planted.push(parameters(led.header("location"))["nonce"].clone());
    let back = idp.log_in(led.header("location"), "sub-1");
    planted.push(parameters(&back)["code"].clone());
    assert_eq!(browser.get(&back).await.status, 303);
    planted.push(idp.last("/token").form["code_verifier"].clone());
    planted.extend(idp.issued());
    assert!(planted.len() >= 10, "{planted:?}");
    let store = &gateway.services.store;
    let kept = store
        .provider_token("id-of-ann", "idp")
        .await
        .unwrap()
        .unwrap();
    assert!(kept.sealed.len() > 100);
    let url = &gateway.version.config.store.url;
    for suffix in ["", "-wal"] {
        let path = format!("{}{suffix}", url.strip_prefix("sqlite:").unwrap());
        let bytes = std::fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        for value in &planted {
            assert!(!text.contains(value.as_str()), "{value} in {path}");
        }
    }
}

#[tokio::test]
async fn a_second_factor_is_asked_for_after_a_login_elsewhere_unless_that_is_trusted() {
    for (trusts, next) in [("false", "/auth/factor?pending="), ("true", "/auth/grant?")] {
        let idp = Idp::start().await;
        let spec = idp.provider("idp", &format!("trusted_second_factor = {trusts}"));
        let more = format!("oauth.second_factor = 'required'\n{spec}");
        let gateway = TestGateway::with(&more).await;
        idp.follow(&gateway.clock);
        link(&gateway, &idp, "sub-1", "ann").await;
        let kept = crate::oauth_factor::set_up(&gateway).await;
        let mut browser = Browser::new(&gateway);
        let answer = log_in(&mut browser, &idp, "sub-1").await;
        let location = answer.header("location").to_owned();
        assert!(location.starts_with(next), "{trusts}: {location}");
        assert_eq!(is_logged_in(&browser), trusts == "true");
        if trusts == "false" {
            let page = browser.get(&location).await;
            let code = kept.code(&gateway, 0);
            let done = browser.submit(&page, &[("code", &code)]).await;
            let location = done.header("location");
            assert!(
                location.starts_with("/auth/grant?client_id=crm&"),
                "{location}"
            );
            assert!(is_logged_in(&browser));
        }
    }
}

#[tokio::test]
async fn a_provider_without_discovery_is_asked_who_has_logged_in() {
    let idp = Idp::start().await;
    let at = idp.issuer();
    let endpoints = format!(
        "endpoints = {{ authorization = '{at}/authorize', token = '{at}/token', userinfo = '{at}/userinfo' }}\n\
         client_authentication = 'form'\nscopes = ['account:read']"
    );
    let spec = idp.provider("idp", &endpoints);
    let spec = spec.replace(&format!("issuer = '{at}'\n"), "");
    let gateway = TestGateway::with(&spec).await;
    idp.follow(&gateway.clock);
    let identity = Identity {
        provider: "idp".to_owned(),
        issuer: format!("{at}/userinfo"),
        subject: "w0".to_owned(),
        user_id: "id-of-ann".to_owned(),
        linked_at: 0,
        last_used_at: None,
    };
    let store = &gateway.services.store;
    store.link_identity(identity, None).await.unwrap();
    let mut browser = Browser::new(&gateway);
    let led = press(&mut browser, "idp").await;
    let asked = parameters(led.header("location"));
    assert_eq!(asked["scope"], "account:read");
    assert!(!asked.contains_key("nonce"));
    let back = idp.log_in(led.header("location"), "any");
    let answer = browser.get(&back).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert!(is_logged_in(&browser));
    assert_eq!(idp.last("/token").authorization, "");
    let bearer = idp.last("/userinfo").authorization;
    assert!(bearer.starts_with("Bearer planted-access-"), "{bearer}");
}
