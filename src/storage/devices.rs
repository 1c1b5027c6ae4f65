//! Device authorizations (RFC 8628): asked for by a device, answered by a person, exchanged once.

use super::audit::{Entry, Event};
use super::codes::new_family;
use super::tokens::{self, Token};
use super::{Connection, Result, Store, StoreError, Words, exists, grants};
use crate::clock::EpochMs;

#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Device {
    /// Of the device code.
    pub hash: String,
    /// Keyed hash of the user code.
    pub user_code: String,
    pub client_id: String,
    #[sqlx(try_from = "String")]
    pub scope: Words,
    /// What the device calls itself.
    pub label: Option<String>,
    /// Where the request came from.
    pub address: Option<String>,
    /// Milliseconds that must lie between two polls.
    pub interval_ms: EpochMs,
    pub polled_at: Option<EpochMs>,
    pub created_at: EpochMs,
    pub expires_at: EpochMs,
    /// Who answered.
    pub user_id: Option<String>,
    pub grant_id: Option<String>,
    pub family_id: Option<String>,
    pub allowed_at: Option<EpochMs>,
    pub denied_at: Option<EpochMs>,
    pub used_at: Option<EpochMs>,
}

/// What a user answered to a device, and in which login.
#[derive(Debug, Clone)]
pub struct Answer {
    pub hash: String,
    pub user_id: String,
    pub session: String,
    pub allowed: bool,
    pub at: EpochMs,
}

/// A device that holds tokens, as its user looks at it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DeviceInUse {
    pub family_id: String,
    pub label: Option<String>,
    /// Where it asked from.
    pub address: Option<String>,
    pub client_id: String,
    pub client_name: String,
    pub allowed_at: EpochMs,
    /// When it last got a token, as far as is still known.
    pub last_token_at: Option<EpochMs>,
}

/// How fast a device polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    Kept,
    /// It must wait longer from now on (RFC 8628 §3.5).
    TooFast,
}

/// What [`Pace::TooFast`] costs, in milliseconds.
const PENALTY: EpochMs = 5_000;

impl Store {
    /// Stores the request of a device, unless its client has `most` that wait. Whether it did.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when another device has the user code.
    pub async fn create_device(&self, device: Device, most: u32) -> Result<bool> {
        self.write(move |c| {
            Box::pin(async move {
                let made = sqlx::query(
                    "INSERT INTO devices (hash, user_code, client_id, scope, label, address, interval_ms, created_at, expires_at)
                     SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 WHERE $10 >
                     (SELECT count(*) FROM devices WHERE client_id = $3 AND expires_at > $8 AND allowed_at IS NULL AND denied_at IS NULL)",
                )
                .bind(device.hash)
                .bind(device.user_code)
                .bind(device.client_id)
                .bind(device.scope.to_string())
                .bind(device.label)
                .bind(device.address)
                .bind(device.interval_ms)
                .bind(device.created_at)
                .bind(device.expires_at)
                .bind(i64::from(most))
                .execute(c)
                .await
                .map_err(exists("user code"))?;
                Ok(made.rows_affected() == 1)
            })
        })
        .await
    }

    pub async fn device(&self, hash: &str) -> Result<Option<Device>> {
        Ok(sqlx::query_as("SELECT * FROM devices WHERE hash = $1")
            .bind(hash)
            .fetch_optional(self.readers())
            .await?)
    }

    /// The device that waits for an answer under this keyed hash of a user code.
    pub async fn waiting_device(&self, user_code: &str, now: EpochMs) -> Result<Option<Device>> {
        Ok(sqlx::query_as(
            "SELECT * FROM devices WHERE user_code = $1 AND expires_at > $2 AND allowed_at IS NULL AND denied_at IS NULL",
        )
        .bind(user_code)
        .bind(now)
        .fetch_optional(self.readers())
        .await?)
    }

    /// Notes a poll, in one statement, so that it counts for all gateways at once.
    pub async fn poll_device(&self, hash: &str, now: EpochMs) -> Result<Pace> {
        let hash = hash.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                let kept = sqlx::query(
                    "UPDATE devices SET polled_at = $2 WHERE hash = $1 AND (polled_at IS NULL OR polled_at + interval_ms <= $2)",
                )
                .bind(&hash)
                .bind(now)
                .execute(&mut *c)
                .await?;
                if kept.rows_affected() == 1 {
                    return Ok(Pace::Kept);
                }
                sqlx::query(
                    "UPDATE devices SET polled_at = $2, interval_ms = interval_ms + $3 WHERE hash = $1",
                )
                .bind(&hash)
                .bind(now)
                .bind(PENALTY)
                .execute(c)
                .await?;
                Ok(Pace::TooFast)
            })
        })
        .await
    }

    /// Writes down what the user answered; a yes widens the user's grant to the client.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when there is an answer or the code has expired, [`StoreError::Missing`] when the login has ended.
    pub async fn answer_device(&self, answer: Answer, entry: Entry) -> Result<()> {
        self.write_down(entry, move |c| {
            Box::pin(async move {
                let device = to_be_answered(c, &answer).await?;
                if answer.allowed {
                    allow(c, &device, &answer).await?;
                } else {
                    deny(c, &answer).await?;
                }
                Ok(((), Event::Consent))
            })
        })
        .await
    }

    /// Uses an allowed code up and stores what it was exchanged for.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when it was used before, or what was allowed has been taken back.
    pub async fn exchange_device(
        &self,
        hash: &str,
        issued: Vec<Token>,
        entry: Entry,
        now: EpochMs,
    ) -> Result<()> {
        let hash = hash.to_owned();
        self.write_down(entry, move |c| {
            Box::pin(async move {
                let used = sqlx::query(
                    "UPDATE devices SET used_at = $2 WHERE hash = $1 AND used_at IS NULL AND allowed_at IS NOT NULL
                     AND denied_at IS NULL",
                )
                .bind(hash)
                .bind(now)
                .execute(&mut *c)
                .await?;
                if used.rows_affected() == 0 {
                    return Err(StoreError::Missing("unused device code"));
                }
                tokens::insert(c, issued).await?;
                Ok(((), Event::TokenIssued))
            })
        })
        .await
    }

    /// The devices that hold tokens of a user, the latest first, a hundred at the most.
    pub async fn devices_of(&self, user: &str, now: EpochMs) -> Result<Vec<DeviceInUse>> {
        Ok(sqlx::query_as(
            "SELECT d.family_id, d.label, d.address, d.client_id, c.name AS client_name, d.allowed_at,
                    (SELECT max(t.created_at) FROM tokens t WHERE t.family_id = d.family_id) AS last_token_at
             FROM devices d JOIN clients c ON c.id = d.client_id
             WHERE d.user_id = $1 AND d.used_at IS NOT NULL AND EXISTS
                   (SELECT 1 FROM tokens t WHERE t.family_id = d.family_id AND t.revoked_at IS NULL AND t.expires_at > $2)
             ORDER BY d.allowed_at DESC, d.family_id LIMIT 100",
        )
        .bind(user)
        .bind(now)
        .fetch_all(self.readers())
        .await?)
    }

    /// Ends the tokens of one device; what else its user allowed the client stays.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when they have ended before.
    pub async fn end_device(&self, family: &str, entry: Entry, now: EpochMs) -> Result<()> {
        let (family, event) = (family.to_owned(), entry.event);
        self.write_down(entry, move |c| {
            Box::pin(async move {
                if tokens::revoke_family(c, &family, now).await? == 0 {
                    return Err(StoreError::Missing("device"));
                }
                Ok(((), event))
            })
        })
        .await
    }

    /// Forgets what expired before `then`, except for devices that hold tokens: their label is shown with those.
    pub async fn prune_devices(&self, then: EpochMs) -> Result<()> {
        self.prune(
            "DELETE FROM devices WHERE hash IN
             (SELECT hash FROM devices WHERE expires_at < $1 AND (used_at IS NULL OR NOT EXISTS
              (SELECT 1 FROM tokens WHERE tokens.family_id = devices.family_id)) LIMIT $2)",
            then,
        )
        .await
    }
}

/// The device of an answer, if it waits for one and the login in which it is given goes on.
async fn to_be_answered(c: &mut Connection, answer: &Answer) -> Result<Device> {
    let logins: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sessions WHERE hash = $1 AND ended_at IS NULL")
            .bind(&answer.session)
            .fetch_one(&mut *c)
            .await?;
    if logins == 0 {
        return Err(StoreError::Missing("login"));
    }
    let device: Option<Device> = sqlx::query_as(
        "SELECT * FROM devices WHERE hash = $1 AND expires_at > $2 AND allowed_at IS NULL AND denied_at IS NULL",
    )
    .bind(&answer.hash)
    .bind(answer.at)
    .fetch_optional(c)
    .await?;
    device.ok_or(StoreError::Exists("an answer to this code"))
}

async fn allow(c: &mut Connection, device: &Device, answer: &Answer) -> Result<()> {
    let (user, client) = (&answer.user_id, &device.client_id);
    let grant = grants::widen(c, user, client, &device.scope, answer.at).await?;
    sqlx::query(
        "UPDATE devices SET allowed_at = $2, user_id = $3, grant_id = $4, family_id = $5 WHERE hash = $1",
    )
    .bind(&answer.hash)
    .bind(answer.at)
    .bind(user)
    .bind(grant.id)
    .bind(new_family(answer.at))
    .execute(c)
    .await?;
    Ok(())
}

async fn deny(c: &mut Connection, answer: &Answer) -> Result<()> {
    sqlx::query("UPDATE devices SET denied_at = $2, user_id = $3 WHERE hash = $1")
        .bind(&answer.hash)
        .bind(answer.at)
        .bind(&answer.user_id)
        .execute(c)
        .await?;
    Ok(())
}
