//! Browser sessions of the login pages.

use super::{Result, Store, StoreError};
use crate::clock::EpochMs;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Session {
    /// Hash of the cookie's value.
    pub hash: String,
    pub user_id: String,
    pub created_at: EpochMs,
    pub last_seen_at: EpochMs,
    pub expires_at: EpochMs,
    pub ended_at: Option<EpochMs>,
}

impl Store {
    /// A session that is neither ended, nor past its end, nor idle since before `idle_since`, of a user who is enabled.
    pub async fn live_session(
        &self,
        hash: &str,
        now: EpochMs,
        idle_since: EpochMs,
    ) -> Result<Option<Session>> {
        Ok(sqlx::query_as(
            "SELECT s.* FROM sessions s JOIN users u ON u.id = s.user_id JOIN tenants t ON t.id = u.tenant_id
             WHERE s.hash = $1 AND s.ended_at IS NULL AND s.expires_at > $2 AND s.last_seen_at > $3
               AND u.disabled_at IS NULL AND t.disabled_at IS NULL",
        )
        .bind(hash)
        .bind(now)
        .bind(idle_since)
        .fetch_optional(self.readers())
        .await?)
    }

    /// Begins a session of a user whose password was found to be that of `verified`.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the user was disabled or got another password meanwhile.
    pub async fn create_session(&self, session: Session, verified: Option<String>) -> Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                let begun = sqlx::query(
                    "INSERT INTO sessions (hash, user_id, created_at, last_seen_at, expires_at)
                     SELECT $1, $2, $3, $4, $5 FROM users WHERE id = $2 AND disabled_at IS NULL AND password_hash = $6",
                )
                .bind(session.hash)
                .bind(session.user_id)
                .bind(session.created_at)
                .bind(session.last_seen_at)
                .bind(session.expires_at)
                .bind(verified)
                .execute(c)
                .await?;
                if begun.rows_affected() == 0 {
                    return Err(StoreError::Missing("user"));
                }
                Ok(())
            })
        })
        .await
    }

    pub async fn touch_session(&self, hash: &str, now: EpochMs) -> Result<()> {
        self.set_session(
            hash,
            "UPDATE sessions SET last_seen_at = $2 WHERE hash = $1",
            now,
        )
        .await
    }

    pub async fn end_session(&self, hash: &str, now: EpochMs) -> Result<()> {
        let sql = "UPDATE sessions SET ended_at = $2 WHERE hash = $1 AND ended_at IS NULL";
        self.set_session(hash, sql, now).await
    }

    /// Forgets sessions that ended, one way or the other, before `then`.
    pub async fn prune_sessions(&self, then: EpochMs) -> Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query("DELETE FROM sessions WHERE expires_at < $1 OR ended_at < $1")
                    .bind(then)
                    .execute(c)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    async fn set_session(&self, hash: &str, sql: &'static str, now: EpochMs) -> Result<()> {
        let hash = hash.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(sql).bind(hash).bind(now).execute(c).await?;
                Ok(())
            })
        })
        .await
    }
}
