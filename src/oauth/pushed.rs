//! Authorization requests by reference (RFC 9126 §4): what a client pushed before, found by its `request_uri`.

use super::Oauth;
use super::parameters::Parameters;
use crate::clock::{EpochMs, millis};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::storage::pushed::PushedRequest;
use crate::token::Class;
use std::time::Duration;

/// RFC 9126 §2.2. Behind it stands a random text of our making.
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// How long after its end a request may still be answered by who is on our pages with it: until then somebody reads,
/// finds a password and a second factor. Whoever else knows the reference gains nothing by the time, for the code goes
/// to its client alone.
const PAGES: Duration = Duration::from_mins(15);

/// A reference to a request, which the pages carry in place of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) hash: String,
    uri: String,
    expires_at: EpochMs,
}

impl Reference {
    /// What the client pushed, and the reference to it, when `parameters` name it by one of ours; all else that they say
    /// is as if not there. `None` for any other `request_uri`, which is never fetched.
    pub(super) async fn follow(
        oauth: &Oauth,
        parameters: &Parameters,
    ) -> Result<Option<(Self, Parameters)>> {
        let Some(uri) = parameters.get("request_uri")?.filter(|uri| is_ours(uri)) else {
            return Ok(None);
        };
        let client = parameters.get("client_id")?;
        let pushed = find(oauth, uri).await?.ok_or_else(unknown)?;
        if client != Some(&pushed.client_id) {
            return Err(unknown());
        }
        if pushed.used_at.is_some() {
            let text = "this request was answered before: begin again at the application";
            return Err(Error::Conflict(text.to_owned()));
        }
        if pushed.expires_at.saturating_add(millis(PAGES)) <= oauth.clock.now() {
            return Err(expired());
        }
        let request = Parameters::parse(pushed.parameters.as_bytes())?;
        let reference = Self {
            hash: pushed.hash,
            uri: uri.to_owned(),
            expires_at: pushed.expires_at,
        };
        Ok(Some((reference, request)))
    }

    /// Whether somebody may begin with it now. On the pages it lasts longer: see [`PAGES`].
    pub(super) fn check_fresh(&self, now: EpochMs) -> Result<()> {
        if self.expires_at <= now {
            return Err(expired());
        }
        Ok(())
    }

    /// What the pages are addressed with.
    pub(super) fn pairs<'r>(&'r self, client: &'r str) -> [(&'static str, &'r [u8]); 2] {
        [
            ("client_id", client.as_bytes()),
            ("request_uri", self.uri.as_bytes()),
        ]
    }
}

/// The address that `reference` is known by to its client.
pub(super) fn uri(reference: &Secret) -> String {
    format!("{PREFIX}{}", reference.expose())
}

fn is_ours(uri: &str) -> bool {
    uri.starts_with(PREFIX)
}

/// What never was one of ours costs no look into the store.
async fn find(oauth: &Oauth, uri: &str) -> Result<Option<PushedRequest>> {
    let reference = uri.strip_prefix(PREFIX).unwrap_or_default();
    match oauth.mint.recognise(Class::PushedRequest, reference) {
        Some(hash) => Ok(oauth.store.pushed_request(&hash.to_string()).await?),
        None => Ok(None),
    }
}

fn unknown() -> Error {
    let text = "this request_uri is not known, or is another application's";
    Error::BadRequest(text.to_owned())
}

fn expired() -> Error {
    let text = "this request has expired: begin again at the application";
    Error::BadRequest(text.to_owned())
}
