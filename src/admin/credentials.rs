//! Secrets of users for upstreams: list, set and remove. None is ever shown.

use super::{Administration, Password, view};
use crate::acl::Permit;
use crate::error::{Error, Result};
use crate::upstream_auth::{Kind, OwnError, OwnSecret};
use serde::{Deserialize, Serialize};

/// A secret as an administrator gives it: `username` and `password`, or `token`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GivenCredential {
    pub username: Option<String>,
    pub password: Option<Password>,
    pub token: Option<Password>,
}

/// A secret as it is shown: that there is one.
#[derive(Debug, Serialize)]
pub struct CredentialView {
    name: String,
    /// `null` when the configuration has no such credential any more.
    kind: Option<Kind>,
    set_at: String,
}

impl Administration {
    /// A user's own credentials, by name.
    pub async fn user_credentials(&self, user: &str) -> Result<Vec<CredentialView>> {
        self.user(user).await?;
        let rows = self.store.user_credentials(user).await?;
        let shown = rows.into_iter().map(|row| CredentialView {
            kind: self.safe.kind(&row.name),
            name: row.name,
            set_at: view::time(row.set_at),
        });
        Ok(shown.collect())
    }

    /// Sets the user's own secret for a `[[credential]]`, in the place of any other.
    pub async fn set_user_credential(
        &self,
        by: &Permit,
        user: &str,
        name: &str,
        given: GivenCredential,
    ) -> Result<()> {
        self.user(user).await?;
        let kind = self
            .safe
            .kind(name)
            .ok_or_else(|| unfit(OwnError::Unknown))?;
        let password = given.password.map(Password::into_secret);
        let token = given.token.map(Password::into_secret);
        let secret = OwnSecret::new(kind, given.username, password, token).map_err(unfit)?;
        let row = self.safe.seal(user, name, &secret, self.clock.now())?;
        let entry = self.entry(by, "user.credential.set", user).await;
        let entry = entry.with("credential", name);
        self.store.set_user_credential(row, entry).await?;
        self.hold().await;
        Ok(())
    }

    /// Removes the user's own secret; also one that the configuration has no use for any more.
    pub async fn remove_user_credential(&self, by: &Permit, user: &str, name: &str) -> Result<()> {
        self.user(user).await?;
        let entry = self.entry(by, "user.credential.remove", user).await;
        let entry = entry.with("credential", name);
        let now = self.clock.now();
        self.store
            .remove_user_credential(user, name, entry, now)
            .await?;
        self.hold().await;
        Ok(())
    }
}

fn unfit(error: OwnError) -> Error {
    match error {
        OwnError::Unknown => Error::Missing("[[credential]] of users' own"),
        error => Error::BadRequest(error.to_string()),
    }
}
