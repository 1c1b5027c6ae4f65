//! Clients: the applications that act for users, or for themselves.

use super::{Result, Store, StoreError, Words, exists, revocations};
use crate::clock::EpochMs;
use crate::storage::revocations::Kind;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct Client {
    /// The OAuth `client_id`.
    pub id: String,
    pub tenant_id: String,
    pub name: String,
    /// Hash of the secret; a public client has none (RFC 6749 §2.1).
    #[serde(skip)]
    pub secret_hash: Option<String>,
    /// Exact redirect URIs.
    #[sqlx(try_from = "String")]
    pub redirect_uris: Words,
    /// `authorization_code`, `client_credentials`, `refresh_token`
    #[sqlx(try_from = "String")]
    pub grant_types: Words,
    /// The policies, that is scopes, that it may ask for.
    #[sqlx(try_from = "String")]
    pub policies: Words,
    /// Legacy behaviours that it may still use, such as `query_token`.
    #[sqlx(try_from = "String")]
    pub switches: Words,
    /// Calls at once when it acts for itself.
    pub call_limit: Option<i64>,
    pub created_at: EpochMs,
    pub disabled_at: Option<EpochMs>,
}

impl Client {
    pub fn is_public(&self) -> bool {
        self.secret_hash.is_none()
    }
}

impl Store {
    pub async fn client(&self, id: &str) -> Result<Option<Client>> {
        Ok(sqlx::query_as("SELECT * FROM clients WHERE id = $1")
            .bind(id)
            .fetch_optional(self.readers())
            .await?)
    }

    /// All clients, or those of one tenant.
    pub async fn clients(&self, tenant: Option<&str>) -> Result<Vec<Client>> {
        Ok(sqlx::query_as(
            "SELECT * FROM clients WHERE $1 IS NULL OR tenant_id = $1 ORDER BY tenant_id, id",
        )
        .bind(tenant)
        .fetch_all(self.readers())
        .await?)
    }

    /// Whether any client may use a legacy behaviour.
    pub async fn is_switch_used(&self, switch: &str) -> Result<bool> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM clients WHERE disabled_at IS NULL AND ' ' || switches || ' ' LIKE '% ' || $1 || ' %'",
        )
        .bind(switch)
        .fetch_one(self.readers())
        .await?;
        Ok(count > 0)
    }

    /// # Errors
    /// [`StoreError::Exists`] when the id is taken, [`StoreError::Missing`] without the tenant.
    pub async fn create_client(&self, client: Client) -> Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO clients (id, tenant_id, name, secret_hash, redirect_uris, grant_types, policies, switches,
                     call_limit, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                )
                .bind(client.id)
                .bind(client.tenant_id)
                .bind(client.name)
                .bind(client.secret_hash)
                .bind(client.redirect_uris.to_string())
                .bind(client.grant_types.to_string())
                .bind(client.policies.to_string())
                .bind(client.switches.to_string())
                .bind(client.call_limit)
                .bind(client.created_at)
                .execute(c)
                .await
                .map_err(exists("client"))?;
                Ok(())
            })
        })
        .await
    }

    /// Replaces what may change of a client. A client that is disabled loses its tokens.
    pub async fn update_client(&self, client: Client, now: EpochMs) -> Result<()> {
        let id = client.id.clone();
        self.change_client(&id, move |row| *row = client, now)
            .await?;
        Ok(())
    }

    /// As [`Store::update_client`], on the row as it is in that very transaction, so that of two changes at once
    /// neither undoes the other. Returns the row as it became.
    pub async fn change_client<F>(&self, id: &str, change: F, now: EpochMs) -> Result<Client>
    where
        F: FnOnce(&mut Client) + Send + 'static,
    {
        let id = id.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                let row: Option<Client> = sqlx::query_as("SELECT * FROM clients WHERE id = $1")
                    .bind(&id)
                    .fetch_optional(&mut *c)
                    .await?;
                let mut client = row.ok_or(StoreError::Missing("client"))?;
                change(&mut client);
                sqlx::query(
                    "UPDATE clients SET name = $2, secret_hash = $3, redirect_uris = $4, grant_types = $5, policies = $6,
                     switches = $7, call_limit = $8, disabled_at = $9 WHERE id = $1",
                )
                .bind(&id)
                .bind(&client.name)
                .bind(&client.secret_hash)
                .bind(client.redirect_uris.to_string())
                .bind(client.grant_types.to_string())
                .bind(client.policies.to_string())
                .bind(client.switches.to_string())
                .bind(client.call_limit)
                .bind(client.disabled_at)
                .execute(&mut *c)
                .await?;
                if client.disabled_at.is_some() {
                    end_tokens(c, &id, now).await?;
                }
                revocations::record(c, Kind::Client, &id, now).await?;
                Ok(client)
            })
        })
        .await
    }
}

async fn end_tokens(c: &mut super::Connection, client: &str, now: EpochMs) -> Result<()> {
    for sql in [
        "UPDATE tokens SET revoked_at = $2 WHERE client_id = $1 AND revoked_at IS NULL",
        "UPDATE codes SET used_at = $2 WHERE client_id = $1 AND used_at IS NULL",
    ] {
        sqlx::query(sql)
            .bind(client)
            .bind(now)
            .execute(&mut *c)
            .await?;
    }
    Ok(())
}
