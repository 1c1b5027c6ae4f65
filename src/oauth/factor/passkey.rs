//! Passkeys (`WebAuthn`) as a second factor: what a browser is to sign, and what its signature proves.

use super::pending::LIFETIME;
use crate::error::{Error, Result};
use crate::oauth::Oauth;
use crate::storage::factors::Proof;
use crate::storage::passkeys::Passkey as Row;
use crate::storage::users::User;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use url::Url;
use webauthn_rs::prelude::{
    Passkey, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Uuid,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// The passkeys of this origin.
pub(in crate::oauth) struct Passkeys(Webauthn);

/// Passkeys that a user may have.
const MOST: usize = 10;

impl Passkeys {
    /// `None` where browsers have none: at an address without a name.
    pub(in crate::oauth) fn of(oauth: &Oauth) -> Option<Self> {
        Self::at(&oauth.origin)
    }

    fn at(origin: &str) -> Option<Self> {
        let origin = Url::parse(origin).ok()?;
        let host = origin.domain()?.to_owned();
        let lifetime = Duration::from_millis(LIFETIME.unsigned_abs());
        let builder = WebauthnBuilder::new(&host, &origin).ok()?;
        Some(Self(builder.rp_name(&host).timeout(lifetime).build().ok()?))
    }

    /// What one of the user's passkeys is to sign, for `navigator.credentials.get`; `None` when there is no passkey. It
    /// replaces the challenge that `owner` had.
    pub(super) async fn ask(
        &self,
        oauth: &Oauth,
        owner: &str,
        user: &User,
    ) -> Result<Option<String>> {
        let rows = oauth.store.passkeys(&user.id).await?;
        let passkeys: Vec<Passkey> = rows
            .iter()
            .filter_map(|row| read(&row.credential))
            .collect();
        if passkeys.is_empty() {
            return Ok(None);
        }
        let asked = self.0.start_passkey_authentication(&passkeys);
        let (options, state) = asked.map_err(|error| failed(&error))?;
        keep(oauth, owner, &state).await?;
        write(&options).map(Some)
    }

    /// What a passkey's answer proves. The challenge is gone, whatever it was.
    pub(super) async fn verify(
        &self,
        oauth: &Oauth,
        (owner, user): (&str, &User),
        answer: &str,
    ) -> Result<Option<Proof>> {
        let Some(state) = take::<PasskeyAuthentication>(oauth, owner).await? else {
            return Ok(None);
        };
        let Some(answer) = read::<PublicKeyCredential>(answer) else {
            return Ok(None);
        };
        // The signature, our origin, the user's verification, and a counter that rises (WebAuthn §7.2).
        let Ok(result) = self.0.finish_passkey_authentication(&answer, &state) else {
            return Ok(None);
        };
        let rows = oauth.store.passkeys(&user.id).await?;
        let known = rows.into_iter().find_map(|row| {
            let passkey: Passkey = read(&row.credential)?;
            (passkey.cred_id() == result.cred_id()).then_some((row, passkey))
        });
        let Some((row, mut passkey)) = known else {
            return Ok(None);
        };
        passkey.update_credential(&result);
        Ok(Some(Proof::Passkey(Row {
            credential: write(&passkey)?,
            counter: i64::from(result.counter()),
            ..row
        })))
    }

    /// What a new passkey is to be made of, for `navigator.credentials.create`; `None` when the user has enough. It
    /// replaces the challenge that `owner` had.
    pub(in crate::oauth) async fn offer(
        &self,
        oauth: &Oauth,
        owner: &str,
        user: &User,
    ) -> Result<Option<String>> {
        let rows = oauth.store.passkeys(&user.id).await?;
        if rows.len() >= MOST {
            return Ok(None);
        }
        let known = rows
            .iter()
            .filter_map(|row| read::<Passkey>(&row.credential));
        let known = known.map(|passkey| passkey.cred_id().clone()).collect();
        let offered = self.0.start_passkey_registration(
            handle(oauth, user),
            &user.username,
            &user.display_name,
            Some(known),
        );
        let (options, state) = offered.map_err(|error| failed(&error))?;
        keep(oauth, owner, &state).await?;
        write(&options).map(Some)
    }

    /// The passkey that was made. The challenge is gone, whatever was.
    pub(in crate::oauth) async fn register(
        &self,
        oauth: &Oauth,
        (owner, user): (&str, &User),
        (name, answer): (&str, &str),
    ) -> Result<Option<Row>> {
        let Some(state) = take::<PasskeyRegistration>(oauth, owner).await? else {
            return Ok(None);
        };
        let Some(answer) = read::<RegisterPublicKeyCredential>(answer) else {
            return Ok(None);
        };
        let Ok(passkey) = self.0.finish_passkey_registration(&answer, &state) else {
            return Ok(None);
        };
        Ok(Some(Row {
            id: crate::secret::encode(passkey.cred_id().as_ref()),
            user_id: user.id.clone(),
            name: name.to_owned(),
            credential: write(&passkey)?,
            counter: 0,
            created_at: oauth.clock.now(),
            last_used_at: None,
        }))
    }
}

/// What authenticators know the user by: nothing that says who it is (`WebAuthn` §14.6.1).
fn handle(oauth: &Oauth, user: &User) -> Uuid {
    let digest = oauth.mint.digest("passkey user", &[&user.id]);
    let (half, _) = digest.split_at(16);
    Uuid::from_slice(half).unwrap_or_default()
}

async fn keep(oauth: &Oauth, owner: &str, state: &impl Serialize) -> Result<()> {
    let until = oauth.clock.now().saturating_add(LIFETIME);
    Ok(oauth
        .store
        .put_challenge(owner, write(state)?, until)
        .await?)
}

async fn take<T: DeserializeOwned>(oauth: &Oauth, owner: &str) -> Result<Option<T>> {
    let state = oauth.store.take_challenge(owner, oauth.clock.now()).await?;
    Ok(state.and_then(|state| read(&state)))
}

fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

fn write(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|_| Error::Internal)
}

fn failed(error: &webauthn_rs::prelude::WebauthnError) -> Error {
    tracing::error!(%error, "passkeys cannot be asked for");
    Error::Internal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_passkeys_where_the_gateway_has_a_name() {
        for named in ["https://calls.example", "http://localhost:8080"] {
            assert!(Passkeys::at(named).is_some(), "{named}");
        }
        for bare in [
            "https://192.0.2.7",
            "http://127.0.0.1:8080",
            "https://[2001:db8::1]",
        ] {
            assert!(Passkeys::at(bare).is_none(), "{bare}");
        }
    }
}
