//! callgate's own opaque tokens: recognised by their form, found in the cache, else read from the store once.

use super::issuer::Issuers;
use super::jwt::Own;
use super::vault::{Commons, Source, SourceError, Vault};
use super::{Authenticator, Credential, Glance, Jwts, Verdict};
use crate::access::Accesses;
use crate::clock::EpochMs;
use crate::secret::Secret;
use crate::storage::Store;
use crate::storage::tokens::TokenFacts;
use crate::token::cache::Keeping;
use crate::token::{Class, Facts, Keyring, Mint, Subject, TokenHash};
use async_trait::async_trait;
use std::sync::Arc;

/// Verifies access tokens that this installation issued.
pub struct OpaqueTokens {
    mint: Mint,
    vault: Arc<Vault>,
}

/// The store knows all tokens that this installation issued, whatever form they have, by their hashes.
struct Stored(Store);

impl OpaqueTokens {
    pub fn new(mint: Mint, store: Store, commons: Commons) -> Self {
        Self {
            mint,
            vault: Vault::new(Stored(store), Keeping::Settings, commons),
        }
    }

    /// Verifies those of the tokens that are JWTs, issued at `origin`, and those of others.
    pub fn jwts(&self, keys: Arc<Keyring>, origin: &str, issuers: Issuers) -> Jwts {
        let own = Own {
            keys,
            vault: Arc::clone(&self.vault),
            origin: origin.to_owned(),
        };
        Jwts::new(own, issuers)
    }

    /// A token that is not of our making is refused without any I/O.
    fn recognise(&self, credential: &Credential<'_>) -> Option<TokenHash> {
        self.mint.recognise(Class::Access, &credential.token)
    }
}

#[async_trait]
impl Authenticator for OpaqueTokens {
    /// The tag of what is known by the digest of its every letter was looked at before it came to be known.
    fn glance(&self, credential: &Credential<'_>, now: EpochMs) -> Glance {
        let token = &*credential.token;
        if !Class::Access.is_form_of(token) {
            return Glance::NotMine;
        }
        self.vault.glance(&TokenHash::of(token), credential, now)
    }

    async fn verify(&self, credential: &Credential<'_>, now: EpochMs) -> Option<Verdict> {
        let hash = self.recognise(credential)?;
        Some(self.vault.ask(hash, credential, now).await)
    }
}

#[async_trait]
impl Source for Stored {
    async fn look(
        &self,
        hash: TokenHash,
        _: &Secret,
        _: EpochMs,
    ) -> Result<Option<Facts>, SourceError> {
        let row = self.0.token_facts(&hash.to_string()).await?;
        Ok(row.and_then(facts))
    }
}

/// `None` when the token's user is no more: it is not the client's.
fn facts(row: TokenFacts) -> Option<Facts> {
    let (subject, name) = match (row.user_id, row.username) {
        (Some(id), Some(username)) => (Subject::User(id), username),
        (Some(_), None) => return None,
        (None, _) => (Subject::Client(row.client_id.clone()), row.client_name),
    };
    Some(Facts {
        subject,
        name,
        tenant: row.tenant_id,
        client: row.client_id,
        token_id: row.id,
        family: row.family_id,
        grant: row.grant_id,
        scope: row.scope,
        accesses: Accesses::parse(row.accesses.0),
        switches: row.switches,
        sunset_at: row.sunset_at,
        expires_at: row.expires_at,
        jkt: row.jkt.map(String::into_boxed_str),
        origin: None,
        position: 0.into(),
    })
}
