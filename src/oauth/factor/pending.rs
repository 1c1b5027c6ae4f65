//! A login that awaits its second factor: known by an id in the address together with a cookie of the browser.

use crate::clock::EpochMs;
use crate::error::{Error, Result};
use crate::http::Response;
use crate::oauth::destination::Destination;
use crate::oauth::parameters::Parameters;
use crate::oauth::{Oauth, redirect};
use crate::secret;
use crate::storage::factors::Factors;
use crate::storage::pending_logins::PendingLogin;
use crate::storage::users::User;
use http::HeaderMap;
use http::request::Parts;

/// One that may still be answered. Each tab has its own, so two logins at once do not mix.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    id: String,
    pub(super) row: PendingLogin,
    pub(super) user: User,
    pub(super) factors: Factors,
}

/// How long the second factor may take.
pub(super) const LIFETIME: EpochMs = 5 * 60_000;

/// Leads on to the question for the second factor of `user`, whose password was right.
///
/// # Errors
/// [`Error::Missing`] when the user was disabled or got another password since `user` was read.
pub(in crate::oauth) async fn begin(
    oauth: &Oauth,
    head: &Parts,
    destination: &Destination,
    user: &User,
) -> Result<Response> {
    let (cookie, is_new) = oauth.form_cookie(&head.headers);
    let id = secret::encode(&secret::random::<16>());
    let now = oauth.clock.now();
    let row = PendingLogin {
        hash: hash(oauth, &id, &cookie),
        user_id: user.id.clone(),
        attempts: 0,
        created_at: now,
        expires_at: now.saturating_add(LIFETIME),
    };
    let verified = user.password_hash.clone();
    oauth.store.create_pending_login(row, verified).await?;
    let mut response = redirect::see_other(oauth, &path(&id, destination))?;
    if is_new {
        oauth.set_form_cookie(&mut response, &cookie);
    }
    Ok(response)
}

impl Pending {
    /// The one that the address names, if it is this browser's.
    pub(super) async fn read(
        oauth: &Oauth,
        headers: &HeaderMap,
        sent: &Parameters,
    ) -> Result<Option<Self>> {
        let Some(id) = sent.get("pending")? else {
            return Ok(None);
        };
        let (cookie, _) = oauth.form_cookie(headers);
        let hash = hash(oauth, id, &cookie);
        let Some(row) = oauth.store.pending_login(&hash, oauth.clock.now()).await? else {
            return Ok(None);
        };
        let user = oauth.store.user(&row.user_id).await?;
        Ok(Some(Self {
            id: id.to_owned(),
            factors: oauth.store.factors(&row.user_id).await?,
            user: user.ok_or(Error::Missing("user"))?,
            row,
        }))
    }

    /// Where its page is.
    pub(super) fn path(&self, destination: &Destination) -> String {
        path(&self.id, destination)
    }

    /// Whose the challenges of its passkeys are, and what a secret is sealed for while it is set up.
    pub(super) fn owner(&self) -> String {
        format!("login:{}", self.row.hash)
    }
}

fn path(id: &str, destination: &Destination) -> String {
    format!("/auth/factor?pending={id}&{}", destination.query())
}

/// Neither the id, which is in the address, nor the cookie, which all logins of the browser share, is enough.
fn hash(oauth: &Oauth, id: &str, cookie: &str) -> String {
    secret::encode(&oauth.mint.digest("pending login", &[id, cookie]))
}
