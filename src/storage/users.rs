//! Users: the people who place calls.

use super::audit::{Entry, Event};
use super::sessions::{self, Session};
use super::{Connection, Result, Store, StoreError, digests, exists, revocations};
use crate::clock::EpochMs;
use crate::storage::revocations::Kind;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct User {
    /// A UUID, never used again.
    pub id: String,
    pub tenant_id: String,
    /// Unique within the tenant.
    pub username: String,
    pub display_name: String,
    /// PHC string of argon2id; without one, nobody can log in as this user.
    #[serde(skip)]
    pub password_hash: Option<String>,
    /// Calls at once; without one, the tenant's limit counts.
    pub call_limit: Option<i64>,
    pub backend: Option<String>,
    pub created_at: EpochMs,
    pub disabled_at: Option<EpochMs>,
}

impl Store {
    pub async fn user(&self, id: &str) -> Result<Option<User>> {
        Ok(sqlx::query_as("SELECT * FROM users WHERE id = $1")
            .bind(id)
            .fetch_optional(self.readers())
            .await?)
    }

    pub async fn user_named(&self, tenant: &str, username: &str) -> Result<Option<User>> {
        Ok(
            sqlx::query_as("SELECT * FROM users WHERE tenant_id = $1 AND username = $2")
                .bind(tenant)
                .bind(username)
                .fetch_optional(self.readers())
                .await?,
        )
    }

    /// All users, or those of one tenant.
    pub async fn users(&self, tenant: Option<&str>) -> Result<Vec<User>> {
        Ok(sqlx::query_as(
            "SELECT * FROM users WHERE $1 IS NULL OR tenant_id = $1 ORDER BY tenant_id, username",
        )
        .bind(tenant)
        .fetch_all(self.readers())
        .await?)
    }

    /// # Errors
    /// [`StoreError::Exists`] when the tenant has a user of that name, [`StoreError::Missing`] without the tenant.
    pub async fn create_user(&self, user: User) -> Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO users (id, tenant_id, username, display_name, password_hash, call_limit, backend, created_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                )
                .bind(user.id)
                .bind(user.tenant_id)
                .bind(user.username)
                .bind(user.display_name)
                .bind(user.password_hash)
                .bind(user.call_limit)
                .bind(user.backend)
                .bind(user.created_at)
                .execute(c)
                .await
                .map_err(exists("user"))?;
                Ok(())
            })
        })
        .await
    }

    /// Replaces what may change of a user. A user who is disabled or has a new password is logged out, and
    /// all of the user's tokens end. With a new password the `digestPassword` goes, as it may be of the old one.
    pub async fn update_user(&self, user: User, now: EpochMs) -> Result<()> {
        let id = user.id.clone();
        self.change_user(&id, move |row| *row = user, now).await?;
        Ok(())
    }

    /// As [`Store::update_user`], on the row as it is in that very transaction, so that of two changes at once
    /// neither undoes the other. Returns the row as it became.
    pub async fn change_user<F>(&self, id: &str, change: F, now: EpochMs) -> Result<User>
    where
        F: FnOnce(&mut User) + Send + 'static,
    {
        let id = id.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                let before: Option<User> = sqlx::query_as("SELECT * FROM users WHERE id = $1")
                    .bind(&id)
                    .fetch_optional(&mut *c)
                    .await?;
                let before = before.ok_or(StoreError::Missing("user"))?;
                let mut user = before.clone();
                change(&mut user);
                sqlx::query(
                    "UPDATE users SET display_name = $2, password_hash = $3, call_limit = $4, backend = $5, disabled_at = $6
                     WHERE id = $1",
                )
                .bind(&id)
                .bind(&user.display_name)
                .bind(&user.password_hash)
                .bind(user.call_limit)
                .bind(&user.backend)
                .bind(user.disabled_at)
                .execute(&mut *c)
                .await?;
                if user.disabled_at.is_some() || user.password_hash != before.password_hash {
                    log_out(c, &id, now).await?;
                }
                if user.password_hash != before.password_hash {
                    digests::forget_password(c, &id).await?;
                }
                revocations::record(c, Kind::User, &id, now).await?;
                Ok(user)
            })
        })
        .await
    }

    /// Gives a user a new password. All sessions, tokens and codes of the user end, as does the `digestPassword`, and one
    /// session begins.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the login has ended, or another change came first.
    pub async fn change_password(
        &self,
        new: NewPassword,
        entry: Entry,
        now: EpochMs,
    ) -> Result<()> {
        self.write_down(entry, move |c| {
            Box::pin(async move { Ok((set_password(c, new, now).await?, Event::PasswordChanged)) })
        })
        .await
    }
}

/// A user's new password, with the session that goes on after all others have ended.
#[derive(Debug, Clone)]
pub struct NewPassword {
    pub user: String,
    /// The hash that the password was verified with, in the session of `former_session`.
    pub former_hash: String,
    pub former_session: String,
    pub hash: String,
    pub session: Session,
}

async fn set_password(c: &mut Connection, new: NewPassword, now: EpochMs) -> Result<()> {
    let changed = sqlx::query(
        "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL
         AND EXISTS (SELECT 1 FROM sessions WHERE hash = $4 AND user_id = $1 AND ended_at IS NULL)",
    )
    .bind(&new.user)
    .bind(&new.former_hash)
    .bind(&new.hash)
    .bind(&new.former_session)
    .execute(&mut *c)
    .await?;
    if changed.rows_affected() == 0 {
        return Err(StoreError::Missing("login"));
    }
    log_out(c, &new.user, now).await?;
    digests::forget_password(c, &new.user).await?;
    sessions::begin(c, new.session, Some(new.hash)).await?;
    revocations::record(c, Kind::User, &new.user, now).await
}

async fn log_out(c: &mut Connection, user: &str, now: EpochMs) -> Result<()> {
    for sql in [
        "UPDATE sessions SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL",
        "UPDATE pending_logins SET expires_at = $2 WHERE user_id = $1 AND expires_at > $2",
        "UPDATE tokens SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL",
        "UPDATE codes SET used_at = $2 WHERE user_id = $1 AND used_at IS NULL",
        "UPDATE devices SET denied_at = $2 WHERE user_id = $1 AND used_at IS NULL AND denied_at IS NULL",
    ] {
        sqlx::query(sql)
            .bind(user)
            .bind(now)
            .execute(&mut *c)
            .await?;
    }
    Ok(())
}
