//! Calls on a Kalliope PBX, over real sockets: what the gateway says is held against the PBX's own log.

use super::fakes::Fake;
use super::wire::{Message, Wire};
use super::{Gate, OPERATOR, form, get};
use serde_json::{Value, json};

const USER: [&str; 2] = ["--user", "default/click2call:planted-password"];
/// With it, the answer names the call.
const NAMED: [&str; 2] = ["--c2c-body", r#"{"call":{"uniqueid":"%uniqueid%"}}"#];
const CALL_ID: &str = "[backend.click]\ncall_id = '/call/uniqueid'";
const HOOK: &str = "planted-secret-of-the-hook";
/// As docs/backends.md has it for the PBX's administrator.
const TEMPLATE: &str = r#"{"event":"%event_name%","id":"%event_id%","timestamp":"%event_timestamp%","params":%call_params[JSON]%}"#;
const NUMBER: &str = "%2B390501234567";

/// A PBX, and a gateway that calls on it: one call at once for each user.
struct Office {
    fake: Fake,
    gate: Gate,
    ann: String,
}

impl Office {
    async fn start(options: &[&str], backend: &str) -> Self {
        Self::with(options, "limit = 1", backend).await
    }

    async fn with(options: &[&str], calls: &str, backend: &str) -> Self {
        let fake = Fake::start("kalliope", &[&USER, options].concat());
        // Nobody answers, nobody hangs up, unless a test says so.
        fake.admin("PUT", "life", &json!({ "ring": null })).await;
        let origin = format!("http://{}", fake.address);
        let gate = Gate::start(&format!(
            "{}[[backend]]\nname = 'pbx'\nkind = 'kalliope'\nurl = '{origin}'\ncredential = 'c'\n{backend}\n\
             [calls]\nbackend = 'pbx'\n{calls}\n",
            credential("c", "default", &origin),
        ))
        .await;
        let ann = gate.token("ann", &["calls.#"]).await;
        let office = Self { fake, gate, ann };
        office.line("ann", "pbx", "201").await;
        office
    }

    async fn line(&self, user: &str, backend: &str, line: &str) {
        let path = format!("/admin/users/id-of-{user}/lines/{backend}");
        self.administer("PUT", &path, &json!({ "line": line }))
            .await;
    }

    async fn administer(&self, method: &str, path: &str, body: &Value) {
        let mut wire = Wire::connect(self.gate.operations).await;
        let request = form(method, path, OPERATOR, &body.to_string());
        wire.send(&request.replace("x-www-form-urlencoded", "json"))
            .await;
        let answer = wire.answer().await;
        assert!((200..300).contains(&answer.status()), "{}", answer.text());
    }

    async fn place(&self) -> Message {
        self.place_to(NUMBER).await
    }

    async fn place_to(&self, number: &str) -> Message {
        self.place_as(&self.ann, number).await
    }

    async fn place_as(&self, token: &str, number: &str) -> Message {
        let body = format!("number={number}");
        self.gate
            .ask(&form("POST", "/rest/call", token, &body))
            .await
    }

    async fn place_with_key(&self, key: &str) -> Message {
        let request = form("POST", "/rest/call", &self.ann, &format!("number={NUMBER}"));
        let key = format!("\r\nIdempotency-Key: {key}\r\nContent-Type");
        self.gate
            .ask(&request.replace("\r\nContent-Type", &key))
            .await
    }

    async fn stop(&self, call: &str) -> Message {
        let body = format!("token_call={call}");
        self.gate
            .ask(&form("PUT", "/rest/call", &self.ann, &body))
            .await
    }

    /// The states of ann's calls that hold a slot.
    async fn live(&self) -> Vec<String> {
        let answer = self.gate.ask(&get("/rest/call", &self.ann)).await;
        let calls = answer.json();
        let calls = calls.as_array().cloned().unwrap_or_default();
        let states = calls.iter().map(|call| &call["info"]["state"]);
        states
            .map(|state| state.as_str().unwrap().to_owned())
            .collect()
    }

    /// Waits until ann has no call.
    async fn all_over(&self) {
        let begun = std::time::Instant::now();
        while !self.live().await.is_empty() {
            assert!(begun.elapsed() < super::PATIENCE, "a call goes on");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Lets the PBX tell what happens to calls.
    async fn notify(&self, more: &Value) {
        let mut wanted = json!({
            "url": format!("http://{}/hooks/pbx/{HOOK}", self.gate.edge),
            "template": TEMPLATE,
        });
        let more = more.as_object().unwrap().clone();
        wanted.as_object_mut().unwrap().extend(more);
        self.fake.admin("PUT", "notify", &wanted).await;
    }

    /// Sends what the PBX could have sent.
    async fn told(&self, path: &str, headers: &str, body: &str) -> u16 {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: gate.example\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.gate.ask(&request).await.status()
    }

    async fn hang_up_at_the_telephone(&self, call: &Value) {
        let path = format!("calls/{}/end", call.as_str().unwrap());
        let ended = self.fake.admin("POST", &path, &json!({})).await;
        assert_eq!(ended["ended"], true);
    }
}

fn credential(name: &str, domain: &str, origin: &str) -> String {
    format!(
        "[[credential]]\nname = '{name}'\nkind = 'digest'\nusername = 'click2call'\ndomain = '{domain}'\n\
         password = 'planted-password'\nsalt_from = '{origin}'\n"
    )
}

fn hook(more: &str) -> String {
    format!("{CALL_ID}\n[backend.hook]\nsecret = '{HOOK}'\n{more}")
}

fn has_code(answer: &Message, status: u16, code: &str) {
    assert_eq!(answer.status(), status, "{}", answer.text());
    assert_eq!(answer.json()["code"], code, "{}", answer.text());
}

fn token_call(answer: &Message) -> String {
    let location = answer.header("location");
    let (_, call) = location.split_once("token_call=").unwrap();
    call.to_owned()
}

#[tokio::test]
async fn a_call_is_dialled_once_from_the_users_line_by_a_digest_of_its_own() {
    let office = Office::with(&["--nonces", "created"], "limit = 3", "").await;
    for calls in 1..=3 {
        let answer = office.place().await;
        assert_eq!(answer.status(), 201, "{}", answer.text());
        assert_eq!(office.live().await.len(), calls);
    }
    assert_eq!(office.live().await, ["active"; 3]);
    let dialled = office.fake.log("dialled");
    assert_eq!(dialled.len(), 3);
    for call in dialled {
        assert_eq!(call["line"], "201@default");
        assert_eq!(call["number"], "+390501234567");
        assert_eq!(call["asked_by"], "click2call@default");
    }
    for request in office.fake.log("request") {
        assert_eq!(request["refused"], Value::Null, "{request}");
        let headers = request["headers"].to_string().to_lowercase();
        assert!(!headers.contains("authorization"), "{headers}");
    }
}

#[tokio::test]
async fn a_user_without_a_line_or_with_one_that_is_none_is_told_so() {
    let office = Office::start(&[], "").await;
    let bob = office.gate.token("bob", &["calls.#"]).await;
    let answer = office.place_as(&bob, NUMBER).await;
    has_code(&answer, 409, "no_line");
    office.line("bob", "pbx", "e0/../201").await;
    let answer = office.place_as(&bob, NUMBER).await;
    has_code(&answer, 422, "backend_unknown_number");
    assert!(office.fake.log("dialled").is_empty());
    assert!(office.fake.log("request").is_empty());
}

#[tokio::test]
async fn s5_a_definite_no_gives_the_slot_back_and_says_why() {
    let office = Office::start(&[], "").await;
    for (status, answered, code) in [
        (400, 422, "backend_unknown_number"),
        (401, 502, "backend_credential"),
        (403, 403, "backend_forbids"),
        (404, 422, "backend_unknown_number"),
        (409, 502, "call_refused"),
        (429, 429, "backend_busy"),
    ] {
        let rule = json!([{ "do": "refuse", "path": "c2c", "status": status, "headers": { "Retry-After": "7" } }]);
        office.fake.faults(&rule).await;
        let answer = office.place().await;
        has_code(&answer, answered, code);
        let retry_after = if status == 429 { "7" } else { "" };
        assert_eq!(answer.header("retry-after"), retry_after);
        assert_eq!(office.live().await.len(), 0, "{status}");
    }
    office.fake.faults(&json!([])).await;
    assert_eq!(office.place().await.status(), 201);
    assert_eq!(office.fake.log("dialled").len(), 1);
}

#[tokio::test]
async fn s4_any_other_answer_leaves_the_outcome_open_and_the_slot_held() {
    let office = Office::with(&[], "limit = 10", "").await;
    for (calls, status) in [302, 500, 502, 503, 504].into_iter().enumerate() {
        office
            .fake
            .faults(&json!([{ "do": "refuse", "path": "c2c", "status": status, "after": true }]))
            .await;
        let answer = office.place().await;
        has_code(&answer, 504, "outcome_unknown");
        assert_eq!(office.live().await, vec!["unknown"; calls + 1]);
        assert_eq!(office.fake.log("dialled").len(), calls + 1);
    }
}

#[tokio::test]
async fn only_the_configured_statuses_are_a_success() {
    let backend = "[backend.click]\nsuccess = [202]";
    let office = Office::with(&["--c2c-status", "202"], "limit = 2", backend).await;
    assert_eq!(office.place().await.status(), 201);
    let rule = json!([{ "do": "refuse", "path": "c2c", "status": 200 }]);
    office.fake.faults(&rule).await;
    let answer = office.place().await;
    has_code(&answer, 504, "outcome_unknown");
}

#[tokio::test]
async fn a_pbx_that_dials_by_another_method_at_another_path_is_asked_so() {
    let backend =
        "[backend.click]\nmethod = 'POST'\npath = '/rest/phoneServices/c2c/{dest}/{source}'";
    let office = Office::start(&["--c2c-methods", "POST"], backend).await;
    assert_eq!(office.place().await.status(), 201);
    assert_eq!(office.fake.log("dialled").len(), 1);
    // By GET, that one dials nothing.
    let office = Office::start(&["--c2c-methods", "POST"], "").await;
    let answer = office.place().await;
    has_code(&answer, 502, "call_refused");
    assert!(office.fake.log("dialled").is_empty());
}

#[tokio::test]
async fn s5_a_pbx_that_is_away_costs_no_slot() {
    let mut office = Office::with(&[], "limit = 2", "").await;
    assert_eq!(office.place().await.status(), 201);
    office.fake.kill();
    for _ in 0..2 {
        let answer = office.place().await;
        has_code(&answer, 502, "backend_unreachable");
        assert_eq!(office.live().await.len(), 1);
    }
    office.fake.restart();
    assert_eq!(office.place().await.status(), 201);
    assert_eq!(office.fake.log("dialled").len(), 2);
}

#[tokio::test]
async fn s4_a_slow_pbx_is_given_up_and_its_call_holds_the_slot() {
    let office = Office::with(&[], "limit = 1\nbackend_timeout = '300ms'", "").await;
    let rule = json!([{ "do": "slow", "after": true, "path": "c2c", "seconds": 30 }]);
    office.fake.faults(&rule).await;
    let answer = office.place().await;
    has_code(&answer, 504, "outcome_unknown");
    assert_eq!(office.live().await, ["unknown"]);
    assert_eq!(office.place().await.status(), 409);
    assert_eq!(office.fake.log("dialled").len(), 1);
}

#[tokio::test]
async fn s14_a_lost_answer_rings_no_second_telephone() {
    for close in ["reset", "fin"] {
        let office = Office::start(&[], "").await;
        let rule = json!([{ "do": "drop", "close": close, "after": true, "path": "c2c" }]);
        office.fake.faults(&rule).await;
        let first = office.place_with_key("k").await;
        has_code(&first, 504, "outcome_unknown");
        office.fake.faults(&json!([])).await;
        let second = office.place_with_key("k").await;
        has_code(&second, 504, "outcome_unknown");
        assert_eq!(first.json()["token_call"], second.json()["token_call"]);
        assert_eq!(office.live().await, ["unknown"]);
        assert_eq!(office.fake.log("dialled").len(), 1);
        let asked = office.fake.log("request");
        let asked = asked.iter().filter(|line| line.to_string().contains("c2c"));
        assert_eq!(asked.count(), 1);
    }
}

#[tokio::test]
async fn without_a_way_to_hang_up_the_gateway_does_not_pretend() {
    let office = Office::start(&[], "").await;
    let call = token_call(&office.place().await);
    let answer = office.stop(&call).await;
    has_code(&answer, 409, "cannot_hang_up");
    assert_eq!(office.live().await, ["active"]);
}

#[tokio::test]
async fn a_call_that_is_ended_here_alone_is_said_to_be() {
    let office = Office::start(&[], "end_locally = true").await;
    let call = token_call(&office.place().await);
    let answer = office.stop(&call).await;
    assert_eq!(
        (answer.status(), answer.header("x-callgate-ended")),
        (200, "here")
    );
    assert!(office.live().await.is_empty());
    // The telephones were not told.
    assert!(office.fake.log("ended").is_empty());
    let again = office.stop(&call).await;
    assert_eq!(
        (again.status(), again.header("x-callgate-ended")),
        (200, "")
    );
    office.gate.says("its telephones may go on").await;
}

#[tokio::test]
async fn a_call_that_the_pbx_tells_to_be_over_gives_its_slot_back() {
    let office = Office::start(&NAMED, &hook("")).await;
    office.notify(&json!({})).await;
    assert_eq!(office.place().await.status(), 201);
    let dialled = office.fake.logged("dialled", 1).await;
    office.fake.logged("told", 1).await;
    assert_eq!(office.live().await, ["active"]);
    office.hang_up_at_the_telephone(&dialled[0]["call"]).await;
    office.all_over().await;
    let told = office.fake.logged("told", 2).await;
    for message in &told {
        assert_eq!(message["status"], 200, "{message}");
    }
    assert_eq!(told[1]["message"], "pbx.call.end");
    assert_eq!(office.place().await.status(), 201);
    let text = office.gate.operate("GET", "/metrics").await.text();
    let released = "callgate_calls_released_total{reason=\"hung_up\"} 1";
    assert!(text.contains(released), "{text}");
}

#[tokio::test]
async fn notifications_come_by_get_with_a_password_and_more_than_once() {
    let password = "username = 'pbx'\npassword = 'planted-password-of-the-pbx'";
    let office = Office::start(&NAMED, &hook(password)).await;
    let events = json!([
        "pbx.call.start",
        "pbx.call.end",
        "pbx.extension.answercall",
        "pbx.extension.missedcall"
    ]);
    let login = json!({ "method": "GET", "user": "pbx", "password": "planted-password-of-the-pbx", "events": events });
    office.notify(&login).await;
    office
        .fake
        .admin("PUT", "outbox", &json!({ "double": 1 }))
        .await;
    assert_eq!(office.place().await.status(), 201);
    let dialled = office.fake.logged("dialled", 1).await;
    office.hang_up_at_the_telephone(&dialled[0]["call"]).await;
    office.all_over().await;
    // Begun, missed, ended: each twice.
    for message in office.fake.logged("told", 6).await {
        assert_eq!(message["status"], 200, "{message}");
    }
    let text = office.gate.operate("GET", "/metrics").await.text();
    assert!(
        text.contains("callgate_calls_released_total{reason=\"hung_up\"} 1"),
        "{text}"
    );
}

#[tokio::test]
async fn a_notification_that_is_forged_or_no_notification_ends_nothing() {
    let password = "username = 'pbx'\npassword = 'planted-password-of-the-pbx'";
    let office = Office::start(&NAMED, &hook(password)).await;
    assert_eq!(office.place().await.status(), 201);
    let call = office.fake.logged("dialled", 1).await.remove(0);
    let end = format!(
        r#"{{"event":"pbx.call.end","id":"1","timestamp":"1","params":{{"uniqueid":{}}}}}"#,
        call["call"]
    );
    let hook = format!("/hooks/pbx/{HOOK}");
    // pbx:planted-password-of-the-pbx
    let login = "Authorization: Basic cGJ4OnBsYW50ZWQtcGFzc3dvcmQtb2YtdGhlLXBieA==\r\n";
    let twice = format!("{login}{login}");
    for (path, headers, body, status) in [
        (
            "/hooks/pbx/guessed-secret-of-the-hook",
            login,
            end.as_str(),
            404,
        ),
        ("/hooks/other/planted-secret-of-the-hook", login, &end, 404),
        (&hook, "", &end, 403),
        (&hook, "Authorization: Basic cGJ4Om90aGVy\r\n", &end, 403),
        (&hook, &twice, &end, 403),
        (&hook, login, "", 400),
        (&hook, login, "event=pbx.call.end", 400),
        (&hook, login, &end.replace("uniqueid", "unique_id"), 400),
        (&hook, login, &format!("{end}{}", " ".repeat(17_000)), 400),
        (
            &hook,
            login,
            &end.replace("call.end", "extension.missedcall"),
            200,
        ),
    ] {
        assert_eq!(
            office.told(path, headers, body).await,
            status,
            "{path} {headers} {body}"
        );
        assert_eq!(office.live().await, ["active"]);
    }
    assert_eq!(office.told(&hook, login, &end).await, 200);
    assert!(office.live().await.is_empty());
    for place in [office.gate.stderr(), office.gate.access_log()] {
        assert!(!place.contains("planted-"), "{place}");
    }
}

#[tokio::test]
async fn without_a_hook_there_is_none() {
    let office = Office::start(&NAMED, CALL_ID).await;
    let hook = format!("/hooks/pbx/{HOOK}");
    assert_eq!(office.told(&hook, "", "{}").await, 404);
}

#[tokio::test]
async fn a_credential_that_the_pbx_takes_no_more_dials_nothing_and_is_told() {
    let office = Office::start(&[], "").await;
    let password = |password| json!({ "password": password });
    let user = "users/default/click2call";
    office.fake.admin("PUT", user, &password("another")).await;
    for _ in 0..2 {
        let answer = office.place().await;
        has_code(&answer, 502, "backend_credential");
        assert!(office.live().await.is_empty());
    }
    assert!(office.fake.log("dialled").is_empty());
    let counted = "callgate_upstream_credentials_total{credential=\"c\",result=\"refused\"} 2";
    let text = office.gate.operate("GET", "/metrics").await.text();
    assert!(text.contains(counted), "{text}");
    office
        .fake
        .admin("PUT", user, &password("planted-password"))
        .await;
    assert_eq!(office.place().await.status(), 201);
}

#[tokio::test]
async fn a_pbx_whose_clock_is_wrong_is_followed_and_somebody_is_told() {
    let office = Office::start(&[], "").await;
    office
        .fake
        .admin("PUT", "clock", &json!({ "skew": 400 }))
        .await;
    let answer = office.place().await;
    has_code(&answer, 502, "backend_credential");
    let answer = office.place().await;
    assert_eq!(answer.status(), 201, "{}", answer.text());
    office.gate.says("the upstream's clock is not ours").await;
    let text = office.gate.operate("GET", "/metrics").await.text();
    let name = "callgate_upstream_clock_offset_seconds{credential=\"c\"} ";
    let offset = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap();
    let offset: f64 = offset.parse().unwrap();
    assert!((397.0..=401.0).contains(&offset), "{offset}");
}

#[tokio::test]
async fn each_tenant_of_a_pbx_is_a_backend_of_its_own() {
    let acme = [
        "--tenant",
        "acme=0123456789abcdef",
        "--user",
        "acme/click2call:planted-password",
    ];
    let fake = Fake::start("kalliope", &[&USER[..], &acme].concat());
    let origin = format!("http://{}", fake.address);
    let backend = |name: &str, credential: &str| {
        format!(
            "[[backend]]\nname = '{name}'\nkind = 'kalliope'\nurl = '{origin}'\ncredential = '{credential}'\n"
        )
    };
    let gate = Gate::start(&format!(
        "{}{}{}{}[calls]\nbackend = 'pbx'\n",
        credential("c", "default", &origin),
        credential("d", "acme", &origin),
        backend("pbx", "c"),
        backend("acme", "d"),
    ))
    .await;
    let ann = gate.token("ann", &["calls.#"]).await;
    let bob = gate.token("bob", &["calls.#"]).await;
    let office = Office { fake, gate, ann };
    office.line("ann", "pbx", "201").await;
    office.line("bob", "acme", "201").await;
    let backend = json!({ "backend": "acme" });
    office
        .administer("PATCH", "/admin/users/id-of-bob", &backend)
        .await;
    assert_eq!(office.place().await.status(), 201);
    assert_eq!(office.place_as(&bob, NUMBER).await.status(), 201);
    let dialled = office.fake.logged("dialled", 2).await;
    let lines: Vec<_> = dialled
        .iter()
        .map(|call| (&call["line"], &call["asked_by"]))
        .collect();
    assert_eq!(
        lines,
        [
            (&json!("201@default"), &json!("click2call@default")),
            (&json!("201@acme"), &json!("click2call@acme"))
        ]
    );
}

#[tokio::test]
async fn numbers_are_dialled_in_the_pbxs_own_form() {
    let numbers = "[backend.numbers]\nform = 'national'\ncountry_code = '39'\noutside_prefix = '0'\noutside_short = ['112']";
    let office = Office::with(&[], "limit = 10", numbers).await;
    for number in [NUMBER, "%2B4930123456", "203", "112", "%2B39031234567"] {
        let answer = office.place_to(number).await;
        assert_eq!(answer.status(), 201, "{}", answer.text());
    }
    let dialled = office.fake.log("dialled");
    let dialled: Vec<_> = dialled
        .iter()
        .map(|call| call["number"].as_str().unwrap())
        .collect();
    assert_eq!(
        dialled,
        ["00501234567", "0004930123456", "203", "0112", "0031234567"]
    );
}

#[tokio::test]
async fn users_call_as_themselves_by_their_own_digest() {
    const SALT: &str = "0123456789abcdef0123456789abcdef";
    let tenant = format!("default={SALT}");
    let fake = Fake::start(
        "kalliope",
        &[
            "--tenant",
            &tenant,
            "--user",
            "default/ann:planted-password-of-ann",
        ],
    );
    let gate = Gate::start(&format!(
        "[[credential]]\nname = 'c'\nkind = 'digest'\nof = 'user'\n[digest]\nscope = 'call'\n\
         [[backend]]\nname = 'pbx'\nkind = 'kalliope'\nurl = 'http://{}'\ncredential = 'c'\n[calls]\nbackend = 'pbx'\n",
        fake.address
    ))
    .await;
    let ann = gate.token("ann", &["calls.#"]).await;
    let bob = gate.token("bob", &["calls.#"]).await;
    let office = Office { fake, gate, ann };
    for name in ["ann", "bob"] {
        office.line(name, "pbx", "201").await;
    }
    let domain = json!({ "domain": "default", "salt": SALT });
    office
        .administer("PUT", "/admin/tenants/acme/digest", &domain)
        .await;
    let password = json!({ "password": "planted-password-of-ann" });
    office
        .administer("PUT", "/admin/users/id-of-ann/digest", &password)
        .await;
    assert_eq!(office.place().await.status(), 201);
    let answer = office.place_as(&bob, NUMBER).await;
    has_code(&answer, 409, "credential_missing");
    let dialled = office.fake.log("dialled");
    assert_eq!(dialled.len(), 1);
    assert_eq!(dialled[0]["asked_by"], "ann@default");
}
