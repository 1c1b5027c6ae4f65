//! Partial changes: of each field whether it stays, goes, or becomes something else (RFC 7396).

use crate::clock::EpochMs;
use serde::{Deserialize, Deserializer};
use std::str::FromStr;

/// What is to become of a field that may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It was not mentioned.
    #[default]
    Keep,
    /// `null`, or `none` on the command line.
    Clear,
    Set(T),
}

impl<T> Change<T> {
    pub fn apply<U: From<T>>(self, field: &mut Option<U>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value.into()),
        }
    }

    /// The same change, of another type.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Self::Keep => Change::Keep,
            Self::Clear => Change::Clear,
            Self::Set(value) => Change::Set(map(value)),
        }
    }

    /// As [`Change::map`], where the new value may be refused.
    pub fn try_map<U, E>(self, map: impl FnOnce(T) -> Result<U, E>) -> Result<Change<U>, E> {
        Ok(match self {
            Self::Keep => Change::Keep,
            Self::Clear => Change::Clear,
            Self::Set(value) => Change::Set(map(value)?),
        })
    }

    /// The value that is to be set, if one is.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Option::deserialize(deserializer)?;
        Ok(value.map_or(Self::Clear, Self::Set))
    }
}

/// As the command line writes it.
impl<T: FromStr> FromStr for Change<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        match text {
            "none" => Ok(Self::Clear),
            text => text.parse().map(Self::Set),
        }
    }
}

/// Reads a field that may be left out, but not `null`: it cannot be empty.
pub(super) fn given<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Sets `field` when there is a new value for it.
pub(super) fn replace<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// Enables or disables; what is disabled already keeps its time.
pub(super) fn enable(disabled_at: &mut Option<EpochMs>, enabled: Option<bool>, now: EpochMs) {
    match enabled {
        Some(true) => *disabled_at = None,
        Some(false) => *disabled_at = disabled_at.or(Some(now)),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    #[derive(Default)]
    struct Patch {
        limit: Change<u32>,
        #[serde(deserialize_with = "given")]
        name: Option<String>,
    }

    fn patch(text: &str) -> Result<Patch, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn left_out_null_and_a_value_are_three_things() {
        assert_eq!(patch("{}").unwrap().limit, Change::Keep);
        assert_eq!(patch(r#"{"limit":null}"#).unwrap().limit, Change::Clear);
        assert_eq!(patch(r#"{"limit":0}"#).unwrap().limit, Change::Set(0));
    }

    #[test]
    fn what_cannot_be_empty_takes_no_null() {
        assert_eq!(patch("{}").unwrap().name, None);
        assert!(patch(r#"{"name":null}"#).is_err());
    }

    #[test]
    fn the_command_line_clears_with_none() {
        assert_eq!("none".parse(), Ok(Change::<u32>::Clear));
        assert_eq!("3".parse(), Ok(Change::Set(3)));
        assert!("three".parse::<Change<u32>>().is_err());
    }

    #[test]
    fn what_is_disabled_twice_keeps_the_first_time() {
        let mut disabled_at = Some(5);
        enable(&mut disabled_at, Some(false), 9);
        assert_eq!(disabled_at, Some(5));
        enable(&mut disabled_at, Some(true), 9);
        assert_eq!(disabled_at, None);
    }
}
