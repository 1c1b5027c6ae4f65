//! The legacy switches of clients: what they are, and that somebody turned them.

use super::{Administration, view};
use crate::acl::Permit;
use crate::storage::audit::{Entry, Event};
use crate::storage::clients::Client;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A legacy behaviour that a client may still use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// `response_type=token` (RFC 6749 §4.2)
    Implicit,
    /// The token endpoint by GET
    TokenGet,
    /// `?access_token=` (RFC 6750 §2.3)
    QueryToken,
    /// `Authentication: Bearer`
    AuthenticationHeader,
    /// Login and consent as JSON
    JsonUi,
    /// Codes without PKCE
    NoPkce,
    /// Login without a browser
    ScriptableLogin,
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl Administration {
    /// Writes down that a client may do more or less of what nobody should, or for longer.
    pub(super) async fn switches_changed(
        &self,
        by: &Permit,
        before: Option<&Client>,
        client: &Client,
    ) {
        let was = before
            .map(|client| client.switches.clone())
            .unwrap_or_default();
        let same_end = before.is_none_or(|before| before.sunset_at == client.sunset_at);
        if was == client.switches && (same_end || was.is_empty()) {
            return;
        }
        let entry = Entry::new(Event::SwitchesChanged, self.clock.now())
            .tenant(&client.tenant_id)
            .client(client.id.as_str())
            .with("by", by.principal().subject.to_string())
            .with("was", was.to_string())
            .with("is", client.switches.to_string())
            .with("sunset_at", client.sunset_at.map(view::time));
        self.store.audit(entry).await;
    }
}
