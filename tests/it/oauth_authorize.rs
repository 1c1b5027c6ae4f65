//! The authorization request: what is let through, what is refused, and where answers go.

use crate::harness::{Answer, ORIGIN, PASSWORD, TestGateway};
use crate::oauth::{
    Browser, CALLBACK, CHALLENGE, OLD_QUERY, client, encoded, old_client, parameters,
    public_client, wish, wish_with,
};
use http::Method;

async fn ask(gateway: &TestGateway, changes: &[(&'static str, &str)]) -> Answer {
    let query = encoded(wish_with(changes));
    Browser::new(gateway)
        .get(&format!("/oauth/authorize?{query}"))
        .await
}

/// What a redirect told the client.
fn told(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text());
    let location = answer.header("location");
    assert!(location.starts_with(CALLBACK), "{location}");
    let told = parameters(location);
    assert_eq!(
        told.get("iss").map(String::as_str),
        Some(ORIGIN),
        "RFC 9207"
    );
    assert!(!told.contains_key("code"));
    told["error"].clone()
}

fn refused_here(answer: &Answer) {
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(!answer.headers.contains_key("location"));
}

#[tokio::test]
async fn a01_a_good_request_leads_to_the_login() {
    let gateway = TestGateway::start().await;
    for path in ["/oauth/authorize", "/oauth/auth"] {
        let answer = Browser::new(&gateway)
            .get(&format!("{path}?{}", encoded(wish())))
            .await;
        assert_eq!(answer.status, 303);
        assert_eq!(answer.header("cache-control"), "no-store");
        let location = answer.header("location");
        assert!(
            location.starts_with("/auth/login?client_id=crm&response_type=code&redirect_uri="),
            "{location}"
        );
        assert!(
            !location.contains("code=") && !location.contains("token="),
            "{location}"
        );
        assert_eq!(parameters(location)["code_challenge"], CHALLENGE);
    }
}

#[tokio::test]
async fn a02_near_miss_redirect_uris_are_refused() {
    let gateway = TestGateway::start().await;
    let near = [
        "https://crm.example/cb/",
        "https://crm.example/cb?x=1",
        "https://crm.example/cb/../cb",
        "https://crm.example/%63b",
        "https://crm.example/CB",
        "http://crm.example/cb",
        "https://crm.example:443/cb",
        "https://crm.example:8443/cb",
        "https://user@crm.example/cb",
        "https://crm.example.evil.example/cb",
        "https://sub.crm.example/cb",
        "https://crm.example\\@evil.example/cb",
        "https://crm.example//cb",
        "https://crm.example/cb\r\nx: y",
        "https://crm.example/cb\t",
        "https://crm.example/cb\0",
        "https://crm.example/cb#",
        "https://crм.example/cb",
        "https://[::1]/cb",
        "javascript:alert(1)",
    ];
    for uri in near {
        let answer = ask(&gateway, &[("redirect_uri", uri)]).await;
        refused_here(&answer);
        assert!(!answer.text().contains(uri), "{uri:?} is shown");
    }
    let query = format!(
        "{}&redirect_uri=",
        encoded(wish_with(&[("redirect_uri", "")]))
    );
    refused_here(
        &Browser::new(&gateway)
            .get(&format!("/oauth/authorize?{query}"))
            .await,
    );
}

#[tokio::test]
async fn a03_an_unknown_or_disabled_client_is_refused() {
    let gateway = TestGateway::start().await;
    refused_here(&ask(&gateway, &[("client_id", "nobody")]).await);
    refused_here(&ask(&gateway, &[("client_id", "")]).await);
    let store = &gateway.services.store;
    let mut crm = store.client("crm").await.unwrap().unwrap();
    crm.disabled_at = Some(1);
    store.update_client(crm, 1).await.unwrap();
    refused_here(&ask(&gateway, &[]).await);
}

#[tokio::test]
async fn a04_the_redirect_uri_may_be_left_out_when_there_is_one() {
    let gateway = TestGateway::start().await;
    assert_eq!(ask(&gateway, &[("redirect_uri", "")]).await.status, 303);
    client(&gateway, "two", |client| {
        client.redirect_uris = "https://crm.example/cb https://crm.example/other"
            .to_owned()
            .into();
    })
    .await;
    refused_here(&ask(&gateway, &[("client_id", "two"), ("redirect_uri", "")]).await);
}

#[tokio::test]
async fn a05_a_native_client_may_choose_its_port() {
    let gateway = TestGateway::start().await;
    client(&gateway, "native", |client| {
        client.secret_hash = None;
        client.redirect_uris = "http://127.0.0.1/cb".to_owned().into();
    })
    .await;
    let with = |uri| [("client_id", "native"), ("redirect_uri", uri)];
    assert_eq!(
        ask(&gateway, &with("http://127.0.0.1:51004/cb"))
            .await
            .status,
        303
    );
    refused_here(&ask(&gateway, &with("http://127.0.0.1:51004/other")).await);
    refused_here(&ask(&gateway, &with("http://localhost:51004/cb")).await);
}

#[tokio::test]
async fn a07_a_client_or_redirect_uri_sent_twice_is_refused_here() {
    let gateway = TestGateway::start().await;
    for twice in [
        "client_id=crm",
        "redirect_uri=https%3A%2F%2Fcrm.example%2Fcb",
    ] {
        let path = format!("/oauth/authorize?{}&{twice}", encoded(wish()));
        refused_here(&Browser::new(&gateway).get(&path).await);
    }
}

#[tokio::test]
async fn a08_the_client_is_told_of_any_other_parameter_sent_twice() {
    let gateway = TestGateway::start().await;
    for twice in [
        "scope=call",
        "state=b",
        "response_type=code",
        "code_challenge=x",
        "code_challenge_method=S256",
    ] {
        let path = format!("/oauth/authorize?{}&{twice}", encoded(wish()));
        let answer = Browser::new(&gateway).get(&path).await;
        assert_eq!(told(&answer), "invalid_request", "{twice}");
    }
}

#[tokio::test]
async fn a09_only_known_response_types_are_answered() {
    let gateway = TestGateway::start().await;
    assert_eq!(
        told(&ask(&gateway, &[("response_type", "")]).await),
        "invalid_request"
    );
    assert_eq!(
        told(&ask(&gateway, &[("response_type", "foo")]).await),
        "unsupported_response_type"
    );
}

#[tokio::test]
async fn a10_unknown_parameters_are_ignored() {
    let gateway = TestGateway::start().await;
    let path = format!("/oauth/authorize?{}&foo=1&foo=2&nonce=3", encoded(wish()));
    let answer = Browser::new(&gateway).get(&path).await;
    assert_eq!(answer.status, 303);
    assert!(!answer.header("location").contains("foo"));
}

#[tokio::test]
async fn a11_a_scope_that_the_client_may_not_ask_for_is_refused() {
    let gateway = TestGateway::start().await;
    let answer = ask(&gateway, &[("scope", "call admin:everything")]).await;
    assert_eq!(told(&answer), "invalid_scope");
}

#[tokio::test]
async fn a12_any_state_returns_byte_for_byte() {
    let gateway = TestGateway::start().await;
    let state: String = (0..=255_u8)
        .chain(*b"'><script>&=")
        .map(|byte| format!("%{byte:02X}"))
        .collect();
    let query = encoded(wish_with(&[("state", ""), ("scope", "nothing")]));
    let refused = Browser::new(&gateway)
        .get(&format!("/oauth/authorize?{query}&state={state}"))
        .await;
    assert_eq!(
        state_of(refused.header("location")),
        state_of(&format!("?state={state}"))
    );

    let query = encoded(wish_with(&[("state", "")]));
    let led = Browser::new(&gateway)
        .get(&format!("/oauth/authorize?{query}&state={state}"))
        .await;
    let mut browser = Browser::new(&gateway);
    let page = browser.get(led.header("location")).await;
    assert!(!page.text().contains("<script"));
    let led = browser
        .submit(&page, &[("username", "ann"), ("password", "correct horse")])
        .await;
    let page = browser.get(led.header("location")).await;
    let done = browser.submit(&page, &[("grant", "true")]).await;
    assert_eq!(
        state_of(done.header("location")),
        state_of(&format!("?state={state}"))
    );
}

fn state_of(location: &str) -> Vec<u8> {
    let (_, query) = location.split_once('?').unwrap();
    let state = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("state="))
        .unwrap();
    percent_encoding::percent_decode_str(&state.replace('+', " ")).collect()
}

#[tokio::test]
async fn a12_a_state_of_more_than_8_kib_is_refused() {
    let gateway = TestGateway::start().await;
    refused_here(&ask(&gateway, &[("state", &"x".repeat(8193))]).await);
    assert_eq!(
        ask(&gateway, &[("state", &"x".repeat(8192))]).await.status,
        303
    );
}

#[tokio::test]
async fn a14_no_other_site_may_read_the_pages() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    browser.headers.push(("origin", "https://evil.example"));
    for (method, path) in [
        (Method::GET, format!("/oauth/authorize?{}", encoded(wish()))),
        (Method::OPTIONS, "/oauth/authorize".to_owned()),
        (Method::OPTIONS, "/auth/login".to_owned()),
        (Method::OPTIONS, "/auth/grant".to_owned()),
    ] {
        let answer = browser.send(method, &path, "").await;
        let allows = |name: &http::HeaderName| name.as_str().starts_with("access-control-");
        assert!(!answer.headers.keys().any(allows), "{path}");
    }
}

#[tokio::test]
async fn a15_pages_can_be_neither_framed_nor_kept() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    let login = browser
        .get(&format!("/auth/login?{}", encoded(wish())))
        .await;
    let led = browser
        .submit(
            &login,
            &[("username", "ann"), ("password", "correct horse")],
        )
        .await;
    let consent = browser.get(led.header("location")).await;
    let refused = browser.get("/oauth/authorize?client_id=nobody").await;
    for page in [&login, &consent, &refused] {
        assert!(
            page.text().starts_with("<!doctype html>"),
            "{}",
            page.text()
        );
        let policy = page.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert_eq!(page.header("x-frame-options"), "DENY");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("cache-control"), "no-store");
    }
    for page in [&login, &consent] {
        assert!(
            page.header("content-security-policy")
                .contains("form-action 'self' https://crm.example;")
        );
        assert!(
            page.header("strict-transport-security")
                .starts_with("max-age=")
        );
    }
}

#[tokio::test]
async fn a17_request_objects_are_refused_and_not_fetched() {
    let gateway = TestGateway::start().await;
    let by_uri = ask(&gateway, &[("request_uri", "https://evil.example/x")]).await;
    assert_eq!(told(&by_uri), "request_uri_not_supported");
    assert_eq!(
        told(&ask(&gateway, &[("request", "e30.e30.")]).await),
        "request_not_supported"
    );
}

#[tokio::test]
async fn a20_a_posted_request_is_refused() {
    let gateway = TestGateway::start().await;
    for path in ["/oauth/authorize", "/oauth/auth"] {
        let answer = Browser::new(&gateway)
            .send(Method::POST, path, &encoded(wish()))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("allow")),
            (405, "GET")
        );
    }
}

#[tokio::test]
async fn a22_answers_come_in_the_query_alone() {
    let gateway = TestGateway::start().await;
    assert_eq!(
        ask(&gateway, &[("response_mode", "query")]).await.status,
        303
    );
    for mode in ["fragment", "form_post"] {
        assert_eq!(
            told(&ask(&gateway, &[("response_mode", mode)]).await),
            "invalid_request"
        );
    }
}

#[tokio::test]
async fn e01_without_a_challenge_no_client_goes_on() {
    let gateway = TestGateway::start().await;
    public_client(&gateway, "spa").await;
    for id in ["spa", "crm"] {
        let answer = ask(
            &gateway,
            &[
                ("client_id", id),
                ("code_challenge", ""),
                ("code_challenge_method", ""),
            ],
        )
        .await;
        assert_eq!(told(&answer), "invalid_request", "{id}");
    }
}

#[tokio::test]
async fn e01_the_switch_does_not_free_a_public_client() {
    let gateway = TestGateway::start().await;
    client(&gateway, "spa", |client| {
        client.secret_hash = None;
        client.switches = "no_pkce".to_owned().into();
    })
    .await;
    let answer = ask(
        &gateway,
        &[
            ("client_id", "spa"),
            ("code_challenge", ""),
            ("code_challenge_method", ""),
        ],
    )
    .await;
    assert_eq!(told(&answer), "invalid_request");
}

#[tokio::test]
async fn e02_a_plain_challenge_is_refused() {
    let gateway = TestGateway::start().await;
    for method in ["plain", "", "s256"] {
        let answer = ask(&gateway, &[("code_challenge_method", method)]).await;
        assert_eq!(told(&answer), "invalid_request", "{method}");
    }
    assert_eq!(
        told(&ask(&gateway, &[("code_challenge", "too-short")]).await),
        "invalid_request"
    );
}

#[tokio::test]
async fn p01_the_request_of_2012_is_let_through() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, "no_pkce").await;
    let path = "/oauth/auth?client_id=123456&response_type=code&redirect_uri=http://localhost:8888/test&scope=call";
    let answer = Browser::script(&gateway).get(path).await;
    assert_eq!(answer.status, 303);
    assert_eq!(
        answer.header("location"),
        format!("/auth/login?{OLD_QUERY}")
    );
}

#[tokio::test]
async fn p11_without_its_switch_there_is_no_implicit_flow() {
    let gateway = TestGateway::start().await;
    let answer = ask(&gateway, &[("response_type", "token")]).await;
    assert!(
        answer
            .header("location")
            .starts_with("https://crm.example/cb#")
    );
    assert_eq!(told(&answer), "unauthorized_client");
    let metadata = Browser::script(&gateway)
        .get("/.well-known/oauth-authorization-server")
        .await;
    assert_eq!(
        metadata.json()["response_types_supported"],
        serde_json::json!(["code"])
    );
}

#[tokio::test]
async fn k01_the_metadata_tell_what_there_is() {
    let gateway = TestGateway::start().await;
    let answer = Browser::script(&gateway)
        .get("/.well-known/oauth-authorization-server")
        .await;
    let metadata = answer.json();
    assert_eq!(metadata["issuer"], ORIGIN);
    assert_eq!(
        metadata["scopes_supported"],
        serde_json::json!(["call", "pbx"])
    );
    for (name, path) in [
        ("authorization_endpoint", "/oauth/authorize"),
        ("token_endpoint", "/oauth/token"),
        ("revocation_endpoint", "/oauth/revoke"),
    ] {
        assert_eq!(metadata[name], format!("{ORIGIN}{path}"));
    }
    assert_eq!(
        metadata["response_types_supported"],
        serde_json::json!(["code"])
    );
    assert_eq!(
        metadata["code_challenge_methods_supported"],
        serde_json::json!(["S256"]),
        "E07"
    );
    assert_eq!(
        metadata["authorization_response_iss_parameter_supported"], true,
        "A13"
    );
    let alias = Browser::script(&gateway)
        .get("/.well-known/openid-configuration")
        .await;
    assert_eq!(alias.json(), metadata);
    old_client(&gateway, "implicit").await;
    let answer = Browser::script(&gateway)
        .get("/.well-known/oauth-authorization-server")
        .await;
    assert_eq!(
        answer.json()["response_types_supported"],
        serde_json::json!(["code", "token"])
    );
}

#[tokio::test]
async fn k03_no_header_changes_the_issuer() {
    let gateway = TestGateway::start().await;
    let mut script = Browser::script(&gateway);
    script.headers.push(("host", "evil.example"));
    script.headers.push(("x-forwarded-host", "evil.example"));
    let answer = script.get("/.well-known/oauth-authorization-server").await;
    assert_eq!(answer.json()["issuer"], ORIGIN);
    assert!(!answer.text().contains("evil.example"));
}

#[tokio::test]
async fn the_style_sheet_may_be_kept() {
    let gateway = TestGateway::start().await;
    let style = Browser::new(&gateway).get("/assets/callgate.css").await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(style.header("cache-control").contains("max-age"));
    assert!(style.text().contains(".card"));
}

#[tokio::test]
async fn the_language_that_a_client_asks_for_stays_on_all_pages() {
    let gateway = TestGateway::start().await;
    let wish = wish_with(&[("ui_locales", "fr de-AT")]);
    let mut browser = Browser::new(&gateway);
    browser.headers.push(("accept-language", "it"));
    let begun = browser
        .get(&format!("/oauth/authorize?{}", encoded(&wish)))
        .await;
    let login = browser.get(begun.header("location")).await;
    assert!(
        login.text().contains("<html lang=\"de\">"),
        "{}",
        login.text()
    );
    assert_eq!(login.header("vary"), "accept-language");
    let typed = [("username", "ann"), ("password", PASSWORD)];
    let logged_in = browser.submit(&login, &typed).await;
    let consent = browser.get(logged_in.header("location")).await;
    assert!(consent.text().contains("Erlauben"), "{}", consent.text());
    let account = browser.get("/account").await;
    assert!(
        account.text().contains("Il Suo account"),
        "{}",
        account.text()
    );
}
