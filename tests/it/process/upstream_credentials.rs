//! What upstreams are presented, as they hear it; and what clients hear of an upstream that does not like it.

use super::fakes::Fake;
use super::upstream::Upstream;
use super::wire::Wire;
use super::{Gate, form, free_port, get};
use callgate::clock::Clock;
use callgate::kalliope::{Account, DigestPassword, Salt};
use callgate::secret::Secret;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

/// The usual routes to an upstream, of which `/pbx` and `/open` have a credential.
fn routes(upstream: &Upstream, credential: &str) -> String {
    let routes = upstream
        .routes()
        .replace("strip_prefix", "credential = 'c'\nstrip_prefix");
    format!("[[credential]]\nname = 'c'\n{credential}\n{routes}")
}

const OWN: &str = "kind = 'basic'\nof = 'user'";
const SERVICE: &str = "kind = 'bearer'\ntoken = 'planted-token-of-the-service'";

/// Gives a user a password of their own there.
async fn set(gate: &Gate, user: &str, password: &str) {
    let mut wire = Wire::connect(gate.operations).await;
    let path = format!("/admin/users/id-of-{user}/credentials/c");
    let body = json!({ "username": user, "password": password }).to_string();
    let request = form("PUT", &path, super::OPERATOR, &body);
    wire.send(&request.replace("application/x-www-form-urlencoded", "application/json"))
        .await;
    let answer = wire.answer().await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
}

/// So many lines of the access log about `/pbx`.
async fn proxied(gate: &Gate, lines: usize) -> Vec<Value> {
    let found = || {
        let log = gate.access_log();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        lines
            .filter(|line: &Value| line["route"] == "pbx")
            .collect::<Vec<_>>()
    };
    super::eventually(|| found().len() >= lines, || gate.access_log()).await;
    found()
}

fn basic(username: &str, password: &str) -> String {
    use base64::Engine;
    let pair = format!("{username}:{password}");
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair)
    )
}

#[tokio::test]
async fn at_19_an_upstream_hears_our_credential_in_place_of_the_clients_in_whichever_carrier_it_came()
 {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&routes(&upstream, SERVICE)).await;
    let token = gate.token_through("legacy", "ann", &["pbx.#"]).await;
    for (target, header) in [
        ("/pbx/a", format!("Authorization: Bearer {token}\r\n")),
        ("/pbx/a", format!("X-Auth-Token: {token}\r\n")),
        ("/pbx/a", format!("Authentication: Bearer {token}\r\n")),
        (&*format!("/pbx/a?access_token={token}"), String::new()),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: gate.example\r\n{header}\r\n");
        assert_eq!(gate.ask(&request).await.status(), 200, "{header}");
    }
    let heard = upstream.heard();
    assert_eq!(heard.len(), 4);
    for heard in heard {
        assert!(!heard.head.contains(&token), "{}", heard.head);
        assert_eq!(
            heard.headers("authorization"),
            ["Bearer planted-token-of-the-service"]
        );
        assert!(heard.headers("x-auth-token").is_empty(), "{}", heard.head);
        assert_eq!(heard.header("x-callgate-user"), "ann");
    }
}

#[tokio::test]
async fn at_19_a_route_without_a_credential_presents_none() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&routes(&upstream, SERVICE)).await;
    let ann = gate.token("ann", &["pbx.100.read"]).await;
    assert_eq!(gate.ask(&get("/extensions/100", &ann)).await.status(), 200);
    let open = "GET /open/a HTTP/1.1\r\nHost: gate.example\r\n\r\n";
    assert_eq!(gate.ask(open).await.status(), 200);
    for heard in upstream.heard() {
        assert!(
            !heard.head.to_lowercase().contains("authorization"),
            "{}",
            heard.head
        );
    }
}

#[tokio::test]
async fn a_token_is_sent_bare_in_a_header_of_its_own_and_the_clients_of_that_name_is_dropped() {
    let upstream = Upstream::start().await;
    let credential = format!("{SERVICE}\nheader = 'X-Api-Key'");
    let routes =
        routes(&upstream, &credential).replace("add_prefix", "headers = ['X-Api-Key']\nadd_prefix");
    let gate = Gate::start(&routes).await;
    let ann = gate.token("ann", &["pbx.#"]).await;
    let request = get("/pbx/a", &ann).replace("\r\n\r\n", "\r\nX-Api-Key: of-the-client\r\n\r\n");
    assert_eq!(gate.ask(&request).await.status(), 200);
    let heard = upstream.heard().remove(0);
    assert_eq!(heard.headers("x-api-key"), ["planted-token-of-the-service"]);
    assert!(heard.headers("authorization").is_empty());
}

#[tokio::test]
async fn a_token_in_a_file_is_read_again_without_a_reload() {
    let upstream = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (path, next) = (folder.path().join("token"), folder.path().join("next"));
    fs::write(&path, "first\n").unwrap();
    let credential = format!("kind = 'bearer'\ntoken = 'file:{}'", path.display());
    let gate = Gate::start(&routes(&upstream, &credential)).await;
    let ann = gate.token("ann", &["pbx.#"]).await;
    gate.ask(&get("/pbx/a", &ann)).await;
    assert_eq!(upstream.heard()[0].header("authorization"), "Bearer first");
    fs::write(&next, "second\n").unwrap();
    fs::rename(&next, &path).unwrap();
    let begun = std::time::Instant::now();
    loop {
        gate.ask(&get("/pbx/a", &ann)).await;
        let heard = upstream.heard().pop().unwrap();
        if heard.header("authorization") == "Bearer second" {
            break;
        }
        assert!(begun.elapsed() < super::PATIENCE, "{}", heard.head);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn at_19_of_many_requests_at_once_each_has_its_own_users_credential() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&routes(&upstream, OWN)).await;
    let mut tokens = Vec::new();
    for name in ["ann", "bob"] {
        set(&gate, name, &format!("planted-password-of-{name}")).await;
        tokens.push((name, gate.token(name, &["pbx.#"]).await));
    }
    // Eight connections of clients, on each of which the two take turns; to the upstream, they share what there is.
    let asking = (0..8).map(|lane| {
        let (tokens, edge) = (tokens.clone(), gate.edge);
        tokio::spawn(async move {
            let mut wire = Wire::connect(edge).await;
            for turn in 0..8 {
                let (name, token) = &tokens[(lane + turn) % 2];
                wire.send(&get(&format!("/pbx/{name}"), token)).await;
                assert_eq!(wire.answer().await.status(), 200);
            }
        })
    });
    for task in asking.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let heard = upstream.heard();
    assert_eq!(heard.len(), 64);
    for heard in &heard {
        let name = heard.header("x-callgate-user");
        assert_eq!(heard.target(), format!("GET /api/{name}"));
        let password = format!("planted-password-of-{name}");
        assert_eq!(heard.headers("authorization"), [basic(name, &password)]);
    }
    let names: BTreeSet<_> = heard
        .iter()
        .map(|heard| heard.header("x-callgate-user"))
        .collect();
    assert_eq!(names.len(), 2);
    assert!(
        upstream.connections() < 40,
        "connections are shared: {}",
        upstream.connections()
    );
}

#[tokio::test]
async fn at_19_on_one_connection_to_the_upstream_the_next_user_is_not_the_last() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&routes(&upstream, OWN)).await;
    set(&gate, "ann", "planted-password-of-ann").await;
    let ann = gate.token("ann", &["pbx.#"]).await;
    let bob = gate.token("bob", &["pbx.#"]).await;
    let mut wire = gate.wire().await;
    for (token, status) in [(&ann, 200), (&bob, 409), (&ann, 200), (&bob, 409)] {
        wire.send(&get("/pbx/a", token)).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status(), status, "{}", answer.text());
    }
    assert_eq!(upstream.heard().len(), 2);
}

#[tokio::test]
async fn what_is_missing_is_told_before_anything_goes_upstream() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&routes(&upstream, OWN)).await;
    let bob = gate.token("bob", &["pbx.#"]).await;
    let answer = gate.ask(&form("POST", "/pbx/a", &bob, "a=1")).await;
    assert_eq!(answer.status(), 409);
    assert_eq!(answer.json()["code"], "credential_missing");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let asked = super::person::posted(
        "/oauth/token",
        ("crm", crate::harness::CRM_SECRET),
        &[("grant_type", "client_credentials"), ("scope", "pbx")],
    );
    let token = gate.ask(&asked).await.json()["access_token"].clone();
    let answer = gate.ask(&get("/pbx/a", token.as_str().unwrap())).await;
    assert_eq!(answer.status(), 403);
    assert_eq!(answer.json()["code"], "credential_needs_user");
    assert_eq!(upstream.heard().len(), 0);
    for line in proxied(&gate, 2).await {
        assert!(line["upstream_us"].is_null(), "{line}");
    }
}

#[tokio::test]
async fn a_refusal_of_our_credential_is_no_refusal_of_the_clients_and_is_not_repeated() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&routes(&upstream, SERVICE)).await;
    let ann = gate.token("ann", &["pbx.#"]).await;
    for request in [
        get("/pbx/unauthorized", &ann),
        form("POST", "/pbx/unauthorized", &ann, "a=1"),
    ] {
        let answer = gate.ask(&request).await;
        assert_eq!(answer.status(), 502, "{}", answer.text());
        assert_eq!(answer.json()["code"], "upstream_refused_credential");
        for name in ["www-authenticate", "set-cookie"] {
            assert!(answer.headers(name).is_empty(), "{}", answer.head);
        }
        assert!(!answer.text().contains("who are you"), "{}", answer.text());
    }
    assert_eq!(upstream.heard().len(), 2);
    for line in proxied(&gate, 2).await {
        assert_eq!(line["fault"], "upstream", "{line}");
    }
    let metrics = gate.operate("GET", "/metrics").await.text();
    let counted = "callgate_upstream_credentials_total{credential=\"c\",result=\"refused\"} 2";
    assert!(metrics.contains(counted), "{metrics}");
    // The gateway and the client's token are as good as before.
    assert_eq!(gate.ask(&get("/pbx/a", &ann)).await.status(), 200);
}

#[tokio::test]
async fn what_is_forbidden_there_goes_through_without_what_was_meant_for_us() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&routes(&upstream, SERVICE)).await;
    let ann = gate.token("ann", &["pbx.#", "pbx.forbidden.read"]).await;
    let answer = gate.ask(&get("/pbx/forbidden", &ann)).await;
    assert_eq!(
        (answer.status(), answer.text().as_str()),
        (403, "not this\n")
    );
    for name in ["www-authenticate", "set-cookie", "authentication-info"] {
        assert!(answer.headers(name).is_empty(), "{}", answer.head);
    }
    // Without a credential of ours, an upstream's answer is the client's.
    let answer = gate.ask(&get("/extensions/forbidden", &ann)).await;
    assert_eq!(answer.headers("set-cookie"), ["session=of-the-service"]);
}

#[tokio::test]
async fn a_websocket_is_opened_with_our_credential_and_names_no_other_header_of_the_connection() {
    let upstream = Upstream::start().await;
    let credential = format!("{SERVICE}\nheader = 'X-Api-Key'");
    let gate = Gate::start(&routes(&upstream, &credential)).await;
    let ann = gate.token("ann", &["pbx.#"]).await;
    let mut wire = gate.wire().await;
    let request = format!(
        "GET /pbx/ws HTTP/1.1\r\nHost: gate.example\r\nAuthorization: Bearer {ann}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade, X-Api-Key\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    wire.send(&request).await;
    assert_eq!(wire.head().await.unwrap().status(), 101);
    let heard = upstream.heard().remove(0);
    assert_eq!(heard.headers("x-api-key"), ["planted-token-of-the-service"]);
    assert_eq!(heard.header("connection").to_lowercase(), "upgrade");
}

#[tokio::test]
async fn a_peer_that_is_away_costs_the_next_one_nothing() {
    let upstream = Upstream::start().await;
    let peers = format!("peers = ['{}', '{}']", free_port(), upstream.address);
    let routes = routes(&upstream, OWN)
        .replace(&format!("peers = ['{}']", upstream.address), &peers)
        // No check finds it out before the requests do.
        .replace(
            "[[route]]\nname = 'pbx'",
            "[upstream.health]\ninterval = '1h'\nfailures = 1000\n[[route]]\nname = 'pbx'",
        );
    let gate = Gate::start(&routes).await;
    set(&gate, "ann", "planted-password-of-ann").await;
    let ann = gate.token("ann", &["pbx.#"]).await;
    for _ in 0..4 {
        let answer = gate.ask(&form("POST", "/pbx/a", &ann, "a=1")).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    let heard = upstream.heard();
    assert_eq!(heard.len(), 4);
    let expected = basic("ann", "planted-password-of-ann");
    assert!(
        heard
            .iter()
            .all(|heard| heard.headers("authorization") == [&expected])
    );
}

#[tokio::test]
async fn a_credential_of_a_reload_counts_from_the_next_request_on() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&routes(&upstream, SERVICE)).await;
    let ann = gate.token("ann", &["pbx.#"]).await;
    gate.configure("", &routes(&upstream, "kind = 'bearer'\ntoken = 'another'"));
    assert_eq!(gate.operate("POST", "/admin/reload").await.status(), 204);
    gate.ask(&get("/pbx/a", &ann)).await;
    assert_eq!(
        upstream.heard()[0].header("authorization"),
        "Bearer another"
    );
}

const CLICK2CALL: &str =
    "kind = 'digest'\nusername = 'click2call'\ndomain = 'default'\npassword = 'planted-password'";

/// A Kalliope, and a gateway through which it is reached with a service user's digest.
async fn kalliope(options: &[&str]) -> (Fake, Gate) {
    let user = ["--user", "default/click2call:planted-password"];
    let fake = Fake::start("kalliope", &[&user, options].concat());
    let gate = Gate::start(&format!(
        "[[credential]]\nname = 'c'\n{CLICK2CALL}\nsalt_from = 'http://{0}'\n\
         [[upstream]]\nname = 'pbx'\npeers = ['{0}']\n\
         [[route]]\nname = 'pbx'\nprefix = '/pbx'\nstrip_prefix = '/pbx'\naccess = 'pbx.use'\nupstream = 'pbx'\ncredential = 'c'\n",
        fake.address
    ))
    .await;
    (fake, gate)
}

const ACCOUNT: &str = "/pbx/rest/account";
const DIAL: &str = "/pbx/rest/phoneServices/c2c/0501234567/201";

#[tokio::test]
async fn at_40_a_bearer_comes_in_and_a_digest_goes_out_good_for_one_request() {
    let (fake, gate) = kalliope(&["--nonces", "created"]).await;
    let (ann, bob) = (
        gate.token("ann", &["pbx.#"]).await,
        gate.token("bob", &["pbx.#"]).await,
    );
    let mut wire = gate.wire().await;
    for token in [&ann, &bob].into_iter().cycle().take(30) {
        // What a client says of itself is not what the PBX hears.
        let request = get(ACCOUNT, token);
        wire.send(&request).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    let asked = fake.log("request");
    let asked: Vec<_> = asked
        .iter()
        .filter(|line| line.to_string().contains("/rest/account"))
        .collect();
    assert_eq!(asked.len(), 30);
    for line in asked {
        assert!(
            line["principal"].to_string().contains("click2call"),
            "{line}"
        );
        assert!(
            !line.to_string().to_lowercase().contains("authorization"),
            "{line}"
        );
    }
}

#[tokio::test]
async fn at_13_a_digest_of_the_client_does_not_go_out_beside_ours() {
    let (fake, gate) = kalliope(&[]).await;
    let ann = gate.token("ann", &["pbx.#"]).await;
    let digest = "\r\nX-authenticate: RestApiUsernameToken x\r\n\r\n";
    let answer = gate
        .ask(&get(ACCOUNT, &ann).replace("\r\n\r\n", digest))
        .await;
    assert_eq!(answer.status(), 400, "{}", answer.text());
    assert!(fake.log("request").is_empty());
}

#[tokio::test]
async fn a_call_is_dialled_once_whatever_becomes_of_its_answer() {
    let (fake, gate) = kalliope(&[]).await;
    let ann = gate.token("ann", &["pbx.#"]).await;
    // The connection is one that was used before: others would send such a GET once more.
    assert_eq!(gate.ask(&get(ACCOUNT, &ann)).await.status(), 200);
    fake.faults(
        &json!([{ "do": "drop", "close": "fin", "after": true, "path": "c2c", "times": 1 }]),
    )
    .await;
    let answer = gate.ask(&get(DIAL, &ann)).await;
    assert_eq!(answer.status(), 502, "{}", answer.text());
    assert_eq!(answer.json()["code"], "upstream_unreachable");
    assert_eq!(fake.logged("dialled", 1).await.len(), 1);
    assert_eq!(gate.ask(&get(ACCOUNT, &ann)).await.status(), 200);
    assert_eq!(fake.log("dialled").len(), 1);
}

#[tokio::test]
async fn a_pbx_whose_clock_is_wrong_is_followed_and_somebody_is_told() {
    let (fake, gate) = kalliope(&[]).await;
    let ann = gate.token("ann", &["pbx.#"]).await;
    fake.admin("PUT", "clock", &json!({ "skew": -400 })).await;
    assert_eq!(gate.ask(&get(ACCOUNT, &ann)).await.status(), 502);
    assert_eq!(gate.ask(&get(ACCOUNT, &ann)).await.status(), 200);
    gate.says("the upstream's clock is not ours").await;
    let metrics = gate.operate("GET", "/metrics").await.text();
    let name = "callgate_upstream_clock_offset_seconds{credential=\"c\"} ";
    let offset = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap();
    let offset: f64 = offset.parse().unwrap();
    assert!((-403.0..=-399.0).contains(&offset), "{offset}");
    for place in [metrics, gate.stderr(), gate.access_log()] {
        assert!(!place.contains("planted-password") && !place.contains("RestApiUsernameToken"));
    }
}

#[tokio::test]
async fn a_request_that_reached_no_peer_goes_to_the_next_with_a_digest_of_its_own() {
    let fake = Fake::start(
        "kalliope",
        &["--user", "default/click2call:planted-password"],
    );
    let config = format!(
        "[[credential]]\nname = 'c'\n{CLICK2CALL}\nsalt_from = 'http://{0}'\n\
         [[upstream]]\nname = 'pbx'\npeers = ['{1}', '{0}']\n[upstream.health]\ninterval = '1h'\nfailures = 1000\n\
         [[route]]\nname = 'pbx'\nprefix = '/pbx'\nstrip_prefix = '/pbx'\naccess = 'pbx.use'\nupstream = 'pbx'\ncredential = 'c'\n",
        fake.address,
        free_port()
    );
    let gate = Gate::start(&config).await;
    let ann = gate.token("ann", &["pbx.#"]).await;
    for _ in 0..6 {
        assert_eq!(gate.ask(&get(DIAL, &ann)).await.status(), 200);
    }
    assert_eq!(fake.log("dialled").len(), 6);
}

/// Sets something of the administration's.
async fn administer(gate: &Gate, path: &str, body: &Value) {
    let mut wire = Wire::connect(gate.operations).await;
    let request = form("PUT", path, super::OPERATOR, &body.to_string());
    wire.send(&request.replace("x-www-form-urlencoded", "json"))
        .await;
    let answer = wire.answer().await;
    assert!((200..300).contains(&answer.status()), "{}", answer.text());
}

/// A header of a user who comes with a digest, as Kalliope's clients do.
fn digest(username: &str) -> String {
    let password = Secret::new(format!("planted-password-of-{username}"));
    let password = DigestPassword::of(&password, &Salt::parse(SALT).unwrap());
    let account = Account::new(username, "default", password).unwrap();
    let value = account.sign(Clock::system().now()).unwrap();
    value.to_str().unwrap().to_owned()
}

const SALT: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn at_19_users_go_on_to_the_pbx_as_themselves_whether_they_come_with_a_token_or_a_digest() {
    let fake = Fake::start(
        "kalliope",
        &[
            "--tenant",
            &format!("default={SALT}"),
            "--user",
            "default/ann:planted-password-of-ann",
            "--user",
            "default/bob:planted-password-of-bob",
        ],
    );
    let gate = Gate::start(&format!(
        "[[credential]]\nname = 'c'\nkind = 'digest'\nof = 'user'\n\
         [digest]\nscope = 'pbx'\n\
         [[upstream]]\nname = 'pbx'\npeers = ['{}']\n\
         [[route]]\nname = 'pbx'\nprefix = '/pbx'\nstrip_prefix = '/pbx'\naccess = 'pbx.use'\nupstream = 'pbx'\ncredential = 'c'\n",
        fake.address
    ))
    .await;
    let domain = json!({ "domain": "default", "salt": SALT });
    administer(&gate, "/admin/tenants/acme/digest", &domain).await;
    for name in ["ann", "bob"] {
        let password = json!({ "password": format!("planted-password-of-{name}") });
        administer(
            &gate,
            &format!("/admin/users/id-of-{name}/digest"),
            &password,
        )
        .await;
    }
    let mut wire = gate.wire().await;
    let mut expected = Vec::new();
    for name in ["ann", "bob", "bob", "ann"].into_iter().cycle().take(16) {
        let token = gate.token(name, &["pbx.#"]).await;
        let by_digest = format!(
            "GET {ACCOUNT} HTTP/1.1\r\nHost: gate.example\r\nX-authenticate: {}\r\n\r\n",
            digest(name)
        );
        for request in [get(ACCOUNT, &token), by_digest] {
            wire.send(&request).await;
            let answer = wire.answer().await;
            assert_eq!(answer.status(), 200, "{}", answer.text());
            expected.push(name);
        }
    }
    let asked = fake.logged("request", expected.len()).await;
    for (line, name) in asked.iter().zip(&expected) {
        assert!(
            line["principal"].to_string().contains(name),
            "{name}: {line}"
        );
    }
    assert_eq!(asked.len(), expected.len());
}
