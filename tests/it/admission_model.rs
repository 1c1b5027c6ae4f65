//! The engines of admission against a reference that says in few lines what they do (docs/calls.md S1, S2, S4 to S10, S14):
//! random acts, shrunk to the fewest that tell the two apart. `make properties` runs more of them.

use crate::admission::sqlite_in;
use callgate::admission::{
    APART, Admission, AdmissionError, Admitted, Application, Cause, Evidence, External,
    LocalAdmission, Terms, Whom,
};
use callgate::clock::Clock;
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const TERMS: Terms = Terms {
    cap: 900_000,
    lease: 60_000,
    blind: 600_000,
    ring: Some(300_000),
};

/// What may happen. Calls are named by the order in which they were asked for, and may be none.
#[derive(Debug, Clone)]
enum Act {
    Admit {
        owner: u8,
        key: Option<u8>,
        number: u8,
        limit: u32,
        emergency: bool,
    },
    Adopt {
        owner: u8,
        id: u8,
    },
    Attach(usize, u8),
    Confirm(usize),
    Suspect(usize),
    Release(usize),
    Witness(usize, Evidence),
    Absent(usize),
    Freeze,
    Thaw,
    Sweep,
    Pass(i64),
    Restart,
}

/// How the engine must answer an act.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    New(usize),
    Before(usize),
    Full(Vec<usize>),
    OtherNumber,
    Done(bool),
    Count(usize),
    Ended(Vec<(usize, &'static str)>),
}

// --- the reference ---

#[expect(
    clippy::struct_excessive_bools,
    reason = "the reference is to be as short as can be"
)]
#[derive(Debug, Clone, Default, PartialEq)]
struct Call {
    nth: usize,
    owner: u8,
    key: Option<u8>,
    number: u8,
    id: Option<u8>,
    active: bool,
    unknown: Option<i64>,
    answered: bool,
    listed: bool,
    evidence: i64,
    absent: Option<i64>,
    frozen: bool,
    expires: i64,
    cap: i64,
    ring: i64,
    ended: bool,
}

#[derive(Debug, Clone, Default)]
struct Reference {
    now: i64,
    asked: usize,
    calls: Vec<Call>,
    answer: Option<Answer>,
}

impl Call {
    fn live(&self, now: i64) -> bool {
        !self.ended && self.expires > now
    }

    fn renew(&mut self, now: i64) {
        let renewed = (now + TERMS.lease + TERMS.blind).min(self.cap);
        self.expires = self.expires.max(renewed);
    }

    /// It lives: whether that was news.
    fn seen(&mut self, now: i64, evidence: Evidence) -> bool {
        let before = self.clone();
        self.active = true;
        (self.unknown, self.absent, self.frozen, self.evidence) = (None, None, false, now);
        self.listed |= evidence.is_listed();
        self.answered |= evidence.is_answered();
        let news = *self != before;
        self.renew(now);
        news
    }

    fn missed(&mut self, now: i64) -> bool {
        let placed = self.unknown.map_or(self.active, |since| since < now);
        if placed && self.evidence < now {
            let first = *self.absent.get_or_insert(now);
            self.ended = first + APART <= now;
        }
        self.ended
    }

    fn over(&self, now: i64) -> Option<&'static str> {
        let rang = !self.answered && self.ring <= now.min(self.expires);
        match self {
            _ if self.ended || !(rang || self.expires <= now) => None,
            _ if rang => Some("never_answered"),
            _ if self.expires < self.cap => Some("blind"),
            _ => Some("expired"),
        }
    }
}

impl Reference {
    fn call(&mut self, nth: usize, live: bool, act: impl FnOnce(&mut Call, i64) -> bool) -> Answer {
        let now = self.now;
        let call = self
            .calls
            .iter_mut()
            .find(|call| call.nth == nth && !call.ended);
        let call = call.filter(|call| !live || call.live(now));
        Answer::Done(call.is_some_and(|call| act(call, now)))
    }

    fn begin(&mut self, call: &Call) -> Answer {
        let (now, nth) = (self.now, self.asked - 1);
        self.calls.push(Call {
            nth,
            evidence: now,
            expires: now + TERMS.lease + TERMS.blind,
            cap: now + TERMS.cap,
            ring: now + TERMS.ring.unwrap(),
            ..call.clone()
        });
        Answer::New(nth)
    }

    fn all(&mut self, act: impl Fn(&mut Call, i64) -> bool) -> Answer {
        let now = self.now;
        let live = self.calls.iter_mut().filter(|call| call.live(now));
        Answer::Count(live.filter_map(|call| act(call, now).then_some(())).count())
    }

    fn live(&self, owner: u8) -> Vec<usize> {
        let theirs = |call: &&Call| call.owner == owner && call.live(self.now);
        self.calls.iter().filter(theirs).map(|c| c.nth).collect()
    }

    fn act(&mut self, act: &Act) -> Answer {
        self.asked += usize::from(matches!(act, Act::Admit { .. } | Act::Adopt { .. }));
        match *act {
            Act::Admit {
                owner,
                key,
                number,
                limit,
                emergency,
            } => {
                let same = |call: &&Call| key.is_some() && (call.owner, call.key) == (owner, key);
                let live = self.live(owner);
                match self.calls.iter().find(same) {
                    Some(call) if call.number == number => Answer::Before(call.nth),
                    Some(_) => Answer::OtherNumber,
                    None if !emergency && live.len() >= limit as usize => Answer::Full(live),
                    None => self.begin(&Call {
                        owner,
                        key,
                        number,
                        ..Call::default()
                    }),
                }
            }
            Act::Adopt { owner, id } => match self.calls.iter().find(|call| call.id == Some(id)) {
                Some(known) => Answer::Before(known.nth),
                None => self.begin(&Call {
                    owner,
                    id: Some(id),
                    active: true,
                    ..Call::default()
                }),
            },
            Act::Attach(nth, id) => {
                let known = self.calls.iter().any(|call| call.id == Some(id));
                self.call(nth, true, |call, now| {
                    let fits = !known && call.id.is_none();
                    if fits {
                        call.id = Some(id);
                        call.seen(now, Evidence::Event);
                    }
                    fits
                })
            }
            Act::Confirm(nth) => self.call(nth, true, |call, now| {
                call.seen(now, Evidence::Event);
                true
            }),
            Act::Suspect(nth) => self.call(nth, false, |call, now| {
                call.unknown.get_or_insert(now);
                true
            }),
            Act::Release(nth) => self.call(nth, false, |call, _| {
                call.ended = true;
                true
            }),
            Act::Witness(nth, what) => self.call(nth, true, |call, now| call.seen(now, what)),
            Act::Absent(nth) => self.call(nth, true, Call::missed),
            Act::Freeze => self.all(|call, now| {
                let freezes = !call.frozen;
                if freezes {
                    (call.frozen, call.expires) = (true, (now + TERMS.blind).min(call.cap));
                }
                freezes
            }),
            Act::Thaw => self.all(|call, now| {
                let thaws = call.frozen;
                if thaws {
                    call.frozen = false;
                    call.renew(now);
                }
                thaws
            }),
            Act::Sweep => {
                let now = self.now;
                let over = |call: &mut Call| {
                    let cause = call.over(now)?;
                    call.ended = true;
                    Some((call.nth, cause))
                };
                Answer::Ended(self.calls.iter_mut().filter_map(over).collect())
            }
            Act::Pass(millis) => {
                self.now += millis;
                Answer::Done(true)
            }
            Act::Restart => Answer::Done(true),
        }
    }
}

impl ReferenceStateMachine for Reference {
    type State = Self;
    type Transition = Act;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Act> {
        let call = 0..=state.asked;
        let evidence = prop_oneof![
            Just(Evidence::Event),
            Just(Evidence::Answered),
            any::<bool>().prop_map(|answered| Evidence::Listed { answered }),
        ];
        let key = prop::option::of(0_u8..3);
        let millis = [1, APART - 1, APART, 60_000, 299_999, 300_000, 600_000];
        prop_oneof![
            8 => (0_u8..2, key, 0_u8..8, 0_u32..4, 0_u8..10).prop_map(|(owner, key, number, limit, urgent)| Act::Admit {
                owner, key, number: u8::from(number == 0), limit, emergency: urgent == 0,
            }),
            2 => (0_u8..2, 0_u8..6).prop_map(|(owner, id)| Act::Adopt { owner, id }),
            3 => (call.clone(), 0_u8..6).prop_map(|(call, id)| Act::Attach(call, id)),
            4 => call.clone().prop_map(Act::Confirm),
            3 => call.clone().prop_map(Act::Suspect),
            2 => call.clone().prop_map(Act::Release),
            4 => (call.clone(), evidence).prop_map(|(call, evidence)| Act::Witness(call, evidence)),
            6 => call.prop_map(Act::Absent),
            1 => Just(Act::Freeze),
            1 => Just(Act::Thaw),
            2 => Just(Act::Sweep),
            6 => prop::sample::select(millis.to_vec()).prop_map(Act::Pass),
            1 => Just(Act::Restart),
        ]
        .boxed()
    }

    fn apply(mut state: Self, act: &Act) -> Self {
        state.answer = Some(state.act(act));
        state
    }
}

// --- the engines ---

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static CASE: AtomicUsize = AtomicUsize::new(0);

/// Where an engine's leases are. Those of a file are for all cases, as a store takes long to make.
#[derive(Clone)]
enum Truth {
    Memory(LocalAdmission),
    File,
}

static FILE: LazyLock<(TempDir, Clock)> =
    LazyLock::new(|| (tempfile::tempdir().unwrap(), Clock::manual(1_000_000)));

struct Engine {
    truth: Truth,
    admission: Arc<dyn Admission>,
    clock: Clock,
    case: usize,
    asked: usize,
}

impl Engine {
    fn on(truth: Truth, clock: Clock) -> Self {
        Self {
            admission: open(&truth),
            truth,
            clock,
            case: CASE.fetch_add(1, Ordering::Relaxed),
            asked: 0,
        }
    }

    fn name(&self, nth: usize) -> String {
        format!("{:06}-{nth:03}", self.case)
    }

    fn nth(&self, name: &str) -> usize {
        name.strip_prefix(&format!("{:06}-", self.case))
            .unwrap()
            .parse()
            .unwrap()
    }

    fn owner(&self, owner: u8) -> String {
        format!("user:{}-{owner}", self.case)
    }

    fn backend(&self) -> String {
        format!("backend-{}", self.case)
    }

    fn next(&mut self) -> String {
        self.asked += 1;
        self.name(self.asked - 1)
    }

    fn admitted(&self, answer: Admitted) -> Answer {
        match answer {
            Admitted::New(lease) => Answer::New(self.nth(&lease.id)),
            Admitted::Before(lease) => Answer::Before(self.nth(&lease.id)),
        }
    }

    async fn admit(&self, application: Application) -> Answer {
        match self.admission.admit(application).await {
            Ok(admitted) => self.admitted(admitted),
            Err(AdmissionError::KeyReused) => Answer::OtherNumber,
            Err(AdmissionError::LimitReached { live, .. }) => {
                Answer::Full(live.iter().map(|lease| self.nth(&lease.id)).collect())
            }
            Err(error) => panic!("{error}"),
        }
    }

    async fn act(&mut self, act: &Act) -> Answer {
        let (engine, now, backend) = (
            Arc::clone(&self.admission),
            self.clock.now(),
            self.backend(),
        );
        match *act {
            Act::Admit {
                owner,
                key,
                number,
                limit,
                emergency,
            } => {
                let application = Application {
                    call: self.next(),
                    tenant: "acme".to_owned(),
                    owner: self.owner(owner),
                    client: "crm".to_owned(),
                    backend,
                    number: number.to_string(),
                    line: None,
                    idempotency_key: key.map(|key| key.to_string()),
                    limit,
                    emergency,
                    window: 0,
                    terms: TERMS,
                };
                self.admit(application).await
            }
            Act::Adopt { owner, id } => {
                let external = External {
                    call: self.next(),
                    tenant: "acme".to_owned(),
                    owner: self.owner(owner),
                    backend,
                    backend_call_id: id.to_string(),
                    number: "201".to_owned(),
                    line: None,
                    direction: "in",
                    evidence: Evidence::Event,
                    terms: TERMS,
                };
                self.admitted(engine.adopt(external).await.unwrap())
            }
            Act::Attach(nth, id) => {
                let (name, id) = (self.name(nth), id.to_string());
                Answer::Done(engine.attach(&name, &id, now).await.unwrap())
            }
            Act::Confirm(nth) => Answer::Done(engine.confirm(&self.name(nth), None).await.unwrap()),
            Act::Suspect(nth) => Answer::Done(engine.suspect(&self.name(nth)).await.unwrap()),
            Act::Release(nth) => {
                let released = engine.release(&self.name(nth), Cause::Stopped).await;
                Answer::Done(released.unwrap())
            }
            Act::Witness(nth, what) => {
                Answer::Done(engine.witness(&self.name(nth), what, now).await.unwrap())
            }
            Act::Absent(nth) => {
                let ended = engine.absent(vec![self.name(nth)], now).await.unwrap();
                Answer::Done(ended == [self.name(nth)])
            }
            Act::Freeze => count(engine.freeze(&backend, &Whom::All).await.unwrap()),
            Act::Thaw => count(engine.thaw(&backend, &Whom::All).await.unwrap()),
            Act::Sweep => {
                let swept = engine.release_overdue().await.unwrap();
                let ours = swept
                    .into_iter()
                    .filter(|(lease, _)| lease.backend == backend);
                let mut ended: Vec<_> = ours
                    .map(|(lease, cause)| (self.nth(&lease.id), cause.as_str()))
                    .collect();
                ended.sort_unstable();
                Answer::Ended(ended)
            }
            Act::Pass(millis) => {
                self.clock
                    .advance(Duration::from_millis(millis.unsigned_abs()));
                Answer::Done(true)
            }
            Act::Restart => {
                self.admission = reopened(&self.truth).await;
                Answer::Done(true)
            }
        }
    }

    /// Names and states of the calls that hold an owner's slots.
    async fn live(&self, owner: u8) -> Vec<(usize, &'static str)> {
        let mut live: Vec<_> = self.admission.live(&self.owner(owner)).await.unwrap();
        live.sort_by(|a, b| a.id.cmp(&b.id));
        live.iter()
            .map(|lease| (self.nth(&lease.id), lease.state()))
            .collect()
    }
}

fn count(number: u64) -> Answer {
    Answer::Count(usize::try_from(number).unwrap())
}

fn open(truth: &Truth) -> Arc<dyn Admission> {
    static OPEN: LazyLock<Arc<dyn Admission>> =
        LazyLock::new(|| RUNTIME.block_on(reopened(&Truth::File)));
    match truth {
        Truth::Memory(leases) => Arc::new(leases.clone()),
        Truth::File => Arc::clone(&OPEN),
    }
}

/// Another handle, as a process has that begins.
async fn reopened(truth: &Truth) -> Arc<dyn Admission> {
    match truth {
        Truth::Memory(leases) => Arc::new(leases.clone()),
        Truth::File => Arc::new(sqlite_in(&FILE.0, &FILE.1).await),
    }
}

/// Answers and what is seen are the reference's, after every act.
fn apply(mut engine: Engine, reference: &Reference, act: &Act) -> Engine {
    RUNTIME.block_on(async {
        let answer = engine.act(act).await;
        assert_eq!(Some(&answer), reference.answer.as_ref(), "{act:?}");
        for owner in 0..2 {
            let theirs = reference.calls.iter();
            let theirs = theirs.filter(|call| call.owner == owner && call.live(reference.now));
            let expected: Vec<_> = theirs.map(|call| (call.nth, state(call))).collect();
            assert_eq!(engine.live(owner).await, expected, "{act:?}");
        }
    });
    engine
}

fn state(call: &Call) -> &'static str {
    match (call.unknown, call.active) {
        (Some(_), _) => "unknown",
        (None, true) => "active",
        (None, false) => "reserved",
    }
}

struct Local;

impl StateMachineTest for Local {
    type SystemUnderTest = Engine;
    type Reference = Reference;

    fn init_test(_: &Reference) -> Engine {
        let clock = Clock::manual(1_000_000);
        Engine::on(Truth::Memory(LocalAdmission::new(clock.clone())), clock)
    }

    fn apply(engine: Engine, reference: &Reference, act: Act) -> Engine {
        apply(engine, reference, &act)
    }
}

struct Sqlite;

impl StateMachineTest for Sqlite {
    type SystemUnderTest = Engine;
    type Reference = Reference;

    fn init_test(_: &Reference) -> Engine {
        Engine::on(Truth::File, FILE.1.clone())
    }

    fn apply(engine: Engine, reference: &Reference, act: Act) -> Engine {
        apply(engine, reference, &act)
    }

    fn teardown(engine: Engine, _: Reference) {
        RUNTIME.block_on(async {
            for nth in 0..engine.asked {
                engine
                    .admission
                    .release(&engine.name(nth), Cause::Stopped)
                    .await
                    .unwrap();
            }
        });
    }
}

/// As many cases as the environment says, else few.
fn cases(few: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").map_or(few, |text| text.parse().unwrap());
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

prop_state_machine! {
    #![proptest_config(cases(200))]
    #[test]
    fn s1_to_s14_the_engine_in_memory_does_as_the_reference(sequential 1..60 => Local);
}

prop_state_machine! {
    #![proptest_config(cases(24))]
    #[test]
    fn s1_to_s14_the_engine_on_sqlite_does_as_the_reference(sequential 1..60 => Sqlite);
}
