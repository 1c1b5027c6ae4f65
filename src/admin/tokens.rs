//! Tokens: list them, and end them by token, user or client.

use super::{Administration, view};
use crate::acl::Permit;
use crate::error::{Error, Result};
use crate::storage::Words;
use crate::storage::policies::Accesses;
use crate::storage::tokens::{Selection, Token};
use serde::{Deserialize, Serialize};

/// Which tokens are to be listed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenFilter {
    pub user: Option<String>,
    pub client: Option<String>,
}

/// Whose tokens are to end: all of a user, or all of a client.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Holder {
    User(String),
    Client(String),
}

/// A token as it is shown: its id names it and opens nothing.
#[derive(Debug, Serialize)]
pub struct TokenView {
    id: String,
    class: String,
    tenant: String,
    client: String,
    /// None when the client acts for itself.
    user: Option<String>,
    scope: Words,
    accesses: Accesses,
    created_at: String,
    expires_at: String,
}

impl From<Token> for TokenView {
    fn from(token: Token) -> Self {
        Self {
            id: token.id,
            class: token.class,
            tenant: token.tenant_id,
            client: token.client_id,
            user: token.user_id,
            scope: token.scope,
            accesses: token.accesses,
            created_at: view::time(token.created_at),
            expires_at: view::time(token.expires_at),
        }
    }
}

impl Administration {
    /// Live tokens, newest first, a thousand at the most.
    pub async fn tokens(&self, filter: TokenFilter) -> Result<Vec<TokenView>> {
        let user = match filter.user {
            Some(named) => Some(self.user_id(&named).await?),
            None => None,
        };
        let client = match filter.client {
            Some(id) => Some(self.client(&id).await?.id),
            None => None,
        };
        let id = None;
        let selection = Selection { id, user, client };
        let tokens = self.store.tokens(&selection, self.clock.now()).await?;
        Ok(tokens.into_iter().map(TokenView::from).collect())
    }

    /// Ends a token with all that descends from the same authorization.
    pub async fn revoke_token(&self, by: &Permit, id: &str) -> Result<u64> {
        match self.store.revoke_token_of_id(id, self.clock.now()).await? {
            0 => Err(Error::Missing("token")),
            ended => self.done(by, "token.revoke", id).await.map(|()| ended),
        }
    }

    /// Ends all tokens of a user or a client, with the consents that would make more, and says how many tokens.
    pub async fn revoke_all(&self, by: &Permit, holder: Holder) -> Result<u64> {
        let now = self.clock.now();
        let (act, id, ended) = match holder {
            Holder::User(named) => {
                let id = self.user_id(&named).await?;
                let ended = self.store.revoke_user(&id, now).await?;
                ("token.revoke_user", id, ended)
            }
            Holder::Client(id) => {
                let id = self.client(&id).await?.id;
                let ended = self.store.revoke_client(&id, now).await?;
                ("token.revoke_client", id, ended)
            }
        };
        self.done(by, act, &id).await?;
        Ok(ended)
    }
}
