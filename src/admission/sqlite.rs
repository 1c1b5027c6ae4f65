//! Admission on `SQLite`: count and insertion are one statement inside the store's one writing transaction.
//!
//! Nothing is kept in memory, so a kill loses nothing, and two processes on one file (an upgrade) share one truth.

use super::{
    Admission, AdmissionError, Admitted, Application, Cause, Evidence, External, Lease, Whom,
    external_lease, lease, overdue,
};
use crate::clock::{Clock, EpochMs};
use crate::storage::{Connection, Store, StoreError, call_evidence as evidence, calls};
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

    async fn release_as(
        &self,
        call: &str,
        cause: Cause,
        words: Option<&str>,
    ) -> Result<bool, StoreError> {
        let (call, now, words) = (call.to_owned(), self.clock.now(), words.map(str::to_owned));
        self.store
            .write(move |c| {
                Box::pin(async move {
                    evidence::end_as(c, &call, cause.as_str(), words.as_deref(), now).await
                })
            })
            .await
    }

    async fn witness(&self, call: &str, what: Evidence, at: EpochMs) -> Result<bool, StoreError> {
        let (call, now) = (call.to_owned(), self.clock.now());
        self.store
            .write(move |c| {
                Box::pin(async move { evidence::witness(c, &call, what, at, now).await })
            })
            .await
    }

    async fn attach(
        &self,
        call: &str,
        backend_call_id: &str,
        at: EpochMs,
    ) -> Result<bool, StoreError> {
        let (call, id, now) = (
            call.to_owned(),
            backend_call_id.to_owned(),
            self.clock.now(),
        );
        self.store
            .write(move |c| Box::pin(async move { evidence::attach(c, &call, &id, at, now).await }))
            .await
    }

    async fn adopt(&self, external: External) -> Result<Admitted, StoreError> {
        let clock = self.clock.clone();
        self.store
            .write(move |c| {
                Box::pin(async move {
                    let (backend, id) = (&external.backend, &external.backend_call_id);
                    if let Some(known) = evidence::at_backend(c, backend, id).await? {
                        return Ok(Admitted::Before(known));
                    }
                    let lease = external_lease(external, clock.now());
                    evidence::insert_external(c, &lease).await?;
                    Ok(Admitted::New(lease))
                })
            })
            .await
    }

    async fn absent(
        &self,
        calls: Vec<String>,
        begun_at: EpochMs,
    ) -> Result<Vec<String>, StoreError> {
        let now = self.clock.now();
        self.store
            .write(move |c| {
                Box::pin(async move {
                    let cause = Cause::ReconciledMissing.as_str();
                    let mut ended = Vec::new();
                    for call in calls {
                        if evidence::absent(c, &call, begun_at, cause, now).await? {
                            ended.push(call);
                        }
                    }
                    Ok(ended)
                })
            })
            .await
    }

    async fn freeze(&self, backend: &str, whom: &Whom) -> Result<u64, StoreError> {
        let (backend, whom, now) = (backend.to_owned(), whom.clone(), self.clock.now());
        self.store
            .write(move |c| {
                Box::pin(async move { evidence::freeze(c, &backend, &whom, now).await })
            })
            .await
    }

    async fn thaw(&self, backend: &str, whom: &Whom) -> Result<u64, StoreError> {
        let (backend, whom, now) = (backend.to_owned(), whom.clone(), self.clock.now());
        self.store
            .write(move |c| Box::pin(async move { evidence::thaw(c, &backend, &whom, now).await }))
            .await
    }

    async fn release_overdue(&self) -> Result<Vec<(Lease, Cause)>, StoreError> {
        let now = self.clock.now();
        self.store
            .write(move |c| {
                Box::pin(async move {
                    let mut released = Vec::new();
                    for lease in evidence::overdue(c, now).await? {
                        let (cause, at) = overdue(&lease);
                        evidence::end_as(c, &lease.id, cause.as_str(), None, at).await?;
                        released.push((lease, cause));
                    }
                    Ok(released)
                })
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
    if let Some(before) = before(c, &application, clock.now()).await? {
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

/// The call that the application is for, if there is one.
async fn before(
    c: &mut Connection,
    application: &Application,
    now: EpochMs,
) -> Result<Option<Lease>, StoreError> {
    let Application {
        owner,
        client,
        number,
        ..
    } = application;
    if let Some(key) = &application.idempotency_key {
        return calls::with_key(c, owner, client, key).await;
    }
    // For an emergency a second telephone is better than none.
    if application.window == 0 || application.emergency {
        return Ok(None);
    }
    calls::like(c, owner, number, now.saturating_sub(application.window)).await
}
