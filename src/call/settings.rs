//! How calls are placed: the `[calls]` section.

use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, de};
use std::time::Duration;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Calls that a user may have at once, unless the user or the tenant has a limit.
    pub limit: u32,
    /// The `[[backend]]` that places calls, unless the user or the tenant has one.
    pub backend: String,
    /// How long a backend may take to place or end a call; past that the outcome is unknown.
    #[serde(with = "humantime_serde")]
    pub backend_timeout: Duration,
    /// How long a call may hold its slot at the most.
    #[serde(with = "humantime_serde")]
    pub max_duration: Duration,
    /// Numbers that are admitted whatever the limit says.
    pub emergency_numbers: Vec<String>,
    /// The IANA time zone of `start` and `end` in answers.
    #[serde(deserialize_with = "time_zone")]
    pub time_zone: TimeZone,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limit: 2,
            backend: "store".to_owned(),
            backend_timeout: Duration::from_secs(10),
            max_duration: Duration::from_hours(12),
            emergency_numbers: vec!["112".to_owned(), "911".to_owned()],
            time_zone: TimeZone::UTC,
        }
    }
}

fn time_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeZone, D::Error> {
    let name = String::deserialize(deserializer)?;
    TimeZone::get(&name).map_err(|_| {
        de::Error::custom(format!(
            "unknown time zone `{name}`: write it as `Europe/Rome`"
        ))
    })
}
