//! What a digest may do, when it counts, and how often one may try: the `[digest]` section.

use crate::clock::millis;
use crate::kalliope::Window;
use crate::storage::Words;
use serde::{Deserialize, Deserializer, de};
use std::time::Duration;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The policies whose accesses a user has who logs in by the digest, unless the tenant says others.
    pub scope: Scope,
    /// How far `Created` may lie in the past; ten minutes at the most, as its nonce is remembered for so long.
    #[serde(deserialize_with = "side")]
    pub past: Duration,
    /// How far in the future, as clocks differ.
    #[serde(deserialize_with = "side")]
    pub future: Duration,
    /// Whether a digest counts only where nobody on the way could read it.
    pub require_tls: bool,
    /// Wrong digests for one user from one address in a window.
    pub user_attempts: u32,
    /// Wrong digests for anybody from one address in a window.
    pub address_attempts: u32,
    /// Salts that one address may ask for in a window.
    pub salts: u32,
    #[serde(with = "humantime_serde")]
    pub attempt_window: Duration,
}

/// Policies in one text, as OAuth writes scopes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Scope(pub Words);

impl From<String> for Scope {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

const MINUTE: u64 = 60;
const LONGEST: Duration = Duration::from_secs(10 * MINUTE);

impl Default for Settings {
    fn default() -> Self {
        Self {
            scope: Scope::default(),
            past: Duration::from_secs(5 * MINUTE),
            future: Duration::from_secs(5 * MINUTE),
            require_tls: true,
            user_attempts: 10,
            address_attempts: 100,
            salts: 100,
            attempt_window: Duration::from_secs(10 * MINUTE),
        }
    }
}

impl Settings {
    pub(super) fn window(&self) -> Window {
        Window {
            past: millis(self.past),
            future: millis(self.future),
        }
    }
}

fn side<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let side: Duration = humantime_serde::deserialize(deserializer)?;
    if side <= LONGEST {
        return Ok(side);
    }
    Err(de::Error::custom("it may be 10 minutes at the most"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_it_counts_when_the_vendor_counts_it_and_opens_nothing() {
        let settings = Settings::default();
        assert_eq!(settings.window(), Window::default());
        assert!(settings.require_tls && settings.scope.0.is_empty());
    }

    #[test]
    fn a_window_of_more_than_ten_minutes_either_way_is_refused() {
        let read = |text: &str| toml::from_str::<Settings>(text);
        assert!(read("past = '10min'\nfuture = '0s'").is_ok());
        for wrong in ["past = '601s'", "future = '601s'"] {
            assert!(read(wrong).unwrap_err().to_string().contains("10 minutes"));
        }
    }
}
