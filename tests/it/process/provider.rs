//! Logging in with another provider, on the program itself: what it writes down, and a provider that others wrote.

use super::clients::{installed, origin, script, serve_tls};
use super::{Gate, KEY, Process, free_port};
use crate::harness::ORIGIN;
use crate::idp::{Idp, SECRET};
use crate::oauth::{encoded, parameters, wish};
use callgate::clock::Clock;
use callgate::http::client::{Client, Settings};
use callgate::http::remote::Fetching;
use callgate::provider::{ProviderTokens, Providers, Spec};
use callgate::sealer::Sealer;
use callgate::secret::Secret;
use callgate::storage::identities::Identity;
use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::Arc;
use tokio::runtime::Handle;

async fn link(gate: &Gate, issuer: String, subject: &str) {
    let identity = Identity {
        provider: "idp".to_owned(),
        issuer,
        subject: subject.to_owned(),
        user_id: "id-of-ann".to_owned(),
        linked_at: 0,
        last_used_at: None,
    };
    gate.store.link_identity(identity, None).await.unwrap();
}

/// Somebody with cookies, who follows nothing unasked.
struct Visitor {
    http: reqwest::Client,
    base: String,
    cookies: BTreeMap<String, String>,
}

struct Seen {
    status: StatusCode,
    location: String,
    text: String,
}

impl Visitor {
    fn new(gate: &Gate) -> Self {
        let http = reqwest::Client::builder().redirect(Policy::none());
        Self {
            http: http.build().unwrap(),
            base: format!("http://{}", gate.edge),
            cookies: BTreeMap::new(),
        }
    }

    async fn send(&mut self, method: Method, path: &str, body: String) -> Seen {
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        let path = path.strip_prefix(ORIGIN).unwrap_or(path);
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = request
            .header("accept", "text/html")
            .header("cookie", cookies.join("; "))
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(body).send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let location = answer
            .headers()
            .get("location")
            .map(|value| value.to_str().unwrap().to_owned());
        Seen {
            status: answer.status(),
            location: location.unwrap_or_default(),
            text: answer.text().await.unwrap(),
        }
    }

    /// To the provider, and back with what it answers. Everything that was in an address or a cookie is `planted`.
    async fn log_in(mut self, idp: &Idp, planted: &mut Vec<String>) -> Seen {
        let login = format!("/auth/login?{}", encoded(wish()));
        let page = self.send(Method::GET, &login, String::new()).await.text;
        let token = page.split("name=\"csrf_token\" value=\"").nth(1).unwrap();
        let form = encoded([("csrf_token", token.split('"').next().unwrap())]);
        let path = format!("/auth/with/idp?{}", encoded(wish()));
        let led = self.send(Method::POST, &path, form).await;
        assert_eq!(led.status, 303, "{}", led.text);
        let back = idp.log_in(&led.location, "sub-1");
        let seen = self.send(Method::GET, &back, String::new()).await;
        let answer = parameters(&back);
        planted.extend([answer["code"].clone(), answer["state"].clone()]);
        planted.extend(self.cookies.into_values());
        seen
    }
}

#[tokio::test]
async fn q07_o01_o03_nothing_secret_of_a_provider_is_in_a_file_a_log_or_a_metric() {
    let idp = Idp::start().await;
    idp.follow(&Clock::system());
    let gate = Gate::start(&idp.provider("idp", "")).await;
    link(&gate, idp.issuer(), "sub-1").await;
    let mut planted = vec![SECRET.to_owned()];
    let seen = Visitor::new(&gate).log_in(&idp, &mut planted).await;
    assert_eq!(seen.status, 303, "{}", seen.text);
    idp.quirks(|quirks| quirks.bad_signature = true);
    let seen = Visitor::new(&gate).log_in(&idp, &mut planted).await;
    assert_eq!(seen.status, 502, "{}", seen.text);
    let refusal = "{\"error\":\"invalid_grant\"}".to_owned();
    idp.quirks(|quirks| quirks.token_answer = Some((400, refusal)));
    let seen = Visitor::new(&gate).log_in(&idp, &mut planted).await;
    assert_eq!(seen.status, 502, "{}", seen.text);
    planted.extend(idp.issued());
    planted.push(idp.last("/token").form["code_verifier"].clone());
    assert!(planted.len() > 12, "{planted:?}");

    gate.says("a login there failed").await;
    gate.logged(9).await;
    let metrics = gate.operate("GET", "/metrics").await;
    let mut places = vec![
        ("the program's log", gate.stderr()),
        ("the access log", gate.access_log()),
        ("the metrics", metrics.text()),
    ];
    for name in ["callgate.db", "callgate.db-wal"] {
        let bytes = std::fs::read(gate.path(name)).unwrap_or_default();
        places.push((name, String::from_utf8_lossy(&bytes).into_owned()));
    }
    for (place, text) in places {
        for value in &planted {
            assert!(!text.contains(value.as_str()), "{value} is in {place}");
        }
    }
}

/// oidc-provider, which is certified by the OpenID Foundation: discovery, code with PKCE, `iss`, an RS256 ID token, and refresh
/// tokens that are good for once.
#[tokio::test]
async fn a_provider_that_others_wrote_logs_in_and_renews_its_tokens() {
    let provider = free_port();
    let issuer = format!("http://{provider}");
    let spec = format!(
        "name = 'idp'\ntenant = 'acme'\nissuer = '{issuer}'\nclient_id = 'gate'\nclient_secret = '{SECRET}'\n\
         scopes = ['openid', 'offline_access']\nparameters = {{ prompt = 'consent' }}\n"
    );
    let mut gate = Gate::start(&format!("[[provider]]\n{spec}")).await;
    link(&gate, issuer.clone(), "ann").await;
    let ours = origin(&gate, "127.0.0.1");
    serve_tls(&gate, "127.0.0.1");
    let mut node = installed("clients-venv/nodejs/bin/node");
    let node = node
        .arg(script("node/provider.mjs"))
        .env("NODE_EXTRA_CA_CERTS", gate.path("gate.pem"))
        .env("ISSUER", &issuer)
        .env("PROVIDER_SECRET", SECRET)
        .env("CALLGATE_ORIGIN", &ours)
        .env("LOGIN", encoded(wish()));
    let mut others = Others::start(node);
    others.says("serving").await;
    gate.kill();
    gate.restart().await;
    others.go_on();
    others.says("allowed").await;
    let tokens = tokens(&gate, &spec);
    let mut got = Vec::new();
    for _ in 0..3 {
        // They last for less than is asked for, so each is new.
        let token = tokens.access("id-of-ann", "idp").await.unwrap();
        got.push(token.expose().to_owned());
    }
    got.dedup();
    assert_eq!(got.len(), 3, "{got:?}");
}

/// The program of others, which says how far it is.
pub(super) struct Others {
    process: Process,
    said: Option<Lines<BufReader<ChildStdout>>>,
}

impl Others {
    pub(super) fn start(program: &mut Command) -> Self {
        let piped = program.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.stderr(Stdio::piped()).spawn().unwrap();
        let said = child.stdout.take().map(|out| BufReader::new(out).lines());
        Self {
            process: Process(child),
            said,
        }
    }

    pub(super) async fn says(&mut self, expected: &str) {
        let mut said = self.said.take().unwrap();
        let next = tokio::task::spawn_blocking(move || (said.next(), said));
        let (line, said) = next.await.unwrap();
        self.said = Some(said);
        if line.and_then(Result::ok).as_deref() != Some(expected) {
            self.process.0.kill().unwrap();
            let mut complaint = String::new();
            let mut stderr = self.process.0.stderr.take().unwrap();
            stderr.read_to_string(&mut complaint).unwrap();
            panic!("it does not say {expected}: {complaint}");
        }
    }

    pub(super) fn go_on(&mut self) {
        let stdin = self.process.0.stdin.as_mut().unwrap();
        stdin.write_all(b"go on\n").unwrap();
    }
}

/// As another gateway on the same store.
fn tokens(gate: &Gate, spec: &str) -> ProviderTokens {
    let spec: Spec = toml::from_str(spec).unwrap();
    let fetching = Fetching {
        client: Client::new(&Settings::default()).unwrap(),
        clock: Clock::system(),
        runtime: Handle::current(),
    };
    ProviderTokens::new(
        gate.store.clone(),
        Sealer::new(&Secret::new(KEY)).unwrap(),
        Clock::system(),
        Arc::new(Providers::new(&[spec], &fetching)),
        Handle::current(),
    )
}
