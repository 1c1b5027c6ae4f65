//! The contract of admission (docs/calls.md S1 to S14): every engine passes every test here.

use callgate::admission::{
    APART, Admission, AdmissionError, Admitted, Application, Cause, Evidence, External, Lease,
    LocalAdmission, SqliteAdmission, Terms, Whom,
};
use callgate::clock::Clock;
use callgate::metrics::Metrics;
use callgate::storage::{Settings, Store};
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const NOW: i64 = 1_000_000;
const LEASE: i64 = 60_000;
const ANN: &str = "user:ann";

/// What an engine must offer to be tested: a truth that other handles share, and a clock.
struct Bench {
    clock: Clock,
    engine: Arc<dyn Admission>,
    truth: Truth,
}

/// Where the leases are.
enum Truth {
    File(TempDir),
    Memory(LocalAdmission),
}

impl Truth {
    async fn open(&self, clock: &Clock) -> Arc<dyn Admission> {
        match self {
            Self::File(folder) => Arc::new(sqlite_in(folder, clock).await),
            Self::Memory(leases) => Arc::new(leases.clone()),
        }
    }
}

impl Bench {
    async fn sqlite() -> Self {
        Self::on(
            Truth::File(tempfile::tempdir().unwrap()),
            Clock::manual(NOW),
        )
        .await
    }

    async fn local() -> Self {
        let clock = Clock::manual(NOW);
        Self::on(Truth::Memory(LocalAdmission::new(clock.clone())), clock).await
    }

    async fn on(truth: Truth, clock: Clock) -> Self {
        Self {
            engine: truth.open(&clock).await,
            clock,
            truth,
        }
    }

    /// A further engine on the same truth, as in another process.
    async fn another(&self) -> Arc<dyn Admission> {
        self.truth.open(&self.clock).await
    }

    /// Drops every handle, as a kill does, and begins anew.
    async fn restarted(self) -> Self {
        drop(self.engine);
        Self::on(self.truth, self.clock).await
    }

    async fn admit(&self, application: Application) -> Result<Admitted, AdmissionError> {
        self.engine.admit(application).await
    }

    /// A call with these terms that its backend has placed, and calls `pbx-CALL`.
    async fn placed(&self, call: &str, terms: Terms) {
        let placed = Application {
            terms,
            ..application(call, 9)
        };
        assert!(is_new(&self.admit(placed).await));
        let id = format!("pbx-{call}");
        assert!(self.engine.confirm(call, Some(&id)).await.unwrap());
    }

    fn pass(&self, millis: i64) {
        self.clock
            .advance(Duration::from_millis(millis.unsigned_abs()));
    }

    async fn lease(&self, call: &str) -> Lease {
        let live = self.engine.live(ANN).await.unwrap();
        live.into_iter().find(|lease| lease.id == call).unwrap()
    }

    /// A list that begins now and does not hold these calls: those that it ends.
    async fn missing(&self, calls: &[&str]) -> Vec<String> {
        let calls = calls.iter().map(ToString::to_string).collect();
        self.engine.absent(calls, self.clock.now()).await.unwrap()
    }

    async fn witness(&self, call: &str, evidence: Evidence) -> bool {
        let at = self.clock.now();
        self.engine.witness(call, evidence, at).await.unwrap()
    }

    async fn swept(&self) -> Vec<(String, Cause)> {
        let swept = self.engine.release_overdue().await.unwrap();
        swept
            .into_iter()
            .map(|(lease, cause)| (lease.id, cause))
            .collect()
    }

    async fn live(&self) -> Vec<String> {
        let live = self.engine.live(ANN).await.unwrap();
        live.into_iter().map(|lease| lease.id).collect()
    }
}

pub(crate) async fn sqlite_in(folder: &TempDir, clock: &Clock) -> SqliteAdmission {
    let settings = Settings {
        url: format!("sqlite:{}", folder.path().join("store.db").display()),
        ..Settings::default()
    };
    let store = Store::migrate(&settings, &Metrics::new()).await.unwrap();
    SqliteAdmission::new(store, clock.clone())
}

fn application(call: &str, limit: u32) -> Application {
    Application {
        call: call.to_owned(),
        tenant: "acme".to_owned(),
        owner: ANN.to_owned(),
        client: "crm".to_owned(),
        backend: "store".to_owned(),
        number: "+390501234567".to_owned(),
        line: None,
        idempotency_key: None,
        limit,
        emergency: false,
        window: 0,
        terms: Terms::until(LEASE),
    }
}

fn keyed(call: &str, key: &str, limit: u32) -> Application {
    Application {
        idempotency_key: Some(key.to_owned()),
        ..application(call, limit)
    }
}

fn is_new(answer: &Result<Admitted, AdmissionError>) -> bool {
    matches!(answer, Ok(Admitted::New(_)))
}

fn is_refused(answer: &Result<Admitted, AdmissionError>) -> bool {
    matches!(answer, Err(AdmissionError::LimitReached { .. }))
}

/// Sends 64 applications at once, spread over the engines, and says how many were admitted; the others must have
/// been refused by the limit.
async fn race(engines: &[Arc<dyn Admission>], round: usize, limit: u32) -> usize {
    let applications = (0..64).zip(engines.iter().cycle()).map(|(n, engine)| {
        let engine = Arc::clone(engine);
        let application = application(&format!("{round}-{n}"), limit);
        async move { engine.admit(application).await }
    });
    let answers = join_all(applications).await;
    let admitted = answers.iter().filter(|answer| is_new(answer)).count();
    let refused = answers.iter().filter(|answer| is_refused(answer)).count();
    assert_eq!(admitted + refused, 64, "{answers:?}");
    admitted
}

async fn s1_a_second_release_frees_no_second_slot(bench: Bench) {
    for call in ["a", "b"] {
        assert!(is_new(&bench.admit(application(call, 2)).await));
    }
    let release = || bench.engine.release("a", Cause::Stopped);
    let released: Vec<_> = join_all((0..16).map(|_| release())).await;
    let effective = released.into_iter().filter(|done| *done.as_ref().unwrap());
    assert_eq!(effective.count(), 1);
    assert!(is_new(&bench.admit(application("c", 2)).await));
    assert!(is_refused(&bench.admit(application("d", 2)).await));
}

async fn s1_what_was_never_admitted_cannot_be_released(bench: Bench) {
    assert!(!bench.engine.release("none", Cause::Stopped).await.unwrap());
    assert!(is_new(&bench.admit(application("a", 1)).await));
    assert!(is_refused(&bench.admit(application("b", 1)).await));
}

async fn s2_exactly_the_free_slots_are_given(bench: Bench) {
    let engines = [Arc::clone(&bench.engine)];
    for (round, limit) in [0, 1, 2, 7, 63, 64, 65, 4, 3, 1].into_iter().enumerate() {
        // k of the slots are taken already.
        let taken = limit / 2;
        for n in 0..taken {
            let call = format!("{round}-taken-{n}");
            assert!(is_new(&bench.admit(application(&call, limit)).await));
        }
        let free = usize::try_from(limit - taken).unwrap();
        assert_eq!(race(&engines, round, limit).await, free.min(64));
        for call in bench.live().await {
            assert!(bench.engine.release(&call, Cause::Stopped).await.unwrap());
        }
    }
}

async fn s2_two_processes_share_one_limit(bench: Bench) {
    let engines = [Arc::clone(&bench.engine), bench.another().await];
    for round in 0..8 {
        assert_eq!(race(&engines, round, 5).await, 5);
        for (n, call) in bench.live().await.into_iter().enumerate() {
            let engine = &engines[n % 2];
            assert!(engine.release(&call, Cause::Stopped).await.unwrap());
        }
    }
}

async fn s2_owners_do_not_share_slots(bench: Bench) {
    assert!(is_new(&bench.admit(application("a", 1)).await));
    let bob = Application {
        owner: "user:bob".to_owned(),
        ..application("b", 1)
    };
    assert!(is_new(&bench.admit(bob).await));
    // A client may be called as a user is: it is somebody else.
    let client = Application {
        owner: "client:ann".to_owned(),
        ..application("c", 1)
    };
    assert!(is_new(&bench.admit(client).await));
}

async fn s2_one_limit_counts_over_all_clients(bench: Bench) {
    assert!(is_new(&bench.admit(application("a", 1)).await));
    let other = Application {
        client: "mobile".to_owned(),
        ..application("b", 1)
    };
    assert!(is_refused(&bench.admit(other).await));
}

async fn s3_a_lease_is_seen_by_others_once_it_is_admitted(bench: Bench) {
    let other = bench.another().await;
    assert!(is_new(&bench.admit(application("a", 1)).await));
    let seen = other.live(ANN).await.unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].id.as_str(), seen[0].state()), ("a", "reserved"));
}

async fn s4_an_unknown_outcome_holds_the_slot(bench: Bench) {
    assert!(is_new(&bench.admit(application("a", 1)).await));
    assert!(bench.engine.suspect("a").await.unwrap());
    assert_eq!(bench.engine.live(ANN).await.unwrap()[0].state(), "unknown");
    assert!(is_refused(&bench.admit(application("b", 1)).await));
}

async fn s4_evidence_makes_an_unknown_call_active(bench: Bench) {
    assert!(is_new(&bench.admit(application("a", 1)).await));
    assert!(bench.engine.suspect("a").await.unwrap());
    assert!(bench.engine.confirm("a", Some("pbx-1")).await.unwrap());
    let live = bench.engine.live(ANN).await.unwrap();
    assert_eq!(live[0].state(), "active");
    assert_eq!(live[0].backend_call_id.as_deref(), Some("pbx-1"));
}

async fn s4_calls_that_are_left_half_placed_become_unknown(bench: Bench) {
    assert!(is_new(&bench.admit(application("old", 3)).await));
    assert!(is_new(&bench.admit(application("placed", 3)).await));
    assert!(bench.engine.confirm("placed", None).await.unwrap());
    bench.clock.advance(Duration::from_secs(20));
    assert!(is_new(&bench.admit(application("young", 3)).await));
    assert_eq!(bench.engine.suspect_abandoned(19_999).await.unwrap(), 1);
    assert_eq!(bench.engine.suspect_abandoned(19_999).await.unwrap(), 0);
    let live = bench.engine.live(ANN).await.unwrap();
    let states: Vec<_> = live.iter().map(|l| (l.id.as_str(), l.state())).collect();
    assert_eq!(
        states,
        [
            ("old", "unknown"),
            ("placed", "active"),
            ("young", "reserved")
        ]
    );
}

async fn s5_what_ended_stays_ended(bench: Bench) {
    assert!(is_new(&bench.admit(application("a", 1)).await));
    assert!(bench.engine.release("a", Cause::Refused).await.unwrap());
    assert!(!bench.engine.confirm("a", Some("late")).await.unwrap());
    assert!(!bench.engine.suspect("a").await.unwrap());
    assert!(!bench.engine.release("a", Cause::Stopped).await.unwrap());
    assert_eq!(bench.live().await, [""; 0]);
}

async fn s6_a_lease_that_is_over_is_not_counted_and_is_swept_once(bench: Bench) {
    assert!(is_new(&bench.admit(application("a", 1)).await));
    bench
        .clock
        .advance(Duration::from_millis(LEASE.unsigned_abs() - 1));
    assert!(is_refused(&bench.admit(application("b", 1)).await));
    assert_eq!(bench.swept().await, []);
    bench.clock.advance(Duration::from_millis(1));
    // Not counted from this moment, swept or not.
    assert_eq!(bench.live().await, [""; 0]);
    assert!(is_new(&bench.admit(application("c", 1)).await));
    assert_eq!(bench.swept().await, [("a".to_owned(), Cause::Expired)]);
    assert_eq!(bench.swept().await, []);
    assert_eq!(bench.live().await, ["c"]);
}

async fn s6_another_admission_renews_no_lease(bench: Bench) {
    assert!(is_new(&bench.admit(application("a", 2)).await));
    bench
        .clock
        .advance(Duration::from_millis(LEASE.unsigned_abs() / 2));
    assert!(is_new(&bench.admit(application("b", 2)).await));
    bench
        .clock
        .advance(Duration::from_millis(LEASE.unsigned_abs() / 2));
    assert_eq!(bench.live().await, ["b"]);
}

async fn s8_leases_outlive_the_process_and_count_at_once(bench: Bench) {
    for call in ["reserved", "active", "unknown"] {
        assert!(is_new(&bench.admit(application(call, 3)).await));
    }
    bench.engine.confirm("active", Some("pbx-1")).await.unwrap();
    bench.engine.suspect("unknown").await.unwrap();
    let bench = bench.restarted().await;
    assert!(is_refused(&bench.admit(application("d", 3)).await));
    let live: BTreeSet<_> = bench.live().await.into_iter().collect();
    assert_eq!(
        live,
        BTreeSet::from(["active", "reserved", "unknown"].map(str::to_owned))
    );
}

async fn s9_a_lower_limit_ends_nothing_and_admits_nothing_until_below(bench: Bench) {
    for call in ["a", "b", "c"] {
        assert!(is_new(&bench.admit(application(call, 3)).await));
    }
    assert!(is_refused(&bench.admit(application("d", 1)).await));
    assert_eq!(bench.live().await, ["a", "b", "c"]);
    for call in ["a", "b"] {
        bench.engine.release(call, Cause::Stopped).await.unwrap();
        assert!(is_refused(&bench.admit(application("d", 1)).await));
    }
    bench.engine.release("c", Cause::Stopped).await.unwrap();
    assert!(is_new(&bench.admit(application("d", 1)).await));
}

async fn s10_emergency_calls_are_always_admitted_and_counted(bench: Bench) {
    assert!(is_new(&bench.admit(application("a", 1)).await));
    let emergency = Application {
        number: "112".to_owned(),
        emergency: true,
        ..application("help", 1)
    };
    let Ok(Admitted::New(lease)) = bench.admit(emergency).await else {
        panic!("an emergency call was not admitted");
    };
    assert_eq!(lease.emergency, 1);
    bench.engine.release("a", Cause::Stopped).await.unwrap();
    assert!(is_refused(&bench.admit(application("b", 1)).await));
}

async fn s12_a_lease_shows_all_that_an_administrator_needs(bench: Bench) {
    let Ok(Admitted::New(admitted)) = bench.admit(application("a", 1)).await else {
        panic!("not admitted");
    };
    bench.clock.advance(Duration::from_secs(2));
    bench.engine.confirm("a", Some("pbx-1")).await.unwrap();
    let expected = Lease {
        backend_call_id: Some("pbx-1".to_owned()),
        active_at: Some(NOW + 2_000),
        evidence_at: NOW + 2_000,
        ..admitted
    };
    assert_eq!(expected.reserved_at, NOW);
    assert_eq!(expected.lease_expires_at, NOW + LEASE);
    assert_eq!(bench.engine.live(ANN).await.unwrap(), [expected]);
}

async fn s13_a_refusal_names_the_limit_and_the_calls_that_fill_it(bench: Bench) {
    for call in ["a", "b"] {
        assert!(is_new(&bench.admit(application(call, 2)).await));
        bench.clock.advance(Duration::from_millis(1));
    }
    let Err(AdmissionError::LimitReached { limit, live }) = bench.admit(application("c", 2)).await
    else {
        panic!("admitted over the limit");
    };
    let ids: Vec<_> = live.iter().map(|lease| lease.id.as_str()).collect();
    assert_eq!((limit, ids), (2, vec!["a", "b"]));
}

async fn s14_a_retry_is_the_same_call_though_no_slot_is_free(bench: Bench) {
    assert!(is_new(&bench.admit(keyed("a", "key", 1)).await));
    let Ok(Admitted::Before(lease)) = bench.admit(keyed("b", "key", 1)).await else {
        panic!("a retry was refused by its own slot");
    };
    assert_eq!(lease.id, "a");
    assert_eq!(bench.live().await, ["a"]);
}

async fn s14_a_retry_after_the_end_starts_no_second_call(bench: Bench) {
    assert!(is_new(&bench.admit(keyed("a", "key", 1)).await));
    bench.engine.release("a", Cause::Stopped).await.unwrap();
    let answer = bench.admit(keyed("b", "key", 1)).await;
    assert!(matches!(answer, Ok(Admitted::Before(lease)) if lease.id == "a"));
    assert_eq!(bench.live().await, [""; 0]);
}

async fn s14_one_key_at_once_is_one_call_at_any_gateway(bench: Bench) {
    let engines = [Arc::clone(&bench.engine), bench.another().await];
    let answers = join_all((0..64).zip(engines.iter().cycle()).map(|(n, engine)| {
        let application = keyed(&format!("call-{n}"), "key", 2);
        async move { engine.admit(application).await.unwrap() }
    }))
    .await;
    let new = answers.iter().filter(|a| matches!(a, Admitted::New(_)));
    assert_eq!(new.count(), 1);
    let calls: BTreeSet<_> = answers
        .into_iter()
        .map(|answer| match answer {
            Admitted::New(lease) | Admitted::Before(lease) => lease.id,
        })
        .collect();
    assert_eq!(calls.len(), 1);
}

async fn s14_a_key_with_another_number_is_refused(bench: Bench) {
    assert!(is_new(&bench.admit(keyed("a", "key", 2)).await));
    let other = Application {
        number: "201".to_owned(),
        ..keyed("b", "key", 2)
    };
    let answer = bench.admit(other).await;
    assert!(
        matches!(answer, Err(AdmissionError::KeyReused)),
        "{answer:?}"
    );
    assert_eq!(bench.live().await, ["a"]);
}

async fn s14_a_key_belongs_to_its_owner_and_client(bench: Bench) {
    assert!(is_new(&bench.admit(keyed("a", "key", 3)).await));
    let bob = Application {
        owner: "user:bob".to_owned(),
        ..keyed("b", "key", 3)
    };
    assert!(is_new(&bench.admit(bob).await));
    let mobile = Application {
        client: "mobile".to_owned(),
        ..keyed("c", "key", 3)
    };
    assert!(is_new(&bench.admit(mobile).await));
}

async fn s14_a_refused_application_leaves_its_key_free(bench: Bench) {
    assert!(is_new(&bench.admit(application("a", 1)).await));
    assert!(is_refused(&bench.admit(keyed("b", "key", 1)).await));
    bench.engine.release("a", Cause::Stopped).await.unwrap();
    assert!(is_new(&bench.admit(keyed("c", "key", 1)).await));
}

/// At a system that lists its calls and tells of answers.
const ASKED: Terms = Terms {
    cap: 12 * HOUR,
    lease: 60_000,
    blind: 600_000,
    ring: Some(300_000),
};
const HOUR: i64 = 3_600_000;
const LISTED: Evidence = Evidence::Listed { answered: false };

async fn s6_evidence_renews_a_lease_and_is_told_once(bench: Bench) {
    bench.placed("a", ASKED).await;
    for _ in 0..30 {
        bench.pass(60_000);
        assert!(bench.witness("a", Evidence::Answered).await);
        assert!(!bench.witness("a", Evidence::Answered).await);
    }
    let lease = bench.lease("a").await;
    assert_eq!(lease.answered_at, Some(NOW + 60_000));
    assert_eq!(lease.evidence_at, bench.clock.now());
    assert_eq!(bench.swept().await, []);
}

async fn s6_late_evidence_shortens_nothing(bench: Bench) {
    bench.placed("a", ASKED).await;
    bench.pass(50_000);
    assert!(bench.witness("a", LISTED).await);
    let before = bench.lease("a").await;
    bench
        .engine
        .witness("a", Evidence::Event, NOW)
        .await
        .unwrap();
    assert_eq!(bench.lease("a").await, before);
}

async fn s6_no_evidence_outlasts_the_cap(bench: Bench) {
    let terms = Terms { cap: HOUR, ..ASKED };
    bench.placed("a", terms).await;
    for _ in 0..60 {
        bench.pass(60_000);
        bench.witness("a", Evidence::Answered).await;
    }
    assert_eq!(bench.live().await, [""; 0]);
    assert_eq!(bench.swept().await, [("a".to_owned(), Cause::Expired)]);
    assert!(!bench.witness("a", Evidence::Answered).await);
}

async fn s6_a_call_that_nobody_answers_ends_with_the_ring_timeout(bench: Bench) {
    bench.placed("rings", ASKED).await;
    bench.placed("talks", ASKED).await;
    bench.pass(299_999);
    bench.witness("rings", LISTED).await;
    bench
        .witness("talks", Evidence::Listed { answered: true })
        .await;
    assert_eq!(bench.swept().await, []);
    bench.pass(1);
    let never = ("rings".to_owned(), Cause::NeverAnswered);
    assert_eq!(bench.swept().await, [never]);
    assert_eq!(bench.live().await, ["talks"]);
}

async fn s6_leases_of_a_backend_that_cannot_be_asked_last_for_so_long_alone(bench: Bench) {
    bench.placed("a", ASKED).await;
    bench.witness("a", Evidence::Answered).await;
    bench.pass(10_000);
    assert_eq!(bench.engine.freeze("store", &Whom::All).await.unwrap(), 1);
    bench.pass(300_000);
    // It was frozen before: that is when it counts from.
    assert_eq!(bench.engine.freeze("store", &Whom::All).await.unwrap(), 0);
    bench.pass(299_999);
    assert_eq!(bench.lease("a").await.frozen_at, Some(NOW + 10_000));
    assert_eq!(bench.swept().await, []);
    bench.pass(1);
    assert_eq!(bench.live().await, [""; 0]);
    assert_eq!(bench.swept().await, [("a".to_owned(), Cause::Blind)]);
}

async fn s6_who_alone_cannot_be_asked_for_freezes_alone(bench: Bench) {
    bench.placed("a", ASKED).await;
    let bob = Application {
        owner: "user:bob".to_owned(),
        terms: ASKED,
        ..application("b", 1)
    };
    assert!(is_new(&bench.admit(bob).await));
    let whom = Whom::Owners(BTreeSet::from(["user:bob".to_owned()]));
    assert_eq!(bench.engine.freeze("store", &whom).await.unwrap(), 1);
    assert_eq!(bench.engine.freeze("other", &Whom::All).await.unwrap(), 0);
    assert_eq!(bench.lease("a").await.frozen_at, None);
}

async fn s6_a_backend_that_can_be_asked_again_thaws_its_leases(bench: Bench) {
    bench.placed("a", ASKED).await;
    bench.witness("a", Evidence::Answered).await;
    bench.engine.freeze("store", &Whom::All).await.unwrap();
    bench.pass(599_000);
    assert_eq!(bench.engine.thaw("store", &Whom::All).await.unwrap(), 1);
    assert_eq!(bench.engine.thaw("store", &Whom::All).await.unwrap(), 0);
    bench.pass(60_000);
    assert_eq!(bench.lease("a").await.frozen_at, None);
}

async fn s6_a_lease_that_was_not_renewed_is_held_until_the_backend_was_blind_for_too_long(
    bench: Bench,
) {
    // Nobody froze it: the gateway itself stood still.
    bench.placed("a", ASKED).await;
    bench.witness("a", Evidence::Answered).await;
    bench.pass(60_000 + 599_999);
    assert_eq!(bench.live().await, ["a"]);
    bench.pass(1);
    assert_eq!(bench.live().await, [""; 0]);
    assert_eq!(bench.swept().await, [("a".to_owned(), Cause::Blind)]);
}

async fn s7_a_call_that_two_lists_miss_ends_as_of_the_first(bench: Bench) {
    bench.placed("a", ASKED).await;
    bench.pass(1);
    assert_eq!(bench.missing(&["a"]).await, [""; 0]);
    assert_eq!(bench.live().await, ["a"]);
    bench.pass(APART - 1);
    // Too soon: it sees the same moment.
    assert_eq!(bench.missing(&["a"]).await, [""; 0]);
    bench.pass(1);
    assert_eq!(bench.missing(&["a"]).await, ["a"]);
    assert_eq!(bench.missing(&["a"]).await, [""; 0]);
    assert_eq!(bench.live().await, [""; 0]);
}

async fn s7_a_call_that_is_seen_in_between_was_not_missed(bench: Bench) {
    bench.placed("a", ASKED).await;
    for _ in 0..4 {
        bench.pass(APART);
        assert_eq!(bench.missing(&["a"]).await, [""; 0]);
        bench.pass(1);
        assert!(bench.witness("a", LISTED).await);
    }
}

async fn s7_a_list_that_was_begun_before_the_lease_misses_nothing(bench: Bench) {
    let begun = [bench.clock.now(), bench.clock.now() + APART];
    bench.pass(2 * APART);
    bench.placed("a", ASKED).await;
    for begun_at in begun {
        let calls = vec!["a".to_owned()];
        let ended = bench.engine.absent(calls, begun_at).await.unwrap();
        assert_eq!(ended, [""; 0]);
    }
    assert_eq!(bench.lease("a").await.absent_at, None);
}

async fn s7_a_call_that_is_still_being_placed_is_not_missed(bench: Bench) {
    assert!(is_new(&bench.admit(application("a", 1)).await));
    for _ in 0..3 {
        bench.pass(APART);
        assert_eq!(bench.missing(&["a"]).await, [""; 0]);
    }
    bench.engine.suspect("a").await.unwrap();
    // Only lists from after it was given up count.
    assert_eq!(bench.missing(&["a"]).await, [""; 0]);
    bench.pass(APART);
    assert_eq!(bench.missing(&["a"]).await, [""; 0]);
    bench.pass(APART);
    assert_eq!(bench.missing(&["a"]).await, ["a"]);
}

async fn s4_an_unknown_call_that_is_found_is_active(bench: Bench) {
    assert!(is_new(&bench.admit(application("a", 1)).await));
    bench.engine.suspect("a").await.unwrap();
    bench.pass(1);
    let at = bench.clock.now();
    assert!(bench.engine.attach("a", "pbx-1", at).await.unwrap());
    assert!(!bench.engine.attach("a", "pbx-1", at).await.unwrap());
    assert!(!bench.engine.attach("a", "pbx-2", at).await.unwrap());
    let lease = bench.lease("a").await;
    assert_eq!(lease.state(), "active");
    assert_eq!(lease.backend_call_id.as_deref(), Some("pbx-1"));
}

async fn s4_one_call_of_the_backend_is_one_call_here(bench: Bench) {
    bench.placed("a", ASKED).await;
    bench.engine.release("a", Cause::HungUp).await.unwrap();
    assert!(is_new(&bench.admit(application("b", 1)).await));
    bench.engine.suspect("b").await.unwrap();
    // It is the call of before, ended or not.
    assert!(!bench.engine.attach("b", "pbx-a", NOW).await.unwrap());
    assert_eq!(bench.lease("b").await.state(), "unknown");
}

async fn s5_a_tombstone_takes_no_evidence(bench: Bench) {
    bench.placed("a", ASKED).await;
    assert!(
        bench
            .engine
            .release_as("a", Cause::HungUp, Some("busy"))
            .await
            .unwrap()
    );
    bench.pass(1);
    assert!(!bench.witness("a", Evidence::Answered).await);
    assert_eq!(bench.missing(&["a"]).await, [""; 0]);
    assert!(!bench.engine.release("a", Cause::Stopped).await.unwrap());
    assert_eq!(bench.live().await, [""; 0]);
}

fn external(call: &str, backend_call_id: &str) -> External {
    External {
        call: call.to_owned(),
        tenant: "acme".to_owned(),
        owner: ANN.to_owned(),
        backend: "store".to_owned(),
        backend_call_id: backend_call_id.to_owned(),
        number: "201".to_owned(),
        line: Some("200".to_owned()),
        direction: "in",
        evidence: LISTED,
        terms: ASKED,
    }
}

async fn s7_a_call_of_the_backend_is_adopted_once_and_counts(bench: Bench) {
    assert!(is_new(&bench.admit(application("a", 1)).await));
    let adopted = bench.engine.adopt(external("x", "pbx-x")).await.unwrap();
    let Admitted::New(lease) = adopted else {
        panic!("not adopted");
    };
    assert_eq!((lease.external, lease.state()), (1, "active"));
    assert_eq!(bench.live().await, ["a", "x"]);
    let again = bench.engine.adopt(external("y", "pbx-x")).await.unwrap();
    assert!(matches!(again, Admitted::Before(lease) if lease.id == "x"));
    assert!(is_refused(&bench.admit(application("b", 2)).await));
    bench.engine.release("x", Cause::HungUp).await.unwrap();
    // The tombstone refuses it.
    let late = bench.engine.adopt(external("z", "pbx-x")).await.unwrap();
    assert!(matches!(late, Admitted::Before(lease) if lease.id == "x"));
    assert_eq!(bench.live().await, ["a"]);
}

async fn s14_within_the_window_the_same_number_is_the_same_call(bench: Bench) {
    let again = |call: &str| Application {
        window: 10_000,
        ..application(call, 9)
    };
    assert!(is_new(&bench.admit(again("a")).await));
    bench.pass(9_999);
    let answer = bench.admit(again("b")).await;
    assert!(matches!(answer, Ok(Admitted::Before(lease)) if lease.id == "a"));
    let other = Application {
        number: "201".to_owned(),
        ..again("c")
    };
    assert!(is_new(&bench.admit(other).await));
    let emergency = Application {
        emergency: true,
        ..again("d")
    };
    assert!(is_new(&bench.admit(emergency).await));
    bench.pass(10_000);
    assert!(is_new(&bench.admit(again("e")).await));
}

async fn s14_the_window_answers_with_no_call_that_never_rang_or_that_its_owner_ended(bench: Bench) {
    for (call, cause) in [
        ("a", Cause::Refused),
        ("b", Cause::Unreachable),
        ("c", Cause::Stopped),
    ] {
        let again = Application {
            window: 10_000,
            ..application(call, 9)
        };
        assert!(is_new(&bench.admit(again).await), "{call}");
        bench.engine.release(call, cause).await.unwrap();
    }
}

/// The contract, run for one engine.
macro_rules! contract {
    ($engine:ident: $($test:ident)*) => {
        mod $engine {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test(super::Bench::$engine().await).await;
                }
            )*
        }
    };
}

/// What every engine must do.
macro_rules! engines {
    ($($engine:ident)*) => {
        $(
            contract! { $engine:
                s1_a_second_release_frees_no_second_slot
                s1_what_was_never_admitted_cannot_be_released
                s2_exactly_the_free_slots_are_given
                s2_two_processes_share_one_limit
                s2_owners_do_not_share_slots
                s2_one_limit_counts_over_all_clients
                s3_a_lease_is_seen_by_others_once_it_is_admitted
                s4_an_unknown_outcome_holds_the_slot
                s4_evidence_makes_an_unknown_call_active
                s4_calls_that_are_left_half_placed_become_unknown
                s4_an_unknown_call_that_is_found_is_active
                s4_one_call_of_the_backend_is_one_call_here
                s5_what_ended_stays_ended
                s5_a_tombstone_takes_no_evidence
                s6_a_lease_that_is_over_is_not_counted_and_is_swept_once
                s6_another_admission_renews_no_lease
                s6_evidence_renews_a_lease_and_is_told_once
                s6_late_evidence_shortens_nothing
                s6_no_evidence_outlasts_the_cap
                s6_a_call_that_nobody_answers_ends_with_the_ring_timeout
                s6_leases_of_a_backend_that_cannot_be_asked_last_for_so_long_alone
                s6_who_alone_cannot_be_asked_for_freezes_alone
                s6_a_backend_that_can_be_asked_again_thaws_its_leases
                s6_a_lease_that_was_not_renewed_is_held_until_the_backend_was_blind_for_too_long
                s7_a_call_that_two_lists_miss_ends_as_of_the_first
                s7_a_call_that_is_seen_in_between_was_not_missed
                s7_a_list_that_was_begun_before_the_lease_misses_nothing
                s7_a_call_that_is_still_being_placed_is_not_missed
                s7_a_call_of_the_backend_is_adopted_once_and_counts
                s9_a_lower_limit_ends_nothing_and_admits_nothing_until_below
                s10_emergency_calls_are_always_admitted_and_counted
                s12_a_lease_shows_all_that_an_administrator_needs
                s13_a_refusal_names_the_limit_and_the_calls_that_fill_it
                s14_a_retry_is_the_same_call_though_no_slot_is_free
                s14_a_retry_after_the_end_starts_no_second_call
                s14_one_key_at_once_is_one_call_at_any_gateway
                s14_a_key_with_another_number_is_refused
                s14_a_key_belongs_to_its_owner_and_client
                s14_a_refused_application_leaves_its_key_free
                s14_within_the_window_the_same_number_is_the_same_call
                s14_the_window_answers_with_no_call_that_never_rang_or_that_its_owner_ended
            }
        )*
    };
}

engines! { local sqlite }

/// What those must do besides that are durable.
mod durable {
    #[tokio::test]
    async fn s8_leases_outlive_the_process_and_count_at_once() {
        super::s8_leases_outlive_the_process_and_count_at_once(super::Bench::sqlite().await).await;
    }
}
