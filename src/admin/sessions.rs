//! Logins of a user in browsers: end them all.

use super::Administration;
use crate::acl::Permit;
use crate::error::Result;

impl Administration {
    /// Logs a user, by id or as `TENANT/USERNAME`, out of all browsers, and says of how many. Applications keep their
    /// tokens.
    pub async fn end_sessions(&self, by: &Permit, user: &str) -> Result<u64> {
        let id = self.user_id(user).await?;
        let entry = self.entry(by, "user.log_out", &id).await;
        let now = self.clock.now();
        Ok(self.store.end_sessions(&id, None, entry, now).await?)
    }
}
