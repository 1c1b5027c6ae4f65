//! Authorization requests that clients pushed (RFC 9126): kept for a moment, good for one code.

use super::{Connection, Result, Store, StoreError};
use crate::clock::EpochMs;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PushedRequest {
    /// Hash of the reference.
    pub hash: String,
    pub client_id: String,
    /// The request as a query, as it was found good.
    pub parameters: String,
    pub expires_at: EpochMs,
    /// When a code was issued for it.
    pub used_at: Option<EpochMs>,
}

/// Requests of one client that wait for their user at once: a client must not fill the disk.
const MOST: i64 = 10_000;

impl Store {
    /// Keeps a request. `false` when its client has too many that have not expired.
    pub async fn push_request(&self, pushed: PushedRequest, now: EpochMs) -> Result<bool> {
        self.write(move |c| {
            Box::pin(async move {
                let kept = sqlx::query(
                    "INSERT INTO pushed_requests (hash, client_id, parameters, expires_at)
                     SELECT $1, $2, $3, $4 WHERE
                     (SELECT count(*) FROM pushed_requests WHERE client_id = $2 AND expires_at > $5) < $6",
                )
                .bind(pushed.hash)
                .bind(pushed.client_id)
                .bind(pushed.parameters)
                .bind(pushed.expires_at)
                .bind(now)
                .bind(MOST)
                .execute(c)
                .await?;
                Ok(kept.rows_affected() == 1)
            })
        })
        .await
    }

    pub async fn pushed_request(&self, hash: &str) -> Result<Option<PushedRequest>> {
        Ok(
            sqlx::query_as("SELECT * FROM pushed_requests WHERE hash = $1")
                .bind(hash)
                .fetch_optional(self.readers())
                .await?,
        )
    }

    /// Forgets requests that expired before `then`.
    pub async fn prune_pushed_requests(&self, then: EpochMs) -> Result<()> {
        let sql = "DELETE FROM pushed_requests WHERE hash IN
                   (SELECT hash FROM pushed_requests WHERE expires_at < $1 LIMIT $2)";
        self.prune(sql, then).await
    }
}

/// Uses a request up, in the transaction that issues its code.
///
/// # Errors
/// [`StoreError::Exists`] when there was a code for it before.
pub(super) async fn use_up(c: &mut Connection, hash: &str, now: EpochMs) -> Result<()> {
    let used =
        sqlx::query("UPDATE pushed_requests SET used_at = $2 WHERE hash = $1 AND used_at IS NULL")
            .bind(hash)
            .bind(now)
            .execute(c)
            .await?;
    if used.rows_affected() == 0 {
        return Err(StoreError::Exists("an answer to this request"));
    }
    Ok(())
}
