//! One-time passwords (RFC 6238): a user's secret, and the time step of the last code that was used.

use super::{Connection, Result, Store, StoreError};
use crate::clock::EpochMs;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Totp {
    pub user_id: String,
    /// Sealed.
    pub secret: String,
    pub last_step: i64,
    pub created_at: EpochMs,
    pub last_used_at: Option<EpochMs>,
}

impl Store {
    pub async fn totp(&self, user: &str) -> Result<Option<Totp>> {
        Ok(sqlx::query_as("SELECT * FROM totp WHERE user_id = $1")
            .bind(user)
            .fetch_optional(self.readers())
            .await?)
    }
}

/// # Errors
/// [`StoreError::Exists`] when the user has one.
pub(super) async fn add(c: &mut Connection, totp: Totp) -> Result<()> {
    sqlx::query(
        "INSERT INTO totp (user_id, secret, last_step, created_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(totp.user_id)
    .bind(totp.secret)
    .bind(totp.last_step)
    .bind(totp.created_at)
    .execute(c)
    .await
    .map_err(super::exists("one-time password"))?;
    Ok(())
}

/// RFC 6238 §5.2: a code is good once, so its step must be later than that of the last one.
///
/// # Errors
/// [`StoreError::Missing`] when it is not.
pub(super) async fn spend(c: &mut Connection, user: &str, step: i64, now: EpochMs) -> Result<()> {
    let spent = sqlx::query(
        "UPDATE totp SET last_step = $2, last_used_at = $3 WHERE user_id = $1 AND last_step < $2",
    )
    .bind(user)
    .bind(step)
    .bind(now)
    .execute(c)
    .await?;
    if spent.rows_affected() == 0 {
        return Err(StoreError::Missing("code"));
    }
    Ok(())
}

pub(super) async fn remove(c: &mut Connection, user: &str) -> Result<u64> {
    let removed = sqlx::query("DELETE FROM totp WHERE user_id = $1")
        .bind(user)
        .execute(c)
        .await?;
    Ok(removed.rows_affected())
}
