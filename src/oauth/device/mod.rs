//! The device authorization grant (RFC 8628): for devices without a browser, or without a keyboard worth the name.

mod approval;
mod authorization;
mod entry;
mod pages;
mod polling;
mod qr;
mod user_code;

pub(super) use polling::tokens;
pub(super) use user_code::UserCode;

use super::Oauth;
use super::parameters::encode;
use super::throttling::address;
use crate::error::{Error, Result};
use crate::route::Endpoints;
use crate::secret;
use crate::storage::clients::Client;
use crate::storage::devices::Device;
use crate::storage::tenants::Tenant;
use axum::routing::{MethodRouter, get, post};
use http::Method;
use http::request::Parts;
use std::sync::Arc;

pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A device that waits for an answer, and who will get the tokens.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) code: UserCode,
    pub(super) device: Device,
    pub(super) client: Client,
    pub(super) tenant: Tenant,
}

/// None, when the configuration switches devices off.
pub(super) fn endpoints(oauth: &Arc<Oauth>) -> Endpoints {
    if !oauth.settings.device {
        return Endpoints::default();
    }
    let bind = |handlers: MethodRouter<Arc<Oauth>>| handlers.with_state(Arc::clone(oauth));
    Endpoints::default()
        .public(
            Method::POST,
            "/oauth/device_authorization",
            bind(post(authorization::post)),
        )
        .public(Method::GET, "/device", bind(get(entry::get)))
        .public(Method::POST, "/device", bind(post(entry::post)))
        .public(Method::GET, "/device/grant", bind(get(approval::get)))
        .public(Method::POST, "/device/grant", bind(post(approval::post)))
        .public(Method::GET, "/device/qr.svg", bind(get(qr::get)))
}

impl Pending {
    /// What names it in the query of our pages.
    pub(super) fn query(&self) -> String {
        query(self.code)
    }
}

fn query(code: UserCode) -> String {
    encode(&[
        ("to", b"device"),
        ("user_code", code.to_string().as_bytes()),
    ])
}

pub(super) fn gone() -> Error {
    let text =
        "this code is not right, was answered already, or has expired: start again on the device";
    Error::BadRequest(text.to_owned())
}

impl Oauth {
    /// The device that waits with the code that somebody typed. One that there is not counts against them (RFC 8628 §5.1).
    pub(super) async fn pending_device(
        &self,
        head: &Parts,
        typed: &str,
    ) -> Result<Option<Pending>> {
        if !self.settings.device {
            return Err(Error::NotFound);
        }
        let login = self.any_login(&head.headers).await?;
        let session = login.as_ref().map(|login| login.session.hash.as_str());
        let now = self.clock.now();
        let mut attempt = self.attempts.device_code(&address(head), session, now)?;
        let Some(pending) = self.find_pending(typed).await? else {
            return Ok(None);
        };
        attempt.take_back();
        Ok(Some(pending))
    }

    async fn find_pending(&self, typed: &str) -> Result<Option<Pending>> {
        let Some(code) = UserCode::parse(typed) else {
            return Ok(None);
        };
        let hash = self.user_code_hash(code);
        let waiting = self.store.waiting_device(&hash, self.clock.now()).await?;
        let Some(device) = waiting else {
            return Ok(None);
        };
        let found = self.enabled_client(&device.client_id).await?;
        Ok(found.map(|(client, tenant)| Pending {
            code,
            device,
            client,
            tenant,
        }))
    }

    /// Keyed: of a plain hash, all 20⁸ codes could be tried.
    fn user_code_hash(&self, code: UserCode) -> String {
        secret::encode(&self.mint.digest("user_code", &[&code.letters()]))
    }
}
