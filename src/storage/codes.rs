//! Authorization codes (RFC 6749 §4.1.2): single use, short, bound to client, redirect URI and challenge.

use super::audit::{Entry, Event};
use super::tokens::{self, Token};
use super::{Connection, Flag, Result, Store, StoreError, Words, exists, grants, pushed};
use crate::clock::EpochMs;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Code {
    pub hash: String,
    pub grant_id: String,
    pub family_id: String,
    pub client_id: String,
    pub user_id: String,
    pub redirect_uri: String,
    /// Whether the authorization request named the redirect URI; then the token request must (RFC 6749 §4.1.3).
    #[sqlx(try_from = "i64")]
    pub redirect_named: Flag,
    #[sqlx(try_from = "String")]
    pub scope: Words,
    /// PKCE S256 challenge (RFC 7636).
    pub challenge: Option<String>,
    pub created_at: EpochMs,
    pub expires_at: EpochMs,
    pub used_at: Option<EpochMs>,
    /// Thumbprint of the key that whoever exchanges the code must prove (RFC 9449 §10).
    pub jkt: Option<String>,
}

/// What a user has just allowed; `consent` is the single-use number of the form that allowed it.
#[derive(Debug, Clone)]
pub struct Consented {
    pub hash: String,
    pub client_id: String,
    pub user_id: String,
    pub redirect_uri: String,
    pub redirect_named: bool,
    pub scope: Words,
    pub challenge: Option<String>,
    pub jkt: Option<String>,
    pub consent: String,
    /// Hash of the pushed request that this answers, which is used up (RFC 9126 §4).
    pub pushed: Option<String>,
    /// The login in which it was allowed; nothing is issued once that has ended.
    pub session: String,
    pub created_at: EpochMs,
    pub expires_at: EpochMs,
}

/// How a code was exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchange {
    Done,
    /// The code was used before: its whole family has been revoked (RFC 6749 §4.1.2).
    Reused,
}

/// A new family's id: a UUID of version 7 (RFC 9562 §5.7), which tells when the family began.
pub(super) fn new_family(now: EpochMs) -> String {
    let millis = u64::try_from(now).unwrap_or(0);
    let random = crate::secret::random();
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    id.to_string()
}

/// When a family that began with a code did so.
pub fn family_began(family: &str) -> Option<EpochMs> {
    let id = uuid::Uuid::parse_str(family).ok()?;
    let (high, _) = id.as_u64_pair();
    // The first 48 bits are the milliseconds.
    (id.get_version_num() == 7).then_some(EpochMs::try_from(high >> 16).ok()?)
}

/// In how many logins the client sent this challenge, among the codes that are still kept.
async fn logins_with(c: &mut Connection, client: &str, challenge: Option<&str>) -> Result<i64> {
    let count = "SELECT count(DISTINCT session) FROM codes WHERE client_id = $1 AND challenge = $2";
    Ok(sqlx::query_scalar(count)
        .bind(client)
        .bind(challenge)
        .fetch_one(c)
        .await?)
}

impl Store {
    /// Remembers the grant and the code. Says in how many logins the client sent this challenge of late; 0 without one.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the consent or the pushed request has made a code already, [`StoreError::Missing`] when the login has ended.
    pub async fn create_code(&self, consented: Consented) -> Result<i64> {
        self.write(move |c| {
            Box::pin(async move {
                if let Some(hash) = &consented.pushed {
                    pushed::use_up(c, hash, consented.created_at).await?;
                }
                let (user, client) = (&consented.user_id, &consented.client_id);
                let grant = grants::widen(c, user, client, &consented.scope, consented.created_at).await?;
                let made = sqlx::query(
                    "INSERT INTO codes (hash, grant_id, family_id, client_id, user_id, redirect_uri, redirect_named, scope,
                     challenge, consent, created_at, expires_at, jkt, session)
                     SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
                     FROM sessions WHERE hash = $14 AND ended_at IS NULL",
                )
                .bind(consented.hash)
                .bind(grant.id)
                .bind(new_family(consented.created_at))
                .bind(&consented.client_id)
                .bind(consented.user_id)
                .bind(consented.redirect_uri)
                .bind(i64::from(consented.redirect_named))
                .bind(consented.scope.to_string())
                .bind(&consented.challenge)
                .bind(consented.consent)
                .bind(consented.created_at)
                .bind(consented.expires_at)
                .bind(consented.jkt)
                .bind(consented.session)
                .execute(&mut *c)
                .await
                .map_err(exists("consent"))?;
                if made.rows_affected() == 0 {
                    return Err(StoreError::Missing("login"));
                }
                logins_with(c, &consented.client_id, consented.challenge.as_deref()).await
            })
        })
        .await
    }

    pub async fn code(&self, hash: &str) -> Result<Option<Code>> {
        Ok(sqlx::query_as("SELECT * FROM codes WHERE hash = $1")
            .bind(hash)
            .fetch_optional(self.readers())
            .await?)
    }

    /// Uses the code up and stores what it was exchanged for, or revokes the family of a code used before.
    pub async fn exchange_code(
        &self,
        code: &Code,
        issued: Vec<Token>,
        entry: Entry,
        now: EpochMs,
    ) -> Result<Exchange> {
        let (hash, family) = (code.hash.clone(), code.family_id.clone());
        self.write_down(entry, move |c| {
            Box::pin(async move {
                let used = sqlx::query(
                    "UPDATE codes SET used_at = $2 WHERE hash = $1 AND used_at IS NULL",
                )
                .bind(hash)
                .bind(now)
                .execute(&mut *c)
                .await?;
                if used.rows_affected() == 0 {
                    tokens::revoke_family(c, &family, now).await?;
                    return Ok((Exchange::Reused, Event::CodeReused));
                }
                tokens::insert(c, issued).await?;
                Ok((Exchange::Done, Event::TokenIssued))
            })
        })
        .await
    }

    /// Forgets codes that were made before `then`.
    pub async fn prune_codes(&self, then: EpochMs) -> Result<()> {
        self.prune(
            "DELETE FROM codes WHERE hash IN
             (SELECT hash FROM codes WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
            then,
        )
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_tells_when_it_began() {
        assert_eq!(
            family_began(&new_family(1_795_000_123_456)),
            Some(1_795_000_123_456)
        );
        assert_eq!(family_began(&uuid::Uuid::new_v4().to_string()), None);
        assert_ne!(new_family(5), new_family(5));
    }
}
