//! How often one may try: passwords by account and address, secrets and codes by client and address (RFC 6819 §5.1.4.2.3).

use super::Settings;
use super::factor::FactorAttempts;
use crate::clock::EpochMs;
use crate::error::{Error, Result};
use crate::http::Peer;
use crate::secret;
use crate::throttle::{Limited, Throttle};
use http::request::Parts;
use std::net::IpAddr;

/// The failed attempts of late. It outlives a version of the configuration.
#[derive(Debug)]
pub struct Attempts {
    accounts: Throttle,
    addresses: Throttle,
    clients: Throttle,
    pushes: Throttle,
    refusals: Throttle,
    elsewhere: Throttle,
    /// Wrong answers to the question for the second factor.
    pub(super) factors: FactorAttempts,
}

impl Attempts {
    pub fn new(settings: &Settings) -> Self {
        let (of_address, window) = (settings.address_attempts, settings.attempt_window);
        Self {
            accounts: Throttle::new(settings.login_attempts, window),
            addresses: Throttle::new(of_address, window),
            clients: Throttle::new(of_address, window),
            pushes: Throttle::new(settings.par_limit, window),
            refusals: Throttle::new(of_address, window),
            elsewhere: Throttle::new(of_address, window),
            factors: FactorAttempts::new(settings),
        }
    }

    /// Counts a login, before any work is done for it.
    pub(super) fn login(
        &self,
        tenant: &str,
        username: &str,
        address: &str,
        now: EpochMs,
    ) -> Result<LoginAttempt<'_>> {
        let attempt = LoginAttempt {
            attempts: self,
            account: key(&[tenant, username, address]),
            address: address.to_owned(),
        };
        // The address first: one that is blocked leaves no trace of the names it invents.
        self.addresses.take(&attempt.address, now)?;
        self.accounts.take(&attempt.account, now)?;
        Ok(attempt)
    }

    /// Counts a login that begins at another provider: each is a row of the store for a while.
    pub(super) fn log_in_elsewhere(&self, address: &str, now: EpochMs) -> Result<()> {
        Ok(self.elsewhere.take(address, now)?)
    }

    /// Whether the client's credentials, codes and tokens are looked at.
    pub(super) fn check_client(&self, client: &str, address: &str, now: EpochMs) -> Result<()> {
        Ok(self.clients.check(&key(&[client, address]), now)?)
    }

    /// Whether another refusal of a client is stored: a flood of them must fill no disk.
    pub(super) fn is_worth_a_row(&self, address: &str, now: EpochMs) -> bool {
        self.refusals.take(address, now).is_ok()
    }

    /// Counts a pushed request.
    pub(super) fn push(&self, client: &str, address: &str, now: EpochMs) -> Result<()> {
        Ok(self.pushes.take(&key(&[client, address]), now)?)
    }

    /// Counts a wrong secret, or a code or token that never was.
    pub(super) fn count_guess(&self, client: &str, address: &str, now: EpochMs) {
        // Past the limit there is nothing left to count.
        self.clients.take(&key(&[client, address]), now).ok();
    }
}

/// A login that was counted as if it failed.
#[derive(Debug)]
pub(super) struct LoginAttempt<'a> {
    attempts: &'a Attempts,
    account: String,
    address: String,
}

impl LoginAttempt<'_> {
    pub(super) fn succeeded(self) {
        self.attempts.accounts.forget(&self.account);
        self.attempts.addresses.give_back(&self.address);
    }
}

/// Whom attempts are counted for: the address, or the network of 64 bits that one household has of IPv6.
pub(super) fn address(head: &Parts) -> String {
    let Some(Peer(Some(address))) = head.extensions.get::<Peer>() else {
        return "unknown".to_owned();
    };
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// A hash, so that a long name takes no more memory than a short one.
fn key(parts: &[&str]) -> String {
    secret::encode(&secret::sha256(parts.join("\n").as_bytes()))
}

impl From<Limited> for Error {
    fn from(limited: Limited) -> Self {
        Self::TooManyAttempts {
            seconds: limited.seconds,
        }
    }
}
