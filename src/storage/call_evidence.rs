//! Calls: what shows at their telephone systems that they live or have ended, and when their leases are over.

use super::calls::{self, Call};
use super::{Connection, Result, Store};
use crate::clock::EpochMs;
use std::collections::BTreeSet;

/// What shows that a call lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// A list of its backend holds it.
    Listed {
        /// The list says that both sides talk.
        answered: bool,
    },
    /// Its backend told that both sides talk.
    Answered,
    /// Its backend told something else of it.
    Event,
}

impl Evidence {
    pub const fn is_listed(self) -> bool {
        matches!(self, Self::Listed { .. })
    }

    pub const fn is_answered(self) -> bool {
        matches!(self, Self::Answered | Self::Listed { answered: true })
    }
}

/// Of whom a backend could, or could not, be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    All,
    Owners(BTreeSet<String>),
}

impl Whom {
    pub fn includes(&self, owner: &str) -> bool {
        match self {
            Self::All => true,
            Self::Owners(owners) => owners.contains(owner),
        }
    }
}

/// Lists that begin closer to one another see the same moment: S7's shortest period, in milliseconds.
pub const APART: EpochMs = 5_000;

/// Calls that end in one transaction.
const SWEPT: i64 = 1_000;

impl Store {
    /// The calls at a backend that hold a slot, oldest first.
    pub async fn live_calls_at(&self, backend: &str, now: EpochMs) -> Result<Vec<Call>> {
        Ok(sqlx::query_as(
            "SELECT * FROM calls WHERE backend = $1 AND ended_at IS NULL AND lease_expires_at > $2 ORDER BY reserved_at, id",
        )
        .bind(backend)
        .bind(now)
        .fetch_all(self.readers())
        .await?)
    }
}

/// Something shows that the call lives: its lease is renewed, and an unknown outcome is known. `false` when that was known,
/// or its lease is over.
pub async fn witness(
    c: &mut Connection,
    id: &str,
    evidence: Evidence,
    at: EpochMs,
    now: EpochMs,
) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE calls SET
             evidence_at = CASE WHEN evidence_at < $2 THEN $2 ELSE evidence_at END,
             lease_expires_at = CASE WHEN $2 + lease_ms + blind_ms <= lease_expires_at THEN lease_expires_at
                                     WHEN $2 + lease_ms + blind_ms < cap_at THEN $2 + lease_ms + blind_ms ELSE cap_at END,
             active_at = coalesce(active_at, $2), unknown_at = NULL, frozen_at = NULL,
             absent_at = CASE WHEN absent_at > $2 THEN absent_at END,
             listed_at = CASE WHEN $4 = 1 THEN coalesce(listed_at, $2) ELSE listed_at END,
             answered_at = CASE WHEN $5 = 1 THEN coalesce(answered_at, $2) ELSE answered_at END
         WHERE id = $1 AND ended_at IS NULL AND lease_expires_at > $3
           AND (evidence_at < $2 OR active_at IS NULL OR unknown_at IS NOT NULL OR frozen_at IS NOT NULL OR absent_at <= $2
                OR ($4 = 1 AND listed_at IS NULL) OR ($5 = 1 AND answered_at IS NULL))",
    )
    .bind(id)
    .bind(at)
    .bind(now)
    .bind(i64::from(evidence.is_listed()))
    .bind(i64::from(evidence.is_answered()))
    .execute(c)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A call whose name there was not known was found at its backend. `false` when it has a name, the name is another call's,
/// or its lease is over.
pub async fn attach(
    c: &mut Connection,
    id: &str,
    backend_call_id: &str,
    at: EpochMs,
    now: EpochMs,
) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE calls SET backend_call_id = $2
         WHERE id = $1 AND backend_call_id IS NULL AND ended_at IS NULL AND lease_expires_at > $3
           AND NOT EXISTS (SELECT 1 FROM calls other WHERE other.backend = calls.backend AND other.backend_call_id = $2)",
    )
    .bind(id)
    .bind(backend_call_id)
    .bind(now)
    .execute(&mut *c)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    witness(c, id, Evidence::Event, at, now).await?;
    Ok(true)
}

/// The call was missing in a list that was begun then. A second such list ends it, as of the first; `true` when it did.
///
/// A list says nothing of calls that are still being placed, nor of what happened after it was begun.
pub async fn absent(
    c: &mut Connection,
    id: &str,
    begun_at: EpochMs,
    cause: &str,
    now: EpochMs,
) -> Result<bool> {
    let ended = sqlx::query(
        "UPDATE calls SET ended_at = absent_at, end_cause = $4
         WHERE id = $1 AND ended_at IS NULL AND lease_expires_at > $3 AND evidence_at < $2 AND absent_at <= $5
           AND (unknown_at < $2 OR (unknown_at IS NULL AND active_at IS NOT NULL))",
    )
    .bind(id)
    .bind(begun_at)
    .bind(now)
    .bind(cause)
    .bind(begun_at.saturating_sub(APART))
    .execute(&mut *c)
    .await?;
    if ended.rows_affected() == 1 {
        return Ok(true);
    }
    sqlx::query(
        "UPDATE calls SET absent_at = $2
         WHERE id = $1 AND ended_at IS NULL AND lease_expires_at > $3 AND evidence_at < $2 AND absent_at IS NULL
           AND (unknown_at < $2 OR (unknown_at IS NULL AND active_at IS NOT NULL))",
    )
    .bind(id)
    .bind(begun_at)
    .bind(now)
    .execute(c)
    .await?;
    Ok(false)
}

/// The backend cannot be asked from now on: what is not known of its calls counts for as long as their terms allow. Says how
/// many it concerns.
pub async fn freeze(c: &mut Connection, backend: &str, whom: &Whom, now: EpochMs) -> Result<u64> {
    let found = sqlx::query_as(
        "SELECT id, owner FROM calls WHERE backend = $1 AND ended_at IS NULL AND lease_expires_at > $2
           AND frozen_at IS NULL AND blind_ms > 0",
    )
    .bind(backend)
    .bind(now)
    .fetch_all(&mut *c)
    .await?;
    let freeze = "UPDATE calls SET frozen_at = $2,
             lease_expires_at = CASE WHEN $2 + blind_ms < cap_at THEN $2 + blind_ms ELSE cap_at END
         WHERE id = $1";
    each(c, found, whom, freeze, now).await
}

/// The backend can be asked again. Says how many calls it concerns.
pub async fn thaw(c: &mut Connection, backend: &str, whom: &Whom, now: EpochMs) -> Result<u64> {
    let found = sqlx::query_as(
        "SELECT id, owner FROM calls WHERE backend = $1 AND ended_at IS NULL AND lease_expires_at > $2
           AND frozen_at IS NOT NULL",
    )
    .bind(backend)
    .bind(now)
    .fetch_all(&mut *c)
    .await?;
    let thaw = "UPDATE calls SET frozen_at = NULL,
             lease_expires_at = CASE WHEN $2 + lease_ms + blind_ms < cap_at THEN $2 + lease_ms + blind_ms ELSE cap_at END
         WHERE id = $1";
    each(c, found, whom, thaw, now).await
}

/// Runs `sql` for those of the calls found, each with its owner, that are meant; says how many they are.
async fn each(
    c: &mut Connection,
    found: Vec<(String, String)>,
    whom: &Whom,
    sql: &'static str,
    now: EpochMs,
) -> Result<u64> {
    let mut changed = 0;
    for (id, _) in found.iter().filter(|(_, owner)| whom.includes(owner)) {
        let done = sqlx::query(sql).bind(id).bind(now).execute(&mut *c).await?;
        changed += done.rows_affected();
    }
    Ok(changed)
}

/// Calls whose lease is over, or which have rung for too long, oldest first: a thousand at the most.
pub async fn overdue(c: &mut Connection, now: EpochMs) -> Result<Vec<Call>> {
    Ok(sqlx::query_as(
        "SELECT * FROM calls WHERE ended_at IS NULL AND lease_expires_at <= $1
         UNION SELECT * FROM calls WHERE ended_at IS NULL AND answered_at IS NULL AND ring_until <= $1
         ORDER BY reserved_at, id LIMIT $2",
    )
    .bind(now)
    .bind(SWEPT)
    .fetch_all(c)
    .await?)
}

/// Ends the call with what its backend said of it; `false` when it had ended before.
pub async fn end_as(
    c: &mut Connection,
    id: &str,
    cause: &str,
    words: Option<&str>,
    now: EpochMs,
) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE calls SET ended_at = $3, end_cause = $2, backend_cause = $4 WHERE id = $1 AND ended_at IS NULL",
    )
    .bind(id)
    .bind(cause)
    .bind(now)
    .bind(words)
    .execute(c)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The call that a backend knows by this id: the latest, should it use ids again.
pub async fn at_backend(c: &mut Connection, backend: &str, id: &str) -> Result<Option<Call>> {
    Ok(sqlx::query_as(calls::AT_BACKEND)
        .bind(backend)
        .bind(id)
        .fetch_optional(c)
        .await?)
}

/// Inserts a call that was found at its backend.
pub async fn insert_external(c: &mut Connection, call: &Call) -> Result<()> {
    sqlx::query(
        "INSERT INTO calls (id, tenant_id, owner, client_id, backend, backend_call_id, number, line, emergency, reserved_at,
                            active_at, evidence_at, lease_expires_at, account, direction, external, cap_at, lease_ms,
                            blind_ms, ring_until, answered_at, listed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $9, $9, $10, $11, $12, 1, $13, $14, $15, $16, $17, $18)",
    )
    .bind(&call.id)
    .bind(&call.tenant_id)
    .bind(&call.owner)
    .bind(&call.client_id)
    .bind(&call.backend)
    .bind(&call.backend_call_id)
    .bind(&call.number)
    .bind(&call.line)
    .bind(call.reserved_at)
    .bind(call.lease_expires_at)
    .bind(&call.account)
    .bind(&call.direction)
    .bind(call.cap_at)
    .bind(call.lease_ms)
    .bind(call.blind_ms)
    .bind(call.ring_until)
    .bind(call.answered_at)
    .bind(call.listed_at)
    .execute(c)
    .await?;
    Ok(())
}
