//! `POST /oauth/device_authorization` (RFC 8628 §3.1): a device asks, and gets two codes.

use super::{GRANT_TYPE, UserCode};
use crate::clock::millis;
use crate::error::Error;
use crate::http::{Response, json, no_store};
use crate::oauth::Oauth;
use crate::oauth::audit;
use crate::oauth::errors::ClientError;
use crate::oauth::parameters::{Parameters, encode};
use crate::oauth::scope;
use crate::oauth::throttling::address;
use crate::storage::StoreError;
use crate::storage::devices::Device;
use crate::token::Class;
use axum::extract::State;
use bytes::Bytes;
use http::header::PRAGMA;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use std::sync::Arc;

/// RFC 8628 §3.2. The last member is ours.
#[derive(Serialize)]
struct Answer {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    /// Seconds.
    expires_in: u64,
    interval: u64,
    /// A picture of `verification_uri_complete`, for a device to show.
    verification_uri_qr: String,
}

/// Seconds between two polls (RFC 8628 §3.2).
const INTERVAL: u32 = 5;

const LONGEST_LABEL: usize = 64;

/// A code may be another device's already: among a thousand, one in twenty-five million is.
const TRIES: usize = 3;

pub(super) async fn post(
    State(oauth): State<Arc<Oauth>>,
    head: Parts,
    body: Bytes,
) -> Result<Response, ClientError> {
    let form = Parameters::form(&head.headers, &body)?;
    let client = oauth.authenticate_client(&head, &form).await?;
    if !client.grant_types.contains(GRANT_TYPE) {
        return Err(ClientError::UnauthorizedClient);
    }
    let scope = scope::allowed(&client, form.get("scope")?).ok_or(ClientError::InvalidScope)?;
    let label = label(&form)?;
    let now = oauth.clock.now();
    oauth
        .attempts
        .device_request(&client.id, &address(&head), now)?;
    let asked = Device {
        client_id: client.id,
        scope,
        label,
        address: audit::address(&head),
        interval_ms: i64::from(INTERVAL) * 1000,
        created_at: now,
        expires_at: now.saturating_add(millis(oauth.settings.device_lifetime)),
        ..Device::default()
    };
    let mut response = no_store(json(StatusCode::OK, &begin(&oauth, asked).await?));
    response
        .headers_mut()
        .insert(PRAGMA, HeaderValue::from_static("no-cache"));
    Ok(response)
}
/// What the device calls itself: a person reads it, so it is one short line that reads in one direction.
fn label(form: &Parameters) -> Result<Option<String>, ClientError> {
    let Some(label) = form.get("device_label")?.map(str::trim) else {
        return Ok(None);
    };
    let misleads = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if label.chars().count() > LONGEST_LABEL || label.chars().any(misleads) {
        let text =
            format!("device_label must be one line of {LONGEST_LABEL} characters at the most");
        return Err(ClientError::InvalidRequest(text));
    }
    Ok(Some(label.to_owned()).filter(|label| !label.is_empty()))
}

async fn begin(oauth: &Oauth, asked: Device) -> Result<Answer, ClientError> {
    for _ in 0..TRIES {
        let (code, minted) = (UserCode::generate(), oauth.mint.mint(Class::DeviceCode));
        let device = Device {
            hash: minted.hash.to_string(),
            user_code: oauth.user_code_hash(code),
            ..asked.clone()
        };
        let stored = oauth
            .store
            .create_device(device, oauth.settings.device_pending);
        match stored.await {
            Ok(true) => return Ok(Answer::new(oauth, code, minted.token.expose())),
            Ok(false) => return Err(oauth.attempts.too_many_devices().into()),
            Err(StoreError::Exists(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Internal.into())
}

impl Answer {
    fn new(oauth: &Oauth, code: UserCode, device_code: &str) -> Self {
        let user_code = code.to_string();
        let query = encode(&[("user_code", user_code.as_bytes())]);
        let origin = &oauth.origin;
        Self {
            device_code: device_code.to_owned(),
            verification_uri: format!("{origin}/device"),
            verification_uri_complete: format!("{origin}/device?{query}"),
            verification_uri_qr: format!("{origin}/device/qr.svg?{query}"),
            expires_in: oauth.settings.device_lifetime.as_secs(),
            interval: u64::from(INTERVAL),
            user_code,
        }
    }
}
