//! Admission on `SQLite`: count and insertion are one statement inside the store's one writing transaction.
//!
//! Nothing is kept in memory, so a kill loses nothing, and two processes on one file (an upgrade) share one truth.

use super::{Admission, AdmissionError, Admitted, Application, Cause, Lease};
use crate::clock::{Clock, EpochMs};
use crate::storage::{Connection, Store, StoreError, calls};
use async_trait::async_trait;
use std::time::{Duration, Instant};

pub struct SqliteAdmission {
    store: Store,
    clock: Clock,
}

impl SqliteAdmission {
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }
}

/// An application that waited longer is refused: whoever sent it has given up, and a telephone that rings now would ring
/// for nobody. What ends or settles calls is never too late.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the transaction found.
enum Outcome {
    Admitted(Box<Admitted>),
    LimitReached(Vec<Lease>),
    KeyReused,
}

#[async_trait]
impl Admission for SqliteAdmission {
    async fn admit(&self, application: Application) -> Result<Admitted, AdmissionError> {
        let limit = application.limit;
        let (clock, asked) = (self.clock.clone(), Instant::now());
        let outcome = self
            .store
            .write(move |c| {
                Box::pin(async move {
                    if asked.elapsed() > PATIENCE {
                        return Err(StoreError::Late);
                    }
                    admit(c, application, &clock).await
                })
            })
            .await?;
        match outcome {
            Outcome::Admitted(admitted) => Ok(*admitted),
            Outcome::LimitReached(live) => Err(AdmissionError::LimitReached { limit, live }),
            Outcome::KeyReused => Err(AdmissionError::KeyReused),
        }
    }

    async fn confirm(&self, call: &str, backend_call_id: Option<&str>) -> Result<bool, StoreError> {
        let (call, now) = (call.to_owned(), self.clock.now());
        let backend_call_id = backend_call_id.map(str::to_owned);
        self.store
            .write(move |c| {
                Box::pin(
                    async move { calls::confirm(c, &call, backend_call_id.as_deref(), now).await },
                )
            })
            .await
    }

    async fn suspect(&self, call: &str) -> Result<bool, StoreError> {
        let (call, now) = (call.to_owned(), self.clock.now());
        self.store
            .write(move |c| Box::pin(async move { calls::suspect(c, &call, now).await }))
            .await
    }

    async fn release(&self, call: &str, cause: Cause) -> Result<bool, StoreError> {
        let (call, now) = (call.to_owned(), self.clock.now());
        self.store
            .write(move |c| {
                Box::pin(async move { calls::end(c, &call, cause.as_str(), now).await })
            })
            .await
    }

    async fn release_overdue(&self) -> Result<u64, StoreError> {
        let now = self.clock.now();
        self.store
            .write(move |c| {
                Box::pin(async move { calls::end_overdue(c, Cause::Expired.as_str(), now).await })
            })
            .await
    }

    async fn suspect_abandoned(&self, patience: EpochMs) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let before = now.saturating_sub(patience);
        self.store
            .write(move |c| {
                Box::pin(async move { calls::suspect_reserved_before(c, before, now).await })
            })
            .await
    }

    async fn live(&self, owner: &str) -> Result<Vec<Lease>, StoreError> {
        self.store.live_calls(owner, self.clock.now()).await
    }
}

async fn admit(
    c: &mut Connection,
    application: Application,
    clock: &Clock,
) -> Result<Outcome, StoreError> {
    // The key before the count: a retry is never refused because of its own slot (S14).
    if let Some(before) = before(c, &application).await? {
        let same = before.number == application.number;
        return Ok(if same {
            Outcome::Admitted(Box::new(Admitted::Before(before)))
        } else {
            Outcome::KeyReused
        });
    }
    let limit = if application.emergency {
        i64::MAX
    } else {
        i64::from(application.limit)
    };
    // The time of the transaction, not of the request: nothing that waited in the queue counts with an old clock.
    let now = clock.now();
    let lease = lease(application, now);
    if calls::insert_below(c, &lease, limit).await? {
        return Ok(Outcome::Admitted(Box::new(Admitted::New(lease))));
    }
    Ok(Outcome::LimitReached(
        calls::live(c, &lease.owner, now).await?,
    ))
}

async fn before(
    c: &mut Connection,
    application: &Application,
) -> Result<Option<Lease>, StoreError> {
    let Some(key) = &application.idempotency_key else {
        return Ok(None);
    };
    calls::with_key(c, &application.owner, &application.client, key).await
}

fn lease(application: Application, now: EpochMs) -> Lease {
    let terms = application.terms;
    let cap_at = now.saturating_add(terms.cap);
    let ring_until = terms.ring.map(|ring| now.saturating_add(ring));
    let unasked = now.saturating_add(terms.lease).saturating_add(terms.blind);
    Lease {
        id: application.call,
        tenant_id: application.tenant,
        owner: application.owner,
        client_id: application.client,
        backend: application.backend,
        number: application.number,
        line: application.line,
        idempotency_key: application.idempotency_key,
        emergency: i64::from(application.emergency),
        reserved_at: now,
        evidence_at: now,
        lease_expires_at: unasked.max(ring_until.unwrap_or(now)).min(cap_at),
        direction: "out".to_owned(),
        cap_at,
        lease_ms: terms.lease,
        blind_ms: terms.blind,
        ring_until,
        ..Lease::default()
    }
}
