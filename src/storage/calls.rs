//! Calls: a lease while a call lives; afterwards its history, its idempotency record and its tombstone.

use super::{Connection, Result, Store};
use crate::clock::EpochMs;

#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct Call {
    /// The `token_call` of the API: random, so that it cannot be guessed.
    pub id: String,
    pub tenant_id: String,
    /// Whose slot it holds: `user:ID` or `client:ID`.
    pub owner: String,
    /// The client that placed it.
    pub client_id: String,
    pub backend: String,
    /// What the backend calls it, once that is known.
    pub backend_call_id: Option<String>,
    pub number: String,
    pub line: Option<String>,
    pub idempotency_key: Option<String>,
    /// 1 when it was admitted whatever the limit said.
    pub emergency: i64,
    pub reserved_at: EpochMs,
    pub active_at: Option<EpochMs>,
    /// Since when its outcome is not known; it holds its slot.
    pub unknown_at: Option<EpochMs>,
    /// When there was last evidence that it lives.
    pub evidence_at: EpochMs,
    pub lease_expires_at: EpochMs,
    pub ended_at: Option<EpochMs>,
    pub end_cause: Option<String>,
    /// Which account of the backend it lives in; `None` where there is one alone.
    pub account: Option<String>,
    /// `out` or `in`, as its owner sees it.
    pub direction: String,
    /// 1 when it was found at the backend, and not placed by us.
    pub external: i64,
    /// When it ends whatever evidence there is.
    pub cap_at: EpochMs,
    /// How long evidence that it lives counts.
    pub lease_ms: EpochMs,
    /// How long it holds its slot beyond that, while nobody can ask its backend.
    pub blind_ms: EpochMs,
    /// When it ends unless it was answered, where the backend can tell.
    pub ring_until: Option<EpochMs>,
    /// When there first was evidence that it was answered.
    pub answered_at: Option<EpochMs>,
    /// When a list of the backend first held it.
    pub listed_at: Option<EpochMs>,
    /// The begin of the first list that did not hold it any more.
    pub absent_at: Option<EpochMs>,
    /// Since when its backend cannot be asked.
    pub frozen_at: Option<EpochMs>,
    /// What the backend said of its end.
    pub backend_cause: Option<String>,
}

impl Call {
    /// `reserved`, `active`, `unknown` or `ended`
    pub fn state(&self) -> &'static str {
        match (self.ended_at, self.unknown_at, self.active_at) {
            (Some(_), ..) => "ended",
            (_, Some(_), _) => "unknown",
            (.., Some(_)) => "active",
            _ => "reserved",
        }
    }
}

/// The latest, should a backend use ids again.
pub(super) const AT_BACKEND: &str = "SELECT * FROM calls WHERE backend = $1 AND backend_call_id = $2 ORDER BY reserved_at DESC LIMIT 1";

const LIVE: &str = "SELECT * FROM calls WHERE owner = $1 AND ended_at IS NULL AND lease_expires_at > $2 ORDER BY reserved_at, id";

impl Store {
    pub async fn call(&self, id: &str) -> Result<Option<Call>> {
        Ok(sqlx::query_as("SELECT * FROM calls WHERE id = $1")
            .bind(id)
            .fetch_optional(self.readers())
            .await?)
    }

    /// The call that a backend knows by this id: the latest, should it use ids again.
    pub async fn call_at_backend(&self, backend: &str, id: &str) -> Result<Option<Call>> {
        Ok(sqlx::query_as(AT_BACKEND)
            .bind(backend)
            .bind(id)
            .fetch_optional(self.readers())
            .await?)
    }

    /// The call that an idempotency key of this owner and client names.
    pub async fn keyed_call(&self, owner: &str, client: &str, key: &str) -> Result<Option<Call>> {
        let mut connection = self.readers().acquire().await?;
        with_key(&mut connection, owner, client, key).await
    }

    /// The calls of an owner that hold a slot, oldest first.
    pub async fn live_calls(&self, owner: &str, now: EpochMs) -> Result<Vec<Call>> {
        Ok(sqlx::query_as(LIVE)
            .bind(owner)
            .bind(now)
            .fetch_all(self.readers())
            .await?)
    }

    /// Every call that holds a slot, oldest first, a thousand at the most.
    pub async fn all_live_calls(&self, now: EpochMs) -> Result<Vec<Call>> {
        Ok(sqlx::query_as(
            "SELECT * FROM calls WHERE ended_at IS NULL AND lease_expires_at > $1 ORDER BY reserved_at, id LIMIT 1000",
        )
        .bind(now)
        .fetch_all(self.readers())
        .await?)
    }

    pub async fn count_live_calls(&self, now: EpochMs) -> Result<i64> {
        Ok(sqlx::query_scalar(
            "SELECT count(*) FROM calls WHERE ended_at IS NULL AND lease_expires_at > $1",
        )
        .bind(now)
        .fetch_one(self.readers())
        .await?)
    }
}

/// The call that an idempotency key of this owner and client names.
pub async fn with_key(
    c: &mut Connection,
    owner: &str,
    client: &str,
    key: &str,
) -> Result<Option<Call>> {
    Ok(sqlx::query_as(
        "SELECT * FROM calls WHERE owner = $1 AND client_id = $2 AND idempotency_key = $3",
    )
    .bind(owner)
    .bind(client)
    .bind(key)
    .fetch_optional(c)
    .await?)
}

/// The latest call of this owner to this number since `then` whose telephone may have rung, if the owner did not end it.
pub async fn like(
    c: &mut Connection,
    owner: &str,
    number: &str,
    then: EpochMs,
) -> Result<Option<Call>> {
    Ok(sqlx::query_as(
        "SELECT * FROM calls WHERE owner = $1 AND number = $2 AND reserved_at > $3 AND external = 0
           AND (end_cause IS NULL OR end_cause NOT IN ('refused', 'unreachable', 'stopped'))
         ORDER BY reserved_at DESC LIMIT 1",
    )
    .bind(owner)
    .bind(number)
    .bind(then)
    .fetch_optional(c)
    .await?)
}

/// Inserts the call if fewer than `limit` calls of its owner are live; `false` when it was not inserted.
///
/// Count and insertion are one statement, and a transaction that writes excludes all others: nobody can come between.
pub async fn insert_below(c: &mut Connection, call: &Call, limit: i64) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO calls (id, tenant_id, owner, client_id, backend, number, line, idempotency_key, emergency,
                            reserved_at, evidence_at, lease_expires_at, account, direction, cap_at, lease_ms, blind_ms,
                            ring_until)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $13, $14, $15, $16, $17, $18
         WHERE (SELECT count(*) FROM calls WHERE owner = $3 AND ended_at IS NULL AND lease_expires_at > $10) < $12",
    )
    .bind(&call.id)
    .bind(&call.tenant_id)
    .bind(&call.owner)
    .bind(&call.client_id)
    .bind(&call.backend)
    .bind(&call.number)
    .bind(&call.line)
    .bind(&call.idempotency_key)
    .bind(call.emergency)
    .bind(call.reserved_at)
    .bind(call.lease_expires_at)
    .bind(limit)
    .bind(&call.account)
    .bind(&call.direction)
    .bind(call.cap_at)
    .bind(call.lease_ms)
    .bind(call.blind_ms)
    .bind(call.ring_until)
    .execute(c)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn live(c: &mut Connection, owner: &str, now: EpochMs) -> Result<Vec<Call>> {
    Ok(sqlx::query_as(LIVE)
        .bind(owner)
        .bind(now)
        .fetch_all(c)
        .await?)
}

/// The backend placed the call. A call that has ended meanwhile, or whose lease is over, stays so.
pub async fn confirm(
    c: &mut Connection,
    id: &str,
    backend_call_id: Option<&str>,
    now: EpochMs,
) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE calls SET active_at = coalesce(active_at, $3), unknown_at = NULL, evidence_at = $3, absent_at = NULL,
             frozen_at = NULL, backend_call_id = coalesce($2, backend_call_id),
             lease_expires_at = CASE WHEN $3 + lease_ms + blind_ms <= lease_expires_at THEN lease_expires_at
                                     WHEN $3 + lease_ms + blind_ms < cap_at THEN $3 + lease_ms + blind_ms ELSE cap_at END
         WHERE id = $1 AND ended_at IS NULL AND lease_expires_at > $3",
    )
    .bind(id)
    .bind(backend_call_id)
    .bind(now)
    .execute(c)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Nobody knows whether the backend placed the call.
pub async fn suspect(c: &mut Connection, id: &str, now: EpochMs) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE calls SET unknown_at = coalesce(unknown_at, $2) WHERE id = $1 AND ended_at IS NULL",
    )
    .bind(id)
    .bind(now)
    .execute(c)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Calls that are still reserved since before `then`: nobody will learn what became of them.
pub async fn suspect_reserved_before(
    c: &mut Connection,
    then: EpochMs,
    now: EpochMs,
) -> Result<u64> {
    let done = sqlx::query(
        "UPDATE calls SET unknown_at = $2
         WHERE ended_at IS NULL AND active_at IS NULL AND unknown_at IS NULL AND reserved_at < $1",
    )
    .bind(then)
    .bind(now)
    .execute(c)
    .await?;
    Ok(done.rows_affected())
}
