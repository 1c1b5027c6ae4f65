//! Live calls with their leases (docs/calls.md S12): see them, see one, end one.

use super::{Administration, view};
use crate::acl::Permit;
use crate::admission::Lease;
use crate::clock::{EpochMs, seconds_until};
use crate::error::{Error, Result};
use crate::token::{External, Subject};
use serde::{Deserialize, Serialize};

/// Whose live calls are to be listed; everybody's, if nobody is named.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CallFilter {
    /// By id, or as `TENANT/USERNAME`.
    pub user: Option<String>,
    /// A client that acts for itself.
    pub client: Option<String>,
    /// Somebody of another issuer who is no user here, as `ISSUER:SUBJECT`.
    pub external: Option<String>,
}

/// A call and its lease.
#[derive(Debug, Serialize)]
pub struct CallView {
    pub id: String,
    /// `reserved`, `active`, `unknown` or `ended`
    pub state: &'static str,
    /// Whose slot it holds: `user:ID`, `client:ID` or `external:ISSUER:SUBJECT`.
    owner: String,
    tenant: String,
    client: String,
    number: String,
    line: Option<String>,
    backend: String,
    backend_call_id: Option<String>,
    emergency: bool,
    age_seconds: u64,
    /// How long it may still hold its slot; 0 once it has ended.
    expires_in_seconds: u64,
    reserved_at: String,
    active_at: Option<String>,
    last_evidence_at: String,
    expires_at: String,
    ended_at: Option<String>,
    end_cause: Option<String>,
}

impl CallView {
    fn new(call: Lease, now: EpochMs) -> Self {
        let over = call.ended_at.is_some();
        Self {
            state: call.state(),
            age_seconds: seconds_until(call.ended_at.unwrap_or(now), call.reserved_at),
            expires_in_seconds: if over {
                0
            } else {
                seconds_until(call.lease_expires_at, now)
            },
            id: call.id,
            owner: call.owner,
            tenant: call.tenant_id,
            client: call.client_id,
            number: call.number,
            line: call.line,
            backend: call.backend,
            backend_call_id: call.backend_call_id,
            emergency: call.emergency != 0,
            reserved_at: view::time(call.reserved_at),
            active_at: call.active_at.map(view::time),
            last_evidence_at: view::time(call.evidence_at),
            expires_at: view::time(call.lease_expires_at),
            ended_at: call.ended_at.map(view::time),
            end_cause: call.end_cause,
        }
    }
}

impl Administration {
    /// Calls that hold a slot, oldest first, a thousand at the most.
    pub async fn live_calls(&self, filter: CallFilter) -> Result<Vec<CallView>> {
        let now = self.clock.now();
        let owner = match (filter.user, filter.client, filter.external) {
            (None, None, None) => None,
            (Some(user), None, None) => Some(Subject::User(self.user_id(&user).await?)),
            (None, Some(client), None) => Some(Subject::Client(self.client(&client).await?.id)),
            (None, None, Some(named)) => Some(external(&named)?),
            _ => {
                let why = "name one: a user, a client or somebody external".to_owned();
                return Err(Error::BadRequest(why));
            }
        };
        let calls = match owner {
            Some(owner) => self.store.live_calls(&owner.to_string(), now).await?,
            None => self.store.all_live_calls(now).await?,
        };
        let views = calls.into_iter().map(|call| CallView::new(call, now));
        Ok(views.collect())
    }

    /// Any call, also one that has ended.
    pub async fn call(&self, id: &str) -> Result<CallView> {
        let call = self.store.call(id).await?.ok_or(Error::Missing("call"))?;
        Ok(CallView::new(call, self.clock.now()))
    }

    /// Ends any call. `force` gives the slot back whatever the backend says.
    pub async fn end_call(&self, by: &Permit, id: &str, force: bool) -> Result<CallView> {
        self.calls.end_any(by, id, force).await?;
        self.call(id).await
    }
}

/// Anybody may have come with a credential of the issuer: who has no call is as good as unknown.
fn external(named: &str) -> Result<Subject> {
    let parts = named.split_once(':');
    let why = || Error::BadRequest("somebody external is `ISSUER:SUBJECT`".to_owned());
    let (issuer, subject) = parts.ok_or_else(why)?;
    Ok(Subject::External(External::new(issuer, subject)))
}
