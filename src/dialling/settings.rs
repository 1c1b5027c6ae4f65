//! Which numbers may be rung where nobody says otherwise: the `[dialling]` section.

use super::prefix::{Prefix, longest};
use super::rules::RuleSet;
use crate::number::{Class, LineType, Number};
use serde::Deserialize;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where numbers begin that cost extra though the numbering plans do not tell.
    pub premium: Vec<Prefix>,
    /// Where numbers begin that cost nothing extra though the numbering plans tell so.
    pub not_premium: Vec<Prefix>,
    /// The rules of all who have none of their own, and whose tenant has none.
    pub rules: RuleSet,
}

impl Settings {
    /// What a number is, by the numbering plans and what is said here; none of a short number.
    pub fn class_of(&self, number: &Number) -> Option<Class> {
        let class = number.class()?;
        let said = longest(self.premium.iter().chain(&self.not_premium), number);
        let line = match said {
            Some(prefix) if self.premium.contains(prefix) => LineType::PremiumRate,
            Some(_) if class.line == LineType::PremiumRate => LineType::FixedLine,
            _ => class.line,
        };
        Some(Class { line, ..class })
    }

    /// What cannot be used, each with its key.
    pub fn faults(&self) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        let both = self.premium.iter().find(|it| self.not_premium.contains(it));
        if let Some(prefix) = both {
            let why = format!("`{prefix}` is in `premium` as well: take it from one of the lists");
            faults.push(("not_premium".to_owned(), why));
        }
        for (key, list) in [
            ("premium", &self.premium),
            ("not_premium", &self.not_premium),
        ] {
            let short = list.iter().find(|prefix| prefix.is_short());
            faults.extend(short.map(|prefix| {
                let why = format!(
                    "`{prefix}` is no beginning of numbers outside, such as \"+39899\": what short numbers cost the telephone system alone knows"
                );
                (key.to_owned(), why)
            }));
        }
        let of_rules = self.rules.faults().into_iter();
        faults.extend(of_rules.map(|(key, why)| (format!("rules.{key}"), why)));
        faults
    }
}
