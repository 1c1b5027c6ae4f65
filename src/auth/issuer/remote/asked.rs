//! What an issuer is asked when nobody here knows about a token, and who that makes its holder.

use super::dialect::Dialect;
use super::server::{Outage, Server, Standing};
use super::{Surroundings, Told, Worth};
use crate::auth::issuer::principal::Principals;
use crate::auth::vault::{Source, SourceError};
use crate::clock::EpochMs;
use crate::metrics::IssuerMetrics;
use crate::secret::Secret;
use crate::token::{Facts, TokenHash};
use async_trait::async_trait;

/// The source of one issuer's facts.
pub(super) struct Asked {
    dialect: Dialect,
    server: Server,
    principals: Principals,
    metrics: IssuerMetrics,
}

impl Asked {
    pub(super) fn new(dialect: Dialect, around: Surroundings<'_>, metrics: IssuerMetrics) -> Self {
        Self {
            server: Server::new(around.fetching, dialect.limits(), metrics.clone()),
            principals: dialect.principals(around.store),
            metrics,
            dialect,
        }
    }

    async fn find_out(
        &self,
        hash: TokenHash,
        token: &Secret,
        standing: Standing,
        now: EpochMs,
    ) -> Result<Option<Facts>, SourceError> {
        let asked = self.ask(hash, token, standing, now).await;
        self.metrics.validated(match &asked {
            Ok(Worth::Good(_)) => "good",
            Ok(Worth::Unknown) => "unknown",
            Ok(Worth::Refused(_)) => "refused",
            Err(Outage::LeftAlone { .. }) => "left_alone",
            Err(Outage::Busy) => "busy",
            Err(_) => "failed",
        });
        match asked {
            Ok(Worth::Good(told)) => {
                let Told { claims, verified } = *told;
                let facts = self.principals.facts(&claims, verified, token.expose());
                Ok(facts.await?)
            }
            Ok(Worth::Unknown) => Ok(None),
            Ok(Worth::Refused(reason)) => {
                tracing::info!(issuer = self.metrics.name(), reason, "a token is refused");
                Ok(None)
            }
            Err(outage) => Err(SourceError::issuer(outage)),
        }
    }

    async fn ask(
        &self,
        hash: TokenHash,
        token: &Secret,
        standing: Standing,
        now: EpochMs,
    ) -> Result<Worth, Outage> {
        let question = self.dialect.question(token)?;
        let read = |answer: &_| self.dialect.read(token, answer, hash, now);
        self.server.ask(standing, question, read).await
    }
}

#[async_trait]
impl Source for Asked {
    async fn look(
        &self,
        hash: TokenHash,
        credential: &Secret,
        now: EpochMs,
    ) -> Result<Option<Facts>, SourceError> {
        self.find_out(hash, credential, Standing::Stranger, now)
            .await
    }

    async fn look_again(
        &self,
        hash: TokenHash,
        credential: &Secret,
        now: EpochMs,
    ) -> Result<Option<Facts>, SourceError> {
        self.find_out(hash, credential, Standing::Known, now).await
    }
}
