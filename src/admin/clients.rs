//! Clients: list, create, change, and their lines.

use super::change::{enable, given, replace};
use super::{Administration, Change, Switch, jwks, redirect_uri, rules, view};
use crate::acl::Permit;
use crate::clock::EpochMs;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::storage::clients::{Client, TokenFormat};
use crate::storage::lines::Line;
use crate::storage::{Flag, Words};
use crate::token::{Class, Subject};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Whether a client can keep a secret (RFC 6749 §2.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    #[default]
    Confidential,
    Public,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    AuthorizationCode,
    ClientCredentials,
    RefreshToken,
    /// RFC 8628
    #[serde(
        rename = "urn:ietf:params:oauth:grant-type:device_code",
        alias = "device_code"
    )]
    DeviceCode,
}

impl fmt::Display for GrantType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    pub tenant: String,
    /// The `client_id`; left out, one is generated.
    pub id: Option<String>,
    pub name: String,
    #[serde(default)]
    pub kind: Kind,
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// `authorization_code` and `refresh_token`, if left out.
    pub grant_types: Option<Vec<GrantType>>,
    #[serde(default)]
    pub policies: Vec<String>,
    #[serde(default)]
    pub switches: Vec<Switch>,
    /// Calls at once when it acts for itself.
    pub call_limit: Option<u32>,
    #[serde(default)]
    pub token_format: TokenFormat,
    /// Ids of resource servers that its tokens are for as well.
    #[serde(default)]
    pub audience: Vec<String>,
    /// A JSON Web Key Set (RFC 7517) of public keys.
    pub jwks: Option<serde_json::Value>,
    #[serde(default)]
    pub dpop_bound: bool,
    #[serde(default)]
    pub par_required: bool,
    /// When its switches end.
    pub sunset_at: Option<jiff::Timestamp>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientChanges {
    #[serde(deserialize_with = "given")]
    pub name: Option<String>,
    #[serde(deserialize_with = "given")]
    pub redirect_uris: Option<Vec<String>>,
    #[serde(deserialize_with = "given")]
    pub grant_types: Option<Vec<GrantType>>,
    #[serde(deserialize_with = "given")]
    pub policies: Option<Vec<String>>,
    #[serde(deserialize_with = "given")]
    pub switches: Option<Vec<Switch>>,
    pub call_limit: Change<u32>,
    #[serde(deserialize_with = "given")]
    pub token_format: Option<TokenFormat>,
    #[serde(deserialize_with = "given")]
    pub audience: Option<Vec<String>>,
    pub jwks: Change<serde_json::Value>,
    #[serde(deserialize_with = "given")]
    pub dpop_bound: Option<bool>,
    #[serde(deserialize_with = "given")]
    pub par_required: Option<bool>,
    pub sunset_at: Change<jiff::Timestamp>,
    #[serde(deserialize_with = "given")]
    pub enabled: Option<bool>,
}

/// A client as it is shown.
#[derive(Debug, Serialize)]
pub struct ClientView {
    pub id: String,
    pub tenant: String,
    name: String,
    kind: Kind,
    redirect_uris: Words,
    grant_types: Words,
    policies: Words,
    switches: Words,
    call_limit: Option<i64>,
    token_format: TokenFormat,
    audience: Words,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks: Option<serde_json::Value>,
    dpop_bound: Flag,
    par_required: Flag,
    sunset_at: Option<String>,
    /// Until when the secret before this one is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    former_secret_until: Option<String>,
    /// By backend.
    lines: BTreeMap<String, Line>,
    enabled: bool,
    created_at: String,
}

/// A client with a new secret.
#[derive(Debug, Serialize)]
pub struct NewClientView {
    #[serde(flatten)]
    pub client: ClientView,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "view::shown_once"
    )]
    pub client_secret: Option<Secret>,
}

impl Administration {
    /// All clients, or those of one tenant.
    pub async fn clients(&self, tenant: Option<&str>) -> Result<Vec<ClientView>> {
        let mut shown = Vec::new();
        for client in self.store.clients(tenant).await? {
            shown.push(self.show_client(client).await?);
        }
        Ok(shown)
    }

    pub async fn client(&self, id: &str) -> Result<ClientView> {
        let client = self.known_client(id).await?;
        self.show_client(client).await
    }

    pub async fn create_client(&self, by: &Permit, new: NewClient) -> Result<NewClientView> {
        let secret = (new.kind == Kind::Confidential).then(|| self.mint.mint(Class::ClientSecret));
        let hash = secret.as_ref().map(|secret| secret.hash.to_string());
        Ok(NewClientView {
            client: self.make_client(by, new, hash).await?,
            client_secret: secret.map(|secret| secret.token),
        })
    }

    pub(super) async fn make_client(
        &self,
        by: &Permit,
        new: NewClient,
        secret_hash: Option<String>,
    ) -> Result<ClientView> {
        let usual = || vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
        let client = Client {
            id: new.id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
            tenant_id: new.tenant,
            name: new.name,
            secret_hash,
            redirect_uris: uris(&new.redirect_uris)?,
            grant_types: words(&new.grant_types.unwrap_or_else(usual)),
            policies: policies(&new.policies)?,
            switches: words(&new.switches),
            call_limit: new.call_limit.map(i64::from),
            created_at: self.clock.now(),
            token_format: new.token_format,
            audience: audience(&new.audience)?,
            jwks: new.jwks.as_ref().map(jwks::checked).transpose()?,
            dpop_bound: Flag(new.dpop_bound),
            par_required: Flag(new.par_required),
            sunset_at: new.sunset_at.map(millisecond),
            ..Client::default()
        };
        rules::short_name("a client's id", &client.id)?;
        self.check_client(&client).await?;
        self.store.create_client(client.clone()).await?;
        self.switches_changed(by, None, &client).await;
        self.done(by, "client.create", &client.id).await?;
        self.show_client(client).await
    }

    /// A client that is disabled loses all its tokens.
    pub async fn change_client(
        &self,
        by: &Permit,
        id: &str,
        changes: ClientChanges,
    ) -> Result<ClientView> {
        let redirect_uris = changes.redirect_uris.as_deref().map(uris).transpose()?;
        let grant_types = changes.grant_types.as_deref().map(words);
        let policies = changes.policies.as_deref().map(policies).transpose()?;
        let switches = changes.switches.as_deref().map(words);
        let audience = changes.audience.as_deref().map(audience).transpose()?;
        let jwks = changes.jwks.try_map(|set| jwks::checked(&set))?;
        let now = self.clock.now();
        let change = move |client: &mut Client| {
            replace(&mut client.name, changes.name);
            replace(&mut client.redirect_uris, redirect_uris);
            replace(&mut client.grant_types, grant_types);
            replace(&mut client.policies, policies);
            replace(&mut client.switches, switches);
            changes.call_limit.apply(&mut client.call_limit);
            replace(&mut client.token_format, changes.token_format);
            replace(&mut client.audience, audience);
            jwks.apply(&mut client.jwks);
            replace(&mut client.dpop_bound, changes.dpop_bound.map(Flag));
            replace(&mut client.par_required, changes.par_required.map(Flag));
            let sunset_at = changes.sunset_at.map(millisecond);
            sunset_at.apply(&mut client.sunset_at);
            enable(&mut client.disabled_at, changes.enabled, now);
        };
        let before = self.known_client(id).await?;
        let mut preview = before.clone();
        change.clone()(&mut preview);
        self.check_client(&preview).await?;
        let client = self.store.change_client(id, change, now).await?;
        self.switches_changed(by, Some(&before), &client).await;
        self.done(by, "client.update", id).await?;
        self.show_client(client).await
    }

    /// Sets the line of a client that acts for itself.
    pub async fn set_client_line(
        &self,
        by: &Permit,
        id: &str,
        backend: &str,
        line: &Line,
    ) -> Result<()> {
        self.known_client(id).await?;
        self.set_line(&owner(id), backend, line).await?;
        self.done(by, "client.line.set", id).await
    }

    /// Removes the client's line at a backend. One that is not there is removed already.
    pub async fn remove_client_line(&self, by: &Permit, id: &str, backend: &str) -> Result<()> {
        self.known_client(id).await?;
        self.store.set_line(&owner(id), backend, None).await?;
        self.done(by, "client.line.remove", id).await
    }

    pub(super) async fn known_client(&self, id: &str) -> Result<Client> {
        let client = self.store.client(id).await?;
        client.ok_or(Error::Missing("client"))
    }

    async fn check_client(&self, client: &Client) -> Result<()> {
        rules::label("a client's name", &client.name)?;
        let grants = |grant: GrantType| client.grant_types.contains(&grant.to_string());
        if client.is_public() && grants(GrantType::ClientCredentials) {
            // RFC 6749 §4.4
            return wrong("a public client cannot have the grant type `client_credentials`");
        }
        if grants(GrantType::AuthorizationCode) && client.redirect_uris.is_empty() {
            return wrong("the grant type `authorization_code` needs a redirect URI");
        }
        for policy in client.policies.iter() {
            if self.store.policy(policy).await?.is_none() {
                return wrong(&format!("there is no policy `{policy}`"));
            }
        }
        Ok(())
    }

    pub(super) async fn show_client(&self, client: Client) -> Result<ClientView> {
        let lines = self.store.lines(&owner(&client.id)).await?;
        let kind = if client.is_public() {
            Kind::Public
        } else {
            Kind::Confidential
        };
        let former = client.former_secret(self.clock.now()).is_some();
        let former_until = client.former_secret_until.filter(|_| former);
        Ok(ClientView {
            id: client.id,
            tenant: client.tenant_id,
            name: client.name,
            kind,
            redirect_uris: client.redirect_uris,
            grant_types: client.grant_types,
            policies: client.policies,
            switches: client.switches,
            call_limit: client.call_limit,
            token_format: client.token_format,
            audience: client.audience,
            jwks: client.jwks.and_then(|set| serde_json::from_str(&set).ok()),
            dpop_bound: client.dpop_bound,
            par_required: client.par_required,
            sunset_at: client.sunset_at.map(view::time),
            former_secret_until: former_until.map(view::time),
            lines: view::lines(lines),
            enabled: client.disabled_at.is_none(),
            created_at: view::time(client.created_at),
        })
    }
}

fn uris(uris: &[String]) -> Result<Words> {
    for uri in uris {
        redirect_uri::check(uri).map_err(|why| {
            Error::BadRequest(format!("the redirect URI `{uri}` is refused: {why}"))
        })?;
    }
    Ok(uris.iter().collect())
}

fn policies(names: &[String]) -> Result<Words> {
    names.iter().try_for_each(|name| rules::policy_name(name))?;
    Ok(names.iter().collect())
}

fn audience(ids: &[String]) -> Result<Words> {
    ids.iter()
        .try_for_each(|id| rules::short_name("the id of a resource server", id))?;
    Ok(ids.iter().collect())
}

fn millisecond(at: jiff::Timestamp) -> EpochMs {
    at.as_millisecond()
}

fn words(words: &[impl ToString]) -> Words {
    words.iter().map(ToString::to_string).collect()
}

fn wrong(why: &str) -> Result<()> {
    Err(Error::BadRequest(why.to_owned()))
}

fn owner(id: &str) -> String {
    Subject::Client(id.to_owned()).to_string()
}
