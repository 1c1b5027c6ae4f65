//! Tokens that other providers gave us for users: sealed, and renewed by one at a time.

use super::{Connection, Result, Store};
use crate::clock::EpochMs;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ProviderToken {
    pub user_id: String,
    pub provider: String,
    pub sealed: String,
    /// Grows with each set.
    pub version: i64,
    pub updated_at: EpochMs,
    /// Until then, one gateway is at the next set.
    pub claimed_until: Option<EpochMs>,
    /// When the last attempt at the next set failed, if it did.
    pub failed_at: Option<EpochMs>,
    /// Since then, the user must log in there again.
    pub lapsed_at: Option<EpochMs>,
}

/// A new set, to be written.
#[derive(Debug, Clone)]
pub struct SealedTokens {
    pub user_id: String,
    pub provider: String,
    pub sealed: String,
    pub now: EpochMs,
}

/// How an attempt at the next set ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It may be tried again later.
    Failed,
    /// The provider takes the old set no more.
    Lapsed,
}

impl Store {
    pub async fn provider_token(
        &self,
        user: &str,
        provider: &str,
    ) -> Result<Option<ProviderToken>> {
        Ok(
            sqlx::query_as("SELECT * FROM provider_tokens WHERE user_id = $1 AND provider = $2")
                .bind(user)
                .bind(provider)
                .fetch_optional(self.readers())
                .await?,
        )
    }

    /// Claims the making of the next set until `until`. One alone gets it, of all tasks of all gateways.
    pub async fn claim_provider_token(
        &self,
        token: &ProviderToken,
        now: EpochMs,
        until: EpochMs,
    ) -> Result<bool> {
        self.set_if_current(
            token,
            "UPDATE provider_tokens SET claimed_until = $5
             WHERE user_id = $1 AND provider = $2 AND version = $3 AND lapsed_at IS NULL
               AND (claimed_until IS NULL OR claimed_until <= $4)",
            now,
            Some(until),
        )
        .await
    }

    /// Replaces the set that `token` was by the one that came of it, and gives the claim back. `false` when another set
    /// came in between: that one counts.
    pub async fn replace_provider_token(
        &self,
        token: &ProviderToken,
        sealed: String,
        now: EpochMs,
    ) -> Result<bool> {
        let token = token.clone();
        self.write(move |c| {
            Box::pin(async move {
                let replaced = sqlx::query(
                    "UPDATE provider_tokens SET sealed = $5, version = version + 1, updated_at = $4,
                     claimed_until = NULL, failed_at = NULL
                     WHERE user_id = $1 AND provider = $2 AND version = $3",
                )
                .bind(token.user_id)
                .bind(token.provider)
                .bind(token.version)
                .bind(now)
                .bind(sealed)
                .execute(c)
                .await?;
                Ok(replaced.rows_affected() > 0)
            })
        })
        .await
    }

    /// Gives the claim on `token` back without a new set. `false` as above.
    pub async fn give_up_provider_token(
        &self,
        token: &ProviderToken,
        ended: Ended,
        now: EpochMs,
    ) -> Result<bool> {
        let sql = match ended {
            Ended::Failed => {
                "UPDATE provider_tokens SET claimed_until = $5, failed_at = $4
                 WHERE user_id = $1 AND provider = $2 AND version = $3"
            }
            Ended::Lapsed => {
                "UPDATE provider_tokens SET claimed_until = $5, lapsed_at = $4, sealed = ''
                 WHERE user_id = $1 AND provider = $2 AND version = $3"
            }
        };
        self.set_if_current(token, sql, now, None).await
    }

    async fn set_if_current(
        &self,
        token: &ProviderToken,
        sql: &'static str,
        now: EpochMs,
        claimed_until: Option<EpochMs>,
    ) -> Result<bool> {
        let token = token.clone();
        self.write(move |c| {
            Box::pin(async move {
                let set = sqlx::query(sql)
                    .bind(token.user_id)
                    .bind(token.provider)
                    .bind(token.version)
                    .bind(now)
                    .bind(claimed_until)
                    .execute(c)
                    .await?;
                Ok(set.rows_affected() > 0)
            })
        })
        .await
    }
}

/// Puts a set of a new login in the place of any other, in the transaction of `c`.
pub(super) async fn put(c: &mut Connection, tokens: Option<SealedTokens>) -> Result<()> {
    let Some(tokens) = tokens else {
        return Ok(());
    };
    sqlx::query(
        "INSERT INTO provider_tokens (user_id, provider, sealed, version, updated_at) VALUES ($1, $2, $3, 1, $4)
         ON CONFLICT (user_id, provider) DO UPDATE SET sealed = $3, version = provider_tokens.version + 1,
         updated_at = $4, claimed_until = NULL, failed_at = NULL, lapsed_at = NULL",
    )
    .bind(tokens.user_id)
    .bind(tokens.provider)
    .bind(tokens.sealed)
    .bind(tokens.now)
    .execute(c)
    .await?;
    Ok(())
}
