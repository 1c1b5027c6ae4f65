//! The filling of the cache and a revocation, step by step, in every order that is possible.

use async_trait::async_trait;
use callgate::access::Accesses;
use callgate::auth::vault::{Commons, Source, SourceError, Vault};
use callgate::auth::{AuthError, Carrier, Credential, Glance};
use callgate::clock::EpochMs;
use callgate::secret::Secret;
use callgate::storage::revocations::Kind;
use callgate::token::cache::{Keeping, Lookup, Settings, Unconfirmed};
use callgate::token::{FactCache, Facts, Feed, Subject, TokenHash};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Waker};
use std::thread::{self, JoinHandle};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Who fills the cache reads how far the feed has come,
    Position,
    /// whether the store knows the token,
    Read,
    /// keeps its facts if so,
    Insert,
    /// and looks at the feed again.
    Look,
    /// The store forgets the token,
    Commit,
    /// the feed learns of it,
    Record,
    /// and the cache drops it.
    Remove,
}

const FILL: [Step; 4] = [Step::Position, Step::Read, Step::Insert, Step::Look];
const LATE_POSITION: [Step; 4] = [Step::Read, Step::Position, Step::Insert, Step::Look];
const REVOKE: [Step; 3] = [Step::Commit, Step::Record, Step::Remove];

const KINDS: [Kind; 6] = [
    Kind::Token,
    Kind::Family,
    Kind::Grant,
    Kind::User,
    Kind::Client,
    Kind::Tenant,
];

/// A cache, the store behind it, one that fills it and one that revokes.
trait Design {
    fn take(&mut self, step: Step);

    /// Whether a request that begins now is let in. What the cache does not know, the store is asked for, which knows
    /// of the revocation.
    fn lets_in(&self) -> bool;
}

/// Whether, in this order, a request is let in that begins after the revocation has ended.
fn outlives(order: &[Step], mut design: impl Design) -> bool {
    let mut is_over = false;
    order.iter().any(|step| {
        design.take(*step);
        is_over |= *step == Step::Remove;
        is_over && design.lets_in()
    })
}

/// All orders of two sequences that keep the order within each.
fn merges<S: Copy>(left: &[S], right: &[S]) -> Vec<Vec<S>> {
    let (Some((first, left_rest)), Some((second, right_rest))) =
        (left.split_first(), right.split_first())
    else {
        return vec![[left, right].concat()];
    };
    let begin = |step: S, rest: Vec<Vec<S>>| {
        rest.into_iter()
            .map(move |rest| [vec![step], rest].concat())
    };
    let from_left = begin(*first, merges(left_rest, right));
    from_left
        .chain(begin(*second, merges(left, right_rest)))
        .collect()
}

/// callgate's own.
struct Ours<'c> {
    feed: &'c Feed,
    cache: &'c FactCache,
    token: TokenHash,
    revoked: Kind,
    store_knows: bool,
    position: u64,
    read: bool,
    put: Option<Unconfirmed<'c>>,
}

impl<'c> Ours<'c> {
    fn new(cache: &'c FactCache, feed: &'c Feed, revoked: Kind) -> Self {
        Self {
            feed,
            cache,
            token: TokenHash::of("the token"),
            revoked,
            store_knows: true,
            position: 0,
            read: false,
            put: None,
        }
    }
}

impl Design for Ours<'_> {
    fn take(&mut self, step: Step) {
        match step {
            Step::Position => self.position = self.feed.position(),
            Step::Read => self.read = self.store_knows,
            Step::Insert if self.read => {
                self.put =
                    Some(
                        self.cache
                            .put(self.token, facts(self.position), &Keeping::Settings, 0),
                    );
            }
            Step::Insert => self.cache.insert_unknown(self.token),
            Step::Look => drop(self.put.take().and_then(Unconfirmed::confirm)),
            Step::Commit => self.store_knows = false,
            Step::Record => self
                .feed
                .record(self.revoked, &subject(self.revoked, &self.token), 0),
            Step::Remove if self.revoked == Kind::Token => {
                self.cache.remove(&self.token.to_string());
            }
            Step::Remove => {}
        }
    }

    fn lets_in(&self) -> bool {
        matches!(self.cache.find(&self.token, 0), Lookup::Hit(_))
    }
}

/// What a revocation of this kind names, of the token below.
fn subject(kind: Kind, token: &TokenHash) -> String {
    match kind {
        Kind::Token => token.to_string(),
        Kind::Family => "family".to_owned(),
        Kind::Grant => "grant".to_owned(),
        Kind::User => "ann".to_owned(),
        Kind::Client => "crm".to_owned(),
        Kind::Tenant => "acme".to_owned(),
    }
}

fn facts(position: u64) -> Facts {
    Facts {
        origin: None,
        subject: Subject::User("ann".to_owned()),
        tenant: "acme".to_owned(),
        name: "ann".to_owned(),
        client: "crm".to_owned(),
        token_id: "id".to_owned(),
        family: "family".to_owned(),
        grant: Some("grant".to_owned()),
        scope: "call".to_owned(),
        accesses: Accesses::parse(Vec::<String>::new()),
        switches: String::new().into(),
        jkt: None,
        sunset_at: None,
        expires_at: i64::MAX,
        position: position.into(),
    }
}

fn cache() -> (FactCache, Arc<Feed>) {
    let feed = Arc::new(Feed::new(0));
    (
        FactCache::new(&Settings::default(), Arc::clone(&feed)),
        feed,
    )
}

fn outlives_ours(order: &[Step], revoked: Kind) -> bool {
    let (cache, feed) = cache();
    outlives(order, Ours::new(&cache, &feed, revoked))
}

/// What anybody would write first: moka's `get_with`, which lets one caller load, and `invalidate` when the token is
/// revoked. Whoever loads is a thread of its own, since a load is one call.
struct GetWith {
    cache: moka::sync::Cache<(), bool>,
    store_knows: Arc<AtomicBool>,
    steps: Sender<()>,
    done: Receiver<()>,
    loader: Option<JoinHandle<()>>,
}

impl GetWith {
    fn new() -> Self {
        let (cache, store_knows) = (moka::sync::Cache::new(9), Arc::new(AtomicBool::new(true)));
        let ((steps, step), (tell, done)) = (channel(), channel());
        let (filled, store) = (cache.clone(), Arc::clone(&store_knows));
        Self {
            cache,
            store_knows,
            steps,
            done,
            loader: Some(thread::spawn(move || load(&filled, &store, &step, &tell))),
        }
    }
}

/// Waits before each step, and tells when it is done.
fn load(
    cache: &moka::sync::Cache<(), bool>,
    store_knows: &AtomicBool,
    step: &Receiver<()>,
    tell: &Sender<()>,
) {
    let wait = || step.recv().unwrap();
    let done = || tell.send(()).unwrap();
    wait();
    cache.get_with((), || {
        done();
        wait();
        let read = store_knows.load(Ordering::SeqCst);
        done();
        wait();
        read
    });
    done();
    wait();
    done();
}

impl Design for GetWith {
    fn take(&mut self, step: Step) {
        match step {
            Step::Commit => self.store_knows.store(false, Ordering::SeqCst),
            Step::Remove => self.cache.invalidate(&()),
            // It has no feed.
            Step::Record => {}
            Step::Position | Step::Read | Step::Insert | Step::Look => {
                self.steps.send(()).unwrap();
                self.done.recv().unwrap();
            }
        }
    }

    fn lets_in(&self) -> bool {
        self.cache.get(&()).unwrap_or(false)
    }
}

impl Drop for GetWith {
    /// Lets the load come to its end: an order that failed was left where it did.
    fn drop(&mut self) {
        for _ in FILL {
            self.steps.send(()).unwrap_or_default();
        }
        drop(self.loader.take().map(JoinHandle::join));
    }
}

#[test]
fn no_token_outlives_its_revocation_in_any_of_the_35_orders_with_its_fill() {
    let orders = merges(&FILL, &REVOKE);
    assert_eq!(orders.len(), 35);
    for order in orders {
        for kind in KINDS {
            assert!(!outlives_ours(&order, kind), "{kind}: {order:?}");
        }
    }
}

#[test]
fn a_token_outlives_its_revocation_when_the_position_is_read_after_the_store() {
    let orders = merges(&LATE_POSITION, &REVOKE);
    for kind in KINDS {
        let failing = orders.iter().filter(|order| outlives_ours(order, kind));
        assert_ne!(failing.count(), 0, "{kind}");
    }
}

#[test]
fn a_token_outlives_its_revocation_with_get_with_and_invalidate() {
    let orders = merges(&FILL, &REVOKE);
    let failing = orders.iter();
    let failing: Vec<_> = failing
        .filter(|order| outlives(order, GetWith::new()))
        .collect();
    // That in which the store is read before the commit, and what was read is kept after the removal.
    let stale = |order: &&Vec<Step>| {
        let at = |step| order.iter().position(|found| *found == step);
        at(Step::Read) < at(Step::Commit) && at(Step::Remove) < at(Step::Insert)
    };
    assert_eq!(failing, orders.iter().filter(stale).collect::<Vec<_>>());
    assert_eq!(failing.len(), 1);
}

#[test]
fn a_token_whose_revocation_is_recorded_is_not_found_even_before_it_is_removed() {
    let (cache, feed) = cache();
    let token = TokenHash::of("the token");
    assert!(
        cache
            .insert(token, facts(0), &Keeping::Settings, 0)
            .is_some()
    );
    feed.record(Kind::Token, &token.to_string(), 0);
    assert!(matches!(cache.find(&token, 0), Lookup::Miss));
}

#[test]
fn a_revocation_of_another_leaves_a_token_in_the_cache() {
    let (cache, feed) = cache();
    let token = TokenHash::of("the token");
    assert!(
        cache
            .insert(token, facts(0), &Keeping::Settings, 0)
            .is_some()
    );
    feed.record(Kind::User, "bob", 0);
    feed.record(Kind::Client, "ann", 0);
    assert!(matches!(cache.find(&token, 0), Lookup::Hit(_)));
}

// Requests that join a look of others.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// A request comes, for which the source is asked: it sees whether the token is good,
    Ask,
    See,
    /// and tells.
    Tell,
    /// The token ends at its source,
    End,
    /// and the feed learns of it.
    Record,
    /// Another request comes.
    Join,
}

/// A source that takes its time, before and after it sees what is true.
#[derive(Clone)]
struct Slow {
    is_good: Arc<AtomicBool>,
    sees: Arc<Semaphore>,
    tells: Arc<Semaphore>,
}

#[async_trait]
impl Source for Slow {
    async fn look(
        &self,
        _: TokenHash,
        _: &Secret,
        _: EpochMs,
    ) -> Result<Option<Facts>, SourceError> {
        self.sees.acquire().await.unwrap().forget();
        let is_good = self.is_good.load(Ordering::SeqCst);
        self.tells.acquire().await.unwrap().forget();
        Ok(is_good.then(|| facts(0)))
    }
}

type Asking = Pin<Box<dyn Future<Output = Result<(), AuthError>>>>;

/// As an authenticator asks. It comes as far as it can without waiting.
fn ask(vault: &Arc<Vault>) -> Asking {
    let vault = Arc::clone(vault);
    let mut asking: Asking = Box::pin(async move {
        let credential = Credential {
            token: "the token".into(),
            carrier: Carrier::Authorization,
        };
        let hash = TokenHash::of("the token");
        let verdict = match vault.glance(&hash, &credential, 0) {
            Glance::Verdict(verdict) => verdict,
            _ => vault.ask(hash, &credential, 0).await,
        };
        verdict.1.map(drop)
    });
    // What it came to by then is told again when it is awaited: it waits for the look at least.
    let waits = asking
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    match waits {
        std::task::Poll::Ready(result) => Box::pin(async { result }),
        std::task::Poll::Pending => asking,
    }
}

/// Whether, in this order, a request is let in that came after the revocation had ended.
async fn lets_in_late(order: &[Turn], revoked: Kind) -> bool {
    let (cache, feed) = cache();
    let slow = Slow {
        is_good: Arc::new(AtomicBool::new(true)),
        sees: Arc::new(Semaphore::new(0)),
        tells: Arc::new(Semaphore::new(0)),
    };
    let commons = Commons {
        cache: Arc::new(cache),
        feed: Arc::clone(&feed),
        runtime: Handle::current(),
    };
    let vault = Vault::new(slow.clone(), Keeping::Settings, commons);
    let (mut early, mut late, mut is_over) = (Vec::new(), Vec::new(), false);
    for turn in order {
        match turn {
            Turn::Ask | Turn::Join if is_over => late.push(ask(&vault)),
            Turn::Ask | Turn::Join => early.push(ask(&vault)),
            Turn::See => slow.sees.add_permits(1),
            Turn::Tell => slow.tells.add_permits(1),
            Turn::End => slow.is_good.store(false, Ordering::SeqCst),
            Turn::Record => {
                let token = TokenHash::of("the token");
                feed.record(revoked, &subject(revoked, &token), 0);
                is_over = true;
            }
        }
        // The look goes on as far as it can; who waits for it sees nothing yet.
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
    }
    late.push(ask(&vault));
    slow.sees.add_permits(9);
    slow.tells.add_permits(9);
    for early in early {
        // It came before the end: either answer is right, but there is one.
        drop(early.await);
    }
    let mut let_in = false;
    for late in late {
        let_in |= late.await.is_ok();
    }
    let_in
}

#[tokio::test]
async fn no_request_that_comes_after_a_revocation_is_let_in_by_a_look_that_began_before() {
    let mut orders = Vec::new();
    for order in merges(
        &[Turn::Ask, Turn::See, Turn::Tell],
        &[Turn::End, Turn::Record],
    ) {
        orders.extend(merges(&order, &[Turn::Join]));
    }
    assert_eq!(orders.len(), 60);
    for order in orders {
        for kind in KINDS {
            assert!(!lets_in_late(&order, kind).await, "{kind}: {order:?}");
        }
    }
}
