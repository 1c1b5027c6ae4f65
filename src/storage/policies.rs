//! Policies: named lists of accesses. An OAuth scope is a policy's name.

use super::{Result, Store, StoreError, Words};
use crate::clock::EpochMs;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct Policy {
    pub name: String,
    /// What it allows, in words for the person who is asked to consent.
    pub description: String,
    #[sqlx(try_from = "String")]
    pub accesses: Accesses,
    pub created_at: EpochMs,
}

/// The accesses of a policy: a JSON array in the store, since an access may contain blanks.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Accesses(pub Vec<String>);

impl TryFrom<String> for Accesses {
    type Error = serde_json::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        serde_json::from_str(&text)
    }
}

impl Accesses {
    pub fn to_text(&self) -> String {
        serde_json::json!(self.0).to_string()
    }
}

impl Store {
    pub async fn policy(&self, name: &str) -> Result<Option<Policy>> {
        Ok(sqlx::query_as("SELECT * FROM policies WHERE name = $1")
            .bind(name)
            .fetch_optional(self.readers())
            .await?)
    }

    pub async fn policies(&self) -> Result<Vec<Policy>> {
        Ok(sqlx::query_as("SELECT * FROM policies ORDER BY name")
            .fetch_all(self.readers())
            .await?)
    }

    /// The policies that a scope names, in its order; names without a policy are left out.
    pub async fn policies_of(&self, scope: &Words) -> Result<Vec<Policy>> {
        let mut found = Vec::new();
        for name in scope.iter() {
            found.extend(self.policy(name).await?);
        }
        Ok(found)
    }

    /// Makes a policy, or replaces it. Tokens keep the accesses that were frozen into them when issued.
    pub async fn put_policy(&self, policy: Policy) -> Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO policies (name, description, accesses, created_at) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (name) DO UPDATE SET description = excluded.description, accesses = excluded.accesses",
                )
                .bind(policy.name)
                .bind(policy.description)
                .bind(policy.accesses.to_text())
                .bind(policy.created_at)
                .execute(c)
                .await?;
                Ok(())
            })
        })
        .await
    }

    pub async fn delete_policy(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                let done = sqlx::query("DELETE FROM policies WHERE name = $1")
                    .bind(name)
                    .execute(c)
                    .await?;
                if done.rows_affected() == 0 {
                    return Err(StoreError::Missing("policy"));
                }
                Ok(())
            })
        })
        .await
    }
}
