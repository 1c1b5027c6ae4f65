//! Second factors of a user: which there are, and away with all of them for who has lost them.

use super::Administration;
use crate::acl::Permit;
use crate::error::{Error, Result};
use crate::storage::factors::Factors;

impl Administration {
    pub async fn factors(&self, id: &str) -> Result<Factors> {
        self.must_exist(id).await?;
        Ok(self.store.factors(id).await?)
    }

    /// The user logs in with the password alone from now on, and is led to set up a second factor where it is required.
    pub async fn reset_factors(&self, by: &Permit, id: &str) -> Result<()> {
        self.must_exist(id).await?;
        self.store.reset_factors(id, self.clock.now()).await?;
        self.done(by, "user.factor_reset", id).await
    }

    async fn must_exist(&self, id: &str) -> Result<()> {
        let user = self.store.user(id).await?;
        user.map(drop).ok_or(Error::Missing("user"))
    }
}
