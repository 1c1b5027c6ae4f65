//! The beginning of numbers: of the longest that fits, what is said of it counts.

use crate::number::Number;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// `+39050`, for numbers in E.164 form, or `2`, for short numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix(String);

/// Why a text is no [`Prefix`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not the beginning of numbers: write it as + and up to 15 digits, such as \"+39050\", or, of extensions and other \
     short numbers, as up to 6 digits, such as \"2\""
)]
pub struct BadPrefix;

/// E.164 §6: digits of a whole number.
const LONGEST: usize = 15;
const LONGEST_SHORT: usize = 6;

impl Prefix {
    /// Whether it is one of short numbers.
    pub fn is_short(&self) -> bool {
        !self.0.starts_with('+')
    }

    /// Whether the number begins so.
    pub fn fits(&self, number: &Number) -> bool {
        number.as_str().starts_with(&self.0)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// The longest of `prefixes` that the number begins with.
pub(super) fn longest<'p>(
    prefixes: impl IntoIterator<Item = &'p Prefix>,
    number: &Number,
) -> Option<&'p Prefix> {
    let fitting = prefixes.into_iter().filter(|prefix| prefix.fits(number));
    fitting.max_by_key(|prefix| prefix.len())
}

impl FromStr for Prefix {
    type Err = BadPrefix;

    fn from_str(text: &str) -> Result<Self, BadPrefix> {
        let (digits, longest) = match text.strip_prefix('+') {
            Some(digits) => (digits, LONGEST),
            None => (text, LONGEST_SHORT),
        };
        let good =
            (1..=longest).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        // E.164: no country code begins with 0.
        let good = good && !text.starts_with("+0");
        good.then(|| Self(text.to_owned())).ok_or(BadPrefix)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|error| de::Error::custom(format!("`{text}` is {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_plus_and_digits_or_a_few_digits() {
        for text in ["+1", "+39050", "+999999999999999", "2", "0", "112233"] {
            assert_eq!(
                text.parse::<Prefix>().map(|it| it.to_string()),
                Ok(text.into())
            );
        }
        for text in [
            "",
            "+",
            "+0",
            "++39",
            "39 050",
            "+39x",
            "1122334",
            "+1234567890123456",
        ] {
            assert_eq!(text.parse::<Prefix>(), Err(BadPrefix), "{text}");
        }
    }
}
