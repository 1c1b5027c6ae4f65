//! Where a number leads, and what kind of line it rings: what dialling rules and bills ask.

use super::region::{has_kind, plans_of};
use super::{Number, Region};
use phonenumber::Metadata;
use phonenumber::metadata::{Descriptor, Descriptors};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;
use std::str::FromStr;

/// What the numbering plans say of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    pub country: Country,
    pub line: LineType,
}

/// A country by its ISO 3166 code, or `001`: networks that belong to none, such as satellites and premium services
/// of the whole world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country(&'static str);

/// Why a text is no [`Country`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a country: use its two-letter ISO 3166 code, such as \"IT\", or \"001\" for networks of no country"
)]
pub struct UnknownCountry;

/// What kind of line a number rings, as far as the numbering plans tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineType {
    PremiumRate,
    TollFree,
    SharedCost,
    Voip,
    PersonalNumber,
    Pager,
    /// A company's number for all its places.
    UniversalAccess,
    Voicemail,
    /// Networks of no country: +870, +881 to +883.
    Satellite,
    FixedLine,
    Mobile,
}

/// Country codes of networks of no country that are dear: Inmarsat, Iridium and Globalstar, and other international
/// networks (ITU-T E.164 assigned country codes).
const SATELLITES: [&str; 4] = ["870", "881", "882", "883"];

impl Number {
    /// What the numbering plans say; none of a short number.
    pub fn class(&self) -> Option<Class> {
        let digits = self.e164()?.strip_prefix('+')?;
        let (code, number) = (1..=3)
            .filter_map(|length| digits.split_at_checked(length))
            .find(|(code, _)| plans_of(code).next().is_some())?;
        let plan = plan_of(code, number)?;
        let country = Country::of(plan);
        let line = if SATELLITES.contains(&code) {
            LineType::Satellite
        } else {
            line_type(plan.descriptors(), number)?
        };
        Some(Class { country, line })
    }
}

impl Country {
    /// Networks that belong to no country.
    pub const WORLD: Self = Self("001");

    /// `IT`, or `001`.
    pub const fn code(self) -> &'static str {
        self.0
    }

    fn of(plan: &Metadata) -> Self {
        plan.id().parse().unwrap_or(Self::WORLD)
    }
}

impl From<Region> for Country {
    fn from(region: Region) -> Self {
        Self(region.id())
    }
}

impl FromStr for Country {
    type Err = UnknownCountry;

    fn from_str(text: &str) -> Result<Self, UnknownCountry> {
        if text == Self::WORLD.0 {
            return Ok(Self::WORLD);
        }
        let region: Result<Region, _> = text.parse();
        region.map(Self::from).map_err(|_| UnknownCountry)
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Country {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|error| de::Error::custom(format!("`{text}` is {error}")))
    }
}

/// `premium_rate`
impl fmt::Display for LineType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Of the plans that share a country code, the one that the number is of.
fn plan_of(code: &str, number: &str) -> Option<&'static Metadata> {
    let begins_so = |plan: &&Metadata| {
        let leading = plan.leading_digits();
        leading.is_none_or(|digits| digits.find(number).is_some_and(|it| it.start() == 0))
    };
    let in_plan = |plan: &&Metadata| has_kind(plan, number);
    let named = plans_of(code).filter(begins_so).find(in_plan);
    named.or_else(|| plans_of(code).find(in_plan))
}

/// Dear ones first: where ranges overlap, what may cost most counts.
fn line_type(plan: &Descriptors, number: &str) -> Option<LineType> {
    let is = |kind: Option<&Descriptor>| kind.is_some_and(|kind| kind.is_match(number));
    let kinds = [
        (plan.premium_rate(), LineType::PremiumRate),
        (plan.toll_free(), LineType::TollFree),
        (plan.shared_cost(), LineType::SharedCost),
        (plan.voip(), LineType::Voip),
        (plan.personal_number(), LineType::PersonalNumber),
        (plan.pager(), LineType::Pager),
        (plan.uan(), LineType::UniversalAccess),
        (plan.voicemail(), LineType::Voicemail),
        (plan.fixed_line(), LineType::FixedLine),
        (plan.mobile(), LineType::Mobile),
    ];
    let found = kinds.into_iter().find(|(kind, _)| is(*kind));
    found.map(|(_, line)| line)
}

#[cfg(test)]
mod tests {
    use super::super::region::tests::countries;
    use super::*;
    use phonenumber::metadata::DATABASE;

    fn class(number: &str) -> (&'static str, LineType) {
        let region = "IT".parse().unwrap();
        let class = Number::parse(number, &region).unwrap().class().unwrap();
        (class.country.code(), class.line)
    }

    #[test]
    fn a_number_leads_to_its_country_though_others_share_the_code() {
        for (number, country) in [
            ("+390501234567", "IT"),
            ("+16502530000", "US"),
            ("+14165550123", "CA"),
            ("+18765551234", "JM"),
            ("+12684601234", "AG"),
            ("+74951234567", "RU"),
            ("+77172123456", "KZ"),
            ("+442071234567", "GB"),
            ("+441481256789", "GG"),
            ("+252612345678", "SO"),
            ("+881612345678", "001"),
            ("+979123456789", "001"),
        ] {
            assert_eq!(class(number).0, country, "{number}");
        }
    }

    #[test]
    fn the_plans_tell_what_kind_of_line_it_is() {
        for (number, line) in [
            ("+390501234567", LineType::FixedLine),
            ("+393471234567", LineType::Mobile),
            ("+39892424", LineType::PremiumRate),
            ("+39800123456", LineType::TollFree),
            ("+39848123456", LineType::SharedCost),
            ("+491626123456", LineType::Mobile),
            ("+4990012345678", LineType::PremiumRate),
            ("+19002345678", LineType::PremiumRate),
            ("+979123456789", LineType::PremiumRate),
            ("+881612345678", LineType::Satellite),
            ("+870301234567", LineType::Satellite),
        ] {
            assert_eq!(class(number).1, line, "{number}");
        }
    }

    #[test]
    fn a_short_number_has_no_class() {
        let region = "IT".parse().unwrap();
        assert_eq!(Number::parse("201", &region).unwrap().class(), None);
    }

    /// What costs extra is never taken for what does not. The country of a few is that of the plan whose code they share.
    #[test]
    fn the_examples_of_the_plans_are_classified_as_what_they_are() {
        let (mut right, mut wrong) = (0, Vec::new());
        for plan in DATABASE.iter() {
            let kinds = plan.descriptors();
            for (kind, line) in [
                (kinds.premium_rate(), LineType::PremiumRate),
                (kinds.fixed_line(), LineType::FixedLine),
                (kinds.mobile(), LineType::Mobile),
            ] {
                let Some(example) = kind.and_then(Descriptor::example) else {
                    continue;
                };
                let number = format!("+{}{example}", plan.country_code());
                let number = Number::parse(&number, &countries()[0]).unwrap();
                let class = number.class().unwrap();
                let alike = [LineType::FixedLine, LineType::Mobile, LineType::Satellite];
                let same_line =
                    class.line == line || alike.contains(&class.line) && alike.contains(&line);
                if class.country.code() == plan.id() && same_line {
                    right += 1;
                } else {
                    wrong.push(format!("{} {line} {number}: {class:?}", plan.id()));
                }
            }
        }
        assert!(right > 550 && wrong.len() < 50, "{right} {wrong:#?}");
        let dear = wrong.iter().filter(|it| it.contains(" premium_rate +"));
        let mut unseen = dear.filter(|it| !it.contains("PremiumRate"));
        assert_eq!(unseen.next(), None);
    }
}
