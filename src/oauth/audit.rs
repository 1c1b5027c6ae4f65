//! What the endpoints write into the audit log: [`Oauth::entry`] begins an entry, `oauth.store.audit(entry)` writes it.

use super::Oauth;
use super::issue::Basis;
use crate::http::Peer;
use crate::storage::audit::{Entry, Event};
use http::request::Parts;

impl Oauth {
    /// An entry about the request of `head`, with when and from where.
    pub(super) fn entry(&self, event: Event, head: &Parts) -> Entry {
        Entry::new(event, self.clock.now()).from(address(head))
    }
}

impl Basis {
    /// Names in an entry whom the tokens are for.
    pub(super) fn named_in(&self, entry: Entry) -> Entry {
        entry
            .tenant(&self.tenant)
            .client(self.client.as_str())
            .user_id(self.user.as_deref())
            .with("family", self.family.as_str())
    }
}

/// Where a request came from, exactly.
pub(super) fn address(head: &Parts) -> Option<String> {
    let Peer(address) = head.extensions.get::<Peer>()?;
    Some(address.as_ref()?.to_canonical().to_string())
}
