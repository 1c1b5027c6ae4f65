//! What holds for every page and every answer to a browser.

use crate::harness::{Answer, PASSWORD, TestGateway};
use crate::oauth::{Browser, client, encoded, parameters, wish, wish_with};
use callgate::metrics::Metrics;
use callgate::route::{Requirement, Target};
use callgate::storage::policies::{Accesses, Policy};
use callgate::storage::{self, Store};
use http::Method;

/// All pages that there are to see for somebody who is logged in, and what is shown before and after.
async fn pages(gateway: &TestGateway) -> Vec<(String, Answer)> {
    let query = encoded(wish());
    let mut browser = Browser::new(gateway);
    let login = browser.get(&format!("/auth/login?{query}")).await;
    let wrong = [("username", "ann"), ("password", "wrong")];
    let failed = browser.submit(&login, &wrong).await;
    let right = [("username", "ann"), ("password", PASSWORD)];
    let led = browser.submit(&login, &right).await;
    let consent = browser.get(led.header("location")).await;
    let refused = browser.get("/oauth/authorize?client_id=nobody").await;
    let mut pages = vec![
        ("login".to_owned(), login),
        ("failed login".to_owned(), failed),
        ("consent".to_owned(), consent),
        ("error".to_owned(), refused),
    ];
    let routes = &gateway.version.edge.gateway.routes;
    let own: Vec<_> = routes
        .all()
        .filter(|(path, route)| {
            let for_people = ["/auth/", "/account", "/device"]
                .iter()
                .any(|prefix| path.starts_with(prefix));
            for_people
                && !path.contains('{')
                && route.target == Target::Local
                && route.requirement == Requirement::Public
                && route.methods.contains(&Method::GET)
                && *path != "/auth/logout"
                // A picture within a page.
                && *path != "/device/qr.svg"
        })
        .map(|(path, _)| path.to_owned())
        .collect();
    for path in own.into_iter().chain(["/auth/logout".to_owned()]) {
        let answer = browser.get(&path).await;
        pages.push((path, answer));
    }
    pages
}

fn is_html(answer: &Answer) -> bool {
    answer.header("content-type").starts_with("text/html")
}

#[tokio::test]
async fn a15_every_page_says_that_it_is_neither_framed_kept_nor_passed_on() {
    let gateway = TestGateway::start().await;
    let pages = pages(&gateway).await;
    let seen = pages.iter().filter(|(_, page)| is_html(page)).count();
    assert!(seen >= 7, "{seen} pages");
    for (path, page) in pages {
        assert!(!page.status.is_server_error(), "{path}: {}", page.text());
        assert_eq!(page.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(page.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        if !is_html(&page) {
            continue;
        }
        let policy = page.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        for part in ["unsafe-inline", "unsafe-eval", "*"] {
            assert!(!policy.contains(part), "{path}: {policy}");
        }
        let strict = page.header("strict-transport-security");
        assert!(
            strict.starts_with("max-age=") || page.status.is_client_error(),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a16_no_page_loads_anything_from_elsewhere() {
    let gateway = TestGateway::start().await;
    for (path, page) in pages(&gateway).await {
        if !is_html(&page) {
            continue;
        }
        let text = page.text();
        assert!(!text.contains("<script>"), "{path}: an inline script");
        assert!(
            !text.contains("style=\"") && !text.contains("<style"),
            "{path}"
        );
        for attribute in [" src=\"", " href=\"", " action=\"", " srcset=\""] {
            for rest in text.split(attribute).skip(1) {
                let target = rest.split('"').next().unwrap();
                let own = target.starts_with('/') && !target.starts_with("//");
                assert!(
                    own || target.starts_with('#') || target.starts_with("data:"),
                    "{path}: {target}"
                );
            }
        }
        assert!(
            !text.contains("@import") && !text.contains("url(h"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a13_every_answer_to_a_client_names_the_issuer_of_the_metadata() {
    let gateway = TestGateway::start().await;
    let metadata = Browser::script(&gateway)
        .get("/.well-known/oauth-authorization-server")
        .await
        .json();
    assert_eq!(
        metadata["authorization_response_iss_parameter_supported"],
        true
    );
    let issuer = metadata["issuer"].as_str().unwrap();
    let success = Browser::new(&gateway).allow("ann", &wish()).await;
    let mut locations = vec![success];
    for (name, value) in [
        ("scope", "nothing"),
        ("response_type", "foo"),
        ("response_type", "token"),
        ("response_type", ""),
        ("code_challenge", ""),
        ("code_challenge_method", "plain"),
    ] {
        let path = format!("/oauth/authorize?{}", encoded(wish_with(&[(name, value)])));
        let answer = Browser::new(&gateway).get(&path).await;
        locations.push(answer.header("location").to_owned());
    }
    let mut browser = Browser::new(&gateway);
    let led = browser.log_in("bob", &wish()).await;
    let page = browser.get(led.header("location")).await;
    let denied = browser.submit(&page, &[("grant", "false")]).await;
    locations.push(denied.header("location").to_owned());
    for location in locations {
        assert!(location.starts_with("https://crm.example/cb"), "{location}");
        assert_eq!(parameters(&location)["iss"], issuer, "{location}");
    }
}

/// `OpenID` Connect's parameter is not supported: like any that is unknown it is ignored, and a person is asked.
#[tokio::test]
async fn a18_no_parameter_makes_an_answer_without_a_person() {
    let gateway = TestGateway::start().await;
    let path = format!("/oauth/authorize?{}&prompt=none", encoded(wish()));
    let answer = Browser::new(&gateway).get(&path).await;
    assert_eq!(answer.status, 303);
    assert!(answer.header("location").starts_with("/auth/login?"));
}

/// Whoever sends people here, an administrator vouches for: there is no registration by clients (RFC 7591).
#[tokio::test]
async fn a19_no_client_registers_itself() {
    let gateway = TestGateway::start().await;
    let mut script = Browser::script(&gateway);
    let metadata = script
        .get("/.well-known/oauth-authorization-server")
        .await
        .json();
    assert!(metadata.get("registration_endpoint").is_none());
    for path in ["/oauth/register", "/register", "/connect/register"] {
        let answer = script.send(Method::POST, path, "{}").await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test]
async fn b03_over_plain_http_the_cookie_has_another_name() {
    let gateway = TestGateway::at("http://localhost:8080", "").await;
    let mut browser = Browser::new(&gateway);
    let answer = browser.log_in("ann", &wish()).await;
    assert_eq!(answer.status, 303);
    for cookie in answer.headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        assert!(!cookie.starts_with("__"), "{cookie}");
        assert!(
            !cookie.contains("Secure") && cookie.contains("HttpOnly"),
            "{cookie}"
        );
    }
    assert!(browser.cookies["callgate_session"].starts_with("cg_se_"));
    assert!(!answer.headers.contains_key("strict-transport-security"));
    // At an origin with TLS that name means nothing.
    let secure = TestGateway::start().await;
    let mut planted = Browser::new(&secure);
    planted.cookies = browser.cookies.clone();
    let path = format!("/auth/grant?{}", encoded(wish()));
    let answer = planted.get(&path).await;
    assert!(answer.header("location").starts_with("/auth/login?"));
}

#[tokio::test]
async fn b16_a_fresh_installation_lets_nobody_in() {
    let folder = tempfile::tempdir().unwrap();
    let settings = storage::Settings {
        url: format!("sqlite:{}", folder.path().join("fresh.db").display()),
        ..storage::Settings::default()
    };
    let store = Store::migrate(&settings, &Metrics::new()).await.unwrap();
    assert_eq!(store.tenants().await.unwrap(), []);
    assert_eq!(store.users(None).await.unwrap(), []);
    assert_eq!(store.clients(None).await.unwrap(), []);

    let gateway = TestGateway::start().await;
    for (name, password) in [
        ("admin", "admin"),
        ("testuser", "testpassword"),
        ("root", "root"),
        ("callgate", "callgate"),
        ("ann", "ann"),
    ] {
        let mut browser = Browser::new(&gateway);
        let page = browser
            .get(&format!("/auth/login?{}", encoded(wish())))
            .await;
        let typed = [("username", name), ("password", password)];
        assert_eq!(browser.submit(&page, &typed).await.status, 403, "{name}");
    }
    for secret in ["admin", "secret", "s3cret", "change-me"] {
        let operator = callgate::secret::Secret::new(secret);
        let request = crate::harness::get("/admin/clients", &operator);
        assert_eq!(gateway.operations(request).await.status, 401, "{secret}");
    }
}

#[tokio::test]
async fn c10_markup_in_names_is_text_on_the_login_and_the_consent() {
    let gateway = TestGateway::start().await;
    let markup = "<img src=x onerror=alert(1)>\"'";
    client(&gateway, "sly", |sly| {
        sly.name = markup.to_owned();
        sly.policies = "sly".to_owned().into();
    })
    .await;
    let policy = Policy {
        name: "sly".to_owned(),
        description: markup.to_owned(),
        accesses: Accesses(Vec::new()),
        created_at: 0,
    };
    gateway.services.store.put_policy(policy).await.unwrap();
    let wish = wish_with(&[("client_id", "sly"), ("scope", "sly")]);
    let mut browser = Browser::new(&gateway);
    let login = browser
        .get(&format!("/auth/login?{}", encoded(&wish)))
        .await;
    let led = browser
        .submit(&login, &[("username", "ann"), ("password", PASSWORD)])
        .await;
    let consent = browser.get(led.header("location")).await;
    for page in [login, consent] {
        let text = page.text();
        assert!(!text.contains("<img src=x"), "{text}");
        assert!(text.contains("img src=x onerror=alert(1)"), "{text}");
    }
}

#[tokio::test]
async fn a03_what_is_refused_here_looks_the_same_whatever_was_wrong() {
    let gateway = TestGateway::start().await;
    let refused = async |name, value| {
        let path = format!("/oauth/authorize?{}", encoded(wish_with(&[(name, value)])));
        let answer = Browser::new(&gateway).get(&path).await;
        assert_eq!(answer.status, 400);
        let text = answer.text();
        let tags = text.split('<').map(|tag| tag.split(['>', ' ']).next());
        tags.map(|tag| tag.unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let unknown = refused("client_id", "nobody").await;
    let elsewhere = refused("redirect_uri", "https://evil.example/cb").await;
    assert_eq!(unknown, elsewhere);
}
