//! What time does to leases: those that are over end, those whose outcome nobody will tell become unknown.

use super::Calls;
use crate::admission::Cause;
use crate::clock::millis;
use crate::storage::StoreError;

impl Calls {
    /// To be called every few seconds.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let ended = self.admission.release_overdue().await?;
        if ended > 0 {
            tracing::warn!(
                calls = ended,
                "calls reached their longest duration: their slots are free again"
            );
            self.metrics.calls_released(Cause::Expired.as_str(), ended);
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
