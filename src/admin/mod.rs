//! Administration: what the holder of the operations token may see and change, through HTTP and the command line.
//!
//! Each act checks what it was given, changes the store, takes effect on this gateway before it is answered
//! (on the others within a second), and leaves a line in the audit log.

mod api;
mod audit;
mod calls;
mod change;
mod client_secret;
mod clients;
mod credentials;
mod dialling;
mod digests;
mod factors;
mod grants;
mod identities;
mod import;
mod issuers;
mod jwks;
mod keys;
mod password;
mod policies;
pub mod redirect_uri;
mod rules;
mod sessions;
mod switches;
mod tenants;
mod tokens;
mod users;
mod view;

pub use api::endpoints;
pub use audit::{AuditFilter, AuditPage, AuditView};
pub use calls::{CallFilter, CallView};
pub use change::Change;
pub use clients::{ClientChanges, ClientView, GrantType, Kind, NewClient, NewClientView};
pub use credentials::{CredentialView, GivenCredential};
pub use dialling::{DiallingAnswer, DiallingQuestion, DiallingView};
pub use digests::{DigestDomainText, DigestDomainView, DigestView, GivenDigest};
pub use grants::{GrantFilter, GrantView};
pub use identities::IdentityView;
pub use import::{Import, LeftOut, Welcome};
pub use issuers::Ending;
pub use keys::{KeyView, Rotation};
pub use password::Password;
pub use policies::{PolicyText, PolicyView};
pub use switches::Switch;
pub use tenants::{NewTenant, TenantChanges, TenantView};
pub use tokens::{Holder, TokenFilter, TokenView};
pub use users::{NewUser, NewUserView, UserChanges, UserView};

use crate::acl::Permit;
use crate::call::Calls;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::sealer::Sealer;
use crate::storage::Store;
use crate::storage::audit::{Entry, Event};
use crate::storage::lines::Line;
use crate::token::{Follower, Keyring, Mint};
use crate::upstream_auth::Safe;
use std::sync::Arc;

/// The acts of administration, one file a noun.
pub struct Administration {
    pub store: Store,
    pub mint: Mint,
    pub follower: Arc<Follower>,
    pub keys: Arc<Keyring>,
    pub clock: Clock,
    pub calls: Arc<Calls>,
    /// Seals users' own secrets for upstreams.
    pub safe: Safe,
    /// Names of other issuers in the configuration.
    pub issuers: Vec<String>,
    /// Seals their `digestPassword`.
    pub sealer: Sealer,
}

impl Administration {
    /// Makes what was changed hold on this gateway, and writes it down.
    async fn done(&self, by: &Permit, act: &'static str, what: &str) -> Result<()> {
        self.store.audit(self.entry(by, act, what).await).await;
        self.hold().await;
        Ok(())
    }

    /// Makes what was changed hold on this gateway.
    async fn hold(&self) {
        // What was done is done, and its answer may hold a secret that is shown once: never lose it to this. The
        // housekeeping of every gateway catches up within a second.
        if let Err(error) = self.follower.catch_up().await {
            tracing::error!(%error, "revocations cannot be read");
        }
    }

    /// Whom an act concerns stands in its first word.
    async fn entry(&self, by: &Permit, act: &'static str, what: &str) -> Entry {
        let entry = Entry::new(Event::Administration, self.clock.now())
            .with("act", act)
            .with("by", by.principal().subject.to_string())
            .with("what", what);
        match act.split_once('.') {
            Some(("tenant", _)) => entry.tenant(what),
            Some(("client", _) | ("token", "revoke_client")) => entry.client(what),
            Some(("user", _) | ("token", "revoke_user")) => self.about_user(entry, what).await,
            _ => entry,
        }
    }

    async fn about_user(&self, entry: Entry, id: &str) -> Entry {
        match self.store.user(id).await {
            Ok(Some(user)) => entry.user(&user),
            _ => entry.user_id(Some(id)),
        }
    }

    fn must_be_configured(&self, backend: &str) -> Result<()> {
        if self.calls.backends.get(backend).is_some() {
            return Ok(());
        }
        let known: Vec<_> = self.calls.backends.names().collect();
        Err(Error::BadRequest(format!(
            "there is no backend `{backend}` in the configuration; there are: {}",
            known.join(", ")
        )))
    }

    async fn set_line(&self, owner: &str, backend: &str, line: &Line) -> Result<()> {
        self.must_be_configured(backend)?;
        rules::line(line)?;
        Ok(self.store.set_line(owner, backend, Some(line)).await?)
    }
}
