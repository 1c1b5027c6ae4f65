//! How often one may try: passwords by account and address, secrets and codes by client and address (RFC 6819 §5.1.4.2.3).

use super::Settings;
use super::factor::FactorAttempts;
use crate::clock::EpochMs;
use crate::error::{Error, Result};
use crate::http::Peer;
use crate::metrics::Metrics;
use crate::throttle::{self, Key, Limited, Throttle};
use http::request::Parts;
use std::time::Duration;

/// The failed attempts of late. It outlives a version of the configuration.
#[derive(Debug)]
pub struct Attempts {
    metrics: Metrics,
    /// Wrong passwords by address.
    addresses: Throttle,
    /// By account and address.
    accounts: Throttle,
    /// By account and browser, for browsers that the user has logged in with before.
    browsers: Throttle,
    /// By account, from all other browsers wherever they are.
    everywhere: Throttle,
    /// What these may still try past that.
    slowed: Throttle,
    /// Guessed secrets, codes and tokens by client and address.
    clients: Throttle,
    /// The same by address, whatever clients are invented.
    guesses: Throttle,
    /// Pushed requests by client and address.
    pushes: Throttle,
    refusals: Throttle,
    elsewhere: Throttle,
    /// Wrong answers to the question for the second factor.
    pub(super) factors: FactorAttempts,
    /// Requests of devices by client and address.
    devices: Throttle,
    /// Wrong device codes by address, and by login.
    device_codes: Throttle,
    /// Polls that came too soon, by device.
    polls: Throttle,
    /// Pictures by address.
    drawings: Throttle,
}

/// Invented clients from one address: so many times what one client may guess from there.
const CLIENTS_OF_ADDRESS: u32 = 10;

/// Polls of one device that came too soon in a window: by then it would have to wait for minutes.
const TOO_SOON: u32 = 30;

impl Attempts {
    pub fn new(settings: &Settings, metrics: &Metrics) -> Self {
        let window = settings.attempt_window;
        let (own, of_address) = (settings.login_attempts, settings.address_attempts);
        let by = |limit: u32| Throttle::new(limit, window);
        Self {
            metrics: metrics.clone(),
            addresses: by(of_address),
            accounts: by(own),
            browsers: by(own),
            everywhere: by(settings.account_attempts),
            slowed: Throttle::new(1, settings.account_pause.max(Duration::from_secs(1))),
            clients: by(of_address),
            guesses: by(of_address.saturating_mul(CLIENTS_OF_ADDRESS)),
            pushes: by(settings.par_limit),
            refusals: by(of_address),
            elsewhere: by(of_address),
            devices: by(settings.device_requests),
            device_codes: by(settings.device_code_attempts),
            polls: by(TOO_SOON),
            drawings: by(of_address),
            factors: FactorAttempts::new(settings),
        }
    }

    /// Counts a login, before any work is done for it.
    ///
    /// A browser that the user has logged in with before counts for itself, so that an attack on the account, be it from the
    /// same address, keeps nobody out who has a browser.
    pub(super) fn login(&self, account: &Account<'_>, now: EpochMs) -> Result<Attempt<'_>> {
        let (tenant, username) = (account.tenant, account.username);
        let mut attempt = Attempt::default();
        if let Some(browser) = account.browser {
            let key = Key::of(&[tenant, username, browser]);
            self.count(&mut attempt, ("login_browser", &self.browsers, key), now)?;
            return Ok(attempt);
        }
        let own = Key::of(&[tenant, username, account.address]);
        let anywhere = Key::of(&[tenant, username]);
        // The address first: one that is blocked leaves no trace of the names it invents.
        let by_address = Key::of(&[account.address]);
        self.count(
            &mut attempt,
            ("login_address", &self.addresses, by_address),
            now,
        )?;
        self.count(&mut attempt, ("login_account", &self.accounts, own), now)?;
        let everywhere = if self.everywhere.check(anywhere, now).is_ok() {
            &self.everywhere
        } else {
            &self.slowed
        };
        self.count(
            &mut attempt,
            ("login_everywhere", everywhere, anywhere),
            now,
        )?;
        Ok(attempt)
    }

    /// Counts a login that begins at another provider: each is a row of the store for a while.
    pub(super) fn log_in_elsewhere(&self, address: &str, now: EpochMs) -> Result<()> {
        let counted = self.elsewhere.take(Key::of(&[address]), now);
        counted.map_err(|limited| self.limited("login_elsewhere", limited))
    }

    /// Counts one more, or takes back what was counted before.
    fn count<'a>(
        &self,
        attempt: &mut Attempt<'a>,
        (what, throttle, key): (&'static str, &'a Throttle, Key),
        now: EpochMs,
    ) -> Result<()> {
        if let Err(limited) = throttle.take(key, now) {
            attempt.take_back();
            return Err(self.limited(what, limited));
        }
        attempt.counted.push((throttle, key));
        Ok(())
    }

    /// Whether the client's credentials, codes and tokens are looked at.
    pub(super) fn check_client(&self, client: &str, address: &str, now: EpochMs) -> Result<()> {
        let by_address = self.guesses.check(Key::of(&[address]), now);
        by_address.map_err(|limited| self.limited("guesses_address", limited))?;
        let by_client = self.clients.check(Key::of(&[client, address]), now);
        by_client.map_err(|limited| self.limited("guesses_client", limited))
    }

    /// Counts a pushed request.
    pub(super) fn push(&self, client: &str, address: &str, now: EpochMs) -> Result<()> {
        let counted = self.pushes.take(Key::of(&[client, address]), now);
        counted.map_err(|limited| self.limited("pushed_request", limited))
    }

    /// Counts a wrong secret, or a code or token that never was.
    pub(super) fn count_guess(&self, client: &str, address: &str, now: EpochMs) {
        // Past the limit there is nothing left to count.
        self.clients.take(Key::of(&[client, address]), now).ok();
        self.guesses.take(Key::of(&[address]), now).ok();
    }

    /// Whether another refusal of a client is stored: a flood of them must fill no disk.
    pub(super) fn is_worth_a_row(&self, address: &str, now: EpochMs) -> bool {
        self.refusals.take(Key::of(&[address]), now).is_ok()
    }

    /// Counts a device's request for codes: each is a row.
    pub(super) fn device_request(&self, client: &str, address: &str, now: EpochMs) -> Result<()> {
        let counted = self.devices.take(Key::of(&[client, address]), now);
        counted.map_err(|limited| self.limited("device_request", limited))
    }

    /// The client has as many devices that wait as it may have, wherever they are.
    pub(super) fn too_many_devices(&self) -> Error {
        self.limited("device_pending", Limited { seconds: 60 })
    }

    /// Counts a device's code as if it were wrong, by where it was typed and by whom, if somebody is logged in.
    pub(super) fn device_code(
        &self,
        address: &str,
        session: Option<&str>,
        now: EpochMs,
    ) -> Result<Attempt<'_>> {
        let mut attempt = Attempt::default();
        let keys = [
            Some(("address", address)),
            session.map(|hash| ("session", hash)),
        ];
        for (kind, name) in keys.into_iter().flatten() {
            let key = Key::of(&[kind, name]);
            self.count(&mut attempt, ("device_code", &self.device_codes, key), now)?;
        }
        Ok(attempt)
    }

    /// Whether the device has not polled too soon all too often.
    pub(super) fn check_poll(&self, device: &str, now: EpochMs) -> Result<()> {
        let checked = self.polls.check(Key::of(&[device]), now);
        checked.map_err(|limited| self.limited("device_poll", limited))
    }

    /// Counts a poll that came too soon.
    pub(super) fn count_poll(&self, device: &str, now: EpochMs) {
        self.polls.take(Key::of(&[device]), now).ok();
    }

    /// Counts a picture, which costs some work.
    pub(super) fn drawing(&self, address: &str, now: EpochMs) -> Result<()> {
        let counted = self.drawings.take(Key::of(&[address]), now);
        counted.map_err(|limited| self.limited("device_qr", limited))
    }

    /// Counts a refusal.
    pub(super) fn limited(&self, what: &'static str, limited: Limited) -> Error {
        self.metrics.throttled(what);
        Error::TooManyAttempts {
            seconds: limited.seconds,
        }
    }
}

/// Whose password is tried, and from where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account<'a> {
    pub(super) tenant: &'a str,
    pub(super) username: &'a str,
    /// As of [`address`].
    pub(super) address: &'a str,
    /// The browser, if the user has logged in with it before.
    pub(super) browser: Option<&'a str>,
}

/// What was counted as if it failed.
#[derive(Debug, Default)]
pub(super) struct Attempt<'a> {
    counted: Vec<(&'a Throttle, Key)>,
}

impl Attempt<'_> {
    /// What failed before, from here, was the same person's.
    pub(super) fn succeeded(mut self, attempts: &Attempts) {
        for (throttle, key) in &self.counted {
            let is_own = [&attempts.accounts, &attempts.browsers]
                .iter()
                .any(|own| std::ptr::eq(*own, *throttle));
            if is_own {
                throttle.forget(*key);
            }
        }
        self.take_back();
    }

    /// As if it had not been made.
    pub(super) fn take_back(&mut self) {
        for (throttle, key) in self.counted.drain(..) {
            throttle.give_back(key);
        }
    }
}

/// Whom attempts of this request are counted for.
pub(super) fn address(head: &Parts) -> String {
    let peer = head.extensions.get::<Peer>();
    throttle::source(peer.and_then(|Peer(address)| *address))
}
