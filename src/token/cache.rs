//! The cache of token facts, safe against a revocation in any interleaving with a fill.

use super::{Facts, Feed, TokenHash, Watch};
use crate::clock::{EpochMs, millis};
use crate::secret;
use crate::storage::revocations::Kind;
use moka::sync::Cache;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Tokens whose facts are kept.
    pub capacity: u64,
    /// How long facts are kept at the most; jittered by a tenth.
    #[serde(with = "humantime_serde")]
    pub lifetime: Duration,
    /// Unknown tokens that are remembered as such.
    pub negative_capacity: u64,
    #[serde(with = "humantime_serde")]
    pub negative_lifetime: Duration,
    /// A hit counts only while the revocations were read this lately.
    #[serde(with = "humantime_serde")]
    pub max_stale: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            capacity: 1_000_000,
            lifetime: Duration::from_mins(1),
            negative_capacity: 10_000,
            negative_lifetime: Duration::from_secs(5),
            max_stale: Duration::from_secs(30),
        }
    }
}

/// The feed forgets revocations after a day: no facts may be kept for so long.
const LONGEST: Duration = Duration::from_hours(12);

/// How long facts count.
#[derive(Debug, Clone)]
pub enum Keeping {
    /// As long as the settings say: those of our own tokens.
    Settings,
    /// As long as the settings of their source say.
    Source {
        lifetime: Duration,
        /// Past it, while the source cannot be asked.
        stale_if_error: Duration,
    },
    /// The same, of a source that tells what it ends: while it does not, for a shorter time.
    Watched {
        lifetime: Duration,
        unwatched_lifetime: Duration,
        stale_if_error: Duration,
        watch: Arc<Watch>,
    },
}

/// What the cache knows about a token.
#[derive(Debug)]
pub enum Lookup {
    Hit(Arc<Facts>),
    /// Their time is over, but they may be used while their source cannot be asked.
    Stale(Arc<Facts>),
    /// The store was asked lately and did not know the token.
    Unknown,
    Miss,
}

#[derive(Debug)]
pub struct FactCache {
    facts: Cache<TokenHash, Kept>,
    unknown: Cache<TokenHash, ()>,
    feed: Arc<Feed>,
    lifetime: Duration,
    max_stale: EpochMs,
}

/// Facts, and how long they count.
#[derive(Debug, Clone)]
struct Kept {
    facts: Arc<Facts>,
    fresh_until: EpochMs,
    stale_until: EpochMs,
    /// After which the cache drops them, whatever the clock says.
    dropped_after: Duration,
    /// For those of a source that tells what it ends.
    line: Option<Arc<Line>>,
}

/// How long facts count when their source does not tell any more what it ends.
#[derive(Debug)]
struct Line {
    watch: Arc<Watch>,
    asked_at: EpochMs,
    fresh: EpochMs,
    stale: EpochMs,
}

impl Kept {
    /// Until when they are fresh, and may be used.
    fn ends(&self, now: EpochMs) -> (EpochMs, EpochMs) {
        let ends = (self.fresh_until, self.stale_until);
        let Some(line) = &self.line else {
            return ends;
        };
        let told = line.watch.told_until(line.asked_at, now);
        if told >= now {
            return ends;
        }
        let fresh = told.saturating_add(line.fresh);
        let stale = fresh.saturating_add(line.stale);
        (ends.0.min(fresh), ends.1.min(stale))
    }
}

impl FactCache {
    pub fn new(settings: &Settings, feed: Arc<Feed>) -> Self {
        Self {
            facts: Cache::builder()
                .max_capacity(settings.capacity)
                .expire_after(Each)
                .build(),
            unknown: Cache::builder()
                .max_capacity(settings.negative_capacity)
                .time_to_live(settings.negative_lifetime.min(Duration::from_secs(5)))
                .build(),
            feed,
            lifetime: settings.lifetime.min(LONGEST),
            max_stale: millis(settings.max_stale),
        }
    }

    /// Looks a token up. Facts that a revocation may have ended are a miss; whether the token has expired is
    /// for the caller to see.
    pub fn find(&self, token: &TokenHash, now: EpochMs) -> Lookup {
        let Some(kept) = self.facts.get(token) else {
            return self.find_unknown(token);
        };
        if self.feed.age(now) > self.max_stale || !self.is_current(token, &kept.facts) {
            return Lookup::Miss;
        }
        let (fresh_until, stale_until) = kept.ends(now);
        if now < fresh_until {
            return Lookup::Hit(kept.facts);
        }
        if now < stale_until {
            return Lookup::Stale(kept.facts);
        }
        Lookup::Miss
    }

    /// Keeps facts that their source told at `now`. `None` when a revocation came between: what was told may no
    /// longer be so, and only the source knows.
    pub fn insert(
        &self,
        token: TokenHash,
        facts: Facts,
        keeping: &Keeping,
        now: EpochMs,
    ) -> Option<Arc<Facts>> {
        self.put(token, facts, keeping, now).confirm()
    }

    /// Keeps facts, to be confirmed: a revocation may have come while they were told.
    pub fn put(
        &self,
        token: TokenHash,
        facts: Facts,
        keeping: &Keeping,
        now: EpochMs,
    ) -> Unconfirmed<'_> {
        let facts = Arc::new(facts);
        let kept = self.kept(Arc::clone(&facts), keeping, now);
        self.facts.insert(token, kept);
        Unconfirmed {
            cache: self,
            token,
            facts,
        }
    }

    /// Remembers for a short while that the store does not know the token (any more).
    pub fn insert_unknown(&self, token: TokenHash) {
        self.unknown.insert(token, ());
        // Else the outdated facts would send every request with this token to the store.
        self.facts.invalidate(&token);
    }

    /// Whether no revocation after the facts were read names the token, its family, grant, user, client or tenant.
    pub fn is_current(&self, token: &TokenHash, facts: &Facts) -> bool {
        self.feed.upholds(&facts.position, |known| {
            let token = token.to_string();
            facts
                .keys()
                .chain([(Kind::Token, token.as_str())])
                .any(|(kind, subject)| self.feed.revoked_since(known, kind, subject))
        })
    }

    /// Drops one token, named as in the store. Its revocation must have been recorded in the feed.
    pub fn remove(&self, token: &str) {
        if let Some(token) = TokenHash::from_text(token) {
            self.facts.invalidate(&token);
        }
    }

    /// What the store knows is kept by the time that passes; what others know, by the clock that their `exp` is of, too.
    fn kept(&self, facts: Arc<Facts>, keeping: &Keeping, now: EpochMs) -> Kept {
        let (lifetime, stale, line) = match keeping {
            Keeping::Settings => {
                return Kept {
                    facts,
                    fresh_until: EpochMs::MAX,
                    stale_until: EpochMs::MAX,
                    dropped_after: jittered(self.lifetime),
                    line: None,
                };
            }
            Keeping::Source {
                lifetime,
                stale_if_error,
            } => (lifetime, stale_if_error, None),
            Keeping::Watched {
                lifetime,
                unwatched_lifetime,
                stale_if_error,
                watch,
            } => {
                let line = Line {
                    watch: Arc::clone(watch),
                    asked_at: now,
                    fresh: millis(jittered(*unwatched_lifetime)),
                    stale: millis(*stale_if_error),
                };
                (lifetime, stale_if_error, Some(Arc::new(line)))
            }
        };
        let lifetime = jittered((*lifetime).min(LONGEST));
        let dropped_after = lifetime + (*stale).min(LONGEST);
        let expires_at = facts.expires_at;
        Kept {
            facts,
            fresh_until: now.saturating_add(millis(lifetime)).min(expires_at),
            stale_until: now.saturating_add(millis(dropped_after)).min(expires_at),
            dropped_after,
            line,
        }
    }

    fn find_unknown(&self, token: &TokenHash) -> Lookup {
        if self.unknown.contains_key(token) {
            return Lookup::Unknown;
        }
        Lookup::Miss
    }
}

/// Facts in the cache that were not yet held against what was revoked while they were told.
#[must_use = "the facts may be outdated"]
pub struct Unconfirmed<'c> {
    cache: &'c FactCache,
    token: TokenHash,
    facts: Arc<Facts>,
}

impl Unconfirmed<'_> {
    /// The facts, unless a revocation came between; then they are dropped.
    ///
    /// Put first, look at the feed after: a revocation records first and removes after, so one of the two always sees
    /// the other.
    pub fn confirm(self) -> Option<Arc<Facts>> {
        if self.cache.is_current(&self.token, &self.facts) {
            return Some(self.facts);
        }
        self.cache.facts.invalidate(&self.token);
        None
    }
}

/// Each entry ends when it says so.
struct Each;

impl moka::Expiry<TokenHash, Kept> for Each {
    fn expire_after_create(&self, _: &TokenHash, kept: &Kept, _: Instant) -> Option<Duration> {
        Some(kept.dropped_after)
    }

    fn expire_after_update(
        &self,
        _: &TokenHash,
        kept: &Kept,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.dropped_after)
    }
}

/// Spreads the end of entries by a tenth either way, so that what was filled together is not refilled together.
fn jittered(lifetime: Duration) -> Duration {
    let [byte] = secret::random::<1>();
    let tenth = lifetime / 10;
    lifetime.saturating_sub(tenth) + (tenth * 2 / 255) * u32::from(byte)
}
