//! Whether who is logged in proved it a short while ago: dangerous changes want that, as a browser may be left alone.

use super::visit::Visit;
use crate::error::Result;
use crate::oauth::Oauth;
use crate::oauth::parameters::Parameters;
use crate::storage::audit::Event;
use crate::storage::factors::Factors;
use http::request::Parts;
use std::time::Duration;

/// Evidence that the right person sits there: they logged in, or gave the password, a short while ago.
#[derive(Debug)]
pub(in crate::oauth) struct Fresh(());

const FOR: Duration = Duration::from_mins(10);

impl Visit {
    /// Whether a form need not ask for the password.
    pub(in crate::oauth) fn is_fresh(&self) -> bool {
        let since = self.now.saturating_sub(crate::clock::millis(FOR));
        self.login.session.proved_at() > since
    }

    /// Fresh already, or by the field `current_password` of the form that was sent. `None` when that is not right.
    pub(in crate::oauth) async fn freshen(
        &self,
        oauth: &Oauth,
        head: &Parts,
        sent: &Parameters,
    ) -> Result<Option<Fresh>> {
        if self.is_fresh() {
            return Ok(Some(Fresh(())));
        }
        self.prove(oauth, head, sent).await
    }

    /// Fresh for a change of second factors. Who has one gave it a short while ago, or signs in again: a password that
    /// somebody else knows must not take it away.
    pub(super) async fn freshen_factors(
        &self,
        oauth: &Oauth,
        head: &Parts,
        sent: &Parameters,
        factors: Factors,
    ) -> Result<Option<Fresh>> {
        if factors.any() {
            return Ok(self.gave_factor().then_some(Fresh(())));
        }
        self.freshen(oauth, head, sent).await
    }

    /// Whether a second factor was given a short while ago.
    pub(super) fn gave_factor(&self) -> bool {
        let since = self.now.saturating_sub(crate::clock::millis(FOR));
        self.login.session.factor_at.is_some_and(|at| at > since)
    }

    /// Fresh by the field `current_password`, whatever was proved before. Counted like a login.
    pub(super) async fn prove(
        &self,
        oauth: &Oauth,
        head: &Parts,
        sent: &Parameters,
    ) -> Result<Option<Fresh>> {
        let user = &self.login.user;
        let password = sent.get("current_password")?.unwrap_or_default();
        let (tenant, username) = (&user.tenant_id, &user.username);
        let attempt = oauth.attempt(head, (tenant, username))?;
        let hash = user.password_hash.as_deref();
        if oauth.verify(attempt, password, hash).await? {
            let hash = &self.login.session.hash;
            oauth.store.confirm_session(hash, self.now).await?;
            return Ok(Some(Fresh(())));
        }
        let entry = oauth.entry(Event::LoginFailed, head).user(user);
        oauth.store.audit(entry.with("page", "account")).await;
        Ok(None)
    }
}
