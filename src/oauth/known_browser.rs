//! The browsers that somebody has logged in with before: an attack on the account from elsewhere does not keep them out
//! (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").

use super::Oauth;
use crate::clock::{EpochMs, millis};
use crate::http::Response;
use crate::secret;
use axum_extra::extract::cookie::CookieJar;
use http::HeaderMap;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// How long a browser is known for, and how long it keeps the cookie.
const KNOWN_FOR: Duration = Duration::from_hours(180 * 24);

impl Oauth {
    /// The browser's name, if it was given for this very user. It opens nothing: it only counts attempts apart.
    pub(super) fn known_browser(
        &self,
        headers: &HeaderMap,
        (tenant, username): (&str, &str),
    ) -> Option<String> {
        let jar = CookieJar::from_headers(headers);
        let value = jar.get(self.known_browser_cookie())?.value().to_owned();
        let (name, proof) = value.rsplit_once('.')?;
        let (_, since) = name.split_once('.')?;
        let since: EpochMs = since.parse().ok()?;
        let right = self.proof_of_browser(name, (tenant, username));
        let known = bool::from(right.as_bytes().ct_eq(proof.as_bytes()));
        let fresh = since.saturating_add(millis(KNOWN_FOR)) > self.clock.now();
        (known && fresh).then(|| name.to_owned())
    }

    /// Names the browser, which may hold a name of another user: the last one to log in counts.
    pub(super) fn remember_browser(&self, response: &mut Response, account: (&str, &str)) {
        let random = secret::encode(&secret::random::<12>());
        let name = format!("{random}.{}", self.clock.now());
        let proof = self.proof_of_browser(&name, account);
        let value = format!("{name}.{proof}");
        self.set_lasting_cookie(response, (self.known_browser_cookie(), &value), KNOWN_FOR);
    }

    fn proof_of_browser(&self, name: &str, (tenant, username): (&str, &str)) -> String {
        let digest = self.mint.digest("known_browser", &[tenant, username, name]);
        secret::encode(&digest)
    }

    fn known_browser_cookie(&self) -> &'static str {
        if self.is_secure() {
            "__Host-callgate_known"
        } else {
            "callgate_known"
        }
    }
}
