//! Names that were used once, for all gateways on the store and for all processes after this one.

use super::{Result, Store};
use crate::clock::EpochMs;

impl Store {
    /// Uses up a name, which nobody can use any more after `expires_at`. `false` when it was used before.
    pub async fn use_name(&self, name: String, expires_at: EpochMs) -> Result<bool> {
        self.write(move |c| {
            Box::pin(async move {
                let used = sqlx::query(
                    "INSERT INTO used_names (name, expires_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                )
                .bind(name)
                .bind(expires_at)
                .execute(c)
                .await?;
                Ok(used.rows_affected() == 1)
            })
        })
        .await
    }

    /// How many names are remembered.
    pub async fn used_names(&self) -> Result<i64> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM used_names")
            .fetch_one(self.readers())
            .await?)
    }

    /// Forgets names that expired before `then`.
    pub async fn prune_used_names(&self, then: EpochMs) -> Result<()> {
        let sql = "DELETE FROM used_names WHERE name IN
                   (SELECT name FROM used_names WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
        self.prune(sql, then).await
    }
}
