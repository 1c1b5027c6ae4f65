//! The secret of a client: a new one, and how long the old one lives on.

use super::{Administration, NewClientView};
use crate::acl::Permit;
use crate::clock::millis;
use crate::error::{Error, Result};
use crate::storage::clients::Client;
use crate::token::Class;
use std::time::Duration;

/// A secret that is replaced because it may have leaked must not live on for ever by mistake.
const LONGEST_OVERLAP: Duration = Duration::from_hours(30 * 24);

impl Administration {
    /// Replaces the client's secret. The old one is refused from now on, or once `overlap` is over: until then both are
    /// good, so that the client can be changed without a gap.
    pub async fn rotate_secret(
        &self,
        by: &Permit,
        id: &str,
        overlap: Option<Duration>,
    ) -> Result<NewClientView> {
        if overlap.is_some_and(|overlap| overlap > LONGEST_OVERLAP) {
            return Err(Error::BadRequest(
                "an old secret may live on for 30 days at the most".to_owned(),
            ));
        }
        if self.known_client(id).await?.is_public() {
            return Err(Error::Conflict(
                "a public client has no secret (RFC 6749 §2.1)".to_owned(),
            ));
        }
        let secret = self.mint.mint(Class::ClientSecret);
        let hash = secret.hash.to_string();
        let now = self.clock.now();
        let change = move |client: &mut Client| {
            let former = client.secret_hash.replace(hash);
            client.former_secret_hash = overlap.and(former);
            client.former_secret_until = overlap.map(|overlap| now.saturating_add(millis(overlap)));
        };
        let client = self.store.change_client(id, change, now).await?;
        self.done(by, "client.secret.rotate", id).await?;
        Ok(NewClientView {
            client: self.show_client(client).await?,
            client_secret: Some(secret.token),
        })
    }
}
