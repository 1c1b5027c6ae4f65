//! Devices that act for somebody, each by its own name, and how to end one and leave the others of its kind.

use super::sessions::unless_ended_before;
use super::visit::{Visit, time};
use super::{ask_for_login, done, render};
use crate::error::{Error, Result};
use crate::http::Response;
use crate::oauth::Oauth;
use crate::oauth::texts::Texts;
use crate::storage::audit::Event;
use crate::storage::devices::DeviceInUse;
use askama::Template;
use axum::extract::State;
use bytes::Bytes;
use http::request::Parts;
use std::sync::Arc;

pub(super) const PATH: &str = "/account/devices";

#[derive(Template)]
#[template(path = "account/devices.html")]
struct Section<'s> {
    texts: Texts,
    action: &'static str,
    csrf_token: &'s str,
    hidden: Vec<(&'s str, &'s str)>,
    devices: Vec<Shown>,
}

struct Shown {
    /// Names it in the form.
    family: String,
    /// What it calls itself, else its application.
    name: String,
    application: String,
    address: Option<String>,
    since: String,
    last_used: Option<String>,
}

impl From<DeviceInUse> for Shown {
    fn from(device: DeviceInUse) -> Self {
        Self {
            family: device.family_id,
            name: device.label.unwrap_or_else(|| device.client_name.clone()),
            application: device.client_name,
            address: device.address,
            since: time(device.allowed_at),
            last_used: device.last_token_at.map(time),
        }
    }
}

/// Nothing for who has no device.
pub(super) async fn section(oauth: &Oauth, visit: &Visit) -> Result<String> {
    let user = &visit.login.user.id;
    let devices = oauth.store.devices_of(user, visit.now).await?;
    if devices.is_empty() {
        return Ok(String::new());
    }
    Ok(render(&Section {
        texts: visit.texts,
        action: PATH,
        csrf_token: &visit.csrf_token,
        hidden: visit.hidden(),
        devices: devices.into_iter().map(Shown::from).collect(),
    }))
}

/// Ends one device: its tokens end before the answer.
pub(super) async fn end(
    State(oauth): State<Arc<Oauth>>,
    head: Parts,
    body: Bytes,
) -> Result<Response> {
    let Some((visit, sent)) = Visit::posted(&oauth, &head, &body).await? else {
        return ask_for_login(&oauth);
    };
    let missing = || Error::BadRequest("the parameter device is missing".to_owned());
    let family = sent.get("device")?.ok_or_else(missing)?;
    let user = &visit.login.user;
    let devices = oauth.store.devices_of(&user.id, visit.now).await?;
    // Another user's device is none.
    if let Some(device) = devices.iter().find(|device| device.family_id == family) {
        let entry = oauth.entry(Event::GrantRevoked, &head).user(user);
        let entry = entry.client(device.client_id.as_str());
        let entry = entry.with("family", family);
        let ended = oauth.store.end_device(family, entry, visit.now).await;
        unless_ended_before(ended)?;
        oauth.follower.catch_up().await?;
    }
    done(&oauth, "device")
}
