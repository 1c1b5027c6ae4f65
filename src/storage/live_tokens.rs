//! Tokens with whose they are and whom they are for: what introspection tells (RFC 7662).

use super::tokens::Token;
use super::{Result, Store, Words};

/// A token of either class that was neither used up nor revoked, of a client, tenant and user that are enabled.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct LiveToken {
    #[sqlx(flatten)]
    pub token: Token,
    /// Of the user that it acts for.
    pub username: Option<String>,
    /// The resource servers that the tokens of its client are for.
    #[sqlx(try_from = "String")]
    pub audience: Words,
}

impl Store {
    /// Whether the token has expired is for the caller to see.
    pub async fn live_token(&self, hash: &str) -> Result<Option<LiveToken>> {
        Ok(sqlx::query_as(
            "SELECT t.*, u.username, c.audience
             FROM tokens t JOIN clients c ON c.id = t.client_id JOIN tenants o ON o.id = t.tenant_id
             LEFT JOIN users u ON u.id = t.user_id
             WHERE t.hash = $1 AND t.used_at IS NULL AND t.revoked_at IS NULL
               AND c.disabled_at IS NULL AND o.disabled_at IS NULL AND u.disabled_at IS NULL
               AND (t.user_id IS NULL OR u.id IS NOT NULL)",
        )
        .bind(hash)
        .fetch_optional(self.readers())
        .await?)
    }

    /// Whether the client is one that others' tokens are for.
    pub async fn is_resource_server(&self, client: &str) -> Result<bool> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM clients WHERE disabled_at IS NULL AND ' ' || audience || ' ' LIKE '% ' || $1 || ' %'",
        )
        .bind(client)
        .fetch_one(self.readers())
        .await?;
        Ok(count > 0)
    }
}
