//! The second factors of a user together: what there is, what proves one, and how they come and go.

use super::audit::{Entry, Event};
use super::passkeys::{self, Passkey};
use super::totp::{self, Totp};
use super::{Connection, Result, Store, StoreError, recovery_codes};
use crate::clock::EpochMs;

/// What a user can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct Factors {
    /// 0 or 1.
    pub totp: i64,
    pub passkeys: i64,
    /// Those that are left.
    pub recovery_codes: i64,
}

impl Factors {
    /// Whether a password alone is not enough.
    pub const fn any(&self) -> bool {
        self.totp > 0 || self.passkeys > 0
    }
}

/// An answer that was found to be right, to be spent: each is good once.
#[derive(Debug, Clone)]
pub enum Proof {
    /// The time step of the code.
    Totp(i64),
    /// The hash of the recovery code.
    RecoveryCode(String),
    /// The passkey as it is after its use.
    Passkey(Passkey),
}

impl Proof {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Totp(_) => "totp",
            Self::RecoveryCode(_) => "recovery_code",
            Self::Passkey(_) => "passkey",
        }
    }
}

/// A factor that a user has set up and shown to work.
#[derive(Debug, Clone)]
pub enum NewFactor {
    Totp(Totp),
    Passkey(Passkey),
}

impl NewFactor {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Totp(_) => "totp",
            Self::Passkey(_) => "passkey",
        }
    }

    fn user(&self) -> &str {
        match self {
            Self::Totp(totp) => &totp.user_id,
            Self::Passkey(passkey) => &passkey.user_id,
        }
    }
}

/// A factor that is to be removed.
#[derive(Debug, Clone)]
pub enum OldFactor {
    Totp,
    /// By its id.
    Passkey(String),
}

const SUMMARY: &str = "SELECT
    (SELECT COUNT(*) FROM totp WHERE user_id = $1) AS totp,
    (SELECT COUNT(*) FROM passkeys WHERE user_id = $1) AS passkeys,
    (SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL) AS recovery_codes";

impl Store {
    pub async fn factors(&self, user: &str) -> Result<Factors> {
        Ok(sqlx::query_as(SUMMARY)
            .bind(user)
            .fetch_one(self.readers())
            .await?)
    }

    /// Adds a factor. With a user's first one come the recovery codes of `hashes`: returns whether they did.
    pub async fn add_factor(
        &self,
        factor: NewFactor,
        hashes: Vec<String>,
        entry: Entry,
        now: EpochMs,
    ) -> Result<bool> {
        let entry = entry.with("factor", factor.name());
        self.write_down(entry, move |c| {
            Box::pin(async move {
                let is_first = add(c, factor, &hashes, now).await?;
                Ok((is_first, Event::FactorAdded))
            })
        })
        .await
    }

    /// Removes a factor; with the last one go the recovery codes.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is none.
    pub async fn remove_factor(&self, user: &str, factor: OldFactor, entry: Entry) -> Result<()> {
        let user = user.to_owned();
        self.write_down(entry, move |c| {
            Box::pin(async move {
                let removed = match factor {
                    OldFactor::Totp => totp::remove(c, &user).await?,
                    OldFactor::Passkey(id) => passkeys::remove(c, &user, Some(&id)).await?,
                };
                if removed == 0 {
                    return Err(StoreError::Missing("factor"));
                }
                if !of(c, &user).await?.any() {
                    recovery_codes::remove(c, &user).await?;
                }
                Ok(((), Event::FactorRemoved))
            })
        })
        .await
    }

    /// Gives a user who has a factor new recovery codes; the old ones are void.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no factor to recover from.
    pub async fn renew_recovery_codes(
        &self,
        user: &str,
        hashes: Vec<String>,
        entry: Entry,
        now: EpochMs,
    ) -> Result<()> {
        let user = user.to_owned();
        self.write_down(entry, move |c| {
            Box::pin(async move {
                if !of(c, &user).await?.any() {
                    return Err(StoreError::Missing("factor"));
                }
                recovery_codes::replace(c, &user, &hashes, now).await?;
                Ok(((), Event::RecoveryCodesRenewed))
            })
        })
        .await
    }

    /// Removes all factors of a user who has lost them, and what waits for one.
    pub async fn reset_factors(&self, user: &str, now: EpochMs) -> Result<()> {
        let user = user.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                totp::remove(c, &user).await?;
                passkeys::remove(c, &user, None).await?;
                recovery_codes::remove(c, &user).await?;
                sqlx::query("UPDATE pending_logins SET expires_at = $2 WHERE user_id = $1 AND expires_at > $2")
                    .bind(&user)
                    .bind(now)
                    .execute(&mut *c)
                    .await?;
                Ok(())
            })
        })
        .await
    }
}

pub(super) async fn of(c: &mut Connection, user: &str) -> Result<Factors> {
    Ok(sqlx::query_as(SUMMARY).bind(user).fetch_one(c).await?)
}

/// # Errors
/// [`StoreError::Missing`] when it was spent before, or is gone.
pub(super) async fn spend(
    c: &mut Connection,
    user: &str,
    proof: &Proof,
    now: EpochMs,
) -> Result<()> {
    match proof {
        Proof::Totp(step) => totp::spend(c, user, *step, now).await,
        Proof::RecoveryCode(hash) => recovery_codes::spend(c, user, hash, now).await,
        Proof::Passkey(passkey) => passkeys::spend(c, passkey, now).await,
    }
}

/// See [`Store::add_factor`].
pub(super) async fn add(
    c: &mut Connection,
    factor: NewFactor,
    hashes: &[String],
    now: EpochMs,
) -> Result<bool> {
    let user = factor.user().to_owned();
    let is_first = !of(c, &user).await?.any();
    match factor {
        NewFactor::Totp(totp) => totp::add(c, totp).await?,
        NewFactor::Passkey(passkey) => passkeys::add(c, passkey).await?,
    }
    if is_first {
        recovery_codes::replace(c, &user, hashes, now).await?;
    }
    Ok(is_first)
}
