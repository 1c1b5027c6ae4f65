//! Kalliope's digest: which tenants' users may log in by it, and the `digestPassword` of users, which is never shown.

use super::{Administration, Password, rules, view};
use crate::acl::Permit;
use crate::auth::digest;
use crate::auth::password::{LONGEST, PasswordError};
use crate::error::{Error, Result};
use crate::kalliope::{self, DigestPassword, Salt};
use crate::storage::Words;
use crate::storage::digests::DigestDomain;
use crate::storage::users::User;
use serde::{Deserialize, Serialize};

/// A tenant's domain as an administrator gives it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DigestDomainText {
    pub domain: String,
    /// Left out, it stays, or a new one is made.
    pub salt: Option<String>,
    /// What such a login may do; left out, the configuration says it.
    pub policies: Option<Words>,
}

/// A tenant's domain as it is shown.
#[derive(Debug, Serialize)]
pub struct DigestDomainView {
    tenant: String,
    domain: String,
    salt: String,
    policies: Option<Words>,
    created_at: String,
}

/// A user's secret as an administrator gives it: the password, or what Kalliope keeps of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GivenDigest {
    pub password: Option<Password>,
    /// 64 hexadecimal digits.
    pub digest_password: Option<Password>,
}

/// What is shown of a user's secret: that there is one.
#[derive(Debug, Serialize)]
pub struct DigestView {
    set_at: Option<String>,
}

impl From<DigestDomain> for DigestDomainView {
    fn from(domain: DigestDomain) -> Self {
        Self {
            tenant: domain.tenant_id,
            domain: domain.domain,
            salt: domain.salt,
            policies: domain.policies.map(Words::from),
            created_at: view::time(domain.created_at),
        }
    }
}

impl Administration {
    pub async fn digest_domain(&self, tenant: &str) -> Result<DigestDomainView> {
        self.tenant(tenant).await?;
        let domain = self.store.digest_domain(tenant).await?;
        Ok(domain.ok_or(Error::Missing("digest domain"))?.into())
    }

    /// Lets a tenant's users log in by the digest, under this domain. With another salt, what was set from a password
    /// must be set again.
    pub async fn set_digest_domain(
        &self,
        by: &Permit,
        tenant: &str,
        text: DigestDomainText,
    ) -> Result<DigestDomainView> {
        self.tenant(tenant).await?;
        kalliope::domain(&text.domain).map_err(unfit)?;
        if let Some(policies) = &text.policies {
            self.must_be_policies(policies).await?;
        }
        let before = self.store.digest_domain(tenant).await?;
        let salt = match (text.salt, &before) {
            (Some(salt), _) => Salt::parse(&salt).map_err(unfit)?.as_str().to_owned(),
            (None, Some(before)) => before.salt.clone(),
            (None, None) => Salt::generate().as_str().to_owned(),
        };
        let now = self.clock.now();
        let domain = DigestDomain {
            tenant_id: tenant.to_owned(),
            domain: text.domain,
            salt,
            policies: text.policies.map(|policies| policies.to_string()),
            created_at: before.map_or(now, |before| before.created_at),
        };
        let entry = self.entry(by, "tenant.digest.set", tenant).await;
        let entry = entry.with("domain", domain.domain.as_str());
        let row = domain.clone();
        self.store.set_digest_domain(row, entry, now).await?;
        self.hold().await;
        Ok(domain.into())
    }

    /// Nobody of the tenant logs in by the digest any more.
    pub async fn remove_digest_domain(&self, by: &Permit, tenant: &str) -> Result<()> {
        self.tenant(tenant).await?;
        let entry = self.entry(by, "tenant.digest.remove", tenant).await;
        let now = self.clock.now();
        self.store.remove_digest_domain(tenant, entry, now).await?;
        self.hold().await;
        Ok(())
    }

    pub async fn user_digest(&self, user: &str) -> Result<DigestView> {
        self.user(user).await?;
        let set_at = self.store.digest_password_set_at(user).await?;
        Ok(DigestView {
            set_at: set_at.map(view::time),
        })
    }

    /// Sets the user's `digestPassword`, in the place of any other, which is good no more.
    pub async fn set_user_digest(&self, by: &Permit, user: &str, given: GivenDigest) -> Result<()> {
        let found = self.store.user(user).await?.ok_or(Error::Missing("user"))?;
        let password = self.digest_password(&found, given).await?;
        let sealed = digest::seal(&self.sealer, user, &password)?;
        let entry = self.entry(by, "user.digest.set", user).await;
        let now = self.clock.now();
        self.store
            .set_digest_password(user, sealed, entry, now)
            .await?;
        self.hold().await;
        Ok(())
    }

    pub async fn remove_user_digest(&self, by: &Permit, user: &str) -> Result<()> {
        self.user(user).await?;
        let entry = self.entry(by, "user.digest.remove", user).await;
        let now = self.clock.now();
        self.store.remove_digest_password(user, entry, now).await?;
        self.hold().await;
        Ok(())
    }

    async fn digest_password(&self, user: &User, given: GivenDigest) -> Result<DigestPassword> {
        kalliope::username(&user.username).map_err(unfit)?;
        let domain = self.store.digest_domain(&user.tenant_id).await?;
        let domain = domain.ok_or_else(|| {
            Error::Conflict(format!(
                "the tenant `{}` has no domain for Kalliope's digest: give it one first",
                user.tenant_id
            ))
        })?;
        match (given.password, given.digest_password) {
            (Some(password), None) => {
                let password = password.into_secret();
                if password.expose().is_empty() || password.expose().len() > LONGEST {
                    return Err(PasswordError::Length.into());
                }
                let salt = Salt::parse(&domain.salt).map_err(unfit)?;
                Ok(DigestPassword::of(&password, &salt))
            }
            (None, Some(hex)) => DigestPassword::parse(hex.into_secret().expose()).map_err(unfit),
            _ => Err(Error::BadRequest(
                "give either `password` or `digest_password`".to_owned(),
            )),
        }
    }

    async fn must_be_policies(&self, names: &Words) -> Result<()> {
        for name in names.iter() {
            rules::policy_name(name)?;
            if self.store.policy(name).await?.is_none() {
                return Err(Error::BadRequest(format!("there is no policy `{name}`")));
            }
        }
        Ok(())
    }
}

fn unfit(error: impl std::fmt::Display) -> Error {
    Error::BadRequest(error.to_string())
}
