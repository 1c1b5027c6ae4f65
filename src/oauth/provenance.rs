//! Where a request comes from, as far as a browser says: the first line against forged requests.

use super::Oauth;
use crate::error::{Error, Result};
use http::HeaderMap;
use http::header::ORIGIN;

/// Who sent a request, if not another site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provenance {
    Browser,
    /// Nothing in it comes from a browser.
    Script,
}

/// # Errors
/// [`Error::Forbidden`] for what another site made a browser send.
pub(super) fn of(oauth: &Oauth, headers: &HeaderMap) -> Result<Provenance> {
    let site = text(headers, "sec-fetch-site");
    let origin = text(headers, ORIGIN.as_str());
    // A page under `no-referrer`, as ours are, sends `null` (Fetch §3.2); its token will tell.
    let foreign_origin = origin.is_some_and(|origin| origin != "null" && origin != oauth.origin);
    if foreign_origin || site.is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(Error::Forbidden(
            "this request was made by another site".to_owned(),
        ));
    }
    if origin.is_none() && site.is_none() {
        return Ok(Provenance::Script);
    }
    Ok(Provenance::Browser)
}

/// Whether a browser loads the page ahead of its being asked for.
pub(super) fn is_prefetch(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose"]
        .into_iter()
        .any(|name| text(headers, name).is_some_and(|purpose| purpose.contains("prefetch")))
}

/// The header's value; what cannot be read is foreign.
fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get(name)
        .map(|value| value.to_str().unwrap_or("unreadable"))
}
