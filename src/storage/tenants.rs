//! Tenants: the organisations whose users share a gateway.

use super::{Result, Store, StoreError, exists, revocations};
use crate::clock::EpochMs;
use crate::storage::revocations::Kind;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct Tenant {
    /// A short name, such as `acme`.
    pub id: String,
    pub name: String,
    /// ISO 3166 country by which national numbers are understood.
    pub region: String,
    /// Calls that each of its users may have at once, unless the user has a limit of their own.
    pub call_limit: Option<i64>,
    /// The backend that places its calls, unless the user has one.
    pub backend: Option<String>,
    /// The IANA name of the zone whose clocks its people look at; without one, that of the configuration counts.
    pub time_zone: Option<String>,
    pub created_at: EpochMs,
    pub disabled_at: Option<EpochMs>,
}

impl Store {
    pub async fn tenant(&self, id: &str) -> Result<Option<Tenant>> {
        Ok(sqlx::query_as("SELECT * FROM tenants WHERE id = $1")
            .bind(id)
            .fetch_optional(self.readers())
            .await?)
    }

    pub async fn tenants(&self) -> Result<Vec<Tenant>> {
        Ok(sqlx::query_as("SELECT * FROM tenants ORDER BY id")
            .fetch_all(self.readers())
            .await?)
    }

    /// # Errors
    /// [`StoreError::Exists`] when the name is taken.
    pub async fn create_tenant(&self, tenant: Tenant) -> Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO tenants (id, name, region, call_limit, backend, time_zone, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                )
                .bind(tenant.id)
                .bind(tenant.name)
                .bind(tenant.region)
                .bind(tenant.call_limit)
                .bind(tenant.backend)
                .bind(tenant.time_zone)
                .bind(tenant.created_at)
                .execute(c)
                .await
                .map_err(exists("tenant"))?;
                Ok(())
            })
        })
        .await
    }

    /// Replaces what may change of a tenant. Its users' tokens are looked up again, as it may have been disabled.
    pub async fn update_tenant(&self, tenant: Tenant, now: EpochMs) -> Result<()> {
        let id = tenant.id.clone();
        self.change_tenant(&id, move |row| *row = tenant, now)
            .await?;
        Ok(())
    }

    /// As [`Store::update_tenant`], on the row as it is in that very transaction, so that of two changes at once
    /// neither undoes the other. Returns the row as it became.
    pub async fn change_tenant<F>(&self, id: &str, change: F, now: EpochMs) -> Result<Tenant>
    where
        F: FnOnce(&mut Tenant) + Send + 'static,
    {
        let id = id.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                let row: Option<Tenant> = sqlx::query_as("SELECT * FROM tenants WHERE id = $1")
                    .bind(&id)
                    .fetch_optional(&mut *c)
                    .await?;
                let mut tenant = row.ok_or(StoreError::Missing("tenant"))?;
                change(&mut tenant);
                sqlx::query(
                    "UPDATE tenants SET name = $2, region = $3, call_limit = $4, backend = $5, time_zone = $6, disabled_at = $7 WHERE id = $1",
                )
                .bind(&id)
                .bind(&tenant.name)
                .bind(&tenant.region)
                .bind(tenant.call_limit)
                .bind(&tenant.backend)
                .bind(&tenant.time_zone)
                .bind(tenant.disabled_at)
                .execute(&mut *c)
                .await?;
                revocations::record(c, Kind::Tenant, &id, now).await?;
                Ok(tenant)
            })
        })
        .await
    }
}
