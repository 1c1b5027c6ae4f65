//! Logins that await a second factor after the right password. None of them is a session.

use super::audit::{Entry, Event};
use super::factors::{self, NewFactor, Proof};
use super::sessions::{self, Session};
use super::{Connection, Result, Store, StoreError};
use crate::clock::EpochMs;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PendingLogin {
    /// Of the id in the address and of the browser's cookie.
    pub hash: String,
    pub user_id: String,
    /// Answers that were given, all wrong so far.
    pub attempts: i64,
    pub created_at: EpochMs,
    pub expires_at: EpochMs,
}

/// What makes a login of one that is pending.
#[derive(Debug, Clone)]
pub enum Completion {
    Proved(Proof),
    /// A user who must have a factor, and had none, has set one up; with the hashes of the first recovery codes.
    SetUp(NewFactor, Vec<String>),
}

impl Completion {
    /// The factor's name.
    pub const fn factor(&self) -> &'static str {
        match self {
            Self::Proved(proof) => proof.name(),
            Self::SetUp(factor, _) => factor.name(),
        }
    }
}

/// After so many wrong answers the password is asked for again.
pub const MOST_ATTEMPTS: i64 = 5;

impl Store {
    /// Begins one for a user whose password was found to be that of `verified`.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the user was disabled or got another password meanwhile.
    pub async fn create_pending_login(
        &self,
        pending: PendingLogin,
        verified: Option<String>,
    ) -> Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                let begun = sqlx::query(
                    "INSERT INTO pending_logins (hash, user_id, attempts, created_at, expires_at)
                     SELECT $1, $2, $3, $4, $5 FROM users WHERE id = $2 AND disabled_at IS NULL
                       AND COALESCE(password_hash, '') = COALESCE($6, '')",
                )
                .bind(pending.hash)
                .bind(pending.user_id)
                .bind(pending.attempts)
                .bind(pending.created_at)
                .bind(pending.expires_at)
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

    /// One that may still be answered, of a user who is enabled.
    pub async fn pending_login(&self, hash: &str, now: EpochMs) -> Result<Option<PendingLogin>> {
        Ok(sqlx::query_as(
            "SELECT p.* FROM pending_logins p JOIN users u ON u.id = p.user_id JOIN tenants t ON t.id = u.tenant_id
             WHERE p.hash = $1 AND p.expires_at > $2 AND p.attempts < $3
               AND u.disabled_at IS NULL AND t.disabled_at IS NULL",
        )
        .bind(hash)
        .bind(now)
        .bind(MOST_ATTEMPTS)
        .fetch_optional(self.readers())
        .await?)
    }

    /// Counts an answer before it is looked at, so that many at once do not pass together. Returns how many may follow;
    /// `None` when not even this one counts.
    pub async fn count_attempt(&self, hash: &str, now: EpochMs) -> Result<Option<i64>> {
        let hash = hash.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                let attempts: Option<i64> = sqlx::query_scalar(
                    "UPDATE pending_logins SET attempts = attempts + 1
                     WHERE hash = $1 AND expires_at > $2 AND attempts < $3 RETURNING attempts",
                )
                .bind(hash)
                .bind(now)
                .bind(MOST_ATTEMPTS)
                .fetch_optional(c)
                .await?;
                Ok(attempts.map(|attempts| MOST_ATTEMPTS - attempts))
            })
        })
        .await
    }

    /// Makes a login of one that is pending: it ends, what completes it is spent, and the session begins, or nothing of
    /// that happens.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when it has ended, or what completes it was spent before; [`StoreError::Exists`] when a
    /// factor would be set up beside another one, which was not asked for.
    pub async fn complete_login(
        &self,
        hash: &str,
        completion: Completion,
        session: Session,
        entry: Entry,
    ) -> Result<()> {
        let hash = hash.to_owned();
        let entry = entry.with("factor", completion.factor());
        self.write_down(entry, move |c| {
            Box::pin(async move {
                let now = session.created_at;
                end(c, &hash, &session.user_id, now).await?;
                match completion {
                    Completion::Proved(proof) => {
                        factors::spend(c, &session.user_id, &proof, now).await?;
                    }
                    Completion::SetUp(factor, hashes) => {
                        // Whoever has only the password must not get past a factor by adding one.
                        if !factors::add(c, factor, &hashes, now).await? {
                            return Err(StoreError::Exists("a second factor"));
                        }
                    }
                }
                begin(c, session).await?;
                Ok(((), Event::Login))
            })
        })
        .await
    }

    /// Forgets those that ended before `then`.
    pub async fn prune_pending_logins(&self, then: EpochMs) -> Result<()> {
        self.prune(
            "DELETE FROM pending_logins
             WHERE hash IN (SELECT hash FROM pending_logins WHERE expires_at < $1 LIMIT $2)",
            then,
        )
        .await
    }
}

async fn end(c: &mut Connection, hash: &str, user: &str, now: EpochMs) -> Result<()> {
    let sql = "DELETE FROM pending_logins WHERE hash = $1 AND user_id = $2 AND expires_at > $3";
    let ended = sqlx::query(sql)
        .bind(hash)
        .bind(user)
        .bind(now)
        .execute(c)
        .await?;
    if ended.rows_affected() == 0 {
        return Err(StoreError::Missing("login"));
    }
    Ok(())
}

/// The password needs no second look: a new one ends what is pending, in the transaction that sets it.
async fn begin(c: &mut Connection, session: Session) -> Result<()> {
    let verified: Option<String> =
        sqlx::query_scalar("SELECT password_hash FROM users WHERE id = $1")
            .bind(&session.user_id)
            .fetch_optional(&mut *c)
            .await?
            .flatten();
    sessions::begin(c, session, verified).await
}
