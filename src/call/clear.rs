//! Whether a number may be rung: emergency numbers always, all others as the dialling rules say.

use super::{Calls, Intent};
use crate::auth::Principal;
use crate::dialling::Asker;
use crate::error::Result;
use crate::number::Number;
use crate::storage::callers::Caller;

/// That a number may be rung, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clearance {
    /// Nothing stands between somebody and help.
    Emergency,
    /// The rules let it through.
    Ruled,
    /// They would not any more, but the call was placed before and is only asked about again (S14).
    Repeated,
}

impl Calls {
    /// Whether it is a number that is admitted always.
    pub fn is_emergency(&self, number: &Number) -> bool {
        let mut known = self.settings.emergency_numbers.iter();
        known.any(|known| known == number.as_str())
    }

    /// Lets a number through, or names the rule that refuses it.
    pub(super) async fn clear(
        &self,
        principal: &Principal,
        caller: &Caller,
        number: &Number,
        intent: &Intent,
    ) -> Result<Clearance> {
        // Before anything is asked that can fail.
        if self.is_emergency(number) {
            return Ok(Clearance::Emergency);
        }
        let asker = Asker {
            subject: &principal.subject,
            tenant: &principal.tenant,
            time_zone: caller.time_zone.as_deref(),
            scope: &principal.scope,
        };
        let judgement = self.dialling.judge(asker, number, self.clock.now()).await?;
        let Some(refusal) = judgement.refusal() else {
            return Ok(Clearance::Ruled);
        };
        if self.is_repeated(principal, intent).await? {
            return Ok(Clearance::Repeated);
        }
        self.metrics.call_refused("dialling");
        tracing::info!(
            rule = refusal.id(), number = number.masked(), owner = %principal.subject,
            "the dialling rules refused a number"
        );
        Err(refusal.into())
    }

    /// Whether the key names a call: then admission makes no other.
    async fn is_repeated(&self, principal: &Principal, intent: &Intent) -> Result<bool> {
        let Some(key) = &intent.idempotency_key else {
            return Ok(false);
        };
        let owner = principal.subject.to_string();
        let call = self
            .store
            .keyed_call(&owner, &principal.client, key)
            .await?;
        Ok(call.is_some())
    }
}
