//! Revocations: what every gateway must drop from its cache, in the order in which it was revoked.

use super::{Connection, Result, Store};
use crate::clock::EpochMs;
use std::fmt;

/// What a revocation names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One access token, by its hash.
    Token,
    /// All that descends from one authorization.
    Family,
    /// All that a client was given by virtue of one consent.
    Grant,
    User,
    Client,
    Tenant,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::Token,
        Self::Family,
        Self::Grant,
        Self::User,
        Self::Client,
        Self::Tenant,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Family => "family",
            Self::Grant => "grant",
            Self::User => "user",
            Self::Client => "client",
            Self::Tenant => "tenant",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    pub sequence: i64,
    pub kind: Kind,
    pub subject: String,
}

/// Writes a revocation in the transaction of `c`, which also revokes.
pub(super) async fn record(
    c: &mut Connection,
    kind: Kind,
    subject: &str,
    now: EpochMs,
) -> Result<()> {
    sqlx::query("INSERT INTO revocations (kind, subject, at) VALUES ($1, $2, $3)")
        .bind(kind.as_str())
        .bind(subject)
        .bind(now)
        .execute(c)
        .await?;
    Ok(())
}

impl Store {
    /// Where the feed stands now: the sequence of the newest revocation, 0 before the first.
    pub async fn revocation_head(&self) -> Result<i64> {
        let head: Option<i64> = sqlx::query_scalar("SELECT max(sequence) FROM revocations")
            .fetch_one(self.readers())
            .await?;
        Ok(head.unwrap_or(0))
    }

    /// Revocations after `sequence`, oldest first. On SQLite, with its one writer, the order is that of the commits.
    pub async fn revocations_after(&self, sequence: i64) -> Result<Vec<Revocation>> {
        let rows: Vec<(i64, String, String)> = sqlx::query_as(
            "SELECT sequence, kind, subject FROM revocations WHERE sequence > $1 ORDER BY sequence LIMIT 10000",
        )
        .bind(sequence)
        .fetch_all(self.readers())
        .await?;
        Ok(rows.into_iter().filter_map(revocation).collect())
    }

    /// Forgets revocations made before `then`, which no cache can still need.
    pub async fn prune_revocations(&self, then: EpochMs) -> Result<()> {
        self.prune(
            "DELETE FROM revocations WHERE sequence IN
             (SELECT sequence FROM revocations WHERE at < $1 ORDER BY at LIMIT $2)",
            then,
        )
        .await
    }
}

fn revocation((sequence, kind, subject): (i64, String, String)) -> Option<Revocation> {
    let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind)?;
    Some(Revocation {
        sequence,
        kind,
        subject,
    })
}
