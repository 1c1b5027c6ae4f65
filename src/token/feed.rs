//! What has been revoked lately, so that no cache outlives it.

use super::position::{Known, Position};
use crate::clock::EpochMs;
use crate::storage::revocations::Kind;
use papaya::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The recent revocations of this process, each with its position in the order in which they came to be known.
///
/// A position is local: it orders events within this process. What other gateways revoke arrives through the
/// store's table and gets a position here like any other.
#[derive(Debug)]
pub struct Feed {
    position: Position,
    recent: [HashMap<Box<str>, Entry>; KINDS],
    /// The last position that was given, for whoever records.
    last: Mutex<u64>,
    read_at: AtomicI64,
}

const KINDS: usize = 6;

#[derive(Debug, Clone, Copy)]
struct Entry {
    position: u64,
    at: EpochMs,
}

impl Feed {
    pub fn new(now: EpochMs) -> Self {
        Self {
            position: Position::default(),
            recent: Default::default(),
            last: Mutex::new(0),
            read_at: AtomicI64::new(now),
        }
    }

    /// How far the feed has come. Read it *before* reading facts from the store.
    pub fn position(&self) -> u64 {
        self.position.now()
    }

    /// Records a revocation. Only then may caches drop what it names, so that a fill that is under way sees it.
    pub fn record(&self, kind: Kind, subject: &str, now: EpochMs) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.position.advance(&mut last, |position| {
            self.recent_of(kind)
                .pin()
                .insert(subject.into(), Entry { position, at: now });
        });
    }

    /// Whether facts that are known to hold up to a position hold up to now: `revoked_since` looks at what names them.
    pub fn upholds(&self, known: &Known, revoked_since: impl FnOnce(u64) -> bool) -> bool {
        self.position.upholds(known, revoked_since)
    }

    /// Whether `subject` was revoked after `position`.
    pub fn revoked_since(&self, position: u64, kind: Kind, subject: &str) -> bool {
        self.recent_of(kind)
            .pin()
            .get(subject)
            .is_some_and(|entry| entry.position > position)
    }

    /// Notes that the store's revocations were read to their end at `now`.
    pub fn mark_read(&self, now: EpochMs) {
        self.read_at.store(now, Ordering::SeqCst);
    }

    /// How long ago that was, in milliseconds.
    pub fn age(&self, now: EpochMs) -> EpochMs {
        now.saturating_sub(self.read_at.load(Ordering::SeqCst))
    }

    /// Forgets revocations from before `then`: no cached fact is older.
    pub fn prune(&self, then: EpochMs) {
        for recent in &self.recent {
            recent.pin().retain(|_, entry| entry.at >= then);
        }
    }

    fn recent_of(&self, kind: Kind) -> &HashMap<Box<str>, Entry> {
        let [token, family, grant, user, client, tenant] = &self.recent;
        match kind {
            Kind::Token => token,
            Kind::Family => family,
            Kind::Grant => grant,
            Kind::User => user,
            Kind::Client => client,
            Kind::Tenant => tenant,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_revoked_before_the_facts_were_read_does_not_touch_them() {
        let feed = Feed::new(0);
        feed.record(Kind::User, "ann", 0);
        let read = feed.position();
        assert!(!feed.revoked_since(read, Kind::User, "ann"));
        feed.record(Kind::User, "ann", 0);
        assert!(feed.revoked_since(read, Kind::User, "ann"));
    }

    #[test]
    fn kinds_have_name_spaces_of_their_own() {
        let feed = Feed::new(0);
        feed.record(Kind::Client, "ann", 0);
        assert!(!feed.revoked_since(0, Kind::User, "ann"));
    }

    #[test]
    fn old_revocations_are_forgotten() {
        let feed = Feed::new(0);
        feed.record(Kind::Token, "t", 10);
        feed.prune(11);
        assert!(!feed.revoked_since(0, Kind::Token, "t"));
    }
}
