//! Other issuers' credentials: end a token, a session or all of a subject, whatever their issuer goes on saying.

use super::Administration;
use crate::acl::Permit;
use crate::error::{Error, Result};
use crate::storage::external_revocations::Named;
use crate::storage::revocations::Kind;
use crate::token::{External, TokenHash};
use serde::Deserialize;

/// What is to end, of all that one issuer has issued until now.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ending {
    /// The token itself.
    Token(String),
    /// By the issuer's name for it.
    Session(String),
    /// By the issuer's name for them.
    Subject(String),
}

/// Bytes of a token; a name has fewer.
const LONGEST: usize = 16 * 1024;

impl Administration {
    /// Ends what is named: on this gateway before it is answered. What is issued from now on is good.
    pub async fn revoke_external(&self, by: &Permit, issuer: &str, ending: Ending) -> Result<()> {
        if !self.issuers.iter().any(|known| known == issuer) {
            return Err(Error::Missing("issuer"));
        }
        let (Ending::Token(text) | Ending::Session(text) | Ending::Subject(text)) = &ending;
        if text.is_empty() || text.len() > LONGEST {
            return Err(Error::BadRequest(
                "the name is empty, or too long".to_owned(),
            ));
        }
        let entry = self.entry(by, "issuer.revoke", issuer).await;
        let (external, hash) = (
            External::new(issuer, text),
            TokenHash::of_external(issuer, text),
        );
        let (hash, name) = (hash.to_string(), external.as_str().to_owned());
        let (named, dropped, entry) = match &ending {
            Ending::Token(_) => (Named::Token(&hash), (Kind::Token, hash.clone()), entry),
            Ending::Session(id) => (
                Named::Session(id),
                (Kind::Family, name),
                entry.with("session", id.as_str()),
            ),
            Ending::Subject(id) => (
                Named::Subject(id),
                (Kind::User, name),
                entry.with("subject", id.as_str()),
            ),
        };
        let now = self.clock.now();
        let revoked = self
            .store
            .revoke_external(issuer, named, dropped, entry, now);
        revoked.await?;
        self.hold().await;
        Ok(())
    }
}
