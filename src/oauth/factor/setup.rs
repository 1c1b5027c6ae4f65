//! Setting up a second factor: what the user is shown, and what shows that it works.

use super::passkey::Passkeys;
use super::qr;
use super::recovery::Codes;
use super::totp::Key;
use crate::error::{Error, Result};
use crate::oauth::Oauth;
use crate::storage::factors::NewFactor;
use crate::storage::users::User;

/// An authenticator app to be set up: nothing is kept of it until a code shows that the app has it.
#[derive(Debug)]
pub(in crate::oauth) struct App {
    /// The secret, sealed, which the form brings back.
    pub(in crate::oauth) sealed: String,
    /// In letters, in groups.
    pub(in crate::oauth) secret: String,
    /// As an SVG element.
    pub(in crate::oauth) qr: String,
}

/// A factor that works, with recovery codes in case it is the user's first.
#[derive(Debug)]
pub(in crate::oauth) struct Ready {
    pub(in crate::oauth) factor: NewFactor,
    pub(in crate::oauth) codes: Codes,
}

impl App {
    /// For the pending login or session `owner`. `sealed` is what a form brought back: its app need not be set up anew.
    pub(in crate::oauth) async fn offer(
        oauth: &Oauth,
        (owner, user): (&str, &User),
        sealed: Option<&str>,
    ) -> Result<Self> {
        let known = sealed.and_then(|sealed| Key::open_for_setup(oauth, owner, sealed));
        let key = known.or_else(Key::generate).ok_or(Error::Internal)?;
        let tenant = oauth.store.tenant(&user.tenant_id).await?;
        let tenant = tenant.ok_or(Error::Missing("tenant"))?;
        let address = key.address(&tenant.name, &user.username);
        Ok(Self {
            sealed: key.seal_for_setup(oauth, owner)?,
            secret: key.groups(),
            qr: address
                .and_then(|address| qr::svg(&address))
                .unwrap_or_default(),
        })
    }
}

/// The authenticator app, once `code` is one of its codes.
pub(in crate::oauth) fn app(
    oauth: &Oauth,
    (owner, user): (&str, &User),
    (sealed, code): (&str, &str),
) -> Result<Option<Ready>> {
    let Some(key) = Key::open_for_setup(oauth, owner, sealed) else {
        return Ok(None);
    };
    let Some(step) = key.check(code, oauth.clock.now()) else {
        return Ok(None);
    };
    let factor = NewFactor::Totp(key.row(oauth, user, step)?);
    Ok(Some(Ready::with(factor)))
}

/// The passkey, once the browser has made it as it was offered.
pub(in crate::oauth) async fn passkey(
    oauth: &Oauth,
    whose: (&str, &User),
    (name, answer): (&str, &str),
) -> Result<Option<Ready>> {
    let Some(passkeys) = Passkeys::of(oauth) else {
        return Ok(None);
    };
    let made = passkeys.register(oauth, whose, (name, answer)).await?;
    Ok(made.map(|made| Ready::with(NewFactor::Passkey(made))))
}

impl Ready {
    fn with(factor: NewFactor) -> Self {
        Self {
            factor,
            codes: Codes::generate(),
        }
    }
}
