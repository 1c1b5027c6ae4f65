//! Tenants: list, create, change.

use super::change::{enable, given, replace};
use super::{Administration, Change, rules, view};
use crate::acl::Permit;
use crate::error::{Error, Result};
use crate::storage::tenants::Tenant;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    pub id: String,
    /// The id, if left out.
    pub name: Option<String>,
    /// ISO 3166 country by which national numbers are understood.
    pub region: String,
    pub call_limit: Option<u32>,
    pub backend: Option<String>,
    /// The IANA name of the zone whose clocks its people look at.
    #[serde(default)]
    pub time_zone: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TenantChanges {
    #[serde(deserialize_with = "given")]
    pub name: Option<String>,
    #[serde(deserialize_with = "given")]
    pub region: Option<String>,
    pub call_limit: Change<u32>,
    pub backend: Change<String>,
    pub time_zone: Change<String>,
    #[serde(deserialize_with = "given")]
    pub enabled: Option<bool>,
}

/// A tenant as it is shown.
#[derive(Debug, Serialize)]
pub struct TenantView {
    pub id: String,
    name: String,
    region: String,
    call_limit: Option<i64>,
    backend: Option<String>,
    time_zone: Option<String>,
    enabled: bool,
    created_at: String,
}

impl From<Tenant> for TenantView {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id,
            name: tenant.name,
            region: tenant.region,
            call_limit: tenant.call_limit,
            backend: tenant.backend,
            time_zone: tenant.time_zone,
            enabled: tenant.disabled_at.is_none(),
            created_at: view::time(tenant.created_at),
        }
    }
}

impl Administration {
    pub async fn tenants(&self) -> Result<Vec<TenantView>> {
        let tenants = self.store.tenants().await?;
        Ok(tenants.into_iter().map(TenantView::from).collect())
    }

    pub async fn tenant(&self, id: &str) -> Result<TenantView> {
        let tenant = self.store.tenant(id).await?;
        Ok(tenant.ok_or(Error::Missing("tenant"))?.into())
    }

    pub async fn create_tenant(&self, by: &Permit, new: NewTenant) -> Result<TenantView> {
        rules::short_name("a tenant's id", &new.id)?;
        let name = new.name.unwrap_or_else(|| new.id.clone());
        self.check_tenant(Some(&name), Some(&new.region), new.backend.as_ref())?;
        new.time_zone.as_deref().map_or(Ok(()), rules::time_zone)?;
        let tenant = Tenant {
            id: new.id,
            name,
            region: new.region,
            call_limit: new.call_limit.map(i64::from),
            backend: new.backend,
            time_zone: new.time_zone,
            created_at: self.clock.now(),
            disabled_at: None,
        };
        self.store.create_tenant(tenant.clone()).await?;
        self.done(by, "tenant.create", &tenant.id).await?;
        Ok(tenant.into())
    }

    pub async fn change_tenant(
        &self,
        by: &Permit,
        id: &str,
        changes: TenantChanges,
    ) -> Result<TenantView> {
        self.check_tenant(
            changes.name.as_deref(),
            changes.region.as_deref(),
            changes.backend.value(),
        )?;
        let zone = changes.time_zone.value();
        zone.map_or(Ok(()), |zone| rules::time_zone(zone))?;
        let now = self.clock.now();
        let change = move |tenant: &mut Tenant| {
            replace(&mut tenant.name, changes.name);
            replace(&mut tenant.region, changes.region);
            changes.call_limit.apply(&mut tenant.call_limit);
            changes.backend.apply(&mut tenant.backend);
            changes.time_zone.apply(&mut tenant.time_zone);
            enable(&mut tenant.disabled_at, changes.enabled, now);
        };
        let tenant = self.store.change_tenant(id, change, now).await?;
        self.done(by, "tenant.update", id).await?;
        Ok(tenant.into())
    }

    fn check_tenant(
        &self,
        name: Option<&str>,
        region: Option<&str>,
        backend: Option<&String>,
    ) -> Result<()> {
        name.map_or(Ok(()), |name| rules::label("a tenant's name", name))?;
        region.map_or(Ok(()), rules::region)?;
        backend.map_or(Ok(()), |backend| self.must_be_configured(backend))
    }
}
