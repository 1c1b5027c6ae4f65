//! Browser sessions of the login pages.

use super::audit::Entry;
use super::{Connection, Result, Store, StoreError};
use crate::clock::EpochMs;

#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Session {
    /// Hash of the cookie's value.
    pub hash: String,
    pub user_id: String,
    pub created_at: EpochMs,
    pub last_seen_at: EpochMs,
    pub expires_at: EpochMs,
    pub ended_at: Option<EpochMs>,
    /// Where the login came from.
    pub address: Option<String>,
    /// What browser it was, as its user would say: `Firefox, Linux`.
    pub browser: Option<String>,
    /// When the password was last asked for after the login.
    pub confirmed_at: Option<EpochMs>,
    /// When a second factor was last given within the session.
    pub factor_at: Option<EpochMs>,
}

impl Session {
    /// When whoever is logged in last proved to be it.
    pub fn proved_at(&self) -> EpochMs {
        self.confirmed_at.unwrap_or(self.created_at)
    }
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

    /// Begins a session of a user whose password was that of `verified` when the user was found to be who logs in.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the user was disabled or got another password meanwhile.
    pub async fn create_session(&self, session: Session, verified: Option<String>) -> Result<()> {
        self.write(move |c| Box::pin(begin(c, session, verified)))
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

    /// The live sessions of a user, the latest used first, a hundred at the most.
    pub async fn sessions_of(
        &self,
        user: &str,
        now: EpochMs,
        idle_since: EpochMs,
    ) -> Result<Vec<Session>> {
        Ok(sqlx::query_as(
            "SELECT * FROM sessions WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND last_seen_at > $3
             ORDER BY last_seen_at DESC, hash LIMIT 100",
        )
        .bind(user)
        .bind(now)
        .bind(idle_since)
        .fetch_all(self.readers())
        .await?)
    }

    /// Ends one session of a user, of whatever browser. Another user's is not found.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is none, or it has ended.
    pub async fn end_session_of(
        &self,
        user: &str,
        hash: &str,
        entry: Entry,
        now: EpochMs,
    ) -> Result<()> {
        let (user, hash, event) = (user.to_owned(), hash.to_owned(), entry.event);
        self.write_down(entry, move |c| {
            Box::pin(async move {
                let sql = "UPDATE sessions SET ended_at = $3 WHERE hash = $1 AND user_id = $2 AND ended_at IS NULL";
                let ended = sqlx::query(sql).bind(hash).bind(user).bind(now).execute(c).await?;
                if ended.rows_affected() == 0 {
                    return Err(StoreError::Missing("session"));
                }
                Ok(((), event))
            })
        })
        .await
    }

    /// Ends all sessions of a user, or all but one, and says how many.
    pub async fn end_sessions(
        &self,
        user: &str,
        but: Option<&str>,
        entry: Entry,
        now: EpochMs,
    ) -> Result<u64> {
        let (user, but, event) = (user.to_owned(), but.map(str::to_owned), entry.event);
        self.write_down(entry, move |c| {
            Box::pin(async move {
                let sql = "UPDATE sessions SET ended_at = $3
                           WHERE user_id = $1 AND ($2 IS NULL OR hash <> $2) AND ended_at IS NULL";
                let ended = sqlx::query(sql)
                    .bind(user)
                    .bind(but)
                    .bind(now)
                    .execute(c)
                    .await?;
                Ok((ended.rows_affected(), event))
            })
        })
        .await
    }

    /// Notes that whoever is logged in has just given the password again.
    pub async fn confirm_session(&self, hash: &str, now: EpochMs) -> Result<()> {
        let sql = "UPDATE sessions SET confirmed_at = $2 WHERE hash = $1";
        self.set_session(hash, sql, now).await
    }

    /// Notes that whoever is logged in has just given a second factor.
    pub async fn factor_given(&self, hash: &str, now: EpochMs) -> Result<()> {
        let sql = "UPDATE sessions SET factor_at = $2 WHERE hash = $1";
        self.set_session(hash, sql, now).await
    }

    /// Forgets sessions that ended, one way or the other, before `then`.
    pub async fn prune_sessions(&self, then: EpochMs) -> Result<()> {
        self.prune(
            "DELETE FROM sessions WHERE hash IN
             (SELECT hash FROM sessions WHERE expires_at < $1 OR ended_at < $1 LIMIT $2)",
            then,
        )
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

/// Begins a session, in the transaction of `c`: see [`Store::create_session`].
pub(super) async fn begin(
    c: &mut Connection,
    session: Session,
    verified: Option<String>,
) -> Result<()> {
    let begun = sqlx::query(
        "INSERT INTO sessions (hash, user_id, created_at, last_seen_at, expires_at, address, browser, factor_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8 FROM users
         WHERE id = $2 AND disabled_at IS NULL AND COALESCE(password_hash, '') = COALESCE($9, '')",
    )
    .bind(session.hash)
    .bind(session.user_id)
    .bind(session.created_at)
    .bind(session.last_seen_at)
    .bind(session.expires_at)
    .bind(session.address)
    .bind(session.browser)
    .bind(session.factor_at)
    .bind(verified)
    .execute(c)
    .await?;
    if begun.rows_affected() == 0 {
        return Err(StoreError::Missing("user"));
    }
    Ok(())
}
