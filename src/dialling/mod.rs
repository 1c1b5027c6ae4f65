//! Dialling rules: may this caller ring that number now? (docs/dialling.md)
//!
//! A caller's rules are those of the user (or of a client that acts for itself), else the tenant's, else the
//! configuration's. The policies that a token's scope names may narrow them, each by rules of its own.

mod hours;
mod prefix;
mod refusal;
mod rules;
mod settings;

pub use hours::{BadWindow, Window};
pub use prefix::{BadPrefix, Prefix};
pub use refusal::{Holder, Refusal, Rule};
pub use rules::{Pass, RuleSet};
pub use settings::Settings;

use crate::clock::EpochMs;
use crate::number::{Class, Number};
use crate::storage::dialling_rules::DiallingRules;
use crate::storage::{Result, Store};
use crate::token::Subject;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// The rules there are.
pub struct Dialling {
    pub store: Store,
    pub settings: Settings,
    /// Of tenants that have none of their own.
    pub time_zone: TimeZone,
}

/// Who wants to ring somebody, and as what.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    pub subject: &'a Subject,
    pub tenant: &'a str,
    /// The IANA name of the tenant's time zone.
    pub time_zone: Option<&'a str>,
    /// The names of the policies that the token was issued with.
    pub scope: &'a str,
}

/// What each set of rules that applies says of a number.
#[derive(Debug)]
pub struct Judgement {
    /// None of a short number.
    pub class: Option<Class>,
    /// The moment, as the tenant's clocks show it.
    pub at: Zoned,
    pub verdicts: Vec<(Holder, Result<Pass, Rule>)>,
}

impl Judgement {
    /// The first rule that refuses the number, if one does.
    pub fn refusal(&self) -> Option<Refusal> {
        let refused = |(holder, verdict): &(Holder, Result<Pass, Rule>)| {
            let rule = verdict.as_ref().err()?;
            Some(Refusal {
                holder: holder.clone(),
                rule: rule.clone(),
                zone: self.zone(),
            })
        };
        self.verdicts.iter().find_map(refused)
    }

    /// The time zone by its name.
    pub fn zone(&self) -> String {
        let name = self.at.time_zone().iana_name();
        name.unwrap_or("local time").to_owned()
    }
}

impl Dialling {
    /// What the rules say of a number that is rung at `now`. Emergency numbers are not to be asked about.
    pub async fn judge(
        &self,
        asker: Asker<'_>,
        number: &Number,
        now: EpochMs,
    ) -> Result<Judgement> {
        let stored = self.store.dialling_rules(&holders(asker)).await?;
        let class = self.settings.class_of(number);
        let at = self.local(asker.time_zone, now);
        let judge = |rules: Result<RuleSet, Rule>| rules?.judge(number, class, &at);
        let (holder, base) = self.base(asker, &stored);
        let mut verdicts = vec![(holder, judge(base))];
        for name in asker.scope.split_ascii_whitespace() {
            let holder = Holder::Policy(name.to_owned());
            if let Some(rules) = found(&stored, &holder) {
                verdicts.push((holder, judge(rules)));
            }
        }
        Ok(Judgement {
            class,
            at,
            verdicts,
        })
    }

    /// The caller's own rules, else the tenant's, else the configuration's.
    fn base(&self, asker: Asker<'_>, stored: &[DiallingRules]) -> (Holder, Result<RuleSet, Rule>) {
        let stored = personal(asker).find_map(|holder| {
            let rules = found(stored, &holder)?;
            Some((holder, rules))
        });
        stored.unwrap_or_else(|| (Holder::Configuration, Ok(self.settings.rules.clone())))
    }

    fn local(&self, time_zone: Option<&str>, now: EpochMs) -> Zoned {
        // Administration lets no other names in; one that this machine does not know is as good as none.
        let zone = time_zone.and_then(|name| TimeZone::get(name).ok());
        Timestamp::from_millisecond(now)
            .unwrap_or_default()
            .to_zoned(zone.unwrap_or_else(|| self.time_zone.clone()))
    }
}

/// Whose rules come first, and second.
fn personal(asker: Asker<'_>) -> impl Iterator<Item = Holder> {
    let own = match asker.subject {
        Subject::User(id) => Some(Holder::User(id.clone())),
        Subject::Client(id) => Some(Holder::Client(id.clone())),
        Subject::External(_) | Subject::Operator => None,
    };
    own.into_iter()
        .chain([Holder::Tenant(asker.tenant.to_owned())])
}

/// All whose rules may count.
fn holders(asker: Asker<'_>) -> Vec<String> {
    let policies = asker.scope.split_ascii_whitespace();
    let policies = policies.map(|name| Holder::Policy(name.to_owned()));
    let all = personal(asker).chain(policies);
    all.map(|holder| holder.to_string()).collect()
}

/// The rules that a holder has, if any.
fn found(stored: &[DiallingRules], holder: &Holder) -> Option<Result<RuleSet, Rule>> {
    let name = holder.to_string();
    let row = stored.iter().find(|row| row.holder == name)?;
    let rules = serde_json::from_str(&row.rules);
    if let Err(error) = &rules {
        tracing::error!(%error, holder = name, "dialling rules cannot be read: nothing is rung by them");
    }
    Some(rules.map_err(|_| Rule::Unreadable))
}
