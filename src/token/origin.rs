//! Where facts come from that another issuer vouches for, in its own words.

use super::{External, TokenHash};
use crate::access::{Accesses, Holder};
use crate::storage::revocations::Kind;

#[derive(Debug)]
pub struct Origin {
    /// Who it is there, whoever that is here.
    pub subject: External,
    /// The token's name in administration: [`TokenHash::of_external`].
    pub token: String,
    /// What the issuer itself grants, if it has accesses of its own.
    pub granted: Option<Granted>,
}

/// Accesses whose words mean what they mean at their issuer.
#[derive(Debug)]
pub struct Granted {
    pub accesses: Accesses,
    /// What of them counts here: what others' routes require is not for it to give away.
    pub within: Accesses,
    /// Whom `me` stands for.
    pub me: String,
    /// What `my_session` stands for.
    pub session: String,
}

impl Origin {
    pub fn new(issuer: &str, subject: &str, token: TokenHash, granted: Option<Granted>) -> Self {
        Self {
            subject: External::new(issuer, subject),
            token: token.to_string(),
            granted,
        }
    }

    /// Whether the issuer itself grants `required`.
    pub fn allow(&self, required: &str) -> bool {
        let granted = self.granted.as_ref();
        granted.is_some_and(|granted| granted.allow(required))
    }

    /// What a revocation may name it by.
    pub(super) fn keys(&self) -> [(Kind, &str); 2] {
        [
            (Kind::User, self.subject.as_str()),
            (Kind::Token, &self.token),
        ]
    }
}

impl Granted {
    pub fn allow(&self, required: &str) -> bool {
        let holder = Holder {
            auth_id: &self.me,
            session: &self.session,
        };
        self.within.allow(required, &holder) && self.accesses.allow(required, &holder)
    }
}
