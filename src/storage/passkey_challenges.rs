//! What passkeys are to sign: a challenge for each pending login or session, good once.

use super::{Result, Store};
use crate::clock::EpochMs;

impl Store {
    /// Sets the challenge of `owner`; one that it had before is void.
    pub async fn put_challenge(
        &self,
        owner: &str,
        state: String,
        expires_at: EpochMs,
    ) -> Result<()> {
        let owner = owner.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO passkey_challenges (owner, state, expires_at) VALUES ($1, $2, $3)
                     ON CONFLICT (owner) DO UPDATE SET state = excluded.state, expires_at = excluded.expires_at",
                )
                .bind(owner)
                .bind(state)
                .bind(expires_at)
                .execute(c)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Takes the challenge of `owner`: whatever comes of it, it is gone.
    pub async fn take_challenge(&self, owner: &str, now: EpochMs) -> Result<Option<String>> {
        let owner = owner.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                let state: Option<String> = sqlx::query_scalar(
                    "SELECT state FROM passkey_challenges WHERE owner = $1 AND expires_at > $2",
                )
                .bind(&owner)
                .bind(now)
                .fetch_optional(&mut *c)
                .await?;
                sqlx::query("DELETE FROM passkey_challenges WHERE owner = $1")
                    .bind(&owner)
                    .execute(&mut *c)
                    .await?;
                Ok(state)
            })
        })
        .await
    }

    /// Forgets challenges that ended before `then`.
    pub async fn prune_challenges(&self, then: EpochMs) -> Result<()> {
        self.prune(
            "DELETE FROM passkey_challenges
             WHERE owner IN (SELECT owner FROM passkey_challenges WHERE expires_at < $1 LIMIT $2)",
            then,
        )
        .await
    }
}
