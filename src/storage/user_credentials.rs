//! What users present to upstreams: secrets of their own, sealed.

use super::audit::{Entry, Event};
use super::revocations::{self, Kind};
use super::{Connection, Result, Store, StoreError};
use crate::clock::EpochMs;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct UserCredential {
    pub user_id: String,
    /// Of the `[[credential]]` in the configuration.
    pub name: String,
    pub sealed: String,
    pub set_at: EpochMs,
}

impl Store {
    pub async fn user_credential(&self, user: &str, name: &str) -> Result<Option<UserCredential>> {
        Ok(
            sqlx::query_as("SELECT * FROM user_credentials WHERE user_id = $1 AND name = $2")
                .bind(user)
                .bind(name)
                .fetch_optional(self.readers())
                .await?,
        )
    }

    /// All of a user, by name.
    pub async fn user_credentials(&self, user: &str) -> Result<Vec<UserCredential>> {
        Ok(
            sqlx::query_as("SELECT * FROM user_credentials WHERE user_id = $1 ORDER BY name")
                .bind(user)
                .fetch_all(self.readers())
                .await?,
        )
    }

    /// Sets a secret, in the place of any other. No gateway goes on using that one.
    pub async fn set_user_credential(
        &self,
        credential: UserCredential,
        entry: Entry,
    ) -> Result<()> {
        self.write_down(entry, move |c| {
            Box::pin(async move {
                let (user, now) = (credential.user_id.clone(), credential.set_at);
                put(c, credential).await?;
                revocations::record(c, Kind::User, &user, now).await?;
                Ok(((), Event::Administration))
            })
        })
        .await
    }

    /// # Errors
    /// [`StoreError::Missing`] when the user has none of this name.
    pub async fn remove_user_credential(
        &self,
        user: &str,
        name: &str,
        entry: Entry,
        now: EpochMs,
    ) -> Result<()> {
        let (user, name) = (user.to_owned(), name.to_owned());
        self.write_down(entry, move |c| {
            Box::pin(async move {
                let removed =
                    sqlx::query("DELETE FROM user_credentials WHERE user_id = $1 AND name = $2")
                        .bind(&user)
                        .bind(&name)
                        .execute(&mut *c)
                        .await?;
                if removed.rows_affected() == 0 {
                    return Err(StoreError::Missing("credential"));
                }
                revocations::record(c, Kind::User, &user, now).await?;
                Ok(((), Event::Administration))
            })
        })
        .await
    }
}

async fn put(c: &mut Connection, credential: UserCredential) -> Result<()> {
    sqlx::query(
        "INSERT INTO user_credentials (user_id, name, sealed, set_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id, name) DO UPDATE SET sealed = $3, set_at = $4",
    )
    .bind(credential.user_id)
    .bind(credential.name)
    .bind(credential.sealed)
    .bind(credential.set_at)
    .execute(c)
    .await?;
    Ok(())
}
