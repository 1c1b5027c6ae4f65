//! Users: list, create, change, and their lines.

use super::change::{enable, given, replace};
use super::{Administration, Change, Password, rules, view};
use crate::acl::Permit;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::storage::lines::Line;
use crate::storage::users::User;
use crate::token::Subject;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    pub tenant: String,
    pub username: String,
    /// The username, if left out.
    pub display_name: Option<String>,
    /// Left out, one is generated and shown once; `null` makes a user who cannot log in.
    #[serde(default)]
    pub password: Change<Password>,
    pub call_limit: Option<u32>,
    pub backend: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserChanges {
    #[serde(deserialize_with = "given")]
    pub display_name: Option<String>,
    pub password: Change<Password>,
    pub call_limit: Change<u32>,
    pub backend: Change<String>,
    #[serde(deserialize_with = "given")]
    pub enabled: Option<bool>,
}

/// A user as it is shown.
#[derive(Debug, Serialize)]
pub struct UserView {
    pub id: String,
    pub tenant: String,
    pub username: String,
    display_name: String,
    can_log_in: bool,
    call_limit: Option<i64>,
    backend: Option<String>,
    /// By backend.
    lines: BTreeMap<String, Line>,
    enabled: bool,
    created_at: String,
}

/// A user just made, with the password that was generated for it.
#[derive(Debug, Serialize)]
pub struct NewUserView {
    #[serde(flatten)]
    pub user: UserView,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "view::shown_once"
    )]
    pub password: Option<Secret>,
}

impl Administration {
    /// The id of a user who is named by it, or as `TENANT/USERNAME`.
    pub async fn user_id(&self, named: &str) -> Result<String> {
        let user = match named.split_once('/') {
            Some((tenant, username)) => self.store.user_named(tenant, username).await?,
            None => self.store.user(named).await?,
        };
        Ok(user.ok_or(Error::Missing("user"))?.id)
    }

    /// All users, or those of one tenant.
    pub async fn users(&self, tenant: Option<&str>) -> Result<Vec<UserView>> {
        let mut shown = Vec::new();
        for user in self.store.users(tenant).await? {
            shown.push(self.show_user(user).await?);
        }
        Ok(shown)
    }

    pub async fn user(&self, id: &str) -> Result<UserView> {
        let user = self.store.user(id).await?.ok_or(Error::Missing("user"))?;
        self.show_user(user).await
    }

    pub async fn create_user(&self, by: &Permit, new: NewUser) -> Result<NewUserView> {
        let display_name = new.display_name.unwrap_or_else(|| new.username.clone());
        rules::username(&new.username)?;
        self.check_user(Some(&display_name), new.backend.as_ref())?;
        let (password, generated) = match new.password {
            Change::Keep => (Some(Password::generate()), true),
            Change::Clear => (None, false),
            Change::Set(password) => (Some(password), false),
        };
        let user = User {
            id: uuid::Uuid::new_v4().to_string(),
            tenant_id: new.tenant,
            username: new.username,
            display_name,
            password_hash: hash(password.as_ref()).await?,
            call_limit: new.call_limit.map(i64::from),
            backend: new.backend,
            created_at: self.clock.now(),
            disabled_at: None,
        };
        self.store.create_user(user.clone()).await?;
        self.done(by, "user.create", &user.id).await?;
        Ok(NewUserView {
            user: self.show_user(user).await?,
            password: password.filter(|_| generated).map(Password::into_secret),
        })
    }

    /// A user who is disabled, or whose password is changed, is logged out everywhere, and all tokens end.
    pub async fn change_user(
        &self,
        by: &Permit,
        id: &str,
        changes: UserChanges,
    ) -> Result<UserView> {
        self.check_user(changes.display_name.as_deref(), changes.backend.value())?;
        let password_hash = match &changes.password {
            Change::Keep => Change::Keep,
            Change::Clear => Change::Clear,
            Change::Set(password) => Change::Set(password.hash().await?),
        };
        let now = self.clock.now();
        let change = move |user: &mut User| {
            replace(&mut user.display_name, changes.display_name);
            password_hash.apply(&mut user.password_hash);
            changes.call_limit.apply(&mut user.call_limit);
            changes.backend.apply(&mut user.backend);
            enable(&mut user.disabled_at, changes.enabled, now);
        };
        let user = self.store.change_user(id, change, now).await?;
        self.done(by, "user.update", id).await?;
        self.show_user(user).await
    }

    /// Sets the user's line at a backend.
    pub async fn set_user_line(
        &self,
        by: &Permit,
        id: &str,
        backend: &str,
        line: &Line,
    ) -> Result<()> {
        self.user(id).await?;
        self.set_line(&owner(id), backend, line).await?;
        self.done(by, "user.line.set", id).await
    }

    /// Removes the user's line at a backend. One that is not there is removed already.
    pub async fn remove_user_line(&self, by: &Permit, id: &str, backend: &str) -> Result<()> {
        self.user(id).await?;
        self.store.set_line(&owner(id), backend, None).await?;
        self.done(by, "user.line.remove", id).await
    }

    fn check_user(&self, display_name: Option<&str>, backend: Option<&String>) -> Result<()> {
        display_name.map_or(Ok(()), |name| rules::label("a display name", name))?;
        backend.map_or(Ok(()), |backend| self.must_be_configured(backend))
    }

    async fn show_user(&self, user: User) -> Result<UserView> {
        let lines = self.store.lines(&owner(&user.id)).await?;
        Ok(UserView {
            id: user.id,
            tenant: user.tenant_id,
            username: user.username,
            display_name: user.display_name,
            can_log_in: user.password_hash.is_some(),
            call_limit: user.call_limit,
            backend: user.backend,
            lines: view::lines(lines),
            enabled: user.disabled_at.is_none(),
            created_at: view::time(user.created_at),
        })
    }
}

async fn hash(password: Option<&Password>) -> Result<Option<String>> {
    match password {
        Some(password) => Ok(Some(password.hash().await?)),
        None => Ok(None),
    }
}

fn owner(id: &str) -> String {
    Subject::User(id.to_owned()).to_string()
}
