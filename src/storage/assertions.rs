//! Assertions that clients have authenticated with (RFC 7523), each good once at all gateways.

use super::{Result, Store};
use crate::clock::EpochMs;

impl Store {
    /// Uses up the assertion of this hash, which nobody can use after `expires_at`. `false` when it was used before.
    pub async fn spend_assertion(&self, hash: &str, expires_at: EpochMs) -> Result<bool> {
        let hash = hash.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                let spent = sqlx::query(
                    "INSERT INTO spent_assertions (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING",
                )
                .bind(hash)
                .bind(expires_at)
                .execute(c)
                .await?;
                Ok(spent.rows_affected() == 1)
            })
        })
        .await
    }

    /// Forgets assertions that expired before `then`.
    pub async fn prune_assertions(&self, then: EpochMs) -> Result<()> {
        let sql = "DELETE FROM spent_assertions WHERE hash IN
                   (SELECT hash FROM spent_assertions WHERE expires_at < $1 LIMIT $2)";
        self.prune(sql, then).await
    }
}
