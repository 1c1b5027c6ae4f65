//! How often one may try: wrong digests by user and address, and by address.
//!
//! Nothing is counted for a user wherever the attempts come from: so nobody keeps the right user out elsewhere. A
//! `digestPassword` is not guessed in a hundred attempts from each of many addresses if the password is any good.

use super::Settings;
use crate::clock::EpochMs;
use crate::metrics::Metrics;
use crate::throttle::{Key, Limited, Throttle};

/// The failures of late. It outlives a version of the configuration.
#[derive(Debug)]
pub struct Attempts {
    users: Throttle,
    addresses: Throttle,
    /// Failures that are worth a row of the audit log, though they are no guesses.
    rows: Throttle,
    salts: Throttle,
    metrics: Metrics,
}

/// Whose digest is tried, and from where (`throttle::source`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) domain: &'a str,
    pub(super) username: &'a str,
    pub(super) source: &'a str,
}

impl Attempts {
    pub fn new(settings: &Settings, metrics: &Metrics) -> Self {
        let by = |limit| Throttle::new(limit, settings.attempt_window);
        Self {
            users: by(settings.user_attempts),
            addresses: by(settings.address_attempts),
            rows: by(settings.address_attempts),
            salts: by(settings.salts),
            metrics: metrics.clone(),
        }
    }

    /// Whether the digest is looked at. Right ones do not count, however many come at once.
    pub(super) fn check(&self, attempt: Attempt<'_>, now: EpochMs) -> Result<(), Limited> {
        let by_address = self.addresses.check(attempt.by_address(), now);
        self.judged("digest_address", by_address)?;
        let by_user = self.users.check(attempt.by_user(), now);
        self.judged("digest_user", by_user)
    }

    /// Counts a wrong digest.
    pub(super) fn count(&self, attempt: Attempt<'_>, now: EpochMs) {
        // Past the limit there is nothing left to count.
        self.addresses.take(attempt.by_address(), now).ok();
        self.users.take(attempt.by_user(), now).ok();
    }

    /// Whether another replay from there is stored: a flood of them must fill no disk.
    pub(super) fn is_worth_a_row(&self, source: &str, now: EpochMs) -> bool {
        self.rows.take(Key::of(&[source]), now).is_ok()
    }

    /// Counts a salt that is asked for.
    pub fn salt(&self, source: &str, now: EpochMs) -> Result<(), Limited> {
        let counted = self.salts.take(Key::of(&[source]), now);
        self.judged("salt_address", counted)
    }

    fn judged(&self, what: &'static str, result: Result<(), Limited>) -> Result<(), Limited> {
        result.inspect_err(|_| self.metrics.throttled(what))
    }
}

impl Attempt<'_> {
    fn by_address(&self) -> Key {
        Key::of(&[self.source])
    }

    fn by_user(&self) -> Key {
        Key::of(&[self.domain, self.username, self.source])
    }
}
