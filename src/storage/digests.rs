//! Kalliope's digest: the domains by which its clients know tenants, and the `digestPassword` of users, sealed.

use super::audit::{Entry, Event};
use super::revocations::{self, Kind};
use super::{Connection, Flag, Result, Store, StoreError, Words, exists};
use crate::clock::EpochMs;

/// A tenant whose users may log in by the digest.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DigestDomain {
    pub tenant_id: String,
    /// As it stands in the header, letter by letter.
    pub domain: String,
    pub salt: String,
    /// What such a login may do, in place of what the configuration says.
    pub policies: Option<String>,
    pub created_at: EpochMs,
}

/// What there is of a domain and a user name; of the user perhaps nothing.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DigestAccount {
    pub tenant_id: String,
    pub policies: Option<String>,
    pub user_id: Option<String>,
    pub username: Option<String>,
    /// Whether neither the user nor the tenant is disabled.
    #[sqlx(try_from = "i64")]
    pub enabled: Flag,
    pub sealed: Option<String>,
}

impl DigestAccount {
    /// The user's id and sealed `digestPassword`; `None` when the user cannot log in by it.
    pub fn sealed(&self) -> Option<(&str, &str)> {
        let found = self.user_id.as_deref().zip(self.sealed.as_deref());
        found.filter(|_| self.enabled.0)
    }

    /// What such a login may do, if the tenant says it.
    pub fn policies(&self) -> Option<Words> {
        self.policies.as_deref().map(Words::parse)
    }
}

/// Who a user is at a telephone system, by the user's own `digestPassword`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DigestOwner {
    pub tenant_id: String,
    pub username: String,
    /// The tenant's, if it has one.
    pub domain: Option<String>,
    pub sealed: String,
}

impl Store {
    /// What a user signs by; `None` when there is no `digestPassword` of the user.
    pub async fn digest_owner(&self, user: &str) -> Result<Option<DigestOwner>> {
        Ok(sqlx::query_as(
            "SELECT u.tenant_id, u.username, d.domain, p.sealed FROM digest_passwords p JOIN users u ON u.id = p.user_id
             LEFT JOIN digest_domains d ON d.tenant_id = u.tenant_id WHERE p.user_id = $1",
        )
        .bind(user)
        .fetch_optional(self.readers())
        .await?)
    }

    /// What there is of exactly this domain and exactly this user name (AT-42); `None` without the domain.
    pub async fn digest_account(
        &self,
        domain: &str,
        username: &str,
    ) -> Result<Option<DigestAccount>> {
        Ok(sqlx::query_as(
            "SELECT d.tenant_id, d.policies, u.id AS user_id, u.username, p.sealed,
             CASE WHEN t.disabled_at IS NULL AND u.disabled_at IS NULL THEN 1 ELSE 0 END AS enabled
             FROM digest_domains d JOIN tenants t ON t.id = d.tenant_id
             LEFT JOIN users u ON u.tenant_id = d.tenant_id AND u.username = $2
             LEFT JOIN digest_passwords p ON p.user_id = u.id WHERE d.domain = $1",
        )
        .bind(domain)
        .bind(username)
        .fetch_optional(self.readers())
        .await?)
    }

    /// The salt of a domain whose tenant is not disabled.
    pub async fn digest_salt(&self, domain: &str) -> Result<Option<String>> {
        Ok(sqlx::query_scalar(
            "SELECT d.salt FROM digest_domains d JOIN tenants t ON t.id = d.tenant_id
             WHERE d.domain = $1 AND t.disabled_at IS NULL",
        )
        .bind(domain)
        .fetch_optional(self.readers())
        .await?)
    }

    pub async fn digest_domain(&self, tenant: &str) -> Result<Option<DigestDomain>> {
        Ok(
            sqlx::query_as("SELECT * FROM digest_domains WHERE tenant_id = $1")
                .bind(tenant)
                .fetch_optional(self.readers())
                .await?,
        )
    }

    /// Gives a tenant its domain, in the place of any other.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when another tenant has the domain, [`StoreError::Missing`] without the tenant.
    pub async fn set_digest_domain(
        &self,
        domain: DigestDomain,
        entry: Entry,
        now: EpochMs,
    ) -> Result<()> {
        self.write_down(entry, move |c| {
            Box::pin(async move {
                revocations::record(c, Kind::Tenant, &domain.tenant_id, now).await?;
                put_domain(c, domain).await?;
                Ok(((), Event::Administration))
            })
        })
        .await
    }

    /// Takes the domain from a tenant: nobody of it logs in by the digest any more. What its users have stays.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when it has none.
    pub async fn remove_digest_domain(
        &self,
        tenant: &str,
        entry: Entry,
        now: EpochMs,
    ) -> Result<()> {
        let tenant = tenant.to_owned();
        self.write_down(entry, move |c| {
            Box::pin(async move {
                let removed = sqlx::query("DELETE FROM digest_domains WHERE tenant_id = $1")
                    .bind(&tenant)
                    .execute(&mut *c)
                    .await?;
                must_be_there(removed.rows_affected(), "digest domain")?;
                revocations::record(c, Kind::Tenant, &tenant, now).await?;
                Ok(((), Event::Administration))
            })
        })
        .await
    }

    /// When the user's `digestPassword` was set, if there is one.
    pub async fn digest_password_set_at(&self, user: &str) -> Result<Option<EpochMs>> {
        Ok(
            sqlx::query_scalar("SELECT set_at FROM digest_passwords WHERE user_id = $1")
                .bind(user)
                .fetch_optional(self.readers())
                .await?,
        )
    }

    /// Sets a user's `digestPassword`, sealed, in the place of any other.
    pub async fn set_digest_password(
        &self,
        user: &str,
        sealed: String,
        entry: Entry,
        now: EpochMs,
    ) -> Result<()> {
        let user = user.to_owned();
        self.write_down(entry, move |c| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO digest_passwords (user_id, sealed, set_at) VALUES ($1, $2, $3)
                     ON CONFLICT (user_id) DO UPDATE SET sealed = $2, set_at = $3",
                )
                .bind(&user)
                .bind(sealed)
                .bind(now)
                .execute(&mut *c)
                .await?;
                revocations::record(c, Kind::User, &user, now).await?;
                Ok(((), Event::Administration))
            })
        })
        .await
    }

    /// # Errors
    /// [`StoreError::Missing`] when the user has none.
    pub async fn remove_digest_password(
        &self,
        user: &str,
        entry: Entry,
        now: EpochMs,
    ) -> Result<()> {
        let user = user.to_owned();
        self.write_down(entry, move |c| {
            Box::pin(async move {
                let removed = forget_password(c, &user).await?;
                must_be_there(removed, "digest password")?;
                revocations::record(c, Kind::User, &user, now).await?;
                Ok(((), Event::Administration))
            })
        })
        .await
    }
}

/// Takes a user's `digestPassword` in the transaction of `c`, if there is one. Returns how many there were.
pub(super) async fn forget_password(c: &mut Connection, user: &str) -> Result<u64> {
    let removed = sqlx::query("DELETE FROM digest_passwords WHERE user_id = $1")
        .bind(user)
        .execute(c)
        .await?;
    Ok(removed.rows_affected())
}

async fn put_domain(c: &mut Connection, domain: DigestDomain) -> Result<()> {
    sqlx::query(
        "INSERT INTO digest_domains (tenant_id, domain, salt, policies, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant_id) DO UPDATE SET domain = $2, salt = $3, policies = $4",
    )
    .bind(domain.tenant_id)
    .bind(domain.domain)
    .bind(domain.salt)
    .bind(domain.policies)
    .bind(domain.created_at)
    .execute(c)
    .await
    .map_err(exists("the domain"))?;
    Ok(())
}

fn must_be_there(removed: u64, what: &'static str) -> Result<()> {
    if removed == 0 {
        return Err(StoreError::Missing(what));
    }
    Ok(())
}
