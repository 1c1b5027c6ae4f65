//! Making tokens: what an access token may do is frozen into it now.

use super::Oauth;
use super::errors::ClientError;
use crate::clock::{EpochMs, millis, seconds_until};
use crate::error::Result;
use crate::http::{Response, json as object, no_store};
use crate::secret::Secret;
use crate::storage::Words;
use crate::storage::clients::{Client, TokenFormat};
use crate::storage::codes::Code;
use crate::storage::devices::Device;
use crate::storage::policies::Accesses;
use crate::storage::tokens::Token;
use crate::token::{Class, Minted, Subject};
use axum::response::IntoResponse;
use http::header::PRAGMA;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// What tokens of one authorization share.
#[derive(Debug, Clone)]
pub(super) struct Basis {
    pub(super) tenant: String,
    pub(super) client: String,
    /// None when the client acts for itself.
    pub(super) user: Option<String>,
    pub(super) family: String,
    pub(super) grant: Option<String>,
    /// Thumbprint of the key that access tokens are bound to.
    pub(super) jkt: Option<String>,
    /// That of refresh tokens, which are bound to their client otherwise when it can prove who it is (RFC 9449 §5).
    pub(super) refresh_jkt: Option<String>,
}

/// A token to be shown once, and its row to be stored.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) token: Secret,
    pub(super) row: Token,
}

/// A token response (RFC 6749 §5.1).
#[derive(Serialize)]
pub(super) struct Answer {
    access_token: String,
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    scope: String,
}

pub(super) type Outcome = Result<Answer, ClientError>;

impl Basis {
    pub(super) fn of_code(client: &Client, code: &Code) -> Self {
        Self {
            tenant: client.tenant_id.clone(),
            client: code.client_id.clone(),
            user: Some(code.user_id.clone()),
            family: code.family_id.clone(),
            grant: Some(code.grant_id.clone()),
            jkt: None,
            refresh_jkt: None,
        }
    }

    /// Of a device that was allowed; until then it has no family.
    pub(super) fn of_device(client: &Client, device: &Device) -> Self {
        Self {
            tenant: client.tenant_id.clone(),
            client: device.client_id.clone(),
            user: device.user_id.clone(),
            family: device.family_id.clone().unwrap_or_default(),
            grant: device.grant_id.clone(),
            jkt: None,
            refresh_jkt: None,
        }
    }

    pub(super) fn of_token(token: &Token) -> Self {
        Self {
            tenant: token.tenant_id.clone(),
            client: token.client_id.clone(),
            user: token.user_id.clone(),
            family: token.family_id.clone(),
            grant: token.grant_id.clone(),
            jkt: None,
            refresh_jkt: None,
        }
    }

    /// The same for tokens that nobody uses without a proof of this key.
    pub(super) fn bound_to(self, client: &Client, key: Option<&str>) -> Self {
        let jkt = key.map(str::to_owned);
        Self {
            refresh_jkt: jkt.clone().filter(|_| client.is_public()),
            jkt,
            ..self
        }
    }

    fn row(&self, scope: &Words, now: EpochMs, expires_at: EpochMs) -> Token {
        Token {
            id: uuid::Uuid::new_v4().to_string(),
            family_id: self.family.clone(),
            grant_id: self.grant.clone(),
            tenant_id: self.tenant.clone(),
            client_id: self.client.clone(),
            user_id: self.user.clone(),
            scope: scope.clone(),
            created_at: now,
            expires_at,
            ..Token::default()
        }
    }
}

impl Issued {
    /// The token that was minted, and what is stored of it.
    fn of(minted: Minted, row: Token) -> Self {
        Self {
            row: Token {
                hash: minted.hash.to_string(),
                ..row
            },
            token: minted.token,
        }
    }
}

impl Oauth {
    /// An access token with all accesses of the policies that `scope` names, in the client's format.
    pub(super) async fn access_token(
        &self,
        client: &Client,
        basis: &Basis,
        scope: &Words,
        lifetime: Duration,
    ) -> Result<Issued> {
        let row = self.access_row(basis, scope, lifetime).await?;
        match client.token_format {
            TokenFormat::Opaque => Ok(Issued::of(self.mint.mint(Class::Access), row)),
            TokenFormat::Jwt => self.signed(client, row).await,
        }
    }

    /// The access token that the refresh token `presented` gives: the id of its row is the same however often it is
    /// asked for, so that it is stored once and given to all who ask in time.
    pub(super) async fn next_access_token(
        &self,
        client: &Client,
        basis: &Basis,
        scope: &Words,
        presented: &str,
    ) -> Result<Issued> {
        let lifetime = self.settings.access_lifetime;
        let row = Token {
            id: self.mint.successor_id(presented),
            ..self.access_row(basis, scope, lifetime).await?
        };
        match client.token_format {
            TokenFormat::Opaque => {
                let minted = self.mint.successor(Class::Access, presented);
                Ok(Issued::of(minted, row))
            }
            TokenFormat::Jwt => self.leave_for(presented, self.signed(client, row).await?),
        }
    }

    /// The access token of a row that [`Oauth::next_access_token`] made, once more.
    pub(super) fn given_token(&self, presented: &str, given: &Token) -> Result<Secret> {
        match &given.sealed {
            Some(sealed) => self.left_for(presented, sealed),
            None => Ok(self.mint.successor(Class::Access, presented).token),
        }
    }

    async fn access_row(&self, basis: &Basis, scope: &Words, lifetime: Duration) -> Result<Token> {
        let policies = self.store.policies_of(scope).await?;
        let accesses: BTreeSet<_> = policies
            .into_iter()
            .flat_map(|policy| policy.accesses.0)
            .collect();
        let now = self.clock.now();
        Ok(Token {
            class: "access".to_owned(),
            accesses: Accesses(accesses.into_iter().collect()),
            jkt: basis.jkt.clone(),
            ..basis.row(scope, now, now.saturating_add(millis(lifetime)))
        })
    }

    /// The refresh token that was minted, which lives until it lies idle or the authorization, of `began`, is too old.
    pub(super) fn refresh_token(
        &self,
        basis: &Basis,
        scope: &Words,
        minted: Minted,
        began: EpochMs,
    ) -> Issued {
        let now = self.clock.now();
        let idle = now.saturating_add(millis(self.settings.refresh_lifetime));
        let row = Token {
            class: "refresh".to_owned(),
            jkt: basis.refresh_jkt.clone(),
            ..basis.row(scope, now, idle.min(self.last_end(began)))
        };
        Issued::of(minted, row)
    }

    /// When the last refresh token of an authorization ends.
    pub(super) fn last_end(&self, began: EpochMs) -> EpochMs {
        began.saturating_add(millis(self.settings.refresh_absolute))
    }
}

/// Whom a token acts for: users and clients never share a name (RFC 9700 §4.15.1).
pub(super) fn subject(token: &Token) -> Subject {
    match &token.user_id {
        Some(id) => Subject::User(id.clone()),
        None => Subject::Client(token.client_id.clone()),
    }
}

/// How an access token is to be presented (RFC 6750 §1, RFC 9449 §5).
pub(super) fn token_type(token: &Token) -> &'static str {
    if token.jkt.is_some() {
        "DPoP"
    } else {
        "Bearer"
    }
}

/// Whom a token is for: this gateway, and the resource servers of its client (RFC 7519 §4.1.3).
pub(super) fn audience(origin: &str, others: &Words) -> Value {
    if others.is_empty() {
        return json!(origin);
    }
    let all: Vec<_> = std::iter::once(origin).chain(others.iter()).collect();
    json!(all)
}

impl Answer {
    pub(super) fn new(access: &Issued, refresh: Option<&Issued>) -> Self {
        let lifetime = access.row.expires_at.saturating_sub(access.row.created_at);
        Self {
            access_token: access.token.expose().to_owned(),
            token_type: token_type(&access.row),
            expires_in: u64::try_from(lifetime / 1000).unwrap_or(0),
            refresh_token: refresh.map(|issued| issued.token.expose().to_owned()),
            scope: access.row.scope.to_string(),
        }
    }

    /// The tokens that were given before, at `now`.
    pub(super) fn again(self, token: &Secret, access: &Token, now: EpochMs) -> Self {
        Self {
            access_token: token.expose().to_owned(),
            expires_in: seconds_until(access.expires_at, now),
            ..self
        }
    }

    /// `access_token=…&token_type=Bearer&expires_in=3600`
    pub(super) fn fragment(&self) -> String {
        let seconds = self.expires_in.to_string();
        super::parameters::encode(&[
            ("access_token", self.access_token.as_bytes()),
            ("token_type", self.token_type.as_bytes()),
            ("expires_in", seconds.as_bytes()),
        ])
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = no_store(object(StatusCode::OK, &self));
        response
            .headers_mut()
            .insert(PRAGMA, HeaderValue::from_static("no-cache"));
        response
    }
}
