//! Where a login leads: to what a client asks for, or to a page that a person opened for themselves.
//!
//! It travels in the query, by its name and never as an address, so nobody is led off this site (RFC 9700 §4.11.2).

use super::device::Pending;
use super::parameters::{Parameters, encode};
use super::request::{AuthorizationRequest, Stopped};
use super::session::Login;
use super::wanted::Wanted;
use super::{Oauth, device, redirect, redirect_uri};
use crate::error::{Error, Result};
use crate::http::Response;
use crate::storage::clients::Client;
use crate::storage::tenants::Tenant;
use http::HeaderMap;
use http::request::Parts;

#[derive(Debug, Clone)]
pub(super) enum Destination {
    Authorization(Box<AuthorizationRequest>),
    /// The question whether a device may.
    Device(Box<Pending>),
    /// One's own account; without a tenant, the login asks for it.
    Account(Option<Tenant>),
}

impl Destination {
    /// Reads it from the query of a page: the parameter `to` names it, without it there is an authorization request.
    pub(super) async fn read(
        oauth: &Oauth,
        head: &Parts,
        parameters: &Parameters,
    ) -> Result<Self, Stopped> {
        match parameters.get("to").map_err(Error::from)? {
            None => {
                let request = AuthorizationRequest::read(oauth, parameters).await?;
                Ok(Self::Authorization(Box::new(request)))
            }
            Some("device") => Ok(Self::Device(pending(oauth, head, parameters).await?)),
            Some("account") => Ok(Self::Account(tenant(oauth, parameters).await?)),
            Some(_) => {
                let text = "the parameter to names no page that a login leads to";
                Err(Error::BadRequest(text.to_owned()).into())
            }
        }
    }

    /// What [`Destination::read`] reads, to go on with.
    pub(super) fn query(&self) -> String {
        match self {
            Self::Authorization(request) => request.query(),
            Self::Device(pending) => pending.query(),
            Self::Account(tenant) => {
                let tenant = tenant
                    .as_ref()
                    .map(|tenant| ("tenant", tenant.id.as_bytes()));
                let pairs: Vec<_> = std::iter::once(("to", b"account".as_slice()))
                    .chain(tenant)
                    .collect();
                encode(&pairs)
            }
        }
    }

    /// To the login that leads there.
    pub(super) fn ask_for_login(&self, oauth: &Oauth) -> Result<Response> {
        redirect::see_other(oauth, &format!("/auth/login?{}", self.query()))
    }

    /// There, once somebody is logged in.
    pub(super) fn lead_on(&self, oauth: &Oauth) -> Result<Response> {
        let path = match self {
            Self::Authorization(_) => "/auth/grant",
            Self::Device(_) => "/device/grant",
            Self::Account(_) => return redirect::see_other(oauth, "/account"),
        };
        redirect::see_other(oauth, &format!("{path}?{}", self.query()))
    }

    /// Whose users may log in; `None` when that is still to be asked.
    pub(super) fn tenant(&self) -> Option<&Tenant> {
        match self {
            Self::Authorization(request) => Some(&request.tenant),
            Self::Device(pending) => Some(&pending.tenant),
            Self::Account(tenant) => tenant.as_ref(),
        }
    }

    /// The application that asks for the login; `None` when somebody logs in for themselves.
    pub(super) fn client(&self) -> Option<&Client> {
        match self {
            Self::Authorization(request) => Some(&request.client),
            Self::Device(pending) => Some(&pending.client),
            Self::Account(_) => None,
        }
    }

    /// Where the forms of its pages end besides here, as a source of a content security policy.
    pub(super) fn source(&self) -> String {
        match self {
            Self::Authorization(request) => redirect_uri::as_source(&request.redirect_uri),
            Self::Device(_) | Self::Account(_) => String::new(),
        }
    }

    /// Who is logged in and may go there.
    pub(super) async fn login(&self, oauth: &Oauth, headers: &HeaderMap) -> Result<Option<Login>> {
        match self.tenant() {
            Some(tenant) => oauth.login(headers, &tenant.id).await,
            None => oauth.any_login(headers).await,
        }
    }

    pub(super) fn wanted(&self, oauth: &Oauth, headers: &HeaderMap) -> Wanted {
        match self {
            Self::Authorization(request) => oauth.wanted(headers, request),
            Self::Device(_) | Self::Account(_) => Wanted::Html,
        }
    }
}

/// The device whose code was named.
async fn pending(oauth: &Oauth, head: &Parts, parameters: &Parameters) -> Result<Box<Pending>> {
    let code = parameters.get("user_code")?.unwrap_or_default();
    let pending = oauth.pending_device(head, code).await?;
    pending.map(Box::new).ok_or_else(device::gone)
}

/// The tenant that was named, or the only one there is.
async fn tenant(oauth: &Oauth, parameters: &Parameters) -> Result<Option<Tenant>> {
    let named = parameters.get("tenant")?;
    let mut tenants = match named {
        Some(id) => oauth.store.tenant(id).await?.into_iter().collect(),
        None => oauth.store.tenants().await?,
    };
    tenants.retain(|tenant| tenant.disabled_at.is_none());
    Ok(tenants.pop().filter(|_| tenants.is_empty()))
}
