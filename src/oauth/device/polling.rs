//! The grant `urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 §3.4): a device polls until a person has answered.
//!
//! A poll that keeps its pace writes one row, when it was; so the pace holds over all gateways of a store. One that does not
//! writes how much longer the device must wait; of these a code has so many, past which it is refused unseen.

use crate::oauth::Oauth;
use crate::oauth::errors::ClientError;
use crate::oauth::issue::{Answer, Basis, Outcome};
use crate::oauth::parameters::Parameters;
use crate::storage::audit::Event;
use crate::storage::clients::Client;
use crate::storage::codes::family_began;
use crate::storage::devices::{Device, Pace};
use crate::storage::{StoreError, Words};
use crate::token::Class;
use http::request::Parts;

pub(in crate::oauth) async fn tokens(
    oauth: &Oauth,
    head: &Parts,
    client: &Client,
    form: &Parameters,
    key: Option<&str>,
) -> Outcome {
    let device = find(oauth, client, form).await?;
    if device.denied_at.is_some() {
        return Err(ClientError::AccessDenied);
    }
    if device.used_at.is_some() {
        return Err(used());
    }
    if device.expires_at <= oauth.clock.now() {
        return Err(ClientError::ExpiredToken);
    }
    if device.allowed_at.is_some() {
        return redeem(oauth, head, client, (&device, key)).await;
    }
    Err(wait(oauth, &device).await?)
}

/// The row of the code, if it is this client's and the device does not poll without end.
async fn find(oauth: &Oauth, client: &Client, form: &Parameters) -> Result<Device, ClientError> {
    let sent = form.get("device_code")?.ok_or_else(|| {
        ClientError::InvalidRequest("the parameter device_code is missing".to_owned())
    })?;
    let hash = oauth
        .mint
        .recognise(Class::DeviceCode, sent)
        .ok_or(ClientError::UnknownGrant)?
        .to_string();
    oauth.attempts.check_poll(&hash, oauth.clock.now())?;
    let device = oauth.store.device(&hash).await?;
    let device = device.ok_or(ClientError::UnknownGrant)?;
    if device.client_id != client.id {
        return Err(ClientError::InvalidGrant(
            "the device_code was given to another client",
        ));
    }
    Ok(device)
}

async fn wait(oauth: &Oauth, device: &Device) -> Result<ClientError, ClientError> {
    let now = oauth.clock.now();
    match oauth.store.poll_device(&device.hash, now).await? {
        Pace::Kept => Ok(ClientError::AuthorizationPending),
        Pace::TooFast => {
            oauth.attempts.count_poll(&device.hash, now);
            Ok(ClientError::SlowDown)
        }
    }
}

/// The tokens of a code that was allowed: many at once are given one set.
async fn redeem(
    oauth: &Oauth,
    head: &Parts,
    client: &Client,
    (device, key): (&Device, Option<&str>),
) -> Outcome {
    let basis = Basis::of_device(client, device).bound_to(client, key);
    // As far as the client may still ask for it.
    let allowed = device.scope.iter();
    let scope: Words = allowed
        .filter(|name| client.policies.contains(name))
        .collect();
    let access = oauth
        .access_token(client, &basis, &scope, oauth.settings.access_lifetime)
        .await?;
    let began = family_began(&basis.family).unwrap_or(device.created_at);
    let renewable = client.grant_types.contains("refresh_token");
    let refresh = renewable
        .then(|| oauth.refresh_token(&basis, &scope, oauth.mint.mint(Class::Refresh), began));
    let answer = Answer::new(&access, refresh.as_ref());
    let rows = std::iter::once(access)
        .chain(refresh)
        .map(|issued| issued.row)
        .collect();
    let entry = basis.named_in(oauth.entry(Event::TokenIssued, head));
    let now = oauth.clock.now();
    match oauth
        .store
        .exchange_device(&device.hash, rows, entry, now)
        .await
    {
        Err(StoreError::Missing(_)) => Err(used()),
        done => Ok(done.map(|()| answer)?),
    }
}

fn used() -> ClientError {
    ClientError::InvalidGrant("the device_code was used before")
}
