//! Accounts at other providers, and whose they are here.

use super::provider_tokens::{self, SealedTokens};
use super::revocations::{self, Kind};
use super::{Connection, Result, Store, StoreError};
use crate::clock::EpochMs;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Identity {
    /// Its name in the configuration.
    pub provider: String,
    pub issuer: String,
    pub subject: String,
    pub user_id: String,
    pub linked_at: EpochMs,
    pub last_used_at: Option<EpochMs>,
}

const LINK: &str = "INSERT INTO identities (provider, issuer, subject, user_id, linked_at) VALUES ($1, $2, $3, $4, $5)";

impl Store {
    /// Whose the account is.
    pub async fn identity(
        &self,
        provider: &str,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<Identity>> {
        Ok(sqlx::query_as(
            "SELECT * FROM identities WHERE provider = $1 AND issuer = $2 AND subject = $3",
        )
        .bind(provider)
        .bind(issuer)
        .bind(subject)
        .fetch_optional(self.readers())
        .await?)
    }

    /// The accounts of a user, by provider.
    pub async fn identities(&self, user: &str) -> Result<Vec<Identity>> {
        Ok(
            sqlx::query_as("SELECT * FROM identities WHERE user_id = $1 ORDER BY provider")
                .bind(user)
                .fetch_all(self.readers())
                .await?,
        )
    }

    /// Links an account to a user, and keeps the tokens that came with it.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the account is another user's, or the user has another account there.
    pub async fn link_identity(
        &self,
        identity: Identity,
        tokens: Option<SealedTokens>,
    ) -> Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                let linked: Option<Identity> = sqlx::query_as(
                    "SELECT * FROM identities WHERE provider = $1 AND issuer = $2 AND subject = $3",
                )
                .bind(&identity.provider)
                .bind(&identity.issuer)
                .bind(&identity.subject)
                .fetch_optional(&mut *c)
                .await?;
                match linked {
                    Some(linked) if linked.user_id == identity.user_id => {}
                    Some(_) => return Err(StoreError::Exists("a link of this account")),
                    None => insert(c, &identity).await?,
                }
                provider_tokens::put(c, tokens).await
            })
        })
        .await
    }

    /// Notes that the user logged in with the account, and keeps the tokens that came with it.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the account is not the user's any more.
    pub async fn use_identity(
        &self,
        identity: Identity,
        tokens: Option<SealedTokens>,
        now: EpochMs,
    ) -> Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                let used = sqlx::query(
                    "UPDATE identities SET last_used_at = $5
                     WHERE provider = $1 AND issuer = $2 AND subject = $3 AND user_id = $4",
                )
                .bind(&identity.provider)
                .bind(&identity.issuer)
                .bind(&identity.subject)
                .bind(&identity.user_id)
                .bind(now)
                .execute(&mut *c)
                .await?;
                if used.rows_affected() == 0 {
                    return Err(StoreError::Missing("link"));
                }
                provider_tokens::put(c, tokens).await
            })
        })
        .await
    }

    /// Unlinks the user's account there, and forgets its tokens. Says whether there was one.
    pub async fn unlink_identity(&self, user: &str, provider: &str, now: EpochMs) -> Result<bool> {
        let (user, provider) = (user.to_owned(), provider.to_owned());
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query("DELETE FROM provider_tokens WHERE user_id = $1 AND provider = $2")
                    .bind(&user)
                    .bind(&provider)
                    .execute(&mut *c)
                    .await?;
                let unlinked =
                    sqlx::query("DELETE FROM identities WHERE user_id = $1 AND provider = $2")
                        .bind(&user)
                        .bind(&provider)
                        .execute(&mut *c)
                        .await?;
                // Who came with a credential of that account is somebody else from now on.
                revocations::record(c, Kind::User, &user, now).await?;
                Ok(unlinked.rows_affected() > 0)
            })
        })
        .await
    }
}

async fn insert(c: &mut Connection, identity: &Identity) -> Result<()> {
    sqlx::query(LINK)
        .bind(&identity.provider)
        .bind(&identity.issuer)
        .bind(&identity.subject)
        .bind(&identity.user_id)
        .bind(identity.linked_at)
        .execute(c)
        .await
        .map_err(super::exists("a link to this provider"))?;
    Ok(())
}
