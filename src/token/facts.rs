//! Facts about a credential: what was true of it when it was read. Never a decision (security.md AT-30).

use super::Origin;
use super::position::Known;
use crate::access::{Accesses, Holder};
use crate::clock::EpochMs;
use crate::storage::Words;
use crate::storage::revocations::Kind;
use std::fmt;
use std::str::FromStr;

/// Who acts. Users and clients have name spaces of their own, so that a client cannot pose as a user (RFC 9700 §4.15).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    User(String),
    Client(String),
    /// Somebody whom another issuer vouches for, and who is no user of ours.
    External(External),
    /// The holder of the operations token.
    Operator,
}

/// `external:ISSUER:SUBJECT`: one subject of two issuers is two (RFC 9700 §4.15).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct External(Box<str>);

impl External {
    const KIND: &str = "external";

    /// `issuer` is its name in the configuration, which has no colon.
    pub fn new(issuer: &str, subject: &str) -> Self {
        Self(format!("{}:{issuer}:{subject}", Self::KIND).into_boxed_str())
    }

    pub fn issuer(&self) -> &str {
        self.parts().0
    }

    pub fn subject(&self) -> &str {
        self.parts().1
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parts(&self) -> (&str, &str) {
        let parts = self.0.split_once(':').map(|(_, named)| named);
        parts
            .and_then(|named| named.split_once(':'))
            .unwrap_or_default()
    }
}

impl Subject {
    /// The bare id, without what kind it is of. That of somebody external has the kind within, so that no user and no
    /// client has the same.
    pub fn id(&self) -> &str {
        match self {
            Self::User(id) | Self::Client(id) => id,
            Self::External(external) => external.as_str(),
            Self::Operator => "operator",
        }
    }
}

/// What stands in the store in place of a subject is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it names no subject")]
pub struct NoSubject;

/// As [`Subject`] displays itself.
impl FromStr for Subject {
    type Err = NoSubject;

    fn from_str(text: &str) -> Result<Self, NoSubject> {
        match text.split_once(':') {
            Some(("user", id)) => Ok(Self::User(id.to_owned())),
            Some(("client", id)) => Ok(Self::Client(id.to_owned())),
            Some((External::KIND, rest)) => {
                let (issuer, subject) = rest.split_once(':').ok_or(NoSubject)?;
                Ok(Self::External(External::new(issuer, subject)))
            }
            None if text == "operator" => Ok(Self::Operator),
            _ => Err(NoSubject),
        }
    }
}

/// `user:ID`, `client:ID`, `external:ISSUER:SUBJECT` or `operator`; the owner of calls and lines in the store.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Client(id) => write!(f, "client:{id}"),
            Self::External(external) => f.write_str(external.as_str()),
            Self::Operator => f.write_str("operator"),
        }
    }
}

/// All that is known about a verified credential.
#[derive(Debug)]
pub struct Facts {
    pub subject: Subject,
    pub tenant: String,
    /// The user's name, or the client's when it acts for itself.
    pub name: String,
    pub client: String,
    /// Names the token in administration and logs; it opens nothing.
    pub token_id: String,
    /// All that descends from the same authorization: Wazo's session.
    pub family: String,
    /// The consent that it came of; none when a client acts for itself.
    pub grant: Option<String>,
    pub scope: String,
    pub accesses: Accesses,
    /// Legacy behaviours that the client may use.
    pub switches: Words,
    /// When those end.
    pub sunset_at: Option<EpochMs>,
    pub expires_at: EpochMs,
    /// Thumbprint of the key that whoever presents the token must prove (RFC 9449 §6).
    pub jkt: Option<Box<str>>,
    /// None when it is of our own making.
    pub origin: Option<Box<Origin>>,
    /// Up to where in the feed of revocations they are known to hold.
    pub position: Known,
}

impl Facts {
    /// Whether the accesses granted cover `required`.
    pub fn allow(&self, required: &str) -> bool {
        let holder = Holder {
            auth_id: self.subject.id(),
            session: &self.family,
        };
        let granted_there = |origin: &Origin| origin.allow(required);
        self.accesses.allow(required, &holder) || self.origin.as_deref().is_some_and(granted_there)
    }

    /// Whether the client may use a legacy behaviour at `now`.
    pub fn may_still(&self, switch: &str, now: EpochMs) -> bool {
        self.switches.contains(switch) && self.sunset_at.is_none_or(|sunset| now < sunset)
    }

    /// What a revocation that ends these facts may name, besides the token itself.
    pub(super) fn keys(&self) -> impl Iterator<Item = (Kind, &str)> {
        let user = match &self.subject {
            Subject::User(id) => Some((Kind::User, id.as_str())),
            Subject::Client(_) | Subject::External(_) | Subject::Operator => None,
        };
        let grant = self.grant.as_deref().map(|id| (Kind::Grant, id));
        [
            (Kind::Family, self.family.as_str()),
            (Kind::Client, self.client.as_str()),
            (Kind::Tenant, self.tenant.as_str()),
        ]
        .into_iter()
        .chain(user)
        .chain(grant)
        .chain(self.origin.iter().flat_map(|origin| origin.keys()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_as_it_is_written() {
        for text in ["user:u1", "client:crm", "external:idp:a:b", "operator"] {
            let subject: Subject = text.parse().unwrap();
            assert_eq!(subject.to_string(), text);
        }
        for text in ["", "u1", "operator:", "external:idp", "User:u1"] {
            assert_eq!(text.parse::<Subject>(), Err(NoSubject), "{text}");
        }
    }
}
