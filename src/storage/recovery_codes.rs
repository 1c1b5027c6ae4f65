//! Recovery codes, for who has lost every other second factor: keyed hashes, each good once.

use super::{Connection, Result, Store, StoreError};
use crate::clock::EpochMs;

impl Store {
    /// How many codes a user has left.
    pub async fn recovery_codes_left(&self, user: &str) -> Result<i64> {
        let sql = "SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL";
        Ok(sqlx::query_scalar(sql)
            .bind(user)
            .fetch_one(self.readers())
            .await?)
    }
}

/// Gives a user new codes; the old ones are void.
pub(super) async fn replace(
    c: &mut Connection,
    user: &str,
    hashes: &[String],
    now: EpochMs,
) -> Result<()> {
    remove(c, user).await?;
    for hash in hashes {
        sqlx::query("INSERT INTO recovery_codes (hash, user_id, created_at) VALUES ($1, $2, $3)")
            .bind(hash)
            .bind(user)
            .bind(now)
            .execute(&mut *c)
            .await?;
    }
    Ok(())
}

/// # Errors
/// [`StoreError::Missing`] when there is no such code of the user, or it was used.
pub(super) async fn spend(c: &mut Connection, user: &str, hash: &str, now: EpochMs) -> Result<()> {
    let spent = sqlx::query(
        "UPDATE recovery_codes SET used_at = $3 WHERE user_id = $1 AND hash = $2 AND used_at IS NULL",
    )
    .bind(user)
    .bind(hash)
    .bind(now)
    .execute(c)
    .await?;
    if spent.rows_affected() == 0 {
        return Err(StoreError::Missing("code"));
    }
    Ok(())
}

pub(super) async fn remove(c: &mut Connection, user: &str) -> Result<()> {
    sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1")
        .bind(user)
        .execute(c)
        .await?;
    Ok(())
}
