//! Logins at other providers that are under way: single use, short, and of one browser.

use super::{Result, Store, exists};
use crate::clock::EpochMs;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ProviderLogin {
    /// Hash of the state.
    pub hash: String,
    /// Hash of the value of the browser's cookie.
    pub browser: String,
    pub provider: String,
    /// Where it leads, as a query.
    pub destination: String,
    /// Who links an account; nobody, when somebody logs in.
    pub user_id: Option<String>,
    /// The session in which it is linked.
    pub session: Option<String>,
    pub created_at: EpochMs,
    pub expires_at: EpochMs,
}

impl Store {
    pub async fn begin_provider_login(&self, login: ProviderLogin) -> Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO provider_logins (hash, browser, provider, destination, user_id, session, created_at, expires_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                )
                .bind(login.hash)
                .bind(login.browser)
                .bind(login.provider)
                .bind(login.destination)
                .bind(login.user_id)
                .bind(login.session)
                .bind(login.created_at)
                .bind(login.expires_at)
                .execute(c)
                .await
                .map_err(exists("login"))?;
                Ok(())
            })
        })
        .await
    }

    /// Uses up a login that this browser began at this provider. In any other hands it stays as it is.
    pub async fn take_provider_login(
        &self,
        hash: &str,
        browser: &str,
        provider: &str,
        now: EpochMs,
    ) -> Result<Option<ProviderLogin>> {
        let (hash, browser, provider) = (hash.to_owned(), browser.to_owned(), provider.to_owned());
        self.write(move |c| {
            Box::pin(async move {
                let taken = sqlx::query_as(
                    "UPDATE provider_logins SET used_at = $4
                     WHERE hash = $1 AND browser = $2 AND provider = $3 AND used_at IS NULL AND expires_at > $4
                     RETURNING hash, browser, provider, destination, user_id, session, created_at, expires_at",
                )
                .bind(hash)
                .bind(browser)
                .bind(provider)
                .bind(now)
                .fetch_optional(c)
                .await?;
                Ok(taken)
            })
        })
        .await
    }

    /// Forgets logins that ended before `then`.
    pub async fn prune_provider_logins(&self, then: EpochMs) -> Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query("DELETE FROM provider_logins WHERE expires_at < $1")
                    .bind(then)
                    .execute(c)
                    .await?;
                Ok(())
            })
        })
        .await
    }
}
