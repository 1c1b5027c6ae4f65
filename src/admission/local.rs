//! Admission in memory: for tests, and the plainest statement of what every engine does.

use super::{
    APART, Admission, AdmissionError, Admitted, Application, Cause, Evidence, External, Lease,
    Whom, external_lease, lease, overdue,
};
use crate::clock::{Clock, EpochMs};
use crate::storage::StoreError;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Handles share one truth; it is gone with the last of them.
#[derive(Clone)]
pub struct LocalAdmission {
    leases: Arc<Mutex<BTreeMap<String, Lease>>>,
    clock: Clock,
}

type Leases<'l> = MutexGuard<'l, BTreeMap<String, Lease>>;

impl LocalAdmission {
    pub fn new(clock: Clock) -> Self {
        Self {
            leases: Arc::default(),
            clock,
        }
    }

    fn leases(&self) -> Leases<'_> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a lease that is not over; `false` when there is none, or `change` found nothing to do.
    fn change(&self, call: &str, change: impl FnOnce(&mut Lease) -> bool) -> bool {
        let (mut leases, now) = (self.leases(), self.clock.now());
        let lease = leases.get_mut(call).filter(|lease| is_live(lease, now));
        lease.is_some_and(change)
    }

    /// Changes the live leases at a backend that are meant, and says how many `change` found something to do with.
    fn each(
        &self,
        backend: &str,
        whom: &Whom,
        change: impl Fn(&mut Lease, EpochMs) -> bool,
    ) -> u64 {
        let (mut leases, now) = (self.leases(), self.clock.now());
        let meant = |lease: &&mut Lease| {
            lease.backend == backend && whom.includes(&lease.owner) && is_live(lease, now)
        };
        let changed = leases.values_mut().filter(meant);
        changed.fold(0, |count, lease| count + u64::from(change(lease, now)))
    }
}

#[async_trait]
impl Admission for LocalAdmission {
    async fn admit(&self, application: Application) -> Result<Admitted, AdmissionError> {
        let (mut leases, now) = (self.leases(), self.clock.now());
        if let Some(before) = before(&leases, &application, now) {
            return if before.number == application.number {
                Ok(Admitted::Before(before.clone()))
            } else {
                Err(AdmissionError::KeyReused)
            };
        }
        let live = live(&leases, &application.owner, now);
        let limit = application.limit;
        if !application.emergency && live.len() >= limit as usize {
            return Err(AdmissionError::LimitReached { limit, live });
        }
        let lease = lease(application, now);
        leases.insert(lease.id.clone(), lease.clone());
        Ok(Admitted::New(lease))
    }

    async fn confirm(&self, call: &str, backend_call_id: Option<&str>) -> Result<bool, StoreError> {
        let now = self.clock.now();
        Ok(self.change(call, |lease| {
            lease.active_at.get_or_insert(now);
            lease.evidence_at = now;
            (lease.unknown_at, lease.absent_at, lease.frozen_at) = (None, None, None);
            if let Some(id) = backend_call_id {
                lease.backend_call_id = Some(id.to_owned());
            }
            renew(lease, now);
            true
        }))
    }

    async fn suspect(&self, call: &str) -> Result<bool, StoreError> {
        let (mut leases, now) = (self.leases(), self.clock.now());
        let lease = leases
            .get_mut(call)
            .filter(|lease| lease.ended_at.is_none());
        Ok(lease.is_some_and(|lease| {
            lease.unknown_at.get_or_insert(now);
            true
        }))
    }

    async fn release_as(
        &self,
        call: &str,
        cause: Cause,
        words: Option<&str>,
    ) -> Result<bool, StoreError> {
        let (mut leases, now) = (self.leases(), self.clock.now());
        let lease = leases
            .get_mut(call)
            .filter(|lease| lease.ended_at.is_none());
        Ok(lease.is_some_and(|lease| {
            lease.backend_cause = words.map(str::to_owned);
            end(lease, cause, now)
        }))
    }

    async fn witness(&self, call: &str, what: Evidence, at: EpochMs) -> Result<bool, StoreError> {
        Ok(self.change(call, |lease| witness(lease, what, at)))
    }

    async fn attach(&self, call: &str, id: &str, at: EpochMs) -> Result<bool, StoreError> {
        let (mut leases, now) = (self.leases(), self.clock.now());
        let Some(backend) = leases.get(call).map(|lease| lease.backend.clone()) else {
            return Ok(false);
        };
        if known(&leases, &backend, id).is_some() {
            return Ok(false);
        }
        let unnamed = |lease: &&mut Lease| lease.backend_call_id.is_none() && is_live(lease, now);
        let Some(lease) = leases.get_mut(call).filter(unnamed) else {
            return Ok(false);
        };
        lease.backend_call_id = Some(id.to_owned());
        witness(lease, Evidence::Event, at);
        Ok(true)
    }

    async fn adopt(&self, external: External) -> Result<Admitted, StoreError> {
        let (mut leases, now) = (self.leases(), self.clock.now());
        if let Some(before) = known(&leases, &external.backend, &external.backend_call_id) {
            return Ok(Admitted::Before(before.clone()));
        }
        let lease = external_lease(external, now);
        leases.insert(lease.id.clone(), lease.clone());
        Ok(Admitted::New(lease))
    }

    async fn absent(&self, calls: Vec<String>, at: EpochMs) -> Result<Vec<String>, StoreError> {
        let missing = calls.into_iter();
        Ok(missing
            .filter(|call| self.change(call, |lease| absent(lease, at)))
            .collect())
    }

    async fn freeze(&self, backend: &str, whom: &Whom) -> Result<u64, StoreError> {
        Ok(self.each(backend, whom, |lease, now| {
            if lease.frozen_at.is_some() || lease.blind_ms == 0 {
                return false;
            }
            lease.frozen_at = Some(now);
            lease.lease_expires_at = now.saturating_add(lease.blind_ms).min(lease.cap_at);
            true
        }))
    }

    async fn thaw(&self, backend: &str, whom: &Whom) -> Result<u64, StoreError> {
        Ok(self.each(backend, whom, |lease, now| {
            let thawed = lease.frozen_at.take().is_some();
            if thawed {
                renew(lease, now);
            }
            thawed
        }))
    }

    async fn release_overdue(&self) -> Result<Vec<(Lease, Cause)>, StoreError> {
        let (mut leases, now) = (self.leases(), self.clock.now());
        let over = leases.values_mut().filter(|lease| is_overdue(lease, now));
        Ok(over
            .map(|lease| {
                let (before, (cause, at)) = (lease.clone(), overdue(lease));
                end(lease, cause, at);
                (before, cause)
            })
            .collect())
    }

    async fn suspect_abandoned(&self, patience: EpochMs) -> Result<u64, StoreError> {
        let (mut leases, now) = (self.leases(), self.clock.now());
        let abandoned = leases.values_mut().filter(|lease| {
            lease.state() == "reserved" && lease.reserved_at < now.saturating_sub(patience)
        });
        Ok(abandoned.fold(0, |count, lease| {
            lease.unknown_at = Some(now);
            count + 1
        }))
    }

    async fn live(&self, owner: &str) -> Result<Vec<Lease>, StoreError> {
        Ok(live(&self.leases(), owner, self.clock.now()))
    }
}

fn is_live(lease: &Lease, now: EpochMs) -> bool {
    lease.ended_at.is_none() && lease.lease_expires_at > now
}

fn is_overdue(lease: &Lease, now: EpochMs) -> bool {
    let rang = lease.answered_at.is_none() && lease.ring_until.is_some_and(|until| until <= now);
    lease.ended_at.is_none() && (lease.lease_expires_at <= now || rang)
}

fn live(leases: &Leases<'_>, owner: &str, now: EpochMs) -> Vec<Lease> {
    let theirs = |lease: &&Lease| lease.owner == owner && is_live(lease, now);
    let mut live: Vec<_> = leases.values().filter(theirs).cloned().collect();
    live.sort_by(|a, b| (a.reserved_at, &a.id).cmp(&(b.reserved_at, &b.id)));
    live
}

fn known<'l>(leases: &'l Leases<'_>, backend: &str, id: &str) -> Option<&'l Lease> {
    let named =
        |lease: &&Lease| lease.backend == backend && lease.backend_call_id.as_deref() == Some(id);
    leases.values().filter(named).max_by_key(|l| l.reserved_at)
}

fn before<'l>(leases: &'l Leases<'_>, asked: &Application, now: EpochMs) -> Option<&'l Lease> {
    let mut theirs = leases.values().filter(|lease| lease.owner == asked.owner);
    if asked.idempotency_key.is_some() {
        return theirs.find(|lease| {
            lease.client_id == asked.client && lease.idempotency_key == asked.idempotency_key
        });
    }
    if asked.window == 0 || asked.emergency {
        return None;
    }
    let since = now.saturating_sub(asked.window);
    let like = |lease: &&Lease| {
        lease.number == asked.number
            && lease.reserved_at > since
            && lease.external == 0
            && rang(lease)
    };
    theirs.filter(like).max_by_key(|lease| lease.reserved_at)
}

/// A telephone may have rung, and the owner did not end the call.
fn rang(lease: &Lease) -> bool {
    let cause = lease.end_cause.as_deref();
    !cause.is_some_and(|cause| matches!(cause, "refused" | "unreachable" | "stopped"))
}

fn renew(lease: &mut Lease, at: EpochMs) {
    let until = at
        .saturating_add(lease.lease_ms)
        .saturating_add(lease.blind_ms);
    lease.lease_expires_at = until.min(lease.cap_at).max(lease.lease_expires_at);
}

fn witness(lease: &mut Lease, what: Evidence, at: EpochMs) -> bool {
    let before = lease.clone();
    lease.evidence_at = lease.evidence_at.max(at);
    lease.active_at.get_or_insert(at);
    (lease.unknown_at, lease.frozen_at) = (None, None);
    lease.absent_at = lease.absent_at.filter(|absent| *absent > at);
    if what.is_listed() {
        lease.listed_at.get_or_insert(at);
    }
    if what.is_answered() {
        lease.answered_at.get_or_insert(at);
    }
    let told = *lease != before;
    renew(lease, at);
    told
}

/// Whether that ended it.
fn absent(lease: &mut Lease, begun_at: EpochMs) -> bool {
    let placed = match lease.unknown_at {
        Some(unknown_at) => unknown_at < begun_at,
        None => lease.active_at.is_some(),
    };
    if !placed || lease.evidence_at >= begun_at {
        return false;
    }
    match lease.absent_at {
        Some(first) if first.saturating_add(APART) <= begun_at => {
            end(lease, Cause::ReconciledMissing, first)
        }
        Some(_) => false,
        None => {
            lease.absent_at = Some(begun_at);
            false
        }
    }
}

fn end(lease: &mut Lease, cause: Cause, at: EpochMs) -> bool {
    lease.ended_at = Some(at);
    lease.end_cause = Some(cause.as_str().to_owned());
    true
}
