//! The facts of other issuers' credentials: when they are asked for, and how long what they said counts.

use crate::harness::NOW;
use async_trait::async_trait;
use callgate::access::Accesses;
use callgate::auth::vault::{Commons, Source, SourceError, Vault};
use callgate::auth::{AuthError, CacheState, Carrier, Credential, Glance, Principal};
use callgate::clock::EpochMs;
use callgate::secret::Secret;
use callgate::storage::revocations::Kind;
use callgate::token::cache::{Keeping, Settings};
use callgate::token::{External, FactCache, Facts, Feed, Subject, TokenHash, Watch};
use futures_util::future::join_all;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// A source that tests tell what to say.
#[derive(Clone)]
struct Told {
    answer: Arc<Mutex<Answer>>,
    asked: Arc<AtomicU64>,
    /// Each answer takes one of these.
    turns: Arc<Semaphore>,
}

#[derive(Clone, Copy)]
enum Answer {
    Good { expires_at: EpochMs },
    Bad,
    Away,
    Dies,
}

#[async_trait]
impl Source for Told {
    async fn look(
        &self,
        _: TokenHash,
        credential: &Secret,
        _: EpochMs,
    ) -> Result<Option<Facts>, SourceError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.turns.acquire().await.unwrap().forget();
        let answer = *self.answer.lock().unwrap();
        match answer {
            Answer::Good { expires_at } => Ok(Some(facts(credential.expose(), expires_at))),
            Answer::Bad => Ok(None),
            Answer::Away => Err(SourceError::issuer("away")),
            Answer::Dies => panic!("a bug of a source"),
        }
    }
}

fn facts(subject: &str, expires_at: EpochMs) -> Facts {
    Facts {
        subject: Subject::External(External::new("idp", subject)),
        tenant: "acme".to_owned(),
        name: subject.to_owned(),
        client: "external:idp:crm".to_owned(),
        token_id: "id".to_owned(),
        family: "external:idp:session".to_owned(),
        grant: None,
        scope: "call".to_owned(),
        accesses: Accesses::parse(["calls.#"]),
        switches: String::new().into(),
        jkt: None,
        sunset_at: None,
        expires_at,
        origin: None,
        position: 0.into(),
    }
}

const HOUR: EpochMs = 3_600_000;
const GOOD: Answer = Answer::Good {
    expires_at: NOW + HOUR,
};

struct Bench {
    told: Told,
    vault: Arc<Vault>,
    feed: Arc<Feed>,
}

impl Bench {
    fn new(lifetime: u64) -> Self {
        Self::with(Keeping::Source {
            lifetime: Duration::from_secs(lifetime),
            stale_if_error: Duration::from_secs(30),
        })
    }

    /// Of a source that tells what it ends; while it does not, what it said counts for ten seconds.
    fn watched(watch: &Arc<Watch>) -> Self {
        Self::with(Keeping::Watched {
            lifetime: Duration::from_hours(1),
            unwatched_lifetime: Duration::from_secs(10),
            stale_if_error: Duration::from_secs(30),
            watch: Arc::clone(watch),
        })
    }

    fn with(keeping: Keeping) -> Self {
        let told = Told {
            answer: Arc::new(Mutex::new(GOOD)),
            asked: Arc::default(),
            turns: Arc::new(Semaphore::new(1_000_000)),
        };
        let feed = Arc::new(Feed::new(NOW));
        let commons = Commons {
            cache: Arc::new(FactCache::new(&Settings::default(), Arc::clone(&feed))),
            feed: Arc::clone(&feed),
            runtime: Handle::current(),
        };
        let vault = Vault::new(told.clone(), keeping, commons);
        Self { told, vault, feed }
    }

    fn says(&self, answer: Answer) {
        *self.told.answer.lock().unwrap() = answer;
    }

    fn asked(&self) -> u64 {
        self.told.asked.load(Ordering::SeqCst)
    }

    /// As an authenticator asks: the cache, else the source.
    async fn ask(&self, token: &str, after: u64) -> (CacheState, Result<Principal, AuthError>) {
        let now = NOW + EpochMs::try_from(after).unwrap() * 1000;
        self.feed.mark_read(now);
        let credential = Credential {
            token: token.into(),
            carrier: Carrier::Authorization,
        };
        let hash = TokenHash::of(token);
        match self.vault.glance(&hash, &credential, now) {
            Glance::Verdict(verdict) => verdict,
            _ => self.vault.ask(hash, &credential, now).await,
        }
    }

    async fn state(&self, token: &str, after: u64) -> CacheState {
        let (state, result) = self.ask(token, after).await;
        result.unwrap();
        state
    }

    async fn error(&self, token: &str, after: u64) -> AuthError {
        self.ask(token, after).await.1.unwrap_err()
    }
}

#[tokio::test]
async fn what_a_source_said_counts_for_its_lifetime_and_no_longer() {
    let bench = Bench::new(60);
    assert_eq!(bench.state("t", 0).await, CacheState::Miss);
    // Jittered by a tenth.
    assert_eq!(bench.state("t", 53).await, CacheState::Hit);
    assert_eq!(bench.state("t", 67).await, CacheState::Miss);
    assert_eq!(bench.asked(), 2);
}

#[tokio::test]
async fn no_lifetime_outlives_the_expiry_of_the_credential() {
    let bench = Bench::new(600);
    bench.says(Answer::Good {
        expires_at: NOW + 10_000,
    });
    assert_eq!(bench.state("t", 9).await, CacheState::Miss);
    bench.says(Answer::Bad);
    assert!(matches!(bench.error("t", 10).await, AuthError::Invalid));
    assert_eq!(bench.asked(), 2);
}

#[tokio::test]
async fn m16_with_a_lifetime_of_nothing_the_source_is_asked_each_time() {
    let bench = Bench::new(0);
    for asked in 1..=3 {
        assert_eq!(bench.state("t", 0).await, CacheState::Miss);
        assert_eq!(bench.asked(), asked);
    }
}

#[tokio::test]
async fn while_the_source_is_away_what_it_said_lives_on_for_half_a_minute() {
    let bench = Bench::new(60);
    bench.state("t", 0).await;
    bench.says(Answer::Away);
    assert_eq!(bench.state("t", 53).await, CacheState::Hit);
    assert_eq!(bench.state("t", 67).await, CacheState::Stale);
    // 66 s at the most, and 30 s.
    let late = bench.error("t", 97).await;
    assert!(matches!(late, AuthError::Unavailable(_)), "{late}");
    let unknown = bench.error("another", 67).await;
    assert!(matches!(unknown, AuthError::Unavailable(_)), "{unknown}");
}

#[tokio::test]
async fn what_a_watched_source_said_counts_for_long_only_while_it_is_heard() {
    let watch = Arc::new(Watch::new(Duration::from_secs(30)));
    let at = |after: i64| NOW + after * 1000;
    let bench = Bench::watched(&watch);
    assert_eq!(bench.state("before", 0).await, CacheState::Miss);
    watch.begin(at(1));
    assert_eq!(bench.state("t", 1).await, CacheState::Miss);
    // What was asked for before the line stood is asked for again, once.
    assert_eq!(bench.state("before", 12).await, CacheState::Miss);
    for after in [20, 40, 60, 600] {
        watch.heard(at(after));
        assert_eq!(
            bench.state("t", u64::try_from(after).unwrap()).await,
            CacheState::Hit
        );
    }
    assert_eq!(bench.state("before", 600).await, CacheState::Hit);
    watch.lose();
    assert_eq!(bench.state("t", 608).await, CacheState::Hit);
    assert_eq!(bench.state("t", 612).await, CacheState::Miss);
    assert_eq!(bench.state("t", 624).await, CacheState::Miss);
}

#[tokio::test]
async fn a_watched_source_that_falls_silent_and_away_is_trusted_for_no_longer_than_another() {
    let watch = Arc::new(Watch::new(Duration::from_secs(30)));
    let bench = Bench::watched(&watch);
    watch.begin(NOW);
    bench.state("t", 0).await;
    bench.says(Answer::Away);
    assert_eq!(bench.state("t", 30).await, CacheState::Hit);
    // It was heard last at 0: ten seconds, and thirty more.
    assert_eq!(bench.state("t", 31).await, CacheState::Stale);
    assert!(bench.ask("t", 42).await.1.is_err());
}

#[tokio::test]
async fn a_source_that_says_no_ends_what_it_said_before() {
    let bench = Bench::new(60);
    bench.state("t", 0).await;
    bench.says(Answer::Bad);
    assert!(matches!(bench.error("t", 67).await, AuthError::Invalid));
    bench.says(Answer::Away);
    // It was told no: nothing stale is left.
    assert!(bench.ask("t", 67).await.1.is_err());
}

#[tokio::test]
async fn what_lives_on_while_the_source_is_away_still_expires_and_is_revoked() {
    for (kind, subject) in [
        (Kind::Tenant, "acme"),
        (Kind::Family, "external:idp:session"),
    ] {
        let bench = Bench::new(60);
        bench.state("t", 0).await;
        bench.says(Answer::Away);
        assert_eq!(bench.state("t", 67).await, CacheState::Stale);
        bench.feed.record(kind, subject, NOW);
        let revoked = bench.error("t", 67).await;
        assert!(matches!(revoked, AuthError::Unavailable(_)), "{revoked}");
    }
    let bench = Bench::new(60);
    bench.says(Answer::Good {
        expires_at: NOW + 70_000,
    });
    bench.state("t", 0).await;
    bench.says(Answer::Away);
    assert_eq!(bench.state("t", 69).await, CacheState::Stale);
    assert!(bench.ask("t", 70).await.1.is_err());
}

#[tokio::test]
async fn what_lives_on_needs_revocations_that_were_read_lately() {
    let bench = Bench::new(60);
    bench.state("t", 0).await;
    bench.says(Answer::Away);
    bench.feed.mark_read(NOW);
    let credential = Credential {
        token: "t".into(),
        carrier: Carrier::Authorization,
    };
    let (hash, now) = (TokenHash::of("t"), NOW + 67_000);
    let (_, result) = bench.vault.ask(hash, &credential, now).await;
    assert!(matches!(result, Err(AuthError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_clients_with_one_credential_make_one_look() {
    let bench = Bench::new(60);
    bench.told.turns.forget_permits(1_000_000);
    let asking = join_all((0..512).map(|_| bench.state("t", 0)));
    let answering = async {
        while bench.asked() == 0 {
            tokio::task::yield_now().await;
        }
        bench.told.turns.add_permits(1_000);
    };
    tokio::join!(asking, answering);
    assert_eq!(bench.asked(), 1);
}

#[tokio::test]
async fn a_revocation_while_the_source_is_asked_makes_it_be_asked_again() {
    let bench = Bench::new(60);
    bench.told.turns.forget_permits(1_000_000);
    let asking = bench.ask("t", 0);
    let revoking = async {
        while bench.asked() == 0 {
            tokio::task::yield_now().await;
        }
        bench.feed.record(Kind::Tenant, "acme", NOW);
        bench.told.turns.add_permits(1);
        while bench.asked() == 1 {
            tokio::task::yield_now().await;
        }
        bench.says(Answer::Bad);
        bench.told.turns.add_permits(1);
    };
    let ((_, result), ()) = tokio::join!(asking, revoking);
    assert!(matches!(result, Err(AuthError::Invalid)));
}

#[tokio::test]
async fn a_look_that_dies_is_told_as_an_outage_and_keeps_nobody_out() {
    let bench = Bench::new(60);
    bench.says(Answer::Dies);
    let error = bench.error("t", 0).await;
    assert!(matches!(error, AuthError::Unavailable(_)), "{error}");
    bench.says(GOOD);
    assert_eq!(bench.state("t", 0).await, CacheState::Miss);
}
