//! What administration ended of other issuers' credentials: all that was issued until then.

use super::audit::Entry;
use super::revocations::{self, Kind};
use super::{Connection, Result, Store};
use crate::clock::EpochMs;

/// What of an issuer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'n> {
    /// One token, by its hash.
    Token(&'n str),
    /// All of one login there.
    Session(&'n str),
    /// All of one subject there.
    Subject(&'n str),
}

/// What a credential may be named by.
#[derive(Debug, Clone, Copy)]
pub struct Names<'n> {
    pub issuer: &'n str,
    pub token: &'n str,
    pub session: Option<&'n str>,
    pub subject: &'n str,
}

impl<'n> Named<'n> {
    const fn kind(self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::Session(_) => "session",
            Self::Subject(_) => "subject",
        }
    }

    const fn name(self) -> &'n str {
        match self {
            Self::Token(name) | Self::Session(name) | Self::Subject(name) => name,
        }
    }
}

impl Store {
    /// Ends what was issued until `now`, and has every cache drop what `dropped` names.
    pub async fn revoke_external(
        &self,
        issuer: &str,
        named: Named<'_>,
        dropped: (Kind, String),
        entry: Entry,
        now: EpochMs,
    ) -> Result<()> {
        let (issuer, kind, named) = (issuer.to_owned(), named.kind(), named.name().to_owned());
        let event = entry.event;
        self.write_down(entry, move |c| {
            Box::pin(async move {
                end(c, &issuer, kind, &named, now).await?;
                let (kind, subject) = dropped;
                revocations::record(c, kind, &subject, now).await?;
                Ok(((), event))
            })
        })
        .await
    }

    /// Has every cache drop what is named, without a word on whether it is good: its source is to be asked again.
    pub async fn forget_everywhere(&self, kind: Kind, subject: &str, now: EpochMs) -> Result<()> {
        let subject = subject.to_owned();
        self.write(move |c| {
            Box::pin(async move { revocations::record(c, kind, &subject, now).await })
        })
        .await
    }

    /// When the latest of what may name a credential was ended, if anything was.
    pub async fn external_revocation(&self, names: Names<'_>) -> Result<Option<EpochMs>> {
        let found: Option<EpochMs> = sqlx::query_scalar(
            "SELECT max(revoked_at) FROM external_revocations WHERE issuer = $1 AND
             ((kind = 'token' AND named = $2) OR (kind = 'session' AND named = $3) OR (kind = 'subject' AND named = $4))",
        )
        .bind(names.issuer)
        .bind(names.token)
        .bind(names.session)
        .bind(names.subject)
        .fetch_one(self.readers())
        .await?;
        Ok(found)
    }

    /// Forgets what was ended before `then`: nothing issued until then is good any more.
    pub async fn prune_external_revocations(&self, then: EpochMs) -> Result<()> {
        let sql = "DELETE FROM external_revocations WHERE (issuer, kind, named) IN
                   (SELECT issuer, kind, named FROM external_revocations WHERE revoked_at < $1 LIMIT $2)";
        self.prune(sql, then).await
    }
}

async fn end(
    c: &mut Connection,
    issuer: &str,
    kind: &str,
    named: &str,
    now: EpochMs,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO external_revocations (issuer, kind, named, revoked_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (issuer, kind, named) DO UPDATE SET revoked_at = excluded.revoked_at",
    )
    .bind(issuer)
    .bind(kind)
    .bind(named)
    .bind(now)
    .execute(c)
    .await?;
    Ok(())
}
