//! Somebody who is logged in and looks at their own account; a form that they sent must be one of ours.

use crate::clock::EpochMs;
use crate::error::{Error, Result};
use crate::oauth::parameters::Parameters;
use crate::oauth::session::Login;
use crate::oauth::texts::Texts;
use crate::oauth::{Oauth, provenance};
use crate::storage::tenants::Tenant;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;

/// What the tokens of this page's forms are bound to, besides the session.
const FORMS: &str = "account";

#[derive(Debug, Clone)]
pub(in crate::oauth) struct Visit {
    pub(in crate::oauth) login: Login,
    pub(in crate::oauth) tenant: Tenant,
    pub(in crate::oauth) now: EpochMs,
    pub(in crate::oauth) texts: Texts,
    /// What every form of the page carries.
    pub(in crate::oauth) csrf_token: String,
    pub(super) number: String,
    pub(in crate::oauth) notice: Option<&'static str>,
    pub(in crate::oauth) refusal: Option<Refusal>,
}

/// Why what was asked for was not done, for the section that it was asked of.
#[derive(Debug, Clone)]
pub(in crate::oauth) struct Refusal {
    pub(in crate::oauth) section: &'static str,
    pub(in crate::oauth) status: StatusCode,
    pub(in crate::oauth) text: String,
}

impl Visit {
    /// `None` when nobody is logged in.
    pub(super) async fn begin(oauth: &Oauth, head: &Parts) -> Result<Option<Self>> {
        let Some(login) = oauth.any_login(&head.headers).await? else {
            return Ok(None);
        };
        let tenant = oauth.store.tenant(&login.user.tenant_id).await?;
        let (number, csrf_token) = oauth.consent_form(&login, FORMS);
        Ok(Some(Self {
            tenant: tenant.ok_or(Error::Missing("tenant"))?,
            login,
            now: oauth.clock.now(),
            texts: Texts::of(head),
            csrf_token,
            number,
            notice: None,
            refusal: None,
        }))
    }

    /// As [`Visit::begin`], with what a form of the page sent.
    ///
    /// # Errors
    /// [`Error::Forbidden`] or [`Error::BadRequest`] when it was no form of this session's page.
    pub(in crate::oauth) async fn posted(
        oauth: &Oauth,
        head: &Parts,
        body: &Bytes,
    ) -> Result<Option<(Self, Parameters)>> {
        provenance::of(oauth, &head.headers)?;
        let sent = Parameters::form(&head.headers, body)?;
        let Some(visit) = Self::begin(oauth, head).await? else {
            return Ok(None);
        };
        oauth.consent_number(&visit.login, FORMS, &sent)?;
        Ok(Some((visit, sent)))
    }

    /// The other fields that every form of the page carries.
    pub(in crate::oauth) fn hidden(&self) -> Vec<(&str, &str)> {
        vec![("consent", &self.number)]
    }

    /// Why `section` did not do what was asked of it.
    pub(in crate::oauth) fn refusal(&self, section: &str) -> Option<&str> {
        let refusal = self.refusal.as_ref()?;
        (refusal.section == section).then_some(refusal.text.as_str())
    }
}

/// A time as the page writes it: `2026-11-22 02:39`, in UTC.
pub(in crate::oauth) fn time(at: EpochMs) -> String {
    jiff::Timestamp::from_millisecond(at)
        .unwrap_or_default()
        .strftime("%Y-%m-%d %H:%M")
        .to_string()
}
