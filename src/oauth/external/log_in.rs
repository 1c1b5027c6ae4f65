//! Somebody has logged in elsewhere: who that is here, and the session that begins.

use super::super::Oauth;
use super::super::login::{Proof, let_in};
use super::super::parameters::Parameters;
use super::Destination;
use super::failure::Failure;
use crate::error::{Error, Result};
use crate::http::Response;
use crate::provider::{Link, Person, Provider, TokenSet};
use crate::storage::StoreError;
use crate::storage::audit::Event;
use crate::storage::users::User;
use http::request::Parts;

pub(super) async fn log_in(
    oauth: &Oauth,
    head: &Parts,
    provider: &Provider,
    destination: &str,
    (person, set): (Person, TokenSet),
) -> Result<Response, Failure> {
    // It is ours, but the application may have changed since.
    let destination = Parameters::parse(destination.as_bytes())?;
    let destination = Destination::read(oauth, head, &destination).await?;
    let user = who(oauth, head, provider, &person).await?;
    if !may_log_in(oauth, provider, &user).await? {
        return Err(Failure::Disabled);
    }
    let identity = oauth.identity(provider, &person, &user.id);
    let tokens = oauth.sealed(provider, &user.id, &set)?;
    let noted = oauth
        .store
        .use_identity(identity, tokens, oauth.clock.now());
    match noted.await {
        Err(StoreError::Missing(_)) => return Err(Failure::NotLinked),
        noted => noted.map_err(Error::from)?,
    }
    let proof = Proof::Elsewhere {
        provider: &provider.spec.name,
        has_second_factor: provider.spec.trusted_second_factor,
    };
    match let_in(oauth, head, &destination, &user, proof).await {
        Err(Error::Missing(_)) => Err(Failure::Disabled),
        response => Ok(response?),
    }
}

/// The user whose the account is, or becomes as the provider's policy says.
async fn who(
    oauth: &Oauth,
    head: &Parts,
    provider: &Provider,
    person: &Person,
) -> Result<User, Failure> {
    let (store, spec) = (&oauth.store, &provider.spec);
    let linked = store.identity(&spec.name, &person.issuer, &person.subject);
    if let Some(linked) = linked.await.map_err(Error::from)? {
        let user = store.user(&linked.user_id).await.map_err(Error::from)?;
        return user.ok_or(Failure::NotLinked);
    }
    // Q06: an address that nobody has verified is nobody's.
    let email = person.email.as_deref().filter(|email| is_username(email));
    let email = email.ok_or(Failure::NotLinked)?;
    let named = store.user_named(&spec.tenant, email).await;
    let user = match (named.map_err(Error::from)?, spec.link, spec.create_users) {
        (Some(user), Link::VerifiedEmail, _) if user.disabled_at.is_none() => user,
        (None, _, true) => create(oauth, provider, person, email).await?,
        _ => return Err(Failure::NotLinked),
    };
    let identity = oauth.identity(provider, person, &user.id);
    match store.link_identity(identity, None).await {
        // The user has another account there, which is linked already.
        Err(StoreError::Exists(_)) => return Err(Failure::NotLinked),
        linked => linked.map_err(Error::from)?,
    }
    let entry = oauth.entry(Event::AccountLinked, head).user(&user);
    let entry = entry
        .with("provider", spec.name.as_str())
        .with("by", "address");
    store.audit(entry).await;
    Ok(user)
}

/// A user who has no password, and logs in there alone.
async fn create(
    oauth: &Oauth,
    provider: &Provider,
    person: &Person,
    email: &str,
) -> Result<User, Failure> {
    let name = person.name.as_deref().filter(|name| is_label(name));
    let user = User {
        id: uuid::Uuid::new_v4().to_string(),
        tenant_id: provider.spec.tenant.clone(),
        username: email.to_owned(),
        display_name: name.unwrap_or(email).to_owned(),
        password_hash: None,
        call_limit: None,
        backend: None,
        created_at: oauth.clock.now(),
        disabled_at: None,
    };
    match oauth.store.create_user(user.clone()).await {
        // Two first logins at once: the other one made it.
        Err(StoreError::Exists(_)) => Err(Failure::NotLinked),
        created => Ok(created.map(|()| user).map_err(Error::from)?),
    }
}

async fn may_log_in(oauth: &Oauth, provider: &Provider, user: &User) -> Result<bool> {
    let tenant = oauth.store.tenant(&user.tenant_id).await?;
    let is_open = tenant.is_some_and(|tenant| tenant.disabled_at.is_none());
    Ok(is_open && user.disabled_at.is_none() && user.tenant_id == provider.spec.tenant)
}

fn is_username(text: &str) -> bool {
    (1..=128).contains(&text.len()) && !text.contains(|c: char| c.is_control() || c.is_whitespace())
}

fn is_label(text: &str) -> bool {
    (1..=200).contains(&text.chars().count()) && !text.contains(char::is_control)
}
