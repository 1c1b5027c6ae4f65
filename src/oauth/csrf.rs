//! Tokens in forms: proof that a form is ours, was made for this browser, and says what it said when it was shown.

use super::parameters::Parameters;
use super::provenance::Provenance;
use super::session::Login;
use super::{Oauth, legacy};
use crate::error::{Error, Result};
use crate::secret;
use crate::storage::clients::Client;
use subtle::ConstantTimeEq;

/// What a form's token is made of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form<'f> {
    /// The value of the cookie that came with the form.
    Login { cookie: &'f str },
    /// The hash of the login that awaits its second factor.
    Factor { pending: &'f str },
    /// As for a login; the form asks for a device's code.
    DeviceCode { cookie: &'f str },
    /// The session's hash, and the form's single-use number.
    Consent { session: &'f str, number: &'f str },
}

impl Oauth {
    /// The token of a form about what `query` says.
    pub(super) fn form_token(&self, form: Form<'_>, query: &str) -> String {
        let digest = match form {
            Form::Login { cookie } => self.mint.digest("login", &[cookie, query]),
            Form::Factor { pending } => self.mint.digest("factor", &[pending, query]),
            Form::DeviceCode { cookie } => self.mint.digest("device_code", &[cookie, query]),
            Form::Consent { session, number } => {
                self.mint.digest("consent", &[session, number, query])
            }
        };
        secret::encode(&digest)
    }

    /// # Errors
    /// [`Error::Forbidden`] without a token, [`Error::BadRequest`] with that of another browser or request.
    pub(super) fn check_form(&self, form: Form<'_>, query: &str, sent: &Parameters) -> Result<()> {
        let Some(token) = sent.get("csrf_token")? else {
            return Err(Error::Forbidden(
                "the form's csrf_token is missing".to_owned(),
            ));
        };
        let right = self.form_token(form, query);
        if bool::from(right.as_bytes().ct_eq(token.as_bytes())) {
            return Ok(());
        }
        let text = "this form was made for another browser, or was changed: load the page again";
        Err(Error::BadRequest(text.to_owned()))
    }

    /// What a form that acts for who is logged in carries: a single-use number, and its token.
    pub(super) fn consent_form(&self, login: &Login, query: &str) -> (String, String) {
        let number = single_use_number();
        let form = Form::Consent {
            session: &login.session.hash,
            number: &number,
        };
        let token = self.form_token(form, query);
        (number, token)
    }

    /// The single-use number of the form that was sent, which must be ours.
    pub(super) fn consent_number(
        &self,
        login: &Login,
        query: &str,
        sent: &Parameters,
    ) -> Result<String> {
        let number = sent.get("consent")?.unwrap_or_default();
        let form = Form::Consent {
            session: &login.session.hash,
            number,
        };
        self.check_form(form, query, sent)?;
        Ok(number.to_owned())
    }

    /// Whether a script may post here without a form: only for clients that did so in 2012.
    pub(super) fn is_scripted(
        &self,
        provenance: Provenance,
        client: Option<&Client>,
        sent: &Parameters,
    ) -> bool {
        let scripted = provenance == Provenance::Script
            && !sent.has("csrf_token")
            && client.is_some_and(|client| client.switches.contains("scriptable_login"));
        if let Some(client) = client.filter(|_| scripted) {
            self.metrics.legacy_used("scriptable_login");
            legacy::note(client, "scriptable_login");
        }
        scripted
    }
}

pub(super) fn single_use_number() -> String {
    secret::encode(&secret::random::<16>())
}
