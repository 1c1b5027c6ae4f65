//! A refusal: whose rules, which rule, and what to do about it.

use super::hours::Window;
use super::prefix::Prefix;
use crate::number::{Country, LineType};
use std::fmt;

/// Whose rules they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Holder {
    /// `[dialling.rules]`
    Configuration,
    Tenant(String),
    /// By id.
    User(String),
    /// A client that acts for itself.
    Client(String),
    Policy(String),
}

/// A rule that refuses a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    Hours(Vec<Window>),
    InternalOnly,
    Type(LineType),
    Prefix(Prefix),
    Country(Country),
    /// There is an allow list, and the number is not on it.
    NotAllowed,
    /// What was stored cannot be understood; until somebody mends it, nothing is let through.
    Unreadable,
}

/// Why a number may not be rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub holder: Holder,
    pub rule: Rule,
    /// The tenant's time zone, as people know it.
    pub zone: String,
}

/// `configuration`, `tenant:ID`, `user:ID`, `client:ID`, `policy:NAME`: as the store knows it.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration => f.write_str("configuration"),
            Self::Tenant(id) => write!(f, "tenant:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Client(id) => write!(f, "client:{id}"),
            Self::Policy(name) => write!(f, "policy:{name}"),
        }
    }
}

impl Holder {
    /// As the caller knows it.
    fn rules(&self) -> String {
        match self {
            Self::Configuration => "the dialling rules of this gateway".to_owned(),
            Self::Tenant(_) => "the dialling rules of your organisation".to_owned(),
            Self::User(_) => "your dialling rules".to_owned(),
            Self::Client(_) => "the dialling rules of this application".to_owned(),
            Self::Policy(name) => format!("the dialling rules of the policy `{name}`"),
        }
    }
}

impl Rule {
    /// The key that it stands under, for metrics.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Hours(_) => "hours",
            Self::InternalOnly => "internal_only",
            Self::Type(_) => "refuse_types",
            Self::Prefix(_) => "refuse",
            Self::Country(_) => "refuse_countries",
            Self::NotAllowed => "allow",
            Self::Unreadable => "unreadable",
        }
    }
}

/// The key, and which of its entries.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())?;
        match self {
            Self::Type(line) => write!(f, ":{line}"),
            Self::Prefix(prefix) => write!(f, ":{prefix}"),
            Self::Country(country) => write!(f, ":{country}"),
            Self::Hours(_) | Self::InternalOnly | Self::NotAllowed | Self::Unreadable => Ok(()),
        }
    }
}

impl Refusal {
    /// Its name for programs and administrators: `tenant:acme/refuse:+3906`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.holder, self.rule)
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = self.holder.rules();
        match &self.rule {
            Rule::Hours(windows) => {
                let windows: Vec<_> = windows.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "{whose} let calls be placed {} ({}): call then",
                    windows.join("; "),
                    self.zone
                )?;
            }
            Rule::InternalOnly => write!(f, "{whose} let extensions be rung only")?,
            Rule::Type(line) => write!(
                f,
                "{whose} let no {} number be rung",
                line.to_string().replace('_', "-")
            )?,
            Rule::Prefix(prefix) => {
                write!(f, "{whose} let no number be rung that begins with {prefix}")?;
            }
            Rule::Country(country) => write!(f, "{whose} let no number of {country} be rung")?,
            Rule::NotAllowed => {
                write!(
                    f,
                    "{whose} name what may be rung, and this number is not among it"
                )?;
            }
            Rule::Unreadable => write!(f, "{whose} cannot be read, so nothing is rung")?,
        }
        write!(
            f,
            "; if it must be rung, ask your administrator about the rule `{}`",
            self.id()
        )
    }
}
