//! Lines: from where an owner calls at each backend. They come from here, never from a request.

use super::{Result, Store};
use serde::{Deserialize, Serialize};

/// From where an owner calls at one backend.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The extension, user or device that rings first, as the backend names it.
    pub line: String,
    /// Which device of the line, where the backend lets one be chosen.
    #[serde(default)]
    pub device: Option<String>,
    /// The number that the callee sees, E.164.
    #[serde(default)]
    pub caller_id: Option<String>,
}

/// A line and where it is one.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct LineAt {
    pub backend: String,
    #[sqlx(flatten)]
    pub line: Line,
}

impl Store {
    pub async fn line(&self, owner: &str, backend: &str) -> Result<Option<Line>> {
        Ok(sqlx::query_as(
            "SELECT line, device, caller_id FROM lines WHERE owner = $1 AND backend = $2",
        )
        .bind(owner)
        .bind(backend)
        .fetch_optional(self.readers())
        .await?)
    }

    pub async fn lines(&self, owner: &str) -> Result<Vec<LineAt>> {
        Ok(sqlx::query_as(
            "SELECT backend, line, device, caller_id FROM lines WHERE owner = $1 ORDER BY backend",
        )
        .bind(owner)
        .fetch_all(self.readers())
        .await?)
    }

    /// Sets the owner's line at a backend, or with `None` removes it.
    pub async fn set_line(&self, owner: &str, backend: &str, line: Option<&Line>) -> Result<()> {
        let (owner, backend) = (owner.to_owned(), backend.to_owned());
        let line = line.cloned();
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query("DELETE FROM lines WHERE owner = $1 AND backend = $2")
                    .bind(&owner)
                    .bind(&backend)
                    .execute(&mut *c)
                    .await?;
                let Some(line) = line else { return Ok(()) };
                sqlx::query(
                    "INSERT INTO lines (owner, backend, line, device, caller_id) VALUES ($1, $2, $3, $4, $5)",
                )
                .bind(owner)
                .bind(backend)
                .bind(line.line)
                .bind(line.device)
                .bind(line.caller_id)
                .execute(c)
                .await?;
                Ok(())
            })
        })
        .await
    }
}
