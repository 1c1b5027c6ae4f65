//! Grants: what users allowed applications to do; list them, and take them back.

use super::{Administration, view};
use crate::acl::Permit;
use crate::error::{Error, Result};
use crate::storage::Words;
use crate::storage::grants::GrantInUse;
use serde::{Deserialize, Serialize};

/// Which grants are to be listed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GrantFilter {
    /// By id, or as `TENANT/USERNAME`.
    pub user: Option<String>,
    pub client: Option<String>,
}

/// A grant as it is shown.
#[derive(Debug, Serialize)]
pub struct GrantView {
    id: String,
    user: String,
    client: String,
    client_name: String,
    scope: Words,
    created_at: String,
    /// When the client last got a token by it, as far as is still known.
    used_at: Option<String>,
}

impl From<GrantInUse> for GrantView {
    fn from(shown: GrantInUse) -> Self {
        Self {
            id: shown.grant.id,
            user: shown.grant.user_id,
            client: shown.grant.client_id,
            client_name: shown.client_name,
            scope: shown.grant.scope,
            created_at: view::time(shown.grant.created_at),
            used_at: shown.used_at.map(view::time),
        }
    }
}

impl Administration {
    /// Live grants, newest first, a thousand at the most.
    pub async fn grants(&self, filter: GrantFilter) -> Result<Vec<GrantView>> {
        let user = match filter.user {
            Some(named) => Some(self.user_id(&named).await?),
            None => None,
        };
        let grants = self.store.grants(user.as_deref(), filter.client.as_deref());
        Ok(grants.await?.into_iter().map(GrantView::from).collect())
    }

    /// Ends a grant with all tokens that came of it: the client must ask the user again.
    pub async fn revoke_grant(&self, by: &Permit, id: &str) -> Result<()> {
        let grant = self.store.live_grant(id).await?;
        let grant = grant.ok_or(Error::Missing("grant"))?;
        let entry = self.entry(by, "grant.revoke", id).await;
        let entry = self.about_user(entry, &grant.user_id).await;
        let entry = entry.client(grant.client_id.as_str());
        let now = self.clock.now();
        self.store.revoke_grant(&grant, entry, now).await?;
        self.hold().await;
        Ok(())
    }
}
