//! Lines: the extension or device of an owner at each backend. They come from here, never from a request.

use super::{Result, Store};

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct Line {
    /// The subject, as `user:ID` or `client:ID`.
    #[serde(skip)]
    pub owner: String,
    pub backend: String,
    pub line: String,
}

impl Store {
    pub async fn line(&self, owner: &str, backend: &str) -> Result<Option<String>> {
        Ok(
            sqlx::query_scalar("SELECT line FROM lines WHERE owner = $1 AND backend = $2")
                .bind(owner)
                .bind(backend)
                .fetch_optional(self.readers())
                .await?,
        )
    }

    pub async fn lines(&self, owner: &str) -> Result<Vec<Line>> {
        Ok(
            sqlx::query_as("SELECT * FROM lines WHERE owner = $1 ORDER BY backend")
                .bind(owner)
                .fetch_all(self.readers())
                .await?,
        )
    }

    /// Sets the owner's line at a backend, or with `None` removes it.
    pub async fn set_line(&self, owner: &str, backend: &str, line: Option<&str>) -> Result<()> {
        let (owner, backend) = (owner.to_owned(), backend.to_owned());
        let line = line.map(str::to_owned);
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query("DELETE FROM lines WHERE owner = $1 AND backend = $2")
                    .bind(&owner)
                    .bind(&backend)
                    .execute(&mut *c)
                    .await?;
                let Some(line) = line else { return Ok(()) };
                sqlx::query("INSERT INTO lines (owner, backend, line) VALUES ($1, $2, $3)")
                    .bind(owner)
                    .bind(backend)
                    .bind(line)
                    .execute(c)
                    .await?;
                Ok(())
            })
        })
        .await
    }
}
