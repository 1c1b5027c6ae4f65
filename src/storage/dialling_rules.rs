//! Dialling rules of tenants, users, clients and policies, as text that `dialling` understands.

use super::audit::Entry;
use super::{Result, Store, StoreError};
use crate::clock::EpochMs;
use sqlx::AssertSqlSafe;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DiallingRules {
    /// `tenant:ID`, `user:ID`, `client:ID` or `policy:NAME`.
    pub holder: String,
    /// JSON.
    pub rules: String,
    pub updated_at: EpochMs,
}

impl Store {
    /// The rules of those of the holders who have any.
    pub async fn dialling_rules(&self, holders: &[String]) -> Result<Vec<DiallingRules>> {
        let places: Vec<_> = (1..=holders.len()).map(|at| format!("${at}")).collect();
        let sql = format!(
            "SELECT * FROM dialling_rules WHERE holder IN ({})",
            places.join(", ")
        );
        // Nothing but places is put into the text.
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for holder in holders {
            query = query.bind(holder);
        }
        Ok(query.fetch_all(self.readers()).await?)
    }

    pub async fn all_dialling_rules(&self) -> Result<Vec<DiallingRules>> {
        Ok(
            sqlx::query_as("SELECT * FROM dialling_rules ORDER BY holder")
                .fetch_all(self.readers())
                .await?,
        )
    }

    /// Sets the holder's rules, in the place of any other.
    pub async fn set_dialling_rules(&self, rules: DiallingRules, entry: Entry) -> Result<()> {
        let event = entry.event;
        self.write_down(entry, move |c| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO dialling_rules (holder, rules, updated_at) VALUES ($1, $2, $3)
                     ON CONFLICT (holder) DO UPDATE SET rules = excluded.rules, updated_at = excluded.updated_at",
                )
                .bind(rules.holder)
                .bind(rules.rules)
                .bind(rules.updated_at)
                .execute(c)
                .await?;
                Ok(((), event))
            })
        })
        .await
    }

    /// # Errors
    /// [`StoreError::Missing`] when the holder has none.
    pub async fn remove_dialling_rules(&self, holder: &str, entry: Entry) -> Result<()> {
        let (holder, event) = (holder.to_owned(), entry.event);
        self.write_down(entry, move |c| {
            Box::pin(async move {
                let done = sqlx::query("DELETE FROM dialling_rules WHERE holder = $1")
                    .bind(holder)
                    .execute(c)
                    .await?;
                if done.rows_affected() == 0 {
                    return Err(StoreError::Missing("set of dialling rules"));
                }
                Ok(((), event))
            })
        })
        .await
    }
}
