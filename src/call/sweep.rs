//! What time does to leases: those that are over end, those whose outcome nobody will tell become unknown.

use super::Calls;
use crate::admission::{Cause, Lease};
use crate::clock::millis;
use crate::storage::StoreError;

impl Calls {
    /// To be called every few seconds.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        for (lease, cause) in self.admission.release_overdue().await? {
            self.metrics.calls_released(cause.as_str(), 1);
            tell_why(&lease, cause);
        }
        // Whoever asked the backend has been answered or has died by then.
        let patience = millis(self.settings.backend_timeout).saturating_mul(2);
        let abandoned = self.admission.suspect_abandoned(patience).await?;
        if abandoned > 0 {
            tracing::warn!(
                calls = abandoned,
                "calls were left half placed: their outcome is unknown, their slots stay held"
            );
        }
        Ok(())
    }
}

/// The end of a call of which nobody knows whether it has ended is an alarm.
fn tell_why(lease: &Lease, cause: Cause) {
    let (call, backend) = (&lease.id, &lease.backend);
    match cause {
        Cause::Blind => tracing::error!(
            call.id = %call, call.backend = %backend, call.state = lease.state(),
            "a telephone system could not be asked for too long: the slot of a call that may live is free again"
        ),
        Cause::NeverAnswered => tracing::info!(
            call.id = %call, call.backend = %backend,
            "nobody answered a call: its slot is free again"
        ),
        _ => tracing::warn!(
            call.id = %call, call.backend = %backend, call.state = lease.state(),
            "a call reached its longest duration: its slot is free again"
        ),
    }
}
