//! Call backends: the contract that each passes, and what their answers do to the slot.

use crate::harness::{Answer, NOW, TestGateway, form, get};
use crate::process::fakes::Fake;
use async_trait::async_trait;
use callgate::backend::{
    BackendError, Backends, CallBackend, CallEvent, Capabilities, Ending, EventKind, Line,
    NotTaken, Notification, Notified, Originate, Placed, Refusal,
};
use callgate::call::{self, Calls};
use callgate::gateway::Gateway;
use callgate::proxy::Site;
use callgate::route::Routes;
use callgate::secret::Secret;
use http::Method;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// How a scripted backend answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Yes,
    No,
    /// No, and why.
    NoAs(Refusal),
    Unreachable,
    Unsure,
    /// Nothing, ever.
    Nothing,
    /// Yes, once it may go on.
    Later,
    /// No definite answer, once it may go on.
    UnsureLater,
}

struct Scripted {
    originate: Says,
    hang_up: Says,
    can_hang_up: bool,
    placed: AtomicUsize,
    /// From where the last call was placed.
    from: Mutex<Option<Line>>,
    ended: AtomicUsize,
    begun: Notify,
    go_on: Notify,
}

impl Scripted {
    fn new(originate: Says, hang_up: Says) -> Self {
        Self {
            originate,
            hang_up,
            can_hang_up: true,
            placed: AtomicUsize::new(0),
            from: Mutex::default(),
            ended: AtomicUsize::new(0),
            begun: Notify::new(),
            go_on: Notify::new(),
        }
    }

    async fn says(&self, what: Says) -> Result<(), BackendError> {
        self.begun.notify_one();
        match what {
            Says::Yes => Ok(()),
            Says::No => Err(BackendError::refused("no credit")),
            Says::NoAs(why) => Err(BackendError::Refused {
                why,
                reason: "no".to_owned(),
            }),
            Says::Unreachable => Err(BackendError::Unreachable("connection refused".into())),
            Says::Unsure => Err(BackendError::Unknown("connection reset".into())),
            Says::Nothing => std::future::pending().await,
            Says::Later => {
                self.go_on.notified().await;
                Ok(())
            }
            Says::UnsureLater => {
                self.go_on.notified().await;
                Err(BackendError::Unknown("connection reset".into()))
            }
        }
    }
}

#[async_trait]
impl CallBackend for Scripted {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            hang_up: self.can_hang_up,
            list_live: false,
            lists_ringing: false,
            events: true,
            tells_answer: false,
            needs_line: false,
        }
    }

    async fn originate(&self, call: &Originate) -> Result<Placed, BackendError> {
        self.placed.fetch_add(1, Ordering::SeqCst);
        self.from.lock().unwrap().clone_from(&call.line);
        self.says(self.originate).await?;
        Ok(Placed {
            backend_call_id: Some(format!("pbx-{}", call.call)),
        })
    }

    async fn hang_up(&self, call: Ending<'_>) -> Result<(), BackendError> {
        assert!(
            call.backend_call_id
                .is_none_or(|id| id.ends_with(call.call))
        );
        self.ended.fetch_add(1, Ordering::SeqCst);
        self.says(self.hang_up).await
    }

    /// The call's id in the body means that it was hung up.
    async fn notified(&self, hook: &Notification<'_>) -> Result<Notified, NotTaken> {
        if hook.secret != "hook-secret" {
            return Err(NotTaken::NoHook);
        }
        let id = std::str::from_utf8(hook.body).unwrap();
        if id.is_empty() {
            return Err(NotTaken::Malformed("no id".to_owned()));
        }
        let event = CallEvent {
            backend_call_id: id.to_owned(),
            kind: EventKind::Ended { cause: None },
            at: 0,
            direction: None,
            line: None,
            number: None,
        };
        Ok(Notified {
            events: vec![event],
            answer: http::Response::new("heard".into()),
        })
    }
}

struct Bench {
    gateway: TestGateway,
    backend: Arc<Scripted>,
    ann: Secret,
}

impl Bench {
    async fn new(originate: Says, hang_up: Says) -> Self {
        Self::with(Scripted::new(originate, hang_up)).await
    }

    /// A gateway with one slot for each user, whose calls this backend places.
    async fn with(backend: Scripted) -> Self {
        Self::configured(backend, "limit = 1").await
    }

    async fn configured(backend: Scripted, calls: &str) -> Self {
        let mut gateway = TestGateway::with(&format!("[calls]\n{calls}\n")).await;
        let backend = Arc::new(backend);
        let configured = &gateway.version.calls;
        let calls = Arc::new(Calls {
            store: configured.store.clone(),
            admission: Arc::clone(&configured.admission),
            dialling: Arc::clone(&configured.dialling),
            backends: Backends::default().with("store", Arc::clone(&backend) as _),
            clock: configured.clock.clone(),
            metrics: configured.metrics.clone(),
            settings: configured.settings.clone(),
            origin: configured.origin.clone(),
        });
        let endpoints = call::endpoints(&calls);
        let edge = &gateway.version.edge.gateway;
        let edge = Gateway {
            routes: Routes::new(endpoints.declarations, &edge.metrics).unwrap(),
            auth: edge.auth.clone(),
            router: endpoints.router,
            dialects: edge.dialects.clone(),
            clock: edge.clock.clone(),
            metrics: edge.metrics.clone(),
        };
        gateway.version.edge = Arc::new(Site {
            credentials: Arc::default(),
            issuers: Vec::new(),
            gateway: edge,
            upstreams: BTreeMap::new(),
            trusted: Vec::new(),
            https_only: false,
        });
        gateway.version.calls = calls;
        let ann = gateway.ann().await;
        // Facts are in the cache: from here on only calls touch the store.
        assert_eq!(gateway.edge(get("/rest/call", &ann)).await.status, 204);
        Self {
            gateway,
            backend,
            ann,
        }
    }

    async fn place(&self) -> Answer {
        let request = form(Method::POST, "/rest/call", &self.ann, "number=201");
        self.gateway.edge(request).await
    }

    async fn place_with_key(&self) -> Answer {
        let mut request = form(Method::POST, "/rest/call", &self.ann, "number=201");
        let key = http::HeaderValue::from_static("key");
        request.headers_mut().insert("idempotency-key", key);
        self.gateway.edge(request).await
    }

    async fn stop(&self, call: &str) -> Answer {
        let body = format!("token_call={call}");
        self.gateway
            .edge(form(Method::PUT, "/rest/call", &self.ann, &body))
            .await
    }

    /// Token and state of the calls that hold a slot.
    async fn live(&self) -> Vec<(String, String)> {
        let answer = self.gateway.edge(get("/rest/call", &self.ann)).await;
        if answer.status == 204 {
            return Vec::new();
        }
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let calls = answer.json();
        let calls = calls.as_array().unwrap().iter();
        calls
            .map(|call| (text(&call["info"]["token"]), text(&call["info"]["state"])))
            .collect()
    }

    async fn only_call(&self) -> String {
        let live = self.live().await;
        assert_eq!(live.len(), 1);
        live[0].0.clone()
    }

    /// The value of a metric's line, 0 if it is not there.
    fn count(&self, line: &str) -> u64 {
        let text = String::from_utf8(self.gateway.services.metrics.render()).unwrap();
        let found = text.lines().find_map(|l| l.strip_prefix(line));
        found.map_or(0, |value| value.trim().parse().unwrap())
    }

    fn released(&self, reason: &str) -> u64 {
        self.count(&format!(
            "callgate_calls_released_total{{reason=\"{reason}\"}}"
        ))
    }

    fn failed(&self, operation: &str, error: &str) -> u64 {
        self.count(&format!(
            "callgate_backend_errors_total{{backend=\"store\",error=\"{error}\",operation=\"{operation}\"}}"
        ))
    }
}

/// What every backend must do, whatever it is: run with one that can place a call to `201`.
async fn passes_the_contract(backend: &dyn CallBackend) {
    let originate = Originate {
        call: "c1".to_owned(),
        owner: "user:u1".to_owned(),
        tenant: "default".to_owned(),
        line: Some(Line {
            extension: "200".to_owned(),
            device: None,
            caller_id: None,
        }),
        callee: "201".to_owned(),
    };
    let placed = backend.originate(&originate).await.unwrap();
    let ending = Ending {
        call: "c1",
        owner: "user:u1",
        line: Some("200"),
        backend_call_id: placed.backend_call_id.as_deref(),
    };
    if backend.capabilities().hang_up {
        backend.hang_up(ending).await.unwrap();
        // A call that has ended already is ended.
        backend.hang_up(ending).await.unwrap();
    }
}

#[tokio::test]
async fn the_session_store_passes_the_contract() {
    let gateway = TestGateway::start().await;
    let backends = &gateway.version.calls.backends;
    passes_the_contract(backends.get("store").unwrap().as_ref()).await;
}

#[tokio::test]
async fn a_kalliope_passes_the_contract() {
    let fake = Fake::start("kalliope", &["--user", "default/click2call:password"]);
    let config = format!(
        "[[credential]]\nname = 'c'\nkind = 'digest'\nusername = 'click2call'\ndomain = 'default'\n\
         password = 'password'\nsalt_from = 'http://{0}'\n\
         [[backend]]\nname = 'pbx'\nkind = 'kalliope'\nurl = 'http://{0}'\ncredential = 'c'\n[calls]\nbackend = 'pbx'\n",
        fake.address
    );
    let gateway = TestGateway::with(&config).await;
    // A digest is made by the time of now.
    fake.admin("PUT", "clock", &json!({ "frozen": NOW / 1000 }))
        .await;
    let backends = &gateway.version.calls.backends;
    passes_the_contract(backends.get("pbx").unwrap().as_ref()).await;
    assert_eq!(fake.log("dialled").len(), 1);
}

#[tokio::test]
async fn s5_a_refused_call_gives_its_slot_back() {
    let bench = Bench::new(Says::No, Says::Yes).await;
    for attempt in 1..=3 {
        let answer = bench.place().await;
        assert_eq!(answer.status, 502);
        assert_eq!(answer.json()["code"], "call_refused");
        assert_eq!(
            answer.json()["detail"],
            "the telephone system refused: no credit"
        );
        assert_eq!(bench.live().await, []);
        assert_eq!(bench.released("refused"), attempt);
        assert_eq!(bench.failed("originate", "refused"), attempt);
    }
}

#[tokio::test]
async fn a_refusal_says_of_which_kind_it_is() {
    let after = |seconds| Some(Duration::from_secs(seconds));
    for (why, status, code, retry_after) in [
        (Refusal::Funds, 402, "backend_funds", ""),
        (Refusal::Forbidden, 403, "backend_forbids", ""),
        (Refusal::Unknown, 422, "backend_unknown_number", ""),
        (
            Refusal::Rate {
                retry_after: after(7),
            },
            429,
            "backend_busy",
            "7",
        ),
        (Refusal::Rate { retry_after: None }, 429, "backend_busy", ""),
        (Refusal::Credential, 502, "backend_credential", ""),
    ] {
        let bench = Bench::new(Says::NoAs(why), Says::Yes).await;
        let answer = bench.place().await;
        assert_eq!(answer.status, status, "{why:?}");
        assert_eq!(answer.json()["code"], code);
        let header = answer.headers.get("retry-after");
        assert_eq!(
            header.map_or("", |value| value.to_str().unwrap()),
            retry_after
        );
        assert_eq!(bench.live().await, [], "{why:?}");
    }
}

#[tokio::test]
async fn a_call_that_its_system_tells_to_be_over_gives_its_slot_back() {
    let bench = Bench::new(Says::Yes, Says::Yes).await;
    assert_eq!(bench.place().await.status, 201);
    let call = bench.only_call().await;
    let notify = async |path: &str, body: &str| {
        let request = http::Request::post(path).body(body.to_owned().into());
        let answer = bench.gateway.edge(request.unwrap()).await;
        answer.status
    };
    let ended = format!("pbx-{call}");
    // Nobody else finds out what there is.
    assert_eq!(notify("/hooks/store/guessed", &ended).await, 404);
    assert_eq!(notify("/hooks/office/hook-secret", &ended).await, 404);
    assert_eq!(notify("/hooks/store/hook-secret", "").await, 400);
    assert_eq!(notify("/hooks/store/hook-secret", "pbx-other").await, 200);
    assert_eq!(bench.only_call().await, call);
    for _ in 0..2 {
        assert_eq!(notify("/hooks/store/hook-secret", &ended).await, 200);
        assert_eq!(bench.live().await, []);
    }
    assert_eq!(bench.released("hung_up"), 1);
}

#[tokio::test]
async fn a_call_comes_from_the_line_that_our_records_name() {
    let bench = Bench::new(Says::Yes, Says::Yes).await;
    let line = json!({ "line": "e0", "device": "e1", "caller_id": "+390501234567" });
    let path = "/admin/users/id-of-ann/lines/store";
    bench.gateway.admin_put(path, line).await.expect(204);
    assert_eq!(bench.place().await.status, 201);
    let from = bench.backend.from.lock().unwrap().clone();
    let line = Line {
        extension: "e0".to_owned(),
        device: Some("e1".to_owned()),
        caller_id: Some("+390501234567".to_owned()),
    };
    assert_eq!(from, Some(line));
}

#[tokio::test]
async fn s5_a_call_that_no_byte_was_sent_for_gives_its_slot_back() {
    let bench = Bench::new(Says::Unreachable, Says::Yes).await;
    let answer = bench.place().await;
    assert_eq!(answer.status, 502);
    assert_eq!(answer.json()["code"], "backend_unreachable");
    assert!(!answer.text().contains("connection refused"), "{answer:?}");
    assert_eq!(bench.live().await, []);
    assert_eq!(bench.released("unreachable"), 1);
}

#[tokio::test]
async fn s4_an_uncertain_answer_holds_the_slot_and_names_the_call() {
    let bench = Bench::new(Says::Unsure, Says::Yes).await;
    let answer = bench.place().await;
    assert_eq!(answer.status, 504);
    assert_eq!(answer.json()["code"], "outcome_unknown");
    let call = answer.json()["token_call"].as_str().unwrap().to_owned();
    assert_eq!(bench.live().await, [(call.clone(), "unknown".to_owned())]);
    assert_eq!(bench.place().await.status, 409);
    assert_eq!(bench.failed("originate", "unknown"), 1);
    // It can be ended by its name.
    assert_eq!(bench.stop(&call).await.status, 200);
    assert_eq!(bench.live().await, []);
}

#[tokio::test]
async fn s4_a_backend_that_never_answers_is_given_up_and_the_slot_stays_held() {
    let backend = Scripted::new(Says::Nothing, Says::Yes);
    let bench = Bench::configured(backend, "limit = 1\nbackend_timeout = '10ms'").await;
    let answer = bench.place().await;
    assert_eq!(answer.status, 504);
    let call = answer.json()["token_call"].as_str().unwrap().to_owned();
    assert_eq!(bench.live().await, [(call, "unknown".to_owned())]);
    assert_eq!(bench.failed("originate", "unknown"), 1);
}

#[tokio::test]
async fn s4_the_answer_in_xml_names_the_call_too() {
    let bench = Bench::new(Says::Unsure, Says::Yes).await;
    let mut request = form(Method::POST, "/rest/call", &bench.ann, "number=201");
    let xml = http::HeaderValue::from_static("text/xml");
    request.headers_mut().insert("accept", xml);
    let answer = bench.gateway.edge(request).await;
    let call = bench.only_call().await;
    let element = format!("<token_call>{call}</token_call>");
    assert!(answer.text().contains(&element), "{}", answer.text());
}

#[tokio::test]
async fn s5_a_client_that_goes_away_gives_no_slot_back() {
    let bench = Bench::new(Says::Nothing, Says::Yes).await;
    tokio::select! {
        answer = bench.place() => panic!("answered too early: {answer:?}"),
        () = bench.backend.begun.notified() => {}
    }
    let call = bench.only_call().await;
    assert_eq!(bench.live().await, [(call.clone(), "reserved".to_owned())]);
    bench
        .gateway
        .advance(bench.gateway.version.calls.settings.backend_timeout * 3)
        .await;
    assert_eq!(bench.live().await, [(call, "unknown".to_owned())]);
}

#[tokio::test]
async fn s5_a_call_that_is_ended_while_it_is_placed_does_not_ring_on() {
    let bench = Bench::new(Says::Later, Says::Yes).await;
    let placing = bench.place();
    tokio::pin!(placing);
    tokio::select! {
        answer = &mut placing => panic!("answered too early: {answer:?}"),
        () = bench.backend.begun.notified() => {}
    }
    let call = bench.only_call().await;
    assert_eq!(bench.stop(&call).await.status, 200);
    bench.backend.go_on.notify_one();
    assert_eq!(placing.await.status, 201);
    assert_eq!(bench.live().await, []);
    // Once for whoever stopped it, once when it turned out that it rang.
    assert_eq!(bench.backend.ended.load(Ordering::SeqCst), 2);
    assert_eq!(bench.released("stopped"), 1);
}

#[tokio::test]
async fn s5_a_hang_up_that_fails_keeps_the_slot() {
    for (says, status, code) in [
        (Says::No, 502, "call_refused"),
        (Says::Unreachable, 502, "backend_unreachable"),
        (Says::Unsure, 504, "outcome_unknown"),
    ] {
        let bench = Bench::new(Says::Yes, says).await;
        assert_eq!(bench.place().await.status, 201);
        let call = bench.only_call().await;
        let answer = bench.stop(&call).await;
        assert_eq!(answer.status, status, "{says:?}");
        assert_eq!(answer.json()["code"], code);
        assert_eq!(bench.live().await, [(call, "active".to_owned())]);
        assert_eq!(bench.released("stopped"), 0);
    }
}

#[tokio::test]
async fn a_backend_that_cannot_hang_up_is_not_said_to() {
    let backend = Scripted {
        can_hang_up: false,
        ..Scripted::new(Says::Yes, Says::Yes)
    };
    let bench = Bench::with(backend).await;
    assert_eq!(bench.place().await.status, 201);
    let call = bench.only_call().await;
    let answer = bench.stop(&call).await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.json()["code"], "cannot_hang_up");
    assert_eq!(bench.live().await, [(call, "active".to_owned())]);
}

#[tokio::test]
async fn s14_a_retry_rings_no_second_telephone() {
    let bench = Bench::new(Says::Yes, Says::Yes).await;
    let first = bench.place_with_key().await;
    let second = bench.place_with_key().await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 201));
    assert_eq!(first.header("location"), second.header("location"));
    assert_eq!(bench.backend.placed.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn s14_a_retry_of_a_failed_call_fails_as_it_did() {
    for says in [Says::No, Says::Unreachable, Says::Unsure] {
        let bench = Bench::new(says, Says::Yes).await;
        let first = bench.place_with_key().await;
        let second = bench.place_with_key().await;
        assert_eq!(first.status, second.status, "{says:?}");
        assert_eq!(first.json()["code"], second.json()["code"]);
        assert_eq!(first.json()["token_call"], second.json()["token_call"]);
        assert_eq!(bench.backend.placed.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_placed_call_is_not_said_to_have_failed_when_the_store_fails_after_it() {
    let bench = Bench::new(Says::Later, Says::Yes).await;
    let placing = bench.place();
    tokio::pin!(placing);
    tokio::select! {
        answer = &mut placing => panic!("answered too early: {answer:?}"),
        () = bench.backend.begun.notified() => {}
    }
    break_updates(&bench).await;
    bench.backend.go_on.notify_one();
    assert_eq!(placing.await.status, 201);
    assert_eq!(bench.live().await.len(), 1);
}

#[tokio::test]
async fn s4_an_uncertain_answer_is_told_though_the_store_fails_after_it() {
    let bench = Bench::new(Says::UnsureLater, Says::Yes).await;
    let placing = bench.place();
    tokio::pin!(placing);
    tokio::select! {
        answer = &mut placing => panic!("answered too early: {answer:?}"),
        () = bench.backend.begun.notified() => {}
    }
    break_updates(&bench).await;
    bench.backend.go_on.notify_one();
    let answer = placing.await;
    // "Try again" could ring a second telephone.
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (504, "")
    );
    assert_eq!(answer.json()["token_call"], bench.only_call().await);
}

/// From here on no call's row can change.
async fn break_updates(bench: &Bench) {
    let sql =
        "CREATE TRIGGER broken BEFORE UPDATE ON calls BEGIN SELECT RAISE(FAIL, 'broken'); END";
    let store = &bench.gateway.services.store;
    let work = store.write(move |c| {
        Box::pin(async move {
            sqlx::query(sql).execute(c).await?;
            Ok(())
        })
    });
    work.await.unwrap();
}
