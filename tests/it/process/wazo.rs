//! An existing wazo-auth that is asked about its tokens, over real sockets: its log says what it was truly asked.

use super::fakes::Fake;
use super::introspection::eventually_is;
use super::upstream::Upstream;
use super::{Gate, OPERATOR, get};
use crate::process::wire::{Message, Wire};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

const TENANT: &str = "2c34c282-433e-4bb8-8d56-fec14ff7e1e9";
const ALICE: &str = "62ffe723-a654-4b97-8fbf-50e44517ef42";
const WATCHER: &str = "00000000-0000-4000-8000-00000000cafe";

/// An `[[issuer]]` for a fake, with `more` keys.
fn issuer(fake: &Fake, more: &str) -> String {
    format!(
        "\n[[issuer]]\nname = 'wazo'\nkind = 'wazo'\nbase = 'http://{}/api/auth'\n{more}\n\
         tenant = {{ claim = 'tenant_uuid', map = {{ '{TENANT}' = 'acme' }} }}\n",
        fake.address
    )
}

/// Routes to the daemons behind, and to the upstream's own.
fn routes(upstream: &Upstream, fake: &Fake) -> String {
    format!(
        "{}\n[[upstream]]\nname = 'auth'\npeers = ['{}']\n\
         [[route]]\nname = 'calls'\npath = '/calld/users/{{user}}/calls'\naccess = 'calld.users.{{user}}.calls.read'\n\
         upstream = 'pbx'\n\
         [[route]]\nname = 'sessions'\npath = '/sessions/{{session}}'\naccess = 'auth.sessions.{{session}}.delete'\n\
         upstream = 'pbx'\n\
         [[route]]\nname = 'logout'\npath = '/api/auth/0.1/token/{{token}}'\nmethods = ['DELETE']\npublic = true\n\
         upstream = 'auth'\nforgets = 'wazo'\n",
        upstream.routes(),
        fake.address
    )
}

struct Stack {
    fake: Fake,
    upstream: Upstream,
    gate: Gate,
}

impl Stack {
    async fn start(options: &[&str], more: &str) -> Self {
        let (fake, upstream) = (Fake::start("wazo", options), Upstream::start().await);
        for (uuid, acl) in [
            (
                ALICE,
                json!([
                    "calld.users.me.#",
                    "!calld.users.me.secret.#",
                    "auth.sessions.my_session.delete"
                ]),
            ),
            (WATCHER, json!(["websocketd", "events.auth.#"])),
        ] {
            let user = json!({ "username": uuid, "password": "secret", "acl": acl, "tenant_uuid": TENANT });
            fake.admin("PUT", &format!("users/{uuid}"), &user).await;
        }
        let gate = Gate::start(&(routes(&upstream, &fake) + &issuer(&fake, more))).await;
        Self {
            fake,
            upstream,
            gate,
        }
    }

    /// A new token, as its holder sees it.
    async fn token(&self, more: &Value) -> Value {
        let mut asked = json!({ "user": ALICE });
        asked
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.fake.admin("POST", "tokens", &asked).await
    }

    async fn ask(&self, path: &str, token: &str) -> Message {
        let head = format!("GET {path} HTTP/1.1\r\nHost: gate\r\nX-Auth-Token: {token}\r\n\r\n");
        self.gate.ask(&head).await
    }

    async fn status(&self, path: &str, token: &str) -> u16 {
        self.ask(path, token).await.status()
    }

    /// How often wazo-auth was asked about tokens by us: not what was proxied.
    fn validations(&self) -> usize {
        let log = self.fake.log("request");
        let asked = |line: &&Value| {
            let request = line["request"].as_str().unwrap();
            request.starts_with("GET /api/auth/0.1/token/")
        };
        log.iter().filter(asked).count()
    }

    /// What an administrator has it do.
    async fn revoke(&self, body: &Value) -> Message {
        let body = body.to_string();
        let mut wire = Wire::connect(self.gate.operations).await;
        wire.send(&format!(
            "POST /admin/issuers/wazo/revoke HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer {OPERATOR}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
        wire.answer().await
    }
}

fn text<'t>(token: &'t Value, name: &str) -> &'t str {
    token[name].as_str().unwrap()
}

const OWN: &str = "/calld/users/me/calls";

#[tokio::test]
async fn one_validation_answers_every_access_from_then_on() {
    for brand in ["Wazo", "Accent"] {
        let more = format!("brand = '{}'", brand.to_lowercase());
        let stack = Stack::start(&["--brand", brand], &more).await;
        let token = stack.token(&json!({})).await;
        let (token, session) = (text(&token, "token"), text(&token, "session_uuid"));
        for (path, status) in [
            (OWN.to_owned(), 200),
            (format!("/calld/users/{ALICE}/calls"), 200),
            (format!("/calld/users/{WATCHER}/calls"), 403),
            (format!("/sessions/{session}"), 200),
            ("/sessions/my_session".to_owned(), 200),
            (format!("/sessions/{ALICE}"), 403),
            ("/pbx/a".to_owned(), 403),
        ] {
            assert_eq!(stack.status(&path, token).await, status, "{brand} {path}");
        }
        assert_eq!(stack.gate.ask(&get(OWN, token)).await.status(), 200);
        assert_eq!(stack.status(OWN, &token.to_uppercase()).await, 200);
        assert_eq!(stack.validations(), 1, "{brand}");
        let heard = stack.upstream.heard().remove(0);
        assert_eq!(heard.header("x-callgate-subject"), ALICE);
        assert_eq!(heard.header("x-callgate-tenant"), "acme");
        for log in [stack.gate.stderr(), stack.gate.access_log(), heard.head] {
            assert!(!log.contains(token), "{log}");
        }
    }
}

#[tokio::test]
async fn what_wazo_does_not_know_is_refused_and_not_asked_about_again_at_once() {
    let stack = Stack::start(&[], "").await;
    let unknown = "c7cea8b2-aa24-4d47-b259-12db148fa304";
    for _ in 0..5 {
        assert_eq!(stack.status(OWN, unknown).await, 401);
    }
    assert_eq!(stack.validations(), 1);
    for token in [
        "c7cea8b2aa244d47b25912db148fa304",
        "x",
        &format!("{unknown}0"),
        "eyJ.eyJ.x",
    ] {
        assert_eq!(stack.status(OWN, token).await, 401, "{token}");
    }
    assert_eq!(stack.validations(), 1);
    // Its end, by wazo-auth's clock.
    let short = stack.token(&json!({ "lifetime": 1 })).await;
    sleep(Duration::from_millis(2100)).await;
    assert_eq!(stack.status(OWN, text(&short, "token")).await, 401);
    // A tenant that is nobody's here.
    let other = "11111111-1111-4111-8111-111111111111";
    stack
        .fake
        .admin("PUT", &format!("tenants/{other}"), &json!({}))
        .await;
    let elsewhere = stack.token(&json!({ "tenant_uuid": other })).await;
    assert_eq!(stack.status(OWN, text(&elsewhere, "token")).await, 401);
}

#[tokio::test]
async fn at_36_a_wazo_auth_that_fails_says_nothing_about_a_token() {
    let stack = Stack::start(&[], "limits = { timeout = '300ms', failures = 1000 }").await;
    let token = stack.token(&json!({})).await;
    let token = text(&token, "token");
    for fault in [
        json!({ "do": "refuse", "status": 500 }),
        json!({ "do": "refuse", "status": 403, "body": "{\"reason\":[\"x\"],\"status_code\":403}" }),
        json!({ "do": "refuse", "status": 404, "media": "text/html", "body": "<html>" }),
        json!({ "do": "refuse", "status": 200, "body": "{\"data\":{}}" }),
        json!({ "do": "hang" }),
        json!({ "do": "cut", "part": 200 }),
    ] {
        stack.fake.faults(&json!([fault])).await;
        let answer = stack.ask(OWN, token).await;
        assert_eq!(
            (answer.status(), answer.header("retry-after")),
            (503, "1"),
            "{fault}"
        );
    }
    stack.fake.faults(&json!([])).await;
    assert_eq!(stack.status(OWN, token).await, 200);
}

#[tokio::test]
async fn who_logs_out_through_the_gateway_is_out_at_once() {
    let stack = Stack::start(&[], "lifetime = '1h'").await;
    let token = stack.token(&json!({})).await;
    let token = text(&token, "token");
    assert_eq!(stack.status(OWN, token).await, 200);
    let log_out = format!("DELETE /api/auth/0.1/token/{token} HTTP/1.1\r\nHost: gate\r\n\r\n");
    // One that failed is none.
    stack
        .fake
        .faults(&json!([{ "do": "refuse", "method": "DELETE", "times": 1 }]))
        .await;
    assert_eq!(stack.gate.ask(&log_out).await.status(), 503);
    assert_eq!(stack.status(OWN, token).await, 200);
    assert_eq!(stack.validations(), 1);
    assert_eq!(stack.gate.ask(&log_out).await.status(), 200);
    assert_eq!(stack.status(OWN, token).await, 401);
    let upper = stack.token(&json!({})).await;
    let upper = text(&upper, "token").to_uppercase();
    assert_eq!(stack.status(OWN, &upper.to_lowercase()).await, 200);
    let log_out = log_out.replace(token, &upper);
    assert_eq!(stack.gate.ask(&log_out).await.status(), 200);
    assert_eq!(stack.status(OWN, &upper).await, 401);
}

#[tokio::test]
async fn at_37_what_an_administrator_ends_is_over_whatever_its_issuer_says() {
    let stack = Stack::start(&[], "lifetime = '1h'").await;
    for kind in ["token", "session", "subject"] {
        let token = stack.token(&json!({})).await;
        let ended = match kind {
            "token" => json!({ "token": token["token"] }),
            "session" => json!({ "session": token["session_uuid"] }),
            _ => json!({ "subject": ALICE }),
        };
        let token = text(&token, "token");
        assert_eq!(stack.status(OWN, token).await, 200);
        let answer = stack.revoke(&ended).await;
        assert_eq!(answer.status(), 204, "{kind}: {}", answer.text());
        assert_eq!(stack.status(OWN, token).await, 401, "{kind}");
        // wazo-auth knows it still, and it was asked.
        let known = stack.fake.admin("GET", "tokens", &json!({})).await;
        assert!(
            known
                .as_array()
                .unwrap()
                .iter()
                .any(|known| known["token"] == token)
        );
    }
    assert_eq!(stack.validations(), 6);
    // What was issued after that is good: whole seconds are all that wazo-auth keeps.
    sleep(Duration::from_millis(1100)).await;
    let next = stack.token(&json!({})).await;
    assert_eq!(stack.status(OWN, text(&next, "token")).await, 200);
    for (body, status) in [
        (json!({ "session": "" }), 400),
        (json!({}), 400),
        (json!({ "session": "a", "subject": "b" }), 400),
        (json!({ "user": "ann" }), 400),
    ] {
        assert_eq!(stack.revoke(&body).await.status(), status, "{body}");
    }
    let log = stack.gate.operate("GET", "/admin/audit").await.json();
    let acts: Vec<_> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["detail"])
        .collect();
    assert!(
        acts.iter()
            .any(|detail| detail["act"] == "issuer.revoke" && detail["subject"] == ALICE),
        "{acts:?}"
    );
    assert!(!log.to_string().contains("token\":\""), "{log}");
}

/// `watch` for a fake.
fn watch(fake: &Fake) -> String {
    format!(
        "lifetime = '1h'\nwatch = {{ url = 'http://{}/api/websocketd/', login = '{WATCHER}', password = 'secret', \
         unwatched_lifetime = '300ms' }}",
        fake.address
    )
}

impl Stack {
    /// With a line to its websocketd.
    async fn watching() -> Self {
        let stack = Self::start(&[], "").await;
        let more = watch(&stack.fake);
        let config = routes(&stack.upstream, &stack.fake) + &issuer(&stack.fake, &more);
        stack.gate.configure("", &config);
        assert_eq!(
            stack.gate.operate("POST", "/admin/reload").await.status(),
            204
        );
        stack.is_watched("1").await;
        stack
    }

    async fn is_watched(&self, value: &str) {
        let line = format!("callgate_issuer_watched{{issuer=\"wazo\"}} {value}\n");
        eventually_is(1, || async {
            let metrics = self.gate.operate("GET", "/metrics").await.text();
            u16::from(metrics.contains(&line))
        })
        .await;
    }
}

#[tokio::test]
async fn a_session_that_ends_is_heard_of_and_over_at_once() {
    let stack = Stack::watching().await;
    let (one, two) = (stack.token(&json!({})).await, stack.token(&json!({})).await);
    for token in [&one, &two] {
        assert_eq!(stack.status(OWN, text(token, "token")).await, 200);
    }
    sleep(Duration::from_millis(600)).await;
    for token in [&one, &two] {
        assert_eq!(stack.status(OWN, text(token, "token")).await, 200);
    }
    assert_eq!(
        stack.validations(),
        2,
        "what is watched need not be asked about again"
    );
    let path = format!("tokens/{}", text(&one, "token"));
    stack.fake.admin("DELETE", &path, &json!({})).await;
    eventually_is(401, || stack.status(OWN, text(&one, "token"))).await;
    assert_eq!(stack.status(OWN, text(&two, "token")).await, 200);
    assert_eq!(stack.validations(), 3);
    let opened = stack.fake.log("request");
    let opened = opened.iter().find(|line| line["status"] == 101).unwrap();
    assert_eq!(opened["request"], "GET /api/websocketd/?version=2");
}

#[tokio::test]
async fn while_the_line_is_down_facts_count_for_a_short_time_only() {
    let stack = Stack::watching().await;
    let token = stack.token(&json!({})).await;
    let token = text(&token, "token");
    assert_eq!(stack.status(OWN, token).await, 200);
    let down = json!([{ "do": "refuse", "path": "websocketd" }]);
    stack.fake.faults(&down).await;
    stack.fake.admin("DELETE", "connections", &json!({})).await;
    stack.is_watched("0").await;
    // Nobody tells of it.
    stack
        .fake
        .admin("DELETE", &format!("tokens/{token}"), &json!({}))
        .await;
    eventually_is(401, || stack.status(OWN, token)).await;

    let token = stack.token(&json!({})).await;
    let token = text(&token, "token");
    assert_eq!(stack.status(OWN, token).await, 200);
    stack.fake.faults(&json!([])).await;
    stack.is_watched("1").await;
    let before = stack.validations();
    // What was asked for before the line stood is asked for once more.
    sleep(Duration::from_millis(400)).await;
    for _ in 0..3 {
        assert_eq!(stack.status(OWN, token).await, 200);
        sleep(Duration::from_millis(400)).await;
    }
    assert_eq!(stack.validations(), before + 1);
}
