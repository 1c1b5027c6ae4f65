//! A set of rules: which numbers may be rung, and when.

use super::hours::Window;
use super::prefix::{Prefix, longest};
use super::refusal::Rule;
use crate::number::{Class, Country, LineType, Number};
use jiff::Zoned;
use serde::{Deserialize, Serialize};

/// Rules as somebody writes them down. What is not said is as in [`RuleSet::default`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RuleSet {
    /// Short numbers alone: extensions and services of the telephone system.
    pub internal_only: bool,
    /// Where numbers that may be rung begin. What no list allows is refused, as soon as there is one.
    pub allow: Vec<Prefix>,
    /// Where numbers that may not be rung begin. Of the prefixes that fit a number, in both lists, the longest counts.
    pub refuse: Vec<Prefix>,
    /// Countries that may be rung: an allow list, like `allow`. A prefix that fits goes before them.
    pub countries: Vec<Country>,
    pub refuse_countries: Vec<Country>,
    /// Kinds of lines that may not be rung, whatever else allows the number.
    pub refuse_types: Vec<LineType>,
    /// When anything may be rung; always, if there is none.
    pub hours: Vec<Window>,
}

impl Default for RuleSet {
    /// What costs extra is refused until somebody says otherwise: it is where fraud earns its money.
    fn default() -> Self {
        Self {
            internal_only: false,
            allow: Vec::new(),
            refuse: Vec::new(),
            countries: Vec::new(),
            refuse_countries: Vec::new(),
            refuse_types: vec![LineType::PremiumRate, LineType::Satellite],
            hours: Vec::new(),
        }
    }
}

/// What lets a number through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pass {
    /// The longest prefix that fits is allowed.
    Prefix(Prefix),
    Country(Country),
    /// Nothing is said against it, and nothing has to be said for it.
    Unmentioned,
}

impl std::fmt::Display for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Prefix(prefix) => write!(f, "allow:{prefix}"),
            Self::Country(country) => write!(f, "countries:{country}"),
            Self::Unmentioned => f.write_str("nothing against it"),
        }
    }
}

/// Entries of a list, more than anybody can oversee.
const MOST: usize = 1000;

impl RuleSet {
    /// Whether the number may be rung at this moment, as the tenant's clocks show it.
    pub fn judge(&self, number: &Number, class: Option<Class>, at: &Zoned) -> Result<Pass, Rule> {
        if !self.hours.is_empty() && !self.hours.iter().any(|window| window.contains(at)) {
            return Err(Rule::Hours(self.hours.clone()));
        }
        match class {
            Some(class) => self.outside(number, class),
            None => self.short(number),
        }
    }

    fn outside(&self, number: &Number, class: Class) -> Result<Pass, Rule> {
        if self.internal_only {
            return Err(Rule::InternalOnly);
        }
        if self.refuse_types.contains(&class.line) {
            return Err(Rule::Type(class.line));
        }
        if let Some(verdict) = self.by_prefix(number) {
            return verdict;
        }
        if self.refuse_countries.contains(&class.country) {
            return Err(Rule::Country(class.country));
        }
        if self.countries.contains(&class.country) {
            return Ok(Pass::Country(class.country));
        }
        let has_list = !self.countries.is_empty() || self.allow.iter().any(|it| !it.is_short());
        Self::unmentioned(has_list)
    }

    fn short(&self, number: &Number) -> Result<Pass, Rule> {
        let has_list = self.allow.iter().any(Prefix::is_short);
        self.by_prefix(number)
            .unwrap_or_else(|| Self::unmentioned(has_list))
    }

    /// What the longest prefix says that fits.
    fn by_prefix(&self, number: &Number) -> Option<Result<Pass, Rule>> {
        let prefix = longest(self.allow.iter().chain(&self.refuse), number)?;
        // Of a prefix in both lists, which `faults` does not let happen, the refusal counts.
        Some(if self.refuse.contains(prefix) {
            Err(Rule::Prefix(prefix.clone()))
        } else {
            Ok(Pass::Prefix(prefix.clone()))
        })
    }

    const fn unmentioned(has_list: bool) -> Result<Pass, Rule> {
        if has_list {
            return Err(Rule::NotAllowed);
        }
        Ok(Pass::Unmentioned)
    }

    /// What contradicts itself, or does nothing: each with its key.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if let Some(prefix) = self.allow.iter().find(|it| self.refuse.contains(it)) {
            faults.push((
                "refuse",
                format!("`{prefix}` is allowed as well: take it from one of the lists"),
            ));
        }
        let twice = |it: &&Country| self.refuse_countries.contains(it);
        if let Some(country) = self.countries.iter().find(twice) {
            faults.push((
                "refuse_countries",
                format!("`{country}` is in `countries` as well: take it from one of the lists"),
            ));
        }
        if self.internal_only {
            faults.extend(self.pointless().map(|key| {
                let why = "it is about numbers outside, none of which `internal_only` leaves: take one of the two away";
                (key, why.to_owned())
            }));
        }
        let lists = [
            ("allow", self.allow.len()),
            ("refuse", self.refuse.len()),
            ("hours", self.hours.len()),
        ];
        let long = lists.into_iter().filter(|(_, length)| *length > MOST);
        faults.extend(long.map(|(key, _)| (key, format!("it has more than {MOST} entries"))));
        faults
    }

    /// What `internal_only` makes meaningless.
    fn pointless(&self) -> impl Iterator<Item = &'static str> {
        let outside = |list: &[Prefix]| list.iter().any(|prefix| !prefix.is_short());
        let keys = [
            ("allow", outside(&self.allow)),
            ("refuse", outside(&self.refuse)),
            ("countries", !self.countries.is_empty()),
            ("refuse_countries", !self.refuse_countries.is_empty()),
        ];
        keys.into_iter()
            .filter(|(_, given)| *given)
            .map(|(key, _)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn judge(rules: &RuleSet, number: &str) -> Result<Pass, Rule> {
        let number = Number::parse(number, &"IT".parse().unwrap()).unwrap();
        let at = jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
        rules.judge(&number, number.class(), &at)
    }

    proptest! {
        /// Against a reference that knows no lists: it looks at one digit fewer each time, from the whole number on.
        #[test]
        fn the_longest_prefix_wins_whatever_the_order(
            prefixes in vec(("\\+39(0|05|050|06|3|34|347)?[0-9]{0,3}", any::<bool>()), 0..12),
            number in "\\+39(050[0-9]{7}|06[0-9]{8}|347[0-9]{7})",
            seed in any::<u64>(),
        ) {
            let mut said: Vec<(Prefix, bool)> = Vec::new();
            for (text, allowed) in prefixes {
                let prefix: Prefix = text.parse().unwrap();
                if !said.iter().any(|(known, _)| *known == prefix) {
                    said.push((prefix, allowed));
                }
            }
            let expected = (1..=number.len()).rev().find_map(|length| {
                let known = said.iter().find(|(prefix, _)| number.get(..length) == Some(prefix.to_string().as_str()));
                known.map(|(_, allowed)| *allowed)
            });
            let allow_list = said.iter().any(|(_, allowed)| *allowed);
            let expected = expected.unwrap_or(!allow_list);
            let half = usize::try_from(seed % 13).unwrap().min(said.len());
            said.rotate_left(half);
            let of = |which: bool| {
                let list = said.iter().filter(move |(_, allowed)| *allowed == which);
                list.map(|(prefix, _)| prefix.clone()).collect()
            };
            let rules = RuleSet { allow: of(true), refuse: of(false), ..RuleSet::default() };
            prop_assert_eq!(rules.faults(), vec![]);
            prop_assert_eq!(judge(&rules, &number).is_ok(), expected, "{:?}", rules);
        }
    }

    #[test]
    fn a_set_that_contradicts_itself_is_told_with_its_key() {
        let rules = |text: &str| serde_json::from_str::<RuleSet>(text).unwrap();
        for (text, key) in [
            (r#"{"allow":["+39"],"refuse":["+3906","+39"]}"#, "refuse"),
            (
                r#"{"countries":["IT"],"refuse_countries":["IT"]}"#,
                "refuse_countries",
            ),
            (r#"{"internal_only":true,"allow":["2","+39"]}"#, "allow"),
            (r#"{"internal_only":true,"refuse":["+39"]}"#, "refuse"),
            (r#"{"internal_only":true,"countries":["IT"]}"#, "countries"),
        ] {
            let faults = rules(text).faults();
            assert_eq!(faults.len(), 1, "{text}");
            assert_eq!(faults[0].0, key, "{text}");
        }
        assert_eq!(
            rules(r#"{"internal_only":true,"allow":["2"]}"#).faults(),
            []
        );
    }

    #[test]
    fn what_is_not_said_is_refused_where_it_costs_extra() {
        let nothing: RuleSet = serde_json::from_str("{}").unwrap();
        assert_eq!(
            judge(&nothing, "+39892424"),
            Err(Rule::Type(LineType::PremiumRate))
        );
        assert_eq!(judge(&nothing, "+390501234567"), Ok(Pass::Unmentioned));
        let open: RuleSet = serde_json::from_str(r#"{"refuse_types":[]}"#).unwrap();
        assert_eq!(judge(&open, "+39892424"), Ok(Pass::Unmentioned));
    }
}
