//! Accounts of users at other providers: list them, and unlink them.

use super::{Administration, view};
use crate::acl::Permit;
use crate::error::{Error, Result};
use crate::storage::identities::Identity;
use crate::storage::provider_tokens::ProviderToken;
use serde::Serialize;

/// A linked account as it is shown.
#[derive(Debug, Serialize)]
pub struct IdentityView {
    provider: String,
    issuer: String,
    subject: String,
    linked_at: String,
    last_used_at: Option<String>,
    tokens: Tokens,
}

/// What is kept of what the provider gave.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Tokens {
    None,
    Kept,
    /// The provider takes them no more.
    LoginAgain,
}

impl IdentityView {
    fn new(identity: Identity, tokens: Option<&ProviderToken>) -> Self {
        Self {
            provider: identity.provider,
            issuer: identity.issuer,
            subject: identity.subject,
            linked_at: view::time(identity.linked_at),
            last_used_at: identity.last_used_at.map(view::time),
            tokens: match tokens {
                None => Tokens::None,
                Some(tokens) if tokens.lapsed_at.is_some() => Tokens::LoginAgain,
                Some(_) => Tokens::Kept,
            },
        }
    }
}

impl Administration {
    /// The accounts of a user, by provider; also of providers that are configured no more.
    pub async fn identities(&self, user: &str) -> Result<Vec<IdentityView>> {
        self.user(user).await?;
        let mut shown = Vec::new();
        for identity in self.store.identities(user).await? {
            let tokens = self.store.provider_token(user, &identity.provider).await?;
            shown.push(IdentityView::new(identity, tokens.as_ref()));
        }
        Ok(shown)
    }

    /// Unlinks the user's account at a provider, and forgets its tokens.
    pub async fn unlink(&self, by: &Permit, user: &str, provider: &str) -> Result<()> {
        self.user(user).await?;
        let now = self.clock.now();
        if !self.store.unlink_identity(user, provider, now).await? {
            return Err(Error::Missing("link"));
        }
        self.hold().await;
        let entry = self.entry(by, "user.unlink", user).await;
        self.store.audit(entry.with("provider", provider)).await;
        Ok(())
    }
}
