//! An account elsewhere becomes that of the user who is logged in here.

use super::super::{Oauth, redirect};
use super::failure::Failure;
use crate::error::{Error, Result};
use crate::http::Response;
use crate::provider::{Person, Provider, TokenSet};
use crate::storage::StoreError;
use crate::storage::audit::Event;
use crate::storage::provider_logins::ProviderLogin;
use http::request::Parts;

/// Only in the session that asked for it: otherwise somebody could have their account linked to another's user.
pub(super) async fn link(
    oauth: &Oauth,
    head: &Parts,
    provider: &Provider,
    login: ProviderLogin,
    (person, set): (Person, TokenSet),
) -> Result<Response, Failure> {
    let here = oauth.any_login(&head.headers).await?;
    let here = here.filter(|here| {
        login.session.as_ref() == Some(&here.session.hash)
            && login.user_id.as_ref() == Some(&here.user.id)
            && here.user.tenant_id == provider.spec.tenant
    });
    let here = here.ok_or(Failure::OtherSession)?;
    let identity = oauth.identity(provider, &person, &here.user.id);
    let tokens = oauth.sealed(provider, &here.user.id, &set)?;
    match oauth.store.link_identity(identity, tokens).await {
        Err(StoreError::Exists(_)) => return Err(Failure::Taken),
        linked => linked.map_err(Error::from)?,
    }
    let entry = oauth.entry(Event::AccountLinked, head).user(&here.user);
    let entry = entry.with("provider", provider.spec.name.as_str());
    oauth.store.audit(entry.with("by", "user")).await;
    Ok(redirect::see_other(oauth, "/account?done=linked")?)
}
