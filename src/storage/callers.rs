//! What our records say of somebody who wants to place a call.

use super::{Result, Store};

/// The settings that apply to one caller: their own, else their tenant's; `None` leaves it to the configuration.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Caller {
    /// ISO 3166 country of the tenant.
    pub region: String,
    /// Calls at once.
    pub call_limit: Option<i64>,
    pub backend: Option<String>,
    /// The IANA name of the tenant's time zone.
    pub time_zone: Option<String>,
}

impl Store {
    /// The settings of a user.
    pub async fn user_as_caller(&self, user: &str) -> Result<Option<Caller>> {
        let sql = "SELECT t.region, coalesce(u.call_limit, t.call_limit) AS call_limit, coalesce(u.backend, t.backend) AS backend, t.time_zone
                   FROM users u JOIN tenants t ON t.id = u.tenant_id WHERE u.id = $1";
        self.caller(sql, user).await
    }

    /// The settings of a client that acts for itself.
    pub async fn client_as_caller(&self, client: &str) -> Result<Option<Caller>> {
        let sql = "SELECT t.region, coalesce(c.call_limit, t.call_limit) AS call_limit, t.backend, t.time_zone
                   FROM clients c JOIN tenants t ON t.id = c.tenant_id WHERE c.id = $1";
        self.caller(sql, client).await
    }

    /// The settings of somebody who has none of their own.
    pub async fn tenant_as_caller(&self, tenant: &str) -> Result<Option<Caller>> {
        let sql = "SELECT region, call_limit, backend, time_zone FROM tenants WHERE id = $1";
        self.caller(sql, tenant).await
    }

    async fn caller(&self, sql: &'static str, id: &str) -> Result<Option<Caller>> {
        Ok(sqlx::query_as(sql)
            .bind(id)
            .fetch_optional(self.readers())
            .await?)
    }
}
