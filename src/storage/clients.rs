//! Clients: the applications that act for users, or for themselves.

use super::{Flag, Result, Store, StoreError, Words, exists, revocations};
use crate::clock::EpochMs;
use crate::storage::revocations::Kind;

/// What access tokens of a client look like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenFormat {
    /// A random text, which means something to us alone.
    #[default]
    Opaque,
    /// A signed document that resource servers read by themselves (RFC 9068).
    Jwt,
}

impl TokenFormat {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Opaque => "opaque",
            Self::Jwt => "jwt",
        }
    }
}

impl From<String> for TokenFormat {
    fn from(text: String) -> Self {
        if text == Self::Jwt.as_str() {
            Self::Jwt
        } else {
            Self::Opaque
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct Client {
    /// The OAuth `client_id`.
    pub id: String,
    pub tenant_id: String,
    pub name: String,
    /// Hash of the secret; a public client has none, nor has one that signs.
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
    #[sqlx(try_from = "String")]
    pub token_format: TokenFormat,
    /// Ids of the resource servers that its tokens are for, besides this gateway.
    #[sqlx(try_from = "String")]
    pub audience: Words,
    /// Its public keys (RFC 7517), to authenticate with a signature (RFC 7523).
    pub jwks: Option<String>,
    /// Whether it must prove a key for every token (RFC 9449 §5.2).
    #[sqlx(try_from = "i64")]
    pub dpop_bound: Flag,
    /// Whether it must push its authorization requests (RFC 9126 §6).
    #[sqlx(try_from = "i64")]
    pub par_required: Flag,
    /// When its switches end.
    pub sunset_at: Option<EpochMs>,
    /// Hash of the secret before this one, good until `former_secret_until`.
    #[serde(skip)]
    pub former_secret_hash: Option<String>,
    pub former_secret_until: Option<EpochMs>,
}

impl Client {
    /// Whether it can prove who it is by nothing, neither a secret nor a signature (RFC 6749 §2.1).
    pub fn is_public(&self) -> bool {
        self.secret_hash.is_none() && self.jwks.is_none()
    }

    /// Whether the client's legacy switches have come to their end.
    pub fn has_sunset(&self, now: EpochMs) -> bool {
        self.sunset_at.is_some_and(|sunset| sunset <= now)
    }

    /// Hash of the secret before this one, while it is good.
    pub fn former_secret(&self, now: EpochMs) -> Option<&str> {
        let until = self.former_secret_until?;
        self.former_secret_hash.as_deref().filter(|_| now < until)
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

    /// Whether any client may use a legacy behaviour at `now`.
    pub async fn is_switch_used(&self, switch: &str, now: EpochMs) -> Result<bool> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM clients WHERE disabled_at IS NULL AND (sunset_at IS NULL OR sunset_at > $2)
             AND ' ' || switches || ' ' LIKE '% ' || $1 || ' %'",
        )
        .bind(switch)
        .bind(now)
        .fetch_one(self.readers())
        .await?;
        Ok(count > 0)
    }

    /// The clients that have legacy switches, whether or not those have ended.
    pub async fn clients_with_switches(&self) -> Result<Vec<Client>> {
        Ok(sqlx::query_as(
            "SELECT * FROM clients WHERE disabled_at IS NULL AND switches <> '' ORDER BY tenant_id, id",
        )
        .fetch_all(self.readers())
        .await?)
    }

    /// The enabled clients one of whose redirect URIs begins with `origin`, which must have no wildcards of SQL.
    pub async fn clients_at(&self, origin: &str) -> Result<Vec<Client>> {
        Ok(sqlx::query_as(
            "SELECT c.* FROM clients c JOIN tenants o ON o.id = c.tenant_id
             WHERE c.disabled_at IS NULL AND o.disabled_at IS NULL
               AND ' ' || c.redirect_uris || ' ' LIKE '% ' || $1 || '%'",
        )
        .bind(origin)
        .fetch_all(self.readers())
        .await?)
    }

    /// # Errors
    /// [`StoreError::Exists`] when the id is taken, [`StoreError::Missing`] without the tenant.
    pub async fn create_client(&self, client: Client) -> Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO clients (id, tenant_id, name, secret_hash, redirect_uris, grant_types, policies, switches,
                     call_limit, created_at, token_format, audience, jwks, dpop_bound, par_required, sunset_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
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
                .bind(client.token_format.as_str())
                .bind(client.audience.to_string())
                .bind(client.jwks)
                .bind(i64::from(client.dpop_bound))
                .bind(i64::from(client.par_required))
                .bind(client.sunset_at)
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
                     switches = $7, call_limit = $8, disabled_at = $9, token_format = $10, audience = $11, jwks = $12,
                     dpop_bound = $13, par_required = $14, sunset_at = $15, former_secret_hash = $16,
                     former_secret_until = $17 WHERE id = $1",
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
                .bind(client.token_format.as_str())
                .bind(client.audience.to_string())
                .bind(&client.jwks)
                .bind(i64::from(client.dpop_bound))
                .bind(i64::from(client.par_required))
                .bind(client.sunset_at)
                .bind(&client.former_secret_hash)
                .bind(client.former_secret_until)
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
