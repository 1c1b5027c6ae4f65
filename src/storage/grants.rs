//! Grants: what a user allowed a client to do.

use super::{Connection, Result, Store, Words};
use crate::clock::EpochMs;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct Grant {
    pub id: String,
    pub user_id: String,
    pub client_id: String,
    #[sqlx(try_from = "String")]
    pub scope: Words,
    pub created_at: EpochMs,
    pub revoked_at: Option<EpochMs>,
}

const LIVE: &str =
    "SELECT * FROM grants WHERE user_id = $1 AND client_id = $2 AND revoked_at IS NULL";

impl Store {
    /// The live grant of a user to a client.
    pub async fn grant(&self, user: &str, client: &str) -> Result<Option<Grant>> {
        Ok(sqlx::query_as(LIVE)
            .bind(user)
            .bind(client)
            .fetch_optional(self.readers())
            .await?)
    }
}

/// The user's grant to the client, widened by `scope`, in the transaction of `c`.
pub(super) async fn widen(
    c: &mut Connection,
    user: &str,
    client: &str,
    scope: &Words,
    now: EpochMs,
) -> Result<Grant> {
    let live: Option<Grant> = sqlx::query_as(LIVE)
        .bind(user)
        .bind(client)
        .fetch_optional(&mut *c)
        .await?;
    let Some(mut grant) = live else {
        return create(c, user, client, scope, now).await;
    };
    grant.scope = grant.scope.iter().chain(scope.iter()).collect();
    sqlx::query("UPDATE grants SET scope = $2 WHERE id = $1")
        .bind(&grant.id)
        .bind(grant.scope.to_string())
        .execute(c)
        .await?;
    Ok(grant)
}

async fn create(
    c: &mut Connection,
    user: &str,
    client: &str,
    scope: &Words,
    now: EpochMs,
) -> Result<Grant> {
    let grant = Grant {
        id: uuid::Uuid::new_v4().to_string(),
        user_id: user.to_owned(),
        client_id: client.to_owned(),
        scope: scope.clone(),
        created_at: now,
        revoked_at: None,
    };
    sqlx::query("INSERT INTO grants (id, user_id, client_id, scope, created_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(&grant.id)
        .bind(&grant.user_id)
        .bind(&grant.client_id)
        .bind(grant.scope.to_string())
        .bind(grant.created_at)
        .execute(c)
        .await?;
    Ok(grant)
}
