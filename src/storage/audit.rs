//! The audit log: what was done, by whom and from where. No credential is in it, and no name that nobody has.

use super::users::User;
use super::{Connection, Result, Store};
use crate::clock::EpochMs;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::AssertSqlSafe;
use std::fmt;
use std::time::Duration;
use tokio::time::timeout;

/// What happened. The names are stable, as programs look for them; docs/operations.md says what each means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    Login,
    LoginFailed,
    Logout,
    SessionEnded,
    PasswordChanged,
    FactorFailed,
    FactorAdded,
    FactorRemoved,
    RecoveryCodesRenewed,
    Consent,
    TokenIssued,
    TokenRefreshed,
    TokenRevoked,
    FamilyRevoked,
    GrantRevoked,
    CodeReused,
    RefreshTokenReused,
    ClientRefused,
    SecretInUrl,
    CallEnded,
    AccountLinked,
    AccountUnlinked,
    ProviderLoginAgain,
    ChallengeReused,
    DigestReplayed,
    SwitchesChanged,
    /// An act of administration; the detail `act` says which.
    Administration,
}

impl Event {
    /// Whether it looks like an attack, or may help one.
    const fn is_alarming(self) -> bool {
        matches!(
            self,
            Self::LoginFailed
                | Self::FactorFailed
                | Self::CodeReused
                | Self::RefreshTokenReused
                | Self::ChallengeReused
                | Self::DigestReplayed
                | Self::ClientRefused
                | Self::SecretInUrl
                | Self::ProviderLoginAgain
        )
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// What is to be written down.
#[derive(Debug, Clone)]
pub struct Entry {
    pub event: Event,
    at: EpochMs,
    tenant: Option<String>,
    user: Option<String>,
    client: Option<String>,
    address: Option<String>,
    detail: Map<String, Value>,
}

impl Entry {
    pub fn new(event: Event, at: EpochMs) -> Self {
        Self {
            event,
            at,
            tenant: None,
            user: None,
            client: None,
            address: None,
            detail: Map::new(),
        }
    }

    /// Who did it, or whom it concerns.
    #[must_use]
    pub fn user(self, user: &User) -> Self {
        self.user_id(Some(&user.id)).tenant(&user.tenant_id)
    }

    /// As [`Entry::user`], where only the id is known; `None` when a client acts for itself.
    #[must_use]
    pub fn user_id(mut self, id: Option<&str>) -> Self {
        self.user = id.map(str::to_owned);
        self
    }

    /// The application that it was done through, if any.
    #[must_use]
    pub fn client<'i>(mut self, id: impl Into<Option<&'i str>>) -> Self {
        self.client = id.into().filter(|id| !id.is_empty()).map(str::to_owned);
        self
    }

    #[must_use]
    pub fn tenant(mut self, id: &str) -> Self {
        self.tenant = Some(id.to_owned());
        self
    }

    /// Where the request came from.
    #[must_use]
    pub fn from(mut self, address: Option<String>) -> Self {
        self.address = address;
        self
    }

    /// What else is worth knowing. Never a credential, never what was typed into a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }

    fn detail(&self) -> String {
        Value::Object(self.detail.clone()).to_string()
    }
}

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Record {
    /// Rises with time.
    pub id: i64,
    pub at: EpochMs,
    pub event: String,
    pub tenant_id: Option<String>,
    pub user_id: Option<String>,
    pub client_id: Option<String>,
    pub address: Option<String>,
    /// A JSON object.
    pub detail: String,
}

/// Which rows are wanted.
#[derive(Debug, Clone, Default)]
pub struct Search {
    pub user: Option<String>,
    pub client: Option<String>,
    pub tenant: Option<String>,
    pub event: Option<Event>,
    pub since: Option<EpochMs>,
    pub until: Option<EpochMs>,
    /// Only rows older than this one.
    pub before: Option<i64>,
    pub limit: i64,
}

/// How long whoever is to be refused waits for the table; the entry waits longer, if need be.
const PATIENCE: Duration = Duration::from_millis(500);

/// Rows that one transaction removes at the most, so that no login waits for long.
const PRUNED_AT_ONCE: i64 = 1000;

impl Store {
    /// Writes an entry down, in the table and in the log. A table that cannot be written stops nobody: the log has it.
    pub async fn audit(&self, entry: Entry) {
        let row = entry.clone();
        let written = self.write(move |c| Box::pin(async move { insert(c, &row).await }));
        match timeout(PATIENCE, written).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, event = %entry.event, "the audit log cannot be written");
            }
            // It stands in the writer's queue, and is written when its turn comes.
            Err(_) => tracing::warn!(event = %entry.event, "the audit log is late"),
        }
        self.tell(&entry);
    }

    /// As [`Store::write`], with `entry` in the same transaction. `work` says what happened in the end.
    pub(super) async fn write_down<T, W>(&self, entry: Entry, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<(T, Event)>> + Send + 'static,
    {
        let (value, entry) = self
            .write(move |c| {
                Box::pin(async move {
                    let (value, event) = work(&mut *c).await?;
                    let entry = Entry { event, ..entry };
                    insert(c, &entry).await?;
                    Ok((value, entry))
                })
            })
            .await?;
        self.tell(&entry);
        Ok(value)
    }

    /// Rows, newest first.
    pub async fn audit_log(&self, search: &Search) -> Result<Vec<Record>> {
        // Only a plain comparison finds its index.
        let named = |name: &str, place: &str, value: &Option<String>| match value {
            Some(_) => format!("{name} = {place}"),
            None => format!("{place} IS NULL"),
        };
        let sql = format!(
            "SELECT * FROM audit WHERE {} AND {} AND ($3 IS NULL OR tenant_id = $3) AND ($4 IS NULL OR event = $4)
             AND at >= $5 AND at <= $6 AND id < $7 ORDER BY id DESC LIMIT $8",
            named("user_id", "$1", &search.user),
            named("client_id", "$2", &search.client),
        );
        Ok(sqlx::query_as(AssertSqlSafe(sql))
            .bind(&search.user)
            .bind(&search.client)
            .bind(&search.tenant)
            .bind(search.event.map(|event| event.to_string()))
            .bind(search.since.unwrap_or(0))
            .bind(search.until.unwrap_or(EpochMs::MAX))
            .bind(search.before.unwrap_or(i64::MAX))
            .bind(search.limit)
            .fetch_all(self.readers())
            .await?)
    }

    /// Forgets what was written down before `then`, little by little.
    pub async fn prune_audit(&self, then: EpochMs) -> Result<()> {
        loop {
            let done = self
                .write(move |c| Box::pin(async move { remove(c, then).await }))
                .await?;
            if done < PRUNED_AT_ONCE.unsigned_abs() {
                return Ok(());
            }
        }
    }

    /// The log's line, and the count: all there is of what is not worth a row.
    pub fn tell(&self, entry: &Entry) {
        self.metrics().audited(&entry.event.to_string());
        let Entry {
            event,
            tenant,
            user,
            client,
            address,
            ..
        } = entry;
        let detail = entry.detail();
        if event.is_alarming() {
            tracing::warn!(target: "audit", %event, tenant, user, client, address, %detail);
        } else {
            tracing::info!(target: "audit", %event, tenant, user, client, address, %detail);
        }
    }
}

/// Writes an entry in the transaction of `c`.
async fn insert(c: &mut Connection, entry: &Entry) -> Result<()> {
    sqlx::query(
        "INSERT INTO audit (at, event, tenant_id, user_id, client_id, address, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(entry.at)
    .bind(entry.event.to_string())
    .bind(&entry.tenant)
    .bind(&entry.user)
    .bind(&entry.client)
    .bind(&entry.address)
    .bind(entry.detail())
    .execute(c)
    .await?;
    Ok(())
}

async fn remove(c: &mut Connection, then: EpochMs) -> Result<u64> {
    let done = sqlx::query(
        "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT $2)",
    )
    .bind(then)
    .bind(PRUNED_AT_ONCE)
    .execute(c)
    .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_told_in_the_operations_manual() {
        let manual = include_str!("../../docs/operations.md");
        // What serde says when it knows no such event names all.
        let unknown = serde_json::from_value::<Event>("nothing of ours".into());
        let names = unknown.unwrap_err().to_string();
        let names: Vec<_> = names.split('`').skip(3).step_by(2).collect();
        assert!(names.len() > 10, "{names:?}");
        for name in names {
            assert!(manual.contains(&format!("`{name}`")), "{name}");
        }
    }
}
