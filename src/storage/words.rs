//! A list of words in one TEXT column, separated by blanks, as OAuth writes scopes (RFC 6749 §3.3).

use serde::{Deserialize, Serialize};
use std::fmt;

/// Words without blanks in them, in the order given, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Words(Vec<String>);

impl Words {
    /// Splits a text at blanks.
    pub fn parse(text: &str) -> Self {
        text.split_ascii_whitespace().collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub fn contains(&self, word: &str) -> bool {
        self.iter().any(|known| known == word)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every word of this list is in `other`.
    pub fn all_in(&self, other: &Self) -> bool {
        self.iter().all(|word| other.contains(word))
    }
}

impl<S: AsRef<str>> FromIterator<S> for Words {
    fn from_iter<I: IntoIterator<Item = S>>(words: I) -> Self {
        let mut list = Self::default();
        for word in words {
            if !word.as_ref().is_empty() && !list.contains(word.as_ref()) {
                list.0.push(word.as_ref().to_owned());
            }
        }
        list
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl From<String> for Words {
    fn from(text: String) -> Self {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_once_and_in_order() {
        assert_eq!(Words::parse(" b a  b ").to_string(), "b a");
    }

    #[test]
    fn a_scope_within_another_is_all_in_it() {
        let wide = Words::parse("call admin");
        assert!(Words::parse("call").all_in(&wide));
        assert!(!Words::parse("call other").all_in(&wide));
    }
}
