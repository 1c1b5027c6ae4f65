//! Policies: list, put, delete.

use super::{Administration, rules, view};
use crate::acl::Permit;
use crate::dialling::Holder;
use crate::error::{Error, Result};
use crate::storage::policies::{Accesses, Policy};
use serde::{Deserialize, Serialize};

/// What a policy says, besides its name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyText {
    /// What it allows, in words for the person who is asked to consent.
    pub description: String,
    pub accesses: Vec<String>,
}

/// A policy as it is shown.
#[derive(Debug, Serialize)]
pub struct PolicyView {
    name: String,
    description: String,
    accesses: Accesses,
    created_at: String,
}

impl From<Policy> for PolicyView {
    fn from(policy: Policy) -> Self {
        Self {
            name: policy.name,
            description: policy.description,
            accesses: policy.accesses,
            created_at: view::time(policy.created_at),
        }
    }
}

impl Administration {
    pub async fn policies(&self) -> Result<Vec<PolicyView>> {
        let policies = self.store.policies().await?;
        Ok(policies.into_iter().map(PolicyView::from).collect())
    }

    pub async fn policy(&self, name: &str) -> Result<PolicyView> {
        let policy = self.store.policy(name).await?;
        Ok(policy.ok_or(Error::Missing("policy"))?.into())
    }

    /// Makes a policy, or replaces it: tokens that are out keep the accesses they were issued with.
    pub async fn put_policy(
        &self,
        by: &Permit,
        name: &str,
        text: PolicyText,
    ) -> Result<PolicyView> {
        rules::policy_name(name)?;
        rules::label("a policy's description", &text.description)?;
        text.accesses.iter().try_for_each(|a| rules::access(a))?;
        let before = self.store.policy(name).await?;
        let policy = Policy {
            name: name.to_owned(),
            description: text.description,
            accesses: Accesses(text.accesses),
            created_at: before.map_or_else(|| self.clock.now(), |policy| policy.created_at),
        };
        self.store.put_policy(policy.clone()).await?;
        self.done(by, "policy.put", name).await?;
        Ok(policy.into())
    }

    /// Deletes a policy that no client may ask for.
    pub async fn delete_policy(&self, by: &Permit, name: &str) -> Result<()> {
        let clients = self.store.clients(None).await?;
        if let Some(client) = clients.iter().find(|c| c.policies.contains(name)) {
            return Err(Error::Conflict(format!(
                "the client `{}` may ask for the policy `{name}`: take it from the client first",
                client.id
            )));
        }
        // Without its rules, tokens that are out would be let through where they were refused.
        let holder = Holder::Policy(name.to_owned()).to_string();
        if !self.store.dialling_rules(&[holder]).await?.is_empty() {
            return Err(Error::Conflict(format!(
                "the policy `{name}` has dialling rules, which narrow tokens that are out: remove them first"
            )));
        }
        self.store.delete_policy(name).await?;
        self.done(by, "policy.delete", name).await
    }
}
