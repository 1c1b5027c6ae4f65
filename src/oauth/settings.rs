//! How long things last, and how often one may try: the `[oauth]` section.

use super::brand;
use crate::auth::password::Bounds;
use crate::replay::Keeper;
use crate::token::Algorithm;
use serde::{Deserialize, Deserializer, de};
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of the configuration by itself"
)]
pub struct Settings {
    /// An authorization code; ten minutes at the most (RFC 6749 §4.1.2).
    #[serde(deserialize_with = "code_lifetime")]
    pub code_lifetime: Duration,
    #[serde(with = "humantime_serde")]
    pub access_lifetime: Duration,
    /// An access token of the implicit flow, which nobody can take back from where it has leaked; an hour at the most.
    #[serde(deserialize_with = "implicit_lifetime")]
    pub implicit_lifetime: Duration,
    /// How long a refresh token may lie unused.
    #[serde(with = "humantime_serde")]
    pub refresh_lifetime: Duration,
    /// How long after the authorization the last refresh token ends, however often it was renewed.
    #[serde(with = "humantime_serde")]
    pub refresh_absolute: Duration,
    /// For so long, a refresh token that was used gives the same tokens once more, as the answer may have been lost.
    #[serde(with = "humantime_serde")]
    pub refresh_grace: Duration,
    /// How long a pushed authorization request waits for its user; ten minutes at the most (RFC 9126 §2.2).
    #[serde(deserialize_with = "par_lifetime")]
    pub par_lifetime: Duration,
    /// Requests that a client may push from one address in a window.
    pub par_limit: u32,
    /// Whether every client must push its authorization requests (RFC 9126 §5).
    pub require_pushed_authorization_requests: bool,
    /// How old a proof of possession may be, on arrival; ten minutes at the most (RFC 9449 §11.1).
    #[serde(deserialize_with = "dpop_window")]
    pub dpop_window: Duration,
    /// Whether a proof must contain a nonce of this server (RFC 9449 §8).
    pub dpop_nonce: bool,
    /// Who remembers the proofs that were used.
    pub dpop_replay: Keeper,
    /// How JWT access tokens are signed.
    pub signing_algorithm: Algorithm,
    /// How long a key signs; zero for ever.
    #[serde(with = "humantime_serde")]
    pub signing_key_lifetime: Duration,
    /// How long a key is published before it signs.
    #[serde(with = "humantime_serde")]
    pub signing_key_ahead: Duration,
    /// Whether a client's assertion may be for an endpoint's address in place of the issuer.
    pub assertion_for_endpoint: bool,
    /// How long a login lasts at the most.
    #[serde(with = "humantime_serde")]
    pub session_lifetime: Duration,
    /// How long a login lasts unused.
    #[serde(with = "humantime_serde")]
    pub session_idle: Duration,
    /// Wrong passwords for one account from one address, or from one browser that the user has logged in with, in a window.
    pub login_attempts: u32,
    /// Wrong passwords for one account from all other browsers, wherever they are, in a window.
    pub account_attempts: u32,
    /// Past that, these may try once in so long.
    #[serde(with = "humantime_serde")]
    pub account_pause: Duration,
    /// Wrong passwords, or guessed tokens of one client, from one address in a window.
    pub address_attempts: u32,
    #[serde(with = "humantime_serde")]
    pub attempt_window: Duration,
    /// Characters that a password must have which users choose for themselves.
    pub shortest_password: usize,
    /// Whether a user must have a second factor.
    pub second_factor: SecondFactor,
    /// The same for single tenants, by id.
    pub second_factor_of: BTreeMap<String, SecondFactor>,
    /// How long the audit log is kept.
    #[serde(with = "humantime_serde")]
    pub audit_retention: Duration,
    /// Passwords that are checked at once; 0 means as many as there are cores.
    pub password_workers: usize,
    /// Passwords that may wait for that; one more is refused.
    pub password_queue: usize,
    /// Whether devices may ask for tokens (RFC 8628).
    pub device: bool,
    /// How long a person has to enter a device's code.
    #[serde(deserialize_with = "device_lifetime")]
    pub device_lifetime: Duration,
    /// Requests of devices of one client from one address in a window.
    pub device_requests: u32,
    /// Devices of one client that wait for their users at once.
    pub device_pending: u32,
    /// Wrong device codes from one address, or in one login, in a window.
    pub device_code_attempts: u32,
    /// The names and logos that pages show, by tenant.
    pub brand: BTreeMap<String, brand::Settings>,
    /// Show at `/test` what a client would get back: for demonstrations on this machine alone.
    pub echo_client: bool,
}

/// Whether a password alone logs in who has set up nothing else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecondFactor {
    #[default]
    Optional,
    /// It does not: the user is led to set up a second factor.
    Required,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const LONGEST_CODE: Duration = Duration::from_secs(10 * MINUTE);
const LONGEST_PUSHED: Duration = Duration::from_secs(10 * MINUTE);
const LONGEST_WINDOW: Duration = Duration::from_secs(10 * MINUTE);
const LONGEST_IMPLICIT: Duration = Duration::from_secs(HOUR);
/// A person must find a keyboard in it, and an attacker has no longer (RFC 8628 §5.2, §6.1).
const SHORTEST_DEVICE: Duration = Duration::from_secs(10 * MINUTE);
const LONGEST_DEVICE: Duration = Duration::from_secs(30 * MINUTE);

impl Default for Settings {
    fn default() -> Self {
        Self {
            code_lifetime: Duration::from_secs(MINUTE),
            access_lifetime: Duration::from_secs(HOUR),
            implicit_lifetime: Duration::from_secs(10 * MINUTE),
            refresh_lifetime: Duration::from_secs(30 * DAY),
            refresh_absolute: Duration::from_secs(180 * DAY),
            refresh_grace: Duration::from_secs(10),
            par_lifetime: Duration::from_secs(MINUTE),
            par_limit: 6000,
            require_pushed_authorization_requests: false,
            dpop_window: Duration::from_secs(MINUTE),
            dpop_nonce: false,
            dpop_replay: Keeper::default(),
            signing_algorithm: Algorithm::default(),
            signing_key_lifetime: Duration::from_secs(90 * DAY),
            signing_key_ahead: Duration::from_secs(DAY),
            assertion_for_endpoint: false,
            session_lifetime: Duration::from_secs(12 * HOUR),
            session_idle: Duration::from_secs(HOUR),
            login_attempts: 10,
            account_attempts: 100,
            account_pause: Duration::from_secs(10),
            address_attempts: 100,
            attempt_window: Duration::from_secs(10 * MINUTE),
            shortest_password: 8,
            second_factor: SecondFactor::Optional,
            second_factor_of: BTreeMap::new(),
            audit_retention: Duration::from_secs(90 * DAY),
            password_workers: Bounds::default().workers,
            password_queue: Bounds::default().queue,
            device: true,
            device_lifetime: SHORTEST_DEVICE,
            device_requests: 60,
            device_pending: 1000,
            device_code_attempts: 6,
            brand: BTreeMap::new(),
            echo_client: false,
        }
    }
}

impl Settings {
    /// Whether the tenant's users must have a second factor.
    pub(super) fn requires_factor(&self, tenant: &str) -> bool {
        let of_tenant = self.second_factor_of.get(tenant);
        *of_tenant.unwrap_or(&self.second_factor) == SecondFactor::Required
    }

    /// How much work passwords may be.
    pub fn password_bounds(&self) -> Bounds {
        Bounds {
            workers: self.password_workers,
            queue: self.password_queue,
        }
    }

    /// How long a client may act after one consent.
    pub(super) fn grant_lasts(&self, renewable: bool) -> Duration {
        if renewable {
            self.refresh_absolute
        } else {
            self.access_lifetime
        }
    }
}

fn code_lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    at_most(LONGEST_CODE, deserializer)
}

fn par_lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    at_most(LONGEST_PUSHED, deserializer)
}

fn dpop_window<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    at_most(LONGEST_WINDOW, deserializer)
}

fn implicit_lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    at_most(LONGEST_IMPLICIT, deserializer)
}

fn device_lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let lifetime = at_most(LONGEST_DEVICE, deserializer)?;
    if lifetime >= SHORTEST_DEVICE {
        return Ok(lifetime);
    }
    let minutes = SHORTEST_DEVICE.as_secs() / MINUTE;
    Err(de::Error::custom(format!(
        "it must last {minutes} minutes at the least"
    )))
}

fn at_most<'de, D: Deserializer<'de>>(
    most: Duration,
    deserializer: D,
) -> Result<Duration, D::Error> {
    let lifetime: Duration = humantime_serde::deserialize(deserializer)?;
    if lifetime <= most {
        return Ok(lifetime);
    }
    let minutes = most.as_secs() / MINUTE;
    Err(de::Error::custom(format!(
        "it may last {minutes} minutes at the most"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_more_than_ten_minutes_is_refused() {
        let read = |text: &str| toml::from_str::<Settings>(text);
        assert!(read("code_lifetime = '10min'").is_ok());
        let error = read("code_lifetime = '601s'").unwrap_err().to_string();
        assert!(error.contains("10 minutes at the most"), "{error}");
    }

    #[test]
    fn h01_a_person_has_ten_to_thirty_minutes_for_a_devices_code() {
        let read = |text: &str| toml::from_str::<Settings>(text);
        for (text, right) in [
            ("9min", false),
            ("10min", true),
            ("30min", true),
            ("31min", false),
        ] {
            assert_eq!(
                read(&format!("device_lifetime = '{text}'")).is_ok(),
                right,
                "{text}"
            );
        }
    }
}
