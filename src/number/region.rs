//! Countries and their numbering plans: which numbers there are, and how each country dials them.

use phonenumber::Metadata;
use phonenumber::country::Id;
use phonenumber::metadata::{DATABASE, Descriptor};
use serde::{Deserialize, Deserializer, de};
use std::fmt;
use std::str::FromStr;

/// E.164 §6: at most 15 digits, the country code included.
const MAX_E164: usize = 15;

/// A country with a numbering plan, by its ISO 3166 code: how national numbers are read.
#[derive(Clone, Copy)]
pub struct Region(&'static Metadata);

/// Why a text is not a [`Region`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a country with a numbering plan: use its two-letter ISO 3166 code, such as \"IT\"")]
pub struct UnknownRegion;

impl Region {
    /// The ISO 3166 code, such as `IT`.
    pub fn id(&self) -> &'static str {
        self.0.id()
    }

    /// `digits` without the prefix that dials abroad from here, such as 00.
    pub(super) fn strip_international_prefix(self, digits: &str) -> Option<&str> {
        let found = self.0.international_prefix()?.find(digits)?;
        digits.get(found.end()..).filter(|_| found.start() == 0)
    }

    /// The E.164 digits, country code first, of what is dialled as `digits` inside this country.
    pub(super) fn national(self, digits: &str) -> Option<String> {
        let code = self.0.country_code().to_string();
        // Some numbers begin with what elsewhere in the plan is a prefix, so the number as it stands comes first. The
        // country code comes last: it is a number in international form that has lost its +.
        let prefixes = [Some(""), self.0.national_prefix(), Some(code.as_str())];
        let readings = prefixes
            .into_iter()
            .flatten()
            .filter_map(|prefix| digits.strip_prefix(prefix));
        readings
            .map(|number| format!("{code}{number}"))
            .find(|digits| is_assigned(digits))
    }
}

impl FromStr for Region {
    type Err = UnknownRegion;

    fn from_str(text: &str) -> Result<Self, UnknownRegion> {
        // Through the enum: the table also knows groups that are not countries, such as "001".
        let id: Id = text.parse().map_err(|_| UnknownRegion)?;
        DATABASE.by_id(id.as_ref()).map(Self).ok_or(UnknownRegion)
    }
}

impl<'de> Deserialize<'de> for Region {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl PartialEq for Region {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Region {}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({self})")
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// Whether `digits`, country code first, are a number that some kind of line can have.
pub(super) fn is_assigned(digits: &str) -> bool {
    // Country codes have one to three digits, and none is the beginning of another (E.164 §6.2.1).
    let mut splits = (1..=3).filter_map(|length| digits.split_at_checked(length));
    digits.len() <= MAX_E164 && splits.any(|(code, number)| is_in_plan(code, number))
}

fn is_in_plan(country_code: &str, number: &str) -> bool {
    plans_of(country_code).any(|plan| has_kind(plan, number))
}

/// The plans that share a country code, the main one first.
pub(super) fn plans_of(country_code: &str) -> impl Iterator<Item = &'static Metadata> {
    let plans = country_code
        .parse()
        .ok()
        .and_then(|code: u16| DATABASE.by_code(&code));
    plans.unwrap_or_default().into_iter()
}

/// Whether the plan has such a number, without its country code.
pub(super) fn has_kind(plan: &Metadata, number: &str) -> bool {
    plan.descriptors().general().is_match(number) && kinds(plan).any(|kind| kind.is_match(number))
}

/// The kinds of lines that can be rung.
fn kinds(plan: &Metadata) -> impl Iterator<Item = &Descriptor> {
    let all = plan.descriptors();
    let kinds = [
        all.fixed_line(),
        all.mobile(),
        all.toll_free(),
        all.shared_cost(),
        all.premium_rate(),
        all.voip(),
        all.personal_number(),
        all.pager(),
        all.uan(),
        all.voicemail(),
    ];
    kinds.into_iter().flatten()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Every region there is.
    pub(in super::super) fn countries() -> Vec<Region> {
        let ids = DATABASE.iter().map(Metadata::id);
        ids.filter_map(|id| id.parse().ok()).collect()
    }

    #[test]
    fn every_example_of_the_numbering_plans_is_assigned() {
        let examples: Vec<_> = DATABASE
            .iter()
            .flat_map(|plan| {
                let examples = kinds(plan).filter_map(Descriptor::example);
                examples.map(|example| format!("{}{example}", plan.country_code()))
            })
            .collect();
        assert!(examples.len() > 1_000);
        let unknown: Vec<_> = examples
            .iter()
            .filter(|digits| !is_assigned(digits))
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    #[test]
    fn a_number_with_a_digit_more_or_less_is_not_assigned() {
        assert!(is_assigned("16502530000"));
        for digits in ["1650253000", "165025300000", "", "1", "0", "999123456789"] {
            assert!(!is_assigned(digits), "{digits}");
        }
    }

    #[test]
    fn a_region_is_a_country_code_of_the_configuration() {
        assert_eq!(
            serde_json::from_str::<Region>("\"IT\"").unwrap(),
            "IT".parse().unwrap()
        );
        for text in [
            "\"Italy\"",
            "\"it\"",
            "\"UK\"",
            "\"001\"",
            "\"AQ\"",
            "\"\"",
            "39",
        ] {
            assert!(serde_json::from_str::<Region>(text).is_err(), "{text}");
        }
    }
}
