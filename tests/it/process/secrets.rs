//! Whatever was issued, typed or sent is in no log, no metric and no file of the store, in the clear.

use super::Gate;
use super::person::{Person, posted};
use super::upstream::Upstream;
use super::wire::Wire;
use crate::dpop::{Key, Proof};
use crate::harness::{CRM_SECRET, OPERATOR, PASSWORD, crm};
use crate::oauth::{OLD_QUERY, encoded, exchange, old_wish, parameters, wish};
use callgate::clock::Clock;
use callgate::storage::clients::Client;
use callgate::token::TokenHash;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

const OLD_SECRET: &str = "planted-secret-of-2012";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const SWITCHES: &str =
    "implicit token_get query_token authentication_header json_ui no_pkce scriptable_login";

/// All that must be found nowhere.
#[derive(Default)]
struct Planted(BTreeSet<String>);

impl Planted {
    fn add(&mut self, secret: &str) {
        assert!(secret.len() >= 9, "{secret} could be there by chance");
        self.0.insert(secret.to_owned());
    }

    fn add_tokens(&mut self, answer: &Value) {
        for name in [
            "access_token",
            "refresh_token",
            "device_code",
            "user_code",
            "client_secret",
        ] {
            if let Some(token) = answer[name].as_str() {
                self.add(token);
            }
        }
    }

    fn add_cookies(&mut self, person: &Person<'_>) {
        // The value that ties a form to its browser opens nothing, but is nobody else's either.
        for value in person.cookies.values().filter(|value| !value.is_empty()) {
            self.add(value);
        }
    }
}

#[tokio::test]
async fn o01_o03_d11_no_secret_of_thirty_flows_is_in_any_log_metric_or_file() {
    let upstream = Upstream::start().await;
    let mut gate = Gate::start(&credentials(&upstream)).await;
    tell_all(&mut gate).await;
    gate.store.create_client(of_2012()).await.unwrap();
    let mut planted = Planted::default();
    to_upstreams(&gate, &upstream, &mut planted).await;
    planted.add(CRM_SECRET);
    planted.add(OLD_SECRET);
    planted.add(PASSWORD);
    for index in 0..5 {
        code_flow(&gate, &mut planted, index).await;
        flow_of_2012(&gate, &mut planted).await;
    }
    for _ in 0..5 {
        let form = [("grant_type", "client_credentials")];
        let request = posted("/oauth/token", ("crm", CRM_SECRET), &form);
        planted.add_tokens(&gate.ask(&request).await.json());
    }
    device_flow(&gate, &mut planted).await;
    approved_device(&gate, &mut planted).await;
    proved_flow(&gate, &mut planted).await;
    wrong_ones(&gate, &mut planted).await;
    let before = gate.access_log().lines().count();
    gate.ask(&super::get("/rest/call", "planted-at-the-end-of-it-all"))
        .await;
    gate.logged(before + 1).await;
    nothing_is_found(&gate, &planted).await;
}

/// Routes to an upstream that is presented a secret of a service, and secrets of users.
fn credentials(upstream: &Upstream) -> String {
    let routes = upstream
        .routes()
        .replace("strip_prefix", "credential = 'own'\nstrip_prefix")
        .replace(
            "methods = ['GET']",
            "methods = ['GET']\ncredential = 'service'",
        );
    format!(
        "[[credential]]\nname = 'own'\nkind = 'basic'\nof = 'user'\n\
         [[credential]]\nname = 'service'\nkind = 'bearer'\ntoken = 'planted-token-of-the-service'\n{routes}"
    )
}

/// What upstreams are presented, and refuse.
async fn to_upstreams(gate: &Gate, upstream: &Upstream, planted: &mut Planted) {
    let ann = gate.token("ann", &["pbx.#"]).await;
    let secrets = ["planted-password-there", "planted-token-of-the-service"];
    let mut wire = Wire::connect(gate.operations).await;
    let body = format!("{{\"username\":\"ann\",\"password\":\"{}\"}}", secrets[0]);
    let path = "/admin/users/id-of-ann/credentials/own";
    let request = super::form("PUT", path, OPERATOR, &body);
    let request = request.replace("x-www-form-urlencoded", "json");
    wire.send(&request).await;
    assert_eq!(wire.answer().await.status(), 204);
    for (path, status) in [
        ("/pbx/a", 200),
        ("/pbx/unauthorized", 502),
        ("/extensions/a", 200),
        ("/extensions/unauthorized", 502),
    ] {
        assert_eq!(gate.ask(&super::get(path, &ann)).await.status(), status);
    }
    for heard in upstream.heard() {
        let value = heard.header("authorization").to_owned();
        planted.add(value.split_once(' ').unwrap().1);
    }
    planted.add(secrets[0]);
    planted.add(secrets[1]);
    // A caller that goes away before a peer answers is told of, too.
    let mut wire = gate.wire().await;
    wire.send(&super::get("/pbx/never", &ann)).await;
    upstream.hears(|heard| heard.len() == 5).await;
}

/// The program's log tells what it tells to whoever looks for a fault.
async fn tell_all(gate: &mut Gate) {
    let path = gate.path("callgate.toml");
    let config = fs::read_to_string(&path).unwrap();
    let config = config.replace("[log]\n", "[log]\nfilter = 'debug'\n");
    fs::write(&path, config).unwrap();
    gate.kill();
    gate.restart().await;
}

fn of_2012() -> Client {
    Client {
        id: "123456".to_owned(),
        secret_hash: Some(TokenHash::of(OLD_SECRET).to_string()),
        redirect_uris: "http://localhost:8888/test".to_owned().into(),
        switches: SWITCHES.to_owned().into(),
        ..crm()
    }
}

/// Code, call, refresh, introspection, revocation, logout.
async fn code_flow(gate: &Gate, planted: &mut Planted, index: usize) {
    let crm = ("crm", CRM_SECRET);
    let mut person = Person::new(gate);
    let told = person.allow(["ann", "bob"][index % 2], &wish()).await;
    planted.add(&told["code"]);
    planted.add_cookies(&person);
    let form = posted("/oauth/token", crm, &exchange(&told["code"]));
    let tokens = gate.ask(&form).await.json();
    planted.add_tokens(&tokens);
    let access = tokens["access_token"].as_str().unwrap();
    let called = gate.ask(&super::get("/rest/call", access)).await;
    assert_eq!(called.status(), 204);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let renewal = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let renewed = gate
        .ask(&posted("/oauth/token", crm, &renewal))
        .await
        .json();
    planted.add_tokens(&renewed);
    let newer = renewed["refresh_token"].as_str().unwrap();
    for path in ["/oauth/introspect", "/oauth/revoke"] {
        let answer = gate.ask(&posted(path, crm, &[("token", newer)])).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    // A code and a refresh token used again are events of their own.
    assert_eq!(gate.ask(&form).await.status(), 400);
    assert_eq!(
        gate.ask(&posted("/oauth/token", crm, &renewal))
            .await
            .status(),
        400
    );
    let shown = person.get("/account").await;
    assert!(!shown.status.is_server_error());
    person.get("/auth/logout").await;
}

/// All switches: login and consent by script, code and secret in the address, token in the address and in a fragment.
async fn flow_of_2012(gate: &Gate, planted: &mut Planted) {
    let mut script = Person::new(gate);
    script.accept = "application/json";
    script.get(&format!("/oauth/auth?{OLD_QUERY}")).await;
    let typed = encoded([("username", "ann"), ("password", PASSWORD)]);
    let led = script
        .send("POST", "/auth/login", "", &format!("{OLD_QUERY}&{typed}"))
        .await;
    assert_eq!(led.status, 303, "{}", led.text());
    planted.add_cookies(&script);
    let shown = script.get(led.header("location")).await;
    assert!(shown.status.is_success() || shown.status.is_redirection());
    let allow = format!("{}&grant=true", encoded(old_wish()));
    let granted = script.send("POST", "/auth/grant", "", &allow).await;
    let code = parameters(granted.header("location"))["code"].clone();
    planted.add(&code);
    let path = format!(
        "/oauth/token?client_id=123456&client_secret={OLD_SECRET}&code={code}\
         &redirect_uri=http://localhost:8888/test&grant_type=authorization_code"
    );
    let redeemed = script.get(&path).await;
    let token = parameters(redeemed.header("location"))["access_token"].clone();
    planted.add(&token);
    let implicit = allow.replace("response_type=code", "response_type=token");
    let given = script.send("POST", "/auth/grant", "", &implicit).await;
    planted.add(&parameters(given.header("location"))["access_token"]);
    let path = format!("/rest/call?access_token={token}");
    let called = script
        .send(
            "GET",
            &path,
            &format!("Referer: https://calls.example{path}\r\n"),
            "",
        )
        .await;
    assert_eq!(called.status, 204, "{}", called.text());
    let header = format!("Authentication: Bearer {token}\r\n");
    let called = script.send("GET", "/rest/call", &header, "").await;
    assert_eq!(called.status, 204, "{}", called.text());
}

/// A device that waits for its user, and one that guesses.
async fn device_flow(gate: &Gate, planted: &mut Planted) {
    let device = Client {
        id: "tv".to_owned(),
        grant_types: format!("{DEVICE} refresh_token").into(),
        ..crm()
    };
    gate.store.create_client(device).await.unwrap();
    let tv = ("tv", CRM_SECRET);
    let form = [("scope", "call")];
    let begun = gate
        .ask(&posted("/oauth/device_authorization", tv, &form))
        .await;
    assert_eq!(begun.status(), 200, "{}", begun.text());
    let begun = begun.json();
    planted.add_tokens(&begun);
    let guess = "planted-device-code-that-never-was";
    planted.add(guess);
    for code in [begun["device_code"].as_str().unwrap(), guess] {
        let form = [("grant_type", DEVICE), ("device_code", code)];
        let polled = gate.ask(&posted("/oauth/token", tv, &form)).await;
        assert_eq!(polled.status(), 400, "{}", polled.text());
    }
    let mut person = Person::new(gate);
    let user_code = begun["user_code"].as_str().unwrap();
    let page = person.get(&format!("/device?user_code={user_code}")).await;
    assert!(!page.status.is_server_error());
}

/// A device whose user allows it, and what it gets.
async fn approved_device(gate: &Gate, planted: &mut Planted) {
    let tv = ("tv", CRM_SECRET);
    let begun = posted("/oauth/device_authorization", tv, &[("scope", "call")]);
    let begun = gate.ask(&begun).await.json();
    planted.add_tokens(&begun);
    let mut person = Person::new(gate);
    let page = person.get("/device").await;
    let typed = [("user_code", begun["user_code"].as_str().unwrap())];
    let led = person.submit(&page, &typed).await;
    let led = person.get(led.header("location")).await;
    let login = person.get(led.header("location")).await;
    let typed = [("username", "ann"), ("password", PASSWORD)];
    let led = person.submit(&login, &typed).await;
    let page = person.get(led.header("location")).await;
    let allowed = person.submit(&page, &[("grant", "true")]).await;
    assert!(allowed.status.is_success() || allowed.status.is_redirection());
    planted.add_cookies(&person);
    let code = begun["device_code"].as_str().unwrap();
    let form = [("grant_type", DEVICE), ("device_code", code)];
    let tokens = gate.ask(&posted("/oauth/token", tv, &form)).await;
    assert_eq!(tokens.status(), 200, "{}", tokens.text());
    planted.add_tokens(&tokens.json());
    let access = tokens.json()["access_token"].as_str().unwrap().to_owned();
    let called = gate.ask(&super::get("/rest/call", &access)).await;
    assert_eq!(called.status(), 204);
}

/// A token that is bound to a key, with a proof for each request; proofs that are wrong, used again or left out.
async fn proved_flow(gate: &Gate, planted: &mut Planted) {
    let key = Key::new();
    let now = || Clock::system().now() / 1000;
    let proof = |method: &str, path: &str| Proof::of(&key, method, path).claim("iat", now());
    let grant = [("grant_type", "client_credentials"), ("scope", "call")];
    let ask = posted("/oauth/token", ("crm", CRM_SECRET), &grant);
    let proved = proof("POST", "/oauth/token").signed(&key);
    let ask = ask.replace(
        "\r\nContent-Type",
        &format!("\r\nDPoP: {proved}\r\nContent-Type"),
    );
    let tokens = gate.ask(&ask).await;
    assert_eq!(tokens.status(), 200, "{}", tokens.text());
    assert_eq!(gate.ask(&ask).await.status(), 400);
    planted.add_tokens(&tokens.json());
    let token = tokens.json()["access_token"].as_str().unwrap().to_owned();
    let good = proof("GET", "/rest/call").with_token(&token).signed(&key);
    let wrong = proof("PUT", "/rest/call").with_token(&token).signed(&key);
    for (proof, status) in [(&good, 204), (&good, 401), (&wrong, 401)] {
        let call = super::get("/rest/call", &token).replace("Bearer", "DPoP");
        let call = call.replace("\r\n\r\n", &format!("\r\nDPoP: {proof}\r\n\r\n"));
        let answer = gate.ask(&call).await;
        assert_eq!(answer.status(), status, "{}", answer.text());
    }
    let without = gate.ask(&super::get("/rest/call", &token)).await;
    assert_eq!(without.status(), 401);
    for proof in [proved, good, wrong] {
        // Whoever had one could send it again elsewhere, or all of it but its signature.
        planted.add(&proof);
        planted.add(proof.rsplit_once('.').unwrap().1);
    }
}

/// What is refused is told, and must not be quoted.
async fn wrong_ones(gate: &Gate, planted: &mut Planted) {
    let mut person = Person::new(gate);
    let page = person
        .get(&format!("/auth/login?{}", encoded(wish())))
        .await;
    for (name, password) in [
        ("ann", "planted-wrong-password"),
        ("planted-password-typed-as-a-name", "planted-other-password"),
    ] {
        planted.add(password);
        planted.add("planted-password-typed-as-a-name");
        let typed = [("username", name), ("password", password)];
        assert_eq!(person.submit(&page, &typed).await.status, 403);
    }
    for (id, secret) in [
        ("crm", "planted-wrong-secret"),
        ("planted-secret-sent-as-a-name", "planted-third-secret"),
    ] {
        planted.add(secret);
        planted.add("planted-secret-sent-as-a-name");
        let form = [("grant_type", "client_credentials")];
        let refused = gate.ask(&posted("/oauth/token", (id, secret), &form)).await;
        assert_eq!(refused.status(), 401);
    }
    let guesses = [
        "cg_ac_planted-code-that-never-was",
        "cg_rt_planted-refresh-token",
    ];
    for guess in guesses {
        planted.add(guess);
        let form = posted("/oauth/token", ("crm", CRM_SECRET), &exchange(guess));
        assert_eq!(gate.ask(&form).await.status(), 400);
    }
    for path in [
        "/oauth/token?client_id=crm&client_secret=planted-secret-in-a-url",
        "/oauth/authorize?client_id=planted-client-in-a-url",
        "/rest/call?access_token=cg_at_planted-token-in-a-url",
        "/planted-path-that-is-none?code=planted-code-in-a-url",
        "/test?code=planted-code-in-a-test",
    ] {
        person.get(path).await;
    }
    for text in [
        "planted-secret-in-a-url",
        "planted-client-in-a-url",
        "planted-token-in-a-url",
        "planted-code-in-a-url",
        "planted-code-in-a-test",
        "planted-at-the-end-of-it-all",
        "planted-path-that-is-none",
    ] {
        planted.add(text);
    }
    let bad = super::get("/rest/call", "cg_at_planted-token-in-a-header");
    assert_eq!(gate.ask(&bad).await.status(), 401);
    planted.add("planted-token-in-a-header");
}

async fn nothing_is_found(gate: &Gate, planted: &Planted) {
    let metrics = gate.operate("GET", "/metrics").await.text();
    let mut places = vec![
        ("the metrics".to_owned(), metrics.into_bytes()),
        ("the access log".to_owned(), gate.access_log().into_bytes()),
        ("the program's log".to_owned(), gate.stderr().into_bytes()),
    ];
    for name in ["callgate.db", "callgate.db-wal", "callgate.db-shm"] {
        let bytes = fs::read(gate.path(name)).unwrap_or_default();
        places.push((name.to_owned(), bytes));
    }
    assert!(places.iter().take(4).all(|(_, bytes)| !bytes.is_empty()));
    assert!(planted.0.len() > 50, "{}", planted.0.len());
    for (place, bytes) in &places {
        let text = String::from_utf8_lossy(bytes);
        for secret in &planted.0 {
            // Without its prefix as well: that is no secret, and nothing else of it may be there.
            let bare = secret.get(6..).filter(|_| secret.starts_with("cg_"));
            for secret in [Some(secret.as_str()), bare].into_iter().flatten() {
                assert!(!text.contains(secret), "{secret} is in {place}");
            }
        }
    }
}
