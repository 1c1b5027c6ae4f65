//! Keys that sign access tokens (RFC 9068), the same for all gateways on this store.

use super::revocations::Kind;
use super::{Result, Store, StoreError};
use crate::clock::EpochMs;
use std::time::Instant;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SigningKey {
    /// RFC 7638
    pub kid: String,
    pub algorithm: String,
    pub public_key: String,
    /// Sealed; none once it signs no more.
    pub private_key: Option<String>,
    pub created_at: EpochMs,
    /// From when it signs, unless a younger one does.
    pub signs_at: EpochMs,
    /// When it ended: it is published no more, and no token of its is good.
    pub retired_at: Option<EpochMs>,
}

impl Store {
    /// All keys, oldest first; retired ones for as long as they are remembered.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKey>> {
        let begun = Instant::now();
        let all = "SELECT * FROM signing_keys ORDER BY created_at, kid";
        let keys = sqlx::query_as(all).fetch_all(self.readers()).await;
        self.metrics.store_answered("signing_keys", begun.elapsed());
        Ok(keys?)
    }

    /// Stores a key, unless one that is younger than `newest` came first: of two gateways that miss a key at once, one
    /// makes it. Says whether it was stored.
    pub async fn add_signing_key(&self, key: SigningKey, newest: EpochMs) -> Result<bool> {
        self.write(move |c| {
            Box::pin(async move {
                let added = sqlx::query(
                    "INSERT INTO signing_keys (kid, algorithm, public_key, private_key, created_at, signs_at)
                     SELECT $1, $2, $3, $4, $5, $6
                     WHERE NOT EXISTS (SELECT 1 FROM signing_keys WHERE created_at > $7)",
                )
                .bind(key.kid)
                .bind(key.algorithm)
                .bind(key.public_key)
                .bind(key.private_key)
                .bind(key.created_at)
                .bind(key.signs_at)
                .bind(newest)
                .execute(c)
                .await?;
                Ok(added.rows_affected() == 1)
            })
        })
        .await
    }

    /// Lets a key that waits sign from `now` on.
    pub async fn bring_forward(&self, kid: &str, now: EpochMs) -> Result<()> {
        let sql = "UPDATE signing_keys SET signs_at = $2 WHERE kid = $1 AND signs_at > $2 AND retired_at IS NULL";
        self.set_key(kid, sql, now).await
    }

    /// Destroys the private half of a key that signs no more; the public one still verifies.
    pub async fn forget_private_key(&self, kid: &str, now: EpochMs) -> Result<()> {
        let sql = "UPDATE signing_keys SET private_key = NULL WHERE kid = $1 AND signs_at <= $2";
        self.set_key(kid, sql, now).await
    }

    /// Ends a key whose tokens have all expired before `then`. One that has others stays.
    pub async fn end_signing_key(&self, kid: &str, then: EpochMs) -> Result<()> {
        let sql = "UPDATE signing_keys SET retired_at = $2, private_key = NULL WHERE kid = $1 AND retired_at IS NULL
             AND NOT EXISTS (SELECT 1 FROM tokens WHERE tokens.kid = $1 AND expires_at >= $2)";
        self.set_key(kid, sql, then).await
    }

    /// Ends a key with all tokens that it signed, and says how many those were.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such key, or it has ended.
    pub async fn retire_signing_key(&self, kid: &str, now: EpochMs) -> Result<u64> {
        let kid = kid.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                let retired = "UPDATE signing_keys SET retired_at = $2, private_key = NULL
                     WHERE kid = $1 AND retired_at IS NULL";
                let retired = sqlx::query(retired).bind(&kid).bind(now).execute(&mut *c);
                if retired.await?.rows_affected() == 0 {
                    return Err(StoreError::Missing("signing key"));
                }
                // A record for each client, not for each token: their other tokens are read again, once.
                let recorded =
                    "INSERT INTO revocations (kind, subject, at) SELECT DISTINCT $3, client_id, $2
                     FROM tokens WHERE kid = $1 AND revoked_at IS NULL AND expires_at > $2";
                sqlx::query(recorded)
                    .bind(&kid)
                    .bind(now)
                    .bind(Kind::Client.to_string())
                    .execute(&mut *c)
                    .await?;
                let ended = "UPDATE tokens SET revoked_at = $2
                     WHERE kid = $1 AND revoked_at IS NULL AND expires_at > $2";
                let ended = sqlx::query(ended).bind(&kid).bind(now).execute(&mut *c);
                Ok(ended.await?.rows_affected())
            })
        })
        .await
    }

    /// Forgets keys that ended before `then`.
    pub async fn prune_signing_keys(&self, then: EpochMs) -> Result<()> {
        self.prune(
            "DELETE FROM signing_keys WHERE kid IN
             (SELECT kid FROM signing_keys WHERE retired_at < $1 LIMIT $2)",
            then,
        )
        .await
    }

    async fn set_key(&self, kid: &str, sql: &'static str, at: EpochMs) -> Result<()> {
        let kid = kid.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(sql).bind(kid).bind(at).execute(c).await?;
                Ok(())
            })
        })
        .await
    }
}
