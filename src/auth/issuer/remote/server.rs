//! Another server that is asked about tokens: in time, by few at once, and not while it is down.

use super::breaker::{Breaker, LeftAlone, Position};
use crate::clock::Clock;
use crate::http::client::{Client, OutboundError};
use crate::http::remote::Fetching;
use crate::metrics::IssuerMetrics;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde::Deserialize;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// How an issuer's server may be asked: `limits` of an `[[issuer]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How long an answer may take; as long again may pass before the question is asked.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// Questions under way at once. A quarter is kept for tokens that were good a moment ago.
    pub concurrency: usize,
    /// Failures in a row after which the server is left alone …
    pub failures: u32,
    /// … for so long.
    #[serde(with = "humantime_serde")]
    pub pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(2),
            concurrency: 32,
            failures: 5,
            pause: Duration::from_secs(10),
        }
    }
}

/// Whose token it is that is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was good a moment ago, and its facts are to be renewed.
    Known,
    /// Anybody may have made it up.
    Stranger,
}

/// Why nothing can be said about a token.
#[derive(Debug, thiserror::Error)]
pub enum Outage {
    #[error("the issuer failed of late, and is left alone for {seconds} seconds")]
    LeftAlone { seconds: u64 },
    #[error("too many tokens are being asked about at once")]
    Busy,
    #[error("the issuer cannot be asked: {0}")]
    Outbound(#[from] OutboundError),
    #[error("the issuer answers {0}")]
    Status(StatusCode),
    #[error("the issuer's answer cannot be used: {0}")]
    Answer(&'static str),
}

impl Limits {
    pub(super) fn faults(&self) -> Vec<(&'static str, String)> {
        let right = self.concurrency >= 2
            && self.failures >= 1
            && !self.timeout.is_zero()
            && self.pause >= self.timeout;
        let message = "`timeout` above zero, `concurrency` of 2 or more, `failures` of 1 or more, `pause` no shorter than `timeout`";
        if right {
            return Vec::new();
        }
        vec![("limits", message.to_owned())]
    }
}

impl Outage {
    /// Seconds after which it is worth trying again.
    pub const fn retry_after(&self) -> u64 {
        match self {
            Self::LeftAlone { seconds } => *seconds,
            _ => 1,
        }
    }
}

impl From<LeftAlone> for Outage {
    fn from(LeftAlone { seconds }: LeftAlone) -> Self {
        Self::LeftAlone { seconds }
    }
}

/// Questions that wait for their turn. More are sent away at once: they would wait in vain.
const MOST_WAITING: usize = 1024;

pub(super) struct Server {
    client: Client,
    clock: Clock,
    timeout: Duration,
    breaker: Breaker,
    /// For everybody.
    turns: Semaphore,
    /// For those that are known, so that no flood of strangers keeps them waiting.
    kept: Semaphore,
    waiting: Semaphore,
    metrics: IssuerMetrics,
}

impl Server {
    pub(super) fn new(fetching: &Fetching, limits: &Limits, metrics: IssuerMetrics) -> Self {
        let kept = (limits.concurrency / 4).max(1);
        Self {
            client: fetching.client.clone(),
            clock: fetching.clock.clone(),
            timeout: limits.timeout,
            breaker: Breaker::new(limits.failures, limits.pause),
            turns: Semaphore::new(limits.concurrency.saturating_sub(kept).max(1)),
            kept: Semaphore::new(kept),
            waiting: Semaphore::new(MOST_WAITING),
            metrics,
        }
    }

    /// Asks, and returns what `read` makes of the answer. What it cannot use counts as the server's failure.
    pub(super) async fn ask<T>(
        &self,
        standing: Standing,
        request: Request<Bytes>,
        read: impl FnOnce(&Response<Bytes>) -> Result<T, Outage>,
    ) -> Result<T, Outage> {
        let _turn = self.turn(standing).await?;
        self.breaker.pass(self.clock.now())?;
        self.show();
        let begun = Instant::now();
        let answer = timeout(self.timeout, self.client.send(request)).await;
        let answer = answer.unwrap_or(Err(OutboundError::Late));
        let answer = answer
            .map_err(Outage::from)
            .and_then(|answer| read(&answer));
        self.metrics.took(begun.elapsed());
        self.note(answer.as_ref().err());
        answer
    }

    /// A place among those that ask, for which they wait as long as for an answer at the most.
    async fn turn(&self, standing: Standing) -> Result<SemaphorePermit<'_>, Outage> {
        self.breaker.check(self.clock.now())?;
        if let Ok(turn) = self.turns.try_acquire() {
            return Ok(turn);
        }
        let _place = self.waiting.try_acquire().map_err(|_| Outage::Busy)?;
        let queue = match standing {
            Standing::Known => &self.kept,
            Standing::Stranger => &self.turns,
        };
        let turn = timeout(self.timeout, queue.acquire()).await;
        turn.map_err(|_| Outage::Busy)?.map_err(|_| Outage::Busy)
    }

    fn note(&self, failure: Option<&Outage>) {
        let before = self.breaker.position();
        match failure {
            Some(_) => self.breaker.failed(self.clock.now()),
            None => self.breaker.succeeded(),
        }
        let position = self.breaker.position();
        if let Some(failure) = failure
            && position == Position::Open
            && before != Position::Open
        {
            let error = failure as &dyn std::error::Error;
            tracing::error!(
                issuer = self.metrics.name(),
                error,
                "the issuer fails, and is left alone for a while"
            );
        }
        self.show();
    }

    fn show(&self) {
        self.metrics.set_breaker(self.breaker.position() as i64);
    }
}
