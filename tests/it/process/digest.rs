//! Kalliope's digest over real sockets: good once, whatever process saw it; in no log, at no upstream, and never led elsewhere.

use super::fakes::Fake;
use super::upstream::Upstream;
use super::wire::{Message, Wire};
use super::{Gate, KEY, Process, config, eventually, free_port, is_ready, spawn_with};
use crate::harness::PASSWORD;
use callgate::auth::digest::seal;
use callgate::clock::Clock;
use callgate::kalliope::{Account, DigestPassword, Salt};
use callgate::sealer::Sealer;
use callgate::secret::Secret;
use callgate::storage::audit::{Entry, Event};
use callgate::storage::digests::DigestDomain;
use futures_util::future::join_all;
use serde_json::json;
use std::fs;
use std::net::SocketAddr;

pub(super) const SCOPE: &str = "[digest]\nscope = 'call pbx'\n";
pub(super) const SALT: &str = "b5a8fdcf2f8d5acdad33c4a072a97d7a";

fn digest_password() -> DigestPassword {
    let salt = Salt::parse(SALT).unwrap();
    DigestPassword::of(&Secret::new(PASSWORD), &salt)
}

/// Lets `ann` of `acme` in as `ann` of `default`, with her password.
pub(super) async fn enable(gate: &Gate) {
    let now = Clock::system().now();
    let entry = || Entry::new(Event::Administration, now);
    let domain = DigestDomain {
        tenant_id: "acme".to_owned(),
        domain: "default".to_owned(),
        salt: SALT.to_owned(),
        policies: None,
        created_at: now,
    };
    let set = gate.store.set_digest_domain(domain, entry(), now);
    set.await.unwrap();
    let sealer = Sealer::new(&Secret::new(KEY)).unwrap();
    let closed = seal(&sealer, "id-of-ann", &digest_password()).unwrap();
    let set = gate
        .store
        .set_digest_password("id-of-ann", closed, entry(), now);
    set.await.unwrap();
}

/// A header of `ann` that was made so many seconds from now.
fn header(seconds: i64) -> String {
    let account = Account::new("ann", "default", digest_password()).unwrap();
    let value = account
        .sign(Clock::system().now() + seconds * 1000)
        .unwrap();
    value.to_str().unwrap().to_owned()
}

fn request(target: &str, header: &str) -> String {
    format!("{target} HTTP/1.1\r\nHost: gate.example\r\nX-Authenticate: {header}\r\n\r\n")
}

fn list(header: &str) -> String {
    request("GET /rest/call", header)
}

async fn at(edge: SocketAddr, request: &str) -> Message {
    let mut wire = Wire::connect(edge).await;
    wire.send(request).await;
    wire.answer().await
}

/// Whether the answer says that the header was used before.
fn is_replay(answer: &Message) -> bool {
    answer.status() == 401 && answer.text().contains("used before")
}

#[tokio::test]
async fn at_41_a_replay_after_a_kill_is_refused() {
    let mut gate = Gate::start(SCOPE).await;
    enable(&gate).await;
    // From the future, so that it counts for long.
    let used = header(200);
    assert_eq!(gate.ask(&list(&used)).await.status(), 204);
    for _ in 0..2 {
        gate.kill();
        gate.restart().await;
        let again = gate.ask(&list(&used)).await;
        assert!(is_replay(&again), "{}", again.text());
    }
    assert_eq!(gate.ask(&list(&header(0))).await.status(), 204);
}

#[tokio::test]
async fn at_41_a_replay_in_the_midst_of_which_the_process_is_killed_is_taken_once_at_the_most() {
    let mut gate = Gate::start(SCOPE).await;
    enable(&gate).await;
    for _ in 0..5 {
        let used = header(100);
        let asked: Vec<_> = (0..20)
            .map(|_| tokio::spawn(try_at(gate.edge, list(&used))))
            .collect();
        gate.kill();
        gate.restart().await;
        let mut taken = 0;
        for answer in asked {
            taken += usize::from(answer.await.unwrap() == 204);
        }
        for _ in 0..3 {
            taken += usize::from(gate.ask(&list(&used)).await.status() == 204);
        }
        assert!(taken <= 1, "{taken}");
    }
}

/// The status, 0 without an answer.
async fn try_at(edge: SocketAddr, request: String) -> u16 {
    let Ok(mut wire) = Wire::try_connect(edge).await else {
        return 0;
    };
    wire.send(&request).await;
    wire.answer().await.status()
}

/// Another gateway on the same store, with listeners of its own.
async fn beside(gate: &Gate, more: &str) -> (Process, SocketAddr) {
    let (edge, operations) = (free_port(), free_port());
    let text = config(&gate.folder, edge, operations, "", more);
    let text = text.replace("upgrade.sock", "beside.sock");
    fs::write(gate.path("beside.toml"), text).unwrap();
    let process = spawn_with(&gate.folder, "beside.toml", &[]);
    let begun = std::time::Instant::now();
    while !is_ready(operations).await || Wire::try_connect(edge).await.is_err() {
        assert!(begun.elapsed() < super::PATIENCE, "{}", gate.stderr());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    (process, edge)
}

#[tokio::test]
async fn at_41_of_two_gateways_on_one_store_one_takes_a_header() {
    let gate = Gate::start(SCOPE).await;
    enable(&gate).await;
    let (_process, other) = beside(&gate, SCOPE).await;
    let used = list(&header(0));
    assert_eq!(gate.ask(&used).await.status(), 204);
    assert!(is_replay(&at(other, &used).await));
    let used = list(&header(0));
    assert_eq!(at(other, &used).await.status(), 204);
    assert!(is_replay(&gate.ask(&used).await));
    // However many come to both at once.
    for _ in 0..10 {
        let used = list(&header(0));
        let sent = (0..20).map(|n| at(if n % 2 == 0 { gate.edge } else { other }, &used));
        let answers = join_all(sent).await;
        let taken = answers.iter().filter(|answer| answer.status() == 204);
        assert_eq!(taken.count(), 1);
        let replays = answers.iter().filter(|answer| is_replay(answer));
        assert_eq!(replays.count(), 19);
    }
}

#[tokio::test]
async fn at_41_a_replay_across_an_upgrade_is_refused() {
    let mut gate = Gate::with("grace = '1s'", SCOPE).await;
    enable(&gate).await;
    let before = list(&header(200));
    assert_eq!(gate.ask(&before).await.status(), 204);
    let mut successor = gate.successor();
    gate.signal("QUIT");
    // While one goes and the other comes, each header is taken once, whoever of them hears it.
    let begun = std::time::Instant::now();
    let mut rounds = 0;
    while gate.process.0.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < super::PATIENCE, "{}", gate.stderr());
        let used = list(&header(200));
        let answers = join_all((0..4).map(|_| try_at(gate.edge, used.clone()))).await;
        let taken = answers.iter().filter(|status| **status == 204).count();
        assert_eq!(taken, 1, "{answers:?}");
        assert!(is_replay(&gate.ask(&before).await));
        rounds += 1;
    }
    assert!(rounds > 1, "{rounds}");
    assert!(is_replay(&gate.ask(&before).await));
    assert_eq!(gate.ask(&list(&header(0))).await.status(), 204);
    successor.signal("TERM");
    assert_eq!(successor.end().await.code(), Some(0));
}

#[tokio::test]
async fn a_digest_goes_to_no_upstream_and_into_no_log() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&format!("{SCOPE}{}", upstream.routes())).await;
    enable(&gate).await;
    let (right, wrong) = (header(0), header(0).replace("\"ann\"", "\"bob\""));
    let answer = gate.ask(&request("GET /pbx/a", &right)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    // A replay, a wrong one, and one that is not understood.
    for header in [&right, &wrong, &right.replace(", Domain", ",Domain")] {
        assert_eq!(gate.ask(&request("GET /pbx/a", header)).await.status(), 401);
    }
    let heard = upstream.heard();
    assert_eq!(heard.len(), 1);
    let sent = heard[0].head.to_lowercase();
    assert!(!sent.contains("authenticate"), "{sent}");
    assert!(sent.contains("x-callgate-user: ann"), "{sent}");
    eventually(
        || gate.access_log().matches("\"pbx\"").count() == 4,
        || gate.access_log(),
    )
    .await;
    let log = gate.logged(4).await;
    let mut log = log.iter().filter(|line| line["route"] == "pbx");
    let first = log.next().unwrap();
    assert_eq!(first["principal"], "user:id-of-ann");
    assert_eq!(first["token_id"], "digest");
    assert!(log.all(|line| line["status"] == 401 && line["principal"].is_null()));
    let metrics = gate.operate("GET", "/metrics").await.text();
    for result in ["ok", "replayed", "wrong", "malformed"] {
        let line = format!("callgate_digests_total{{result=\"{result}\"}} 1");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    let parts = [&right, &wrong];
    let parts = parts
        .iter()
        .flat_map(|header| header.split('"').skip(5).step_by(2));
    let parts: Vec<_> = parts.filter(|part| part.len() > 30).collect();
    assert_eq!(parts.len(), 4, "{parts:?}");
    eventually(
        || gate.stderr().contains("digest_replayed"),
        || gate.stderr(),
    )
    .await;
    for place in [metrics, gate.stderr(), gate.access_log()] {
        assert!(!place.contains("RestApiUsernameToken"));
        assert!(!parts.iter().any(|part| place.contains(part)), "{place}");
    }
}

/// The routes to a Kalliope that is everything below `/rest/` but calls and salts.
pub(super) fn kalliope(address: SocketAddr) -> String {
    format!(
        "{SCOPE}[[credential]]\nname = 'pbx'\nkind = 'digest'\nusername = 'click2call'\ndomain = 'default'\n\
         password = 'planted-password'\nsalt_from = 'http://{address}'\n\
         [[upstream]]\nname = 'pbx'\npeers = ['{address}']\n\
         [[route]]\nname = 'pbx'\nprefix = '/rest'\naccess = 'pbx.use'\nupstream = 'pbx'\ncredential = 'pbx'\n"
    )
}

pub(super) fn fake() -> Fake {
    Fake::start(
        "kalliope",
        &[
            "--user",
            "default/click2call:planted-password",
            "--nonces",
            "created",
        ],
    )
}

#[tokio::test]
async fn at_40_a_digest_comes_in_and_another_goes_out() {
    let fake = fake();
    let gate = Gate::start(&kalliope(fake.address)).await;
    enable(&gate).await;
    let dial = "GET /rest/phoneServices/c2c/0501234567/201";
    let used = header(0);
    assert_eq!(gate.ask(&request(dial, &used)).await.status(), 200);
    assert_eq!(gate.ask(&request(dial, &used)).await.status(), 401);
    let dialled = fake.logged("dialled", 1).await;
    assert_eq!(dialled.len(), 1);
    let heard = fake.log("request");
    let heard = heard
        .iter()
        .find(|line| line.to_string().contains("c2c"))
        .unwrap();
    assert_eq!(heard["principal"], "click2call@default");
}

#[tokio::test]
async fn no_answer_below_rest_leads_elsewhere() {
    let fake = fake();
    let gate = Gate::start(&kalliope(fake.address)).await;
    enable(&gate).await;
    let token = gate.token("ann", &["#"]).await;
    let paths = [
        "/rest",
        "/rest/",
        "//rest/call",
        "/rest//call",
        "/rest/call",
        "/rest/call/",
        "/rest/./call",
        "/rest/x/../call",
        "/rest/%63all",
        "/rest/call;x",
        "/rest/call?",
        "/rest/call?number=",
        "/REST/call",
        "/rest/salt",
        "/rest/salt/",
        "/rest/salt/default",
        "/rest/salt/default/",
        "/rest/salt/%2e%2e",
        "/rest/salt/a/b",
        "/rest/salt/%2F",
        "/rest/salt/http:%2F%2Fevil.example",
        "/rest/account",
        "/rest/account/",
        "/rest/nothing",
    ];
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    for (path, method) in paths
        .iter()
        .flat_map(|path| methods.map(|method| (*path, method)))
    {
        for credential in [
            String::new(),
            format!("Authorization: Bearer {token}\r\n"),
            format!("X-authenticate: {}\r\n", header(0)),
        ] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: gate.example\r\n{credential}Content-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let answer = gate.ask(&request).await;
            assert!(
                answer.status() >= 200 && !(300..400).contains(&answer.status()),
                "{request}"
            );
            // A call that was placed has a Location, of its own, and 201.
            assert!(
                answer.status() == 201 || answer.header("location").is_empty(),
                "{request}"
            );
        }
    }
}

#[tokio::test]
async fn a_redirect_of_an_upstream_goes_to_nobody_who_would_take_a_digest_along() {
    let fake = fake();
    // The same system at another place, where tokens alone may be led on.
    let elsewhere = "[[route]]\nname = 'other'\nprefix = '/other'\nstrip_prefix = '/other'\nadd_prefix = '/rest'\n\
                     access = 'pbx.use'\nupstream = 'pbx'\ncredential = 'pbx'\n";
    let gate = Gate::start(&format!("{}{elsewhere}", kalliope(fake.address))).await;
    enable(&gate).await;
    let token = gate.token("ann", &["pbx.#"]).await;
    for status in [301, 302, 303, 307, 308] {
        let location = json!({ "Location": "http://evil.example/" });
        fake.faults(
            &json!([{ "do": "refuse", "path": "account", "status": status, "headers": location }]),
        )
        .await;
        for (asked, expected) in [
            (request("GET /rest/account", &header(0)), 502),
            (super::get("/rest/account", &token), 502),
            (request("GET /other/account", &header(0)), 502),
            (super::get("/other/account", &token), status),
        ] {
            let answer = gate.ask(&asked).await;
            assert_eq!(answer.status(), expected, "{status} {asked}");
            assert!(expected != 502 || answer.json()["code"] == "upstream_redirects");
            assert!(expected != 502 || answer.header("location").is_empty());
        }
    }
    // That nothing has changed leads nowhere.
    fake.faults(&json!([{ "do": "refuse", "path": "account", "status": 304 }]))
        .await;
    assert_eq!(
        gate.ask(&request("GET /rest/account", &header(0)))
            .await
            .status(),
        304
    );
}
