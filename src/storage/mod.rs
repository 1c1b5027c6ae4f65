//! The store: one table a file, each with its row type and its queries.
//!
//! SQL is written once, in text that every engine takes. What reads goes through the pool; what writes goes
//! through [`Store::write`], which is atomic and durable when it returns.

pub mod assertions;
pub mod audit;
pub mod call_evidence;
pub mod callers;
pub mod calls;
pub mod clients;
pub mod codes;
pub mod devices;
pub mod dialling_rules;
pub mod digests;
pub mod external_revocations;
pub mod factors;
mod flag;
pub mod grants;
pub mod identities;
pub mod lines;
pub mod live_tokens;
pub mod passkey_challenges;
pub mod passkeys;
pub mod pending_logins;
pub mod policies;
pub mod provider_logins;
pub mod provider_tokens;
mod pruning;
pub mod pushed;
pub mod recovery_codes;
pub mod revocations;
pub mod sessions;
pub mod signing_keys;
pub mod tenants;
pub mod tokens;
pub mod totp;
pub mod used_names;
pub mod user_credentials;
pub mod users;
mod words;
mod writer;

pub use flag::Flag;
pub use words::Words;

use crate::metrics::Metrics;
use futures_util::future::BoxFuture;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::Migrator;
use sqlx::{AnyPool, ConnectOptions, Executor};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// A connection inside a transaction, or one of the pool that only reads.
pub type Connection = sqlx::AnyConnection;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the store cannot be used: {0}")]
    Engine(#[from] sqlx::Error),
    #[error("the store cannot be migrated: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error("the store's file cannot be made: {0}")]
    Folder(std::io::Error),
    #[error(
        "the store is not that of this program: {0}; `callgate migrate` makes it, or brings it up to date"
    )]
    Version(String),
    #[error("the store took too long")]
    Late,
    #[error("the store is shutting down")]
    Closed,
    #[error("{0} exists already")]
    Exists(&'static str),
    #[error("there is no such {0}")]
    Missing(&'static str),
}

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Where the store is and how it is used.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `sqlite:PATH`
    pub url: String,
    /// Connections that read at once.
    pub readers: u32,
    /// How long a reader waits for a connection.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: "sqlite:var/callgate.db".to_owned(),
            readers: 4,
            timeout: Duration::from_secs(5),
        }
    }
}

/// A handle to the store; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    readers: AnyPool,
    writer: writer::Writer,
    metrics: Metrics,
}

impl Store {
    /// Opens a store whose migrations are up to date.
    pub async fn open(settings: &Settings, metrics: &Metrics) -> Result<Self> {
        if sqlite_path(&settings.url).is_some_and(|path| !path.exists()) {
            return Err(StoreError::Version("it does not exist".to_owned()));
        }
        let store = Self::connect(settings, metrics).await?;
        store.check_version().await?;
        Ok(store)
    }

    /// Opens the store, making it if need be, and brings its tables up to date.
    pub async fn migrate(settings: &Settings, metrics: &Metrics) -> Result<Self> {
        if let Some(folder) = sqlite_path(&settings.url).and_then(Path::parent) {
            std::fs::create_dir_all(folder).map_err(StoreError::Folder)?;
        }
        if let Some(path) = sqlite_path(&settings.url) {
            create_private(path).map_err(StoreError::Folder)?;
        }
        let mut connection = options(&settings.url, "rw")?.connect().await?;
        connection.execute("PRAGMA journal_mode = WAL").await?;
        MIGRATIONS.run(&mut connection).await?;
        drop(connection);
        Self::connect(settings, metrics).await
    }

    async fn connect(settings: &Settings, metrics: &Metrics) -> Result<Self> {
        let readers = AnyPoolOptions::new()
            .max_connections(settings.readers.max(1))
            .acquire_timeout(settings.timeout)
            .connect_with(options(&settings.url, "rw")?)
            .await?;
        Ok(Self {
            readers,
            writer: writer::Writer::start(options(&settings.url, "rw")?).await?,
            metrics: metrics.clone(),
        })
    }

    /// Where the store is measured.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Where reading queries run.
    pub fn readers(&self) -> &AnyPool {
        &self.readers
    }

    /// Runs `work` in a transaction; what it returns comes back once it is durable. An error undoes `work` alone.
    ///
    /// `work` may only use the store: several pieces of work share one commit.
    pub async fn write<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    {
        let begun = Instant::now();
        let result = self.writer.write(work).await;
        self.metrics.store_answered("write", begun.elapsed());
        result
    }

    async fn check_version(&self) -> Result<()> {
        let applied: Vec<i64> =
            sqlx::query_scalar("SELECT version FROM _sqlx_migrations ORDER BY version")
                .fetch_all(&self.readers)
                .await
                .map_err(|_| StoreError::Version("it has never been migrated".to_owned()))?;
        let known: Vec<i64> = MIGRATIONS.iter().map(|m| m.version).collect();
        if applied == known {
            return Ok(());
        }
        Err(StoreError::Version(format!(
            "it has versions {applied:?}, this program knows {known:?}"
        )))
    }
}

/// An empty file that only its owner can read, unless there is one.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut private = OpenOptions::new();
    private.append(true).create(true).mode(0o600);
    private.open(path).map(drop)
}

fn options(url: &str, mode: &str) -> Result<AnyConnectOptions> {
    sqlx::any::install_default_drivers();
    Ok(AnyConnectOptions::from_str(&format!("{url}?mode={mode}"))?)
}

fn sqlite_path(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite:")?;
    Some(Path::new(path.strip_prefix("//").unwrap_or(path)))
}

/// A constraint that a row violates is the caller's mistake, not the store's.
fn exists(what: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |error| match error.as_database_error() {
        Some(cause) if cause.is_unique_violation() => StoreError::Exists(what),
        Some(cause) if cause.is_foreign_key_violation() => StoreError::Missing("tenant"),
        _ => StoreError::Engine(error),
    }
}
