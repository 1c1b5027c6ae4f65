//! Passkeys (`WebAuthn`): public keys of users' authenticators, and how often each was used.

use super::{Connection, Result, Store, StoreError};
use crate::clock::EpochMs;

#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Passkey {
    /// The credential's id, in base64url.
    pub id: String,
    pub user_id: String,
    /// What its user calls it.
    pub name: String,
    /// The public key and what else verifies its signatures, as JSON.
    pub credential: String,
    /// How often the authenticator says that it signed; 0 where it does not count.
    pub counter: i64,
    pub created_at: EpochMs,
    pub last_used_at: Option<EpochMs>,
}

impl Store {
    /// A user's passkeys, the oldest first.
    pub async fn passkeys(&self, user: &str) -> Result<Vec<Passkey>> {
        Ok(
            sqlx::query_as("SELECT * FROM passkeys WHERE user_id = $1 ORDER BY created_at, id")
                .bind(user)
                .fetch_all(self.readers())
                .await?,
        )
    }
}

/// # Errors
/// [`StoreError::Exists`] when somebody has it already.
pub(super) async fn add(c: &mut Connection, passkey: Passkey) -> Result<()> {
    sqlx::query(
        "INSERT INTO passkeys (id, user_id, name, credential, counter, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(passkey.id)
    .bind(passkey.user_id)
    .bind(passkey.name)
    .bind(passkey.credential)
    .bind(passkey.counter)
    .bind(passkey.created_at)
    .execute(c)
    .await
    .map_err(super::exists("passkey"))?;
    Ok(())
}

/// Notes a use. Of two at once that count alike only one is good, as with a clone (`WebAuthn` §6.1.1).
///
/// # Errors
/// [`StoreError::Missing`] when the passkey is gone, or its counter did not rise.
pub(super) async fn spend(c: &mut Connection, used: &Passkey, now: EpochMs) -> Result<()> {
    let spent = sqlx::query(
        "UPDATE passkeys SET credential = $3, counter = $4, last_used_at = $5
         WHERE id = $1 AND user_id = $2 AND (counter < $4 OR (counter = 0 AND $4 = 0))",
    )
    .bind(&used.id)
    .bind(&used.user_id)
    .bind(&used.credential)
    .bind(used.counter)
    .bind(now)
    .execute(c)
    .await?;
    if spent.rows_affected() == 0 {
        return Err(StoreError::Missing("passkey"));
    }
    Ok(())
}

/// Removes one, or all of the user.
pub(super) async fn remove(c: &mut Connection, user: &str, id: Option<&str>) -> Result<u64> {
    let removed =
        sqlx::query("DELETE FROM passkeys WHERE user_id = $1 AND ($2 IS NULL OR id = $2)")
            .bind(user)
            .bind(id)
            .execute(c)
            .await?;
    Ok(removed.rows_affected())
}
