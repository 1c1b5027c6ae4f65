//! Grants: what a user allowed a client to do.

use super::audit::Entry;
use super::revocations::{self, Kind};
use super::{Connection, Result, Store, StoreError, Words};
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

/// A grant as people look at it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct GrantInUse {
    #[sqlx(flatten)]
    pub grant: Grant,
    pub client_name: String,
    /// When the client last got a token by it, as far as is still known.
    pub used_at: Option<EpochMs>,
}

const IN_USE: &str = "SELECT g.*, c.name AS client_name,
        (SELECT max(t.created_at) FROM tokens t WHERE t.grant_id = g.id) AS used_at
    FROM grants g JOIN clients c ON c.id = g.client_id
    WHERE g.revoked_at IS NULL AND ($1 IS NULL OR g.user_id = $1) AND ($2 IS NULL OR g.client_id = $2)
    ORDER BY g.created_at DESC, g.id LIMIT 1000";

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

    /// A grant by its id, if it is live.
    pub async fn live_grant(&self, id: &str) -> Result<Option<Grant>> {
        Ok(
            sqlx::query_as("SELECT * FROM grants WHERE id = $1 AND revoked_at IS NULL")
                .bind(id)
                .fetch_optional(self.readers())
                .await?,
        )
    }

    /// Live grants of a user, to a client, or all; newest first, a thousand at the most.
    pub async fn grants(
        &self,
        user: Option<&str>,
        client: Option<&str>,
    ) -> Result<Vec<GrantInUse>> {
        Ok(sqlx::query_as(IN_USE)
            .bind(user)
            .bind(client)
            .fetch_all(self.readers())
            .await?)
    }

    /// Ends a grant, with all tokens and codes that came of it. One record tells the gateways, however many those are.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when it has ended before.
    pub async fn revoke_grant(&self, grant: &Grant, entry: Entry, now: EpochMs) -> Result<()> {
        let (id, user, event) = (grant.id.clone(), grant.user_id.clone(), entry.event);
        self.write_down(entry, move |c| {
            Box::pin(async move { Ok((revoke(c, &id, &user, now).await?, event)) })
        })
        .await
    }
}

async fn revoke(c: &mut Connection, id: &str, user: &str, now: EpochMs) -> Result<()> {
    let done =
        sqlx::query("UPDATE grants SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
            .bind(id)
            .bind(now)
            .execute(&mut *c)
            .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::Missing("grant"));
    }
    sqlx::query("UPDATE tokens SET revoked_at = $2 WHERE grant_id = $1 AND revoked_at IS NULL")
        .bind(id)
        .bind(now)
        .execute(&mut *c)
        .await?;
    // By the user besides, for there is an index.
    sqlx::query(
        "UPDATE codes SET used_at = $2 WHERE grant_id = $1 AND user_id = $3 AND used_at IS NULL",
    )
    .bind(id)
    .bind(now)
    .bind(user)
    .execute(&mut *c)
    .await?;
    sqlx::query(
        "UPDATE devices SET denied_at = $2 WHERE grant_id = $1 AND user_id = $3 AND used_at IS NULL AND denied_at IS NULL",
    )
    .bind(id)
    .bind(now)
    .bind(user)
    .execute(&mut *c)
    .await?;
    revocations::record(c, Kind::Grant, id, now).await
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
