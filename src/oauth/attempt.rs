//! One try of a password: counted before any work is done for it, forgiven when it was right.

use super::Oauth;
use super::throttling::{Account, Attempt, address};
use crate::auth::password;
use crate::error::Result;
use http::request::Parts;

impl Oauth {
    /// Counts a try for the account, which there may not be.
    ///
    /// # Errors
    /// [`crate::error::Error::TooManyAttempts`]
    pub(super) fn attempt(&self, head: &Parts, account: (&str, &str)) -> Result<Attempt<'_>> {
        let (tenant, username) = account;
        let browser = self.known_browser(&head.headers, account);
        let account = Account {
            tenant,
            username,
            address: &address(head),
            browser: browser.as_deref(),
        };
        self.attempts.login(&account, self.clock.now())
    }

    /// Whether the password is that of the hash; without one it costs the same and is not.
    ///
    /// # Errors
    /// [`crate::error::Error::Busy`] when too many are being tried; this one does not count then.
    pub(super) async fn verify(
        &self,
        mut attempt: Attempt<'_>,
        password: &str,
        hash: Option<&str>,
    ) -> Result<bool> {
        let right = password::verify(password, hash).await;
        if right.inspect_err(|_| attempt.take_back())? {
            attempt.succeeded(&self.attempts);
            return Ok(true);
        }
        Ok(false)
    }
}
