//! Access and refresh tokens, as hashes, with the accesses that were frozen into them when issued.

use super::audit::{Entry, Event};
use super::policies::Accesses;
use super::revocations::{self, Kind};
use super::{Connection, Result, Store, Words};
use crate::clock::EpochMs;
use std::time::Instant;

/// A token's row. Rows of one authorization share a family.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct Token {
    #[serde(skip)]
    pub hash: String,
    /// Names the token in administration; it opens nothing.
    pub id: String,
    /// `access` or `refresh`
    pub class: String,
    pub family_id: String,
    pub grant_id: Option<String>,
    pub tenant_id: String,
    pub client_id: String,
    /// The user it acts for; none when the client acts for itself.
    pub user_id: Option<String>,
    #[sqlx(try_from = "String")]
    pub scope: Words,
    #[sqlx(try_from = "String")]
    pub accesses: Accesses,
    pub created_at: EpochMs,
    pub expires_at: EpochMs,
    /// When a refresh token was exchanged for its successor.
    pub used_at: Option<EpochMs>,
    pub revoked_at: Option<EpochMs>,
    /// Thumbprint of the key that whoever presents the token must prove (RFC 9449 §6); none for a bearer token.
    pub jkt: Option<String>,
    /// The key that signed it; none for an opaque token.
    pub kid: Option<String>,
    /// The token itself, sealed for whoever presents again the refresh token that it came of.
    #[serde(skip)]
    pub sealed: Option<String>,
}

/// An access token with all that decides about it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct TokenFacts {
    pub id: String,
    pub family_id: String,
    pub grant_id: Option<String>,
    pub tenant_id: String,
    pub client_id: String,
    pub user_id: Option<String>,
    pub scope: String,
    #[sqlx(try_from = "String")]
    pub accesses: Accesses,
    pub expires_at: EpochMs,
    pub jkt: Option<String>,
    pub client_name: String,
    #[sqlx(try_from = "String")]
    pub switches: Words,
    pub sunset_at: Option<EpochMs>,
    pub username: Option<String>,
}

/// Which tokens an administrator means.
#[derive(Debug, Clone, Default, serde::Deserialize)]
pub struct Selection {
    pub id: Option<String>,
    pub user: Option<String>,
    pub client: Option<String>,
}

/// What a refresh token is exchanged for.
#[derive(Debug, Clone)]
pub struct Succession {
    pub access: Token,
    pub refresh: Token,
    /// A refresh token that was used after this gives the same once more: the answer may have been lost.
    pub repeat_since: EpochMs,
}

/// How a refresh token was exchanged (RFC 9700 §4.14.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    Done,
    /// It was exchanged a moment ago, and what it gave, this access token and its successor, has not been used to go on:
    /// nothing new is stored.
    Repeated(Box<Token>),
    /// It was exchanged before: whoever holds it is not whom it was made for, or was; its family has been revoked.
    Reused,
}

const SELECTED: &str = "SELECT * FROM tokens WHERE revoked_at IS NULL AND expires_at > $1
    AND ($2 IS NULL OR id = $2) AND ($3 IS NULL OR user_id = $3) AND ($4 IS NULL OR client_id = $4)
    ORDER BY created_at DESC LIMIT 1000";

impl Store {
    pub async fn create_tokens(&self, issued: Vec<Token>) -> Result<()> {
        self.write(move |c| Box::pin(insert(c, issued))).await
    }

    /// As [`Store::create_tokens`], with an entry in the audit log.
    pub async fn issue_tokens(&self, issued: Vec<Token>, entry: Entry) -> Result<()> {
        let event = entry.event;
        self.write_down(entry, move |c| {
            Box::pin(async move { Ok((insert(c, issued).await?, event)) })
        })
        .await
    }

    /// What is known of an access token that is neither revoked nor orphaned by a disabled user, client or tenant.
    /// Whether it has expired is for the caller to see.
    pub async fn token_facts(&self, hash: &str) -> Result<Option<TokenFacts>> {
        let begun = Instant::now();
        let facts = sqlx::query_as(
            "SELECT t.id, t.family_id, t.grant_id, t.tenant_id, t.client_id, t.user_id, t.scope, t.accesses, t.expires_at, t.jkt,
                    c.name AS client_name, c.switches, c.sunset_at, u.username
             FROM tokens t JOIN clients c ON c.id = t.client_id JOIN tenants o ON o.id = t.tenant_id
             LEFT JOIN users u ON u.id = t.user_id
             WHERE t.hash = $1 AND t.class = 'access' AND t.revoked_at IS NULL
               AND c.disabled_at IS NULL AND o.disabled_at IS NULL AND u.disabled_at IS NULL",
        )
        .bind(hash)
        .fetch_optional(self.readers())
        .await;
        self.metrics.store_answered("token_facts", begun.elapsed());
        Ok(facts?)
    }

    pub async fn token(&self, hash: &str) -> Result<Option<Token>> {
        Ok(sqlx::query_as("SELECT * FROM tokens WHERE hash = $1")
            .bind(hash)
            .fetch_optional(self.readers())
            .await?)
    }

    /// Live tokens, newest first, a thousand at the most.
    pub async fn tokens(&self, selection: &Selection, now: EpochMs) -> Result<Vec<Token>> {
        Ok(sqlx::query_as(SELECTED)
            .bind(now)
            .bind(&selection.id)
            .bind(&selection.user)
            .bind(&selection.client)
            .fetch_all(self.readers())
            .await?)
    }

    /// Uses a refresh token up and stores its successors, or revokes the family of one used before.
    pub async fn rotate(
        &self,
        presented: &Token,
        succession: Succession,
        entry: Entry,
        now: EpochMs,
    ) -> Result<Rotation> {
        let (hash, family) = (presented.hash.clone(), presented.family_id.clone());
        self.write_down(entry, move |c| {
            Box::pin(async move {
                let used = sqlx::query(
                    "UPDATE tokens SET used_at = $2 WHERE hash = $1 AND used_at IS NULL AND revoked_at IS NULL",
                )
                .bind(&hash)
                .bind(now)
                .execute(&mut *c)
                .await?;
                if used.rows_affected() == 1 {
                    insert(c, vec![succession.access, succession.refresh]).await?;
                    return Ok((Rotation::Done, Event::TokenRefreshed));
                }
                if let Some(given) = repeatable(c, &hash, &succession).await? {
                    let repeated = Rotation::Repeated(Box::new(given));
                    return Ok((repeated, Event::TokenRefreshed));
                }
                revoke_family(c, &family, now).await?;
                Ok((Rotation::Reused, Event::RefreshTokenReused))
            })
        })
        .await
    }

    /// Ends one access token.
    pub async fn revoke_token(&self, hash: &str, now: EpochMs) -> Result<()> {
        let hash = hash.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                let done = sqlx::query(
                    "UPDATE tokens SET revoked_at = $2 WHERE hash = $1 AND revoked_at IS NULL",
                )
                .bind(&hash)
                .bind(now)
                .execute(&mut *c)
                .await?;
                if done.rows_affected() == 0 {
                    return Ok(());
                }
                revocations::record(c, Kind::Token, &hash, now).await
            })
        })
        .await
    }

    /// Ends all tokens of a family, and the codes that would make more; says how many tokens that were.
    pub async fn revoke_family(&self, family: &str, now: EpochMs) -> Result<u64> {
        let family = family.to_owned();
        self.write(move |c| Box::pin(async move { revoke_family(c, &family, now).await }))
            .await
    }

    /// Ends the token of this id with its family, and says how many tokens that were.
    pub async fn revoke_token_of_id(&self, id: &str, now: EpochMs) -> Result<u64> {
        let id = id.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                let family: Option<String> = sqlx::query_scalar(
                    "SELECT family_id FROM tokens WHERE id = $1 AND revoked_at IS NULL",
                )
                .bind(id)
                .fetch_optional(&mut *c)
                .await?;
                match family {
                    Some(family) => revoke_family(c, &family, now).await,
                    None => Ok(0),
                }
            })
        })
        .await
    }

    /// Ends all that acts for a user: tokens, codes, and what the user allowed. Says how many tokens that were.
    pub async fn revoke_user(&self, user: &str, now: EpochMs) -> Result<u64> {
        let all = [
            "UPDATE tokens SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2",
            "UPDATE codes SET used_at = $2 WHERE user_id = $1 AND used_at IS NULL",
            "UPDATE devices SET denied_at = $2 WHERE user_id = $1 AND used_at IS NULL AND denied_at IS NULL",
            "UPDATE grants SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL",
        ];
        self.revoke_all(all, Kind::User, user, now).await
    }

    /// Ends all that a client was given: tokens, codes and grants. Says how many tokens that were.
    pub async fn revoke_client(&self, client: &str, now: EpochMs) -> Result<u64> {
        let all = [
            "UPDATE tokens SET revoked_at = $2 WHERE client_id = $1 AND revoked_at IS NULL AND expires_at > $2",
            "UPDATE codes SET used_at = $2 WHERE client_id = $1 AND used_at IS NULL",
            "UPDATE devices SET denied_at = $2 WHERE client_id = $1 AND used_at IS NULL AND denied_at IS NULL",
            "UPDATE grants SET revoked_at = $2 WHERE client_id = $1 AND revoked_at IS NULL",
        ];
        self.revoke_all(all, Kind::Client, client, now).await
    }

    /// One record of the revocation, however many tokens it ends.
    async fn revoke_all(
        &self,
        [tokens, rest @ ..]: [&'static str; 4],
        kind: Kind,
        id: &str,
        now: EpochMs,
    ) -> Result<u64> {
        let id = id.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                let ended = sqlx::query(tokens)
                    .bind(&id)
                    .bind(now)
                    .execute(&mut *c)
                    .await?;
                for sql in rest {
                    sqlx::query(sql)
                        .bind(&id)
                        .bind(now)
                        .execute(&mut *c)
                        .await?;
                }
                revocations::record(c, kind, &id, now).await?;
                Ok(ended.rows_affected())
            })
        })
        .await
    }

    /// Forgets tokens that expired before `then`.
    pub async fn prune_tokens(&self, then: EpochMs) -> Result<()> {
        self.prune(
            "DELETE FROM tokens WHERE hash IN
             (SELECT hash FROM tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
            then,
        )
        .await
    }
}

/// The access token that a refresh token gave, if it may be given again. That does not weaken the detection of reuse:
/// what is repeated is the one set of tokens that the first use gave, so a thief holds nothing that does not end with
/// the family, and whoever goes on from that set, thief or client, makes the other's next refresh a reuse. Once one of
/// the set was refreshed or revoked, the answer was not lost, and there is no grace.
async fn repeatable(
    c: &mut Connection,
    hash: &str,
    succession: &Succession,
) -> Result<Option<Token>> {
    Ok(sqlx::query_as(
        "SELECT given.* FROM tokens used JOIN tokens next ON next.family_id = used.family_id
         JOIN tokens given ON given.family_id = used.family_id
         WHERE used.hash = $1 AND used.revoked_at IS NULL AND used.used_at > $2
           AND next.hash = $3 AND next.revoked_at IS NULL AND next.used_at IS NULL
           AND given.id = $4 AND given.class = 'access' AND given.revoked_at IS NULL",
    )
    .bind(hash)
    .bind(succession.repeat_since)
    .bind(&succession.refresh.hash)
    .bind(&succession.access.id)
    .fetch_optional(c)
    .await?)
}

pub(super) async fn insert(c: &mut Connection, issued: Vec<Token>) -> Result<()> {
    for token in issued {
        sqlx::query(
            "INSERT INTO tokens (hash, id, class, family_id, grant_id, tenant_id, client_id, user_id, scope, accesses,
             created_at, expires_at, jkt, kid, sealed)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        )
        .bind(token.hash)
        .bind(token.id)
        .bind(token.class)
        .bind(token.family_id)
        .bind(token.grant_id)
        .bind(token.tenant_id)
        .bind(token.client_id)
        .bind(token.user_id)
        .bind(token.scope.to_string())
        .bind(token.accesses.to_text())
        .bind(token.created_at)
        .bind(token.expires_at)
        .bind(token.jkt)
        .bind(token.kid)
        .bind(token.sealed)
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}

pub(super) async fn revoke_family(c: &mut Connection, family: &str, now: EpochMs) -> Result<u64> {
    let done = sqlx::query(
        "UPDATE tokens SET revoked_at = $2 WHERE family_id = $1 AND revoked_at IS NULL",
    )
    .bind(family)
    .bind(now)
    .execute(&mut *c)
    .await?;
    let codes =
        sqlx::query("UPDATE codes SET used_at = $2 WHERE family_id = $1 AND used_at IS NULL")
            .bind(family)
            .bind(now)
            .execute(&mut *c)
            .await?;
    let devices = sqlx::query(
        "UPDATE devices SET denied_at = $2 WHERE family_id = $1 AND used_at IS NULL AND denied_at IS NULL",
    )
    .bind(family)
    .bind(now)
    .execute(&mut *c)
    .await?;
    let ended = [&done, &codes, &devices];
    // What had ended before is not told again, however often it is asked for.
    if ended.iter().any(|ended| ended.rows_affected() > 0) {
        revocations::record(c, Kind::Family, family, now).await?;
    }
    Ok(done.rows_affected())
}
