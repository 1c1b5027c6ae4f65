//! The one writer of the store: a task that commits many pieces of work at once (group commit).

use super::{Connection, Result, StoreError};
use futures_util::future::BoxFuture;
use sqlx::Executor;
use tokio::sync::{mpsc, oneshot};

/// Pieces of work that share one commit at the most.
const BATCH: usize = 256;
const QUEUE: usize = 4096;

/// Tells whoever waits for a piece of work how it ended, once the commit has or has not happened.
type Report = Box<dyn FnOnce(Option<&sqlx::Error>) + Send>;

/// Work, with the type of its result hidden. `true` when it is to be kept.
type Job = Box<dyn for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, (bool, Report)> + Send>;

#[derive(Debug, Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// Takes the connection over; the task ends when the last clone of the store is gone.
    pub(super) async fn start(mut connection: Connection) -> Result<Self> {
        // FULL: what was answered survives a power cut.
        connection.execute("PRAGMA synchronous = FULL").await?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        #[expect(
            clippy::disallowed_methods,
            reason = "the task ends with the store that holds its queue"
        )]
        tokio::spawn(run(connection, queue));
        Ok(Self { jobs })
    }

    pub(super) async fn write<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            Box::pin(async move {
                let result = work(connection).await;
                let keep = result.is_ok();
                let report: Report = Box::new(move |failure| {
                    // Nobody waits any more when the request is gone; the work is done all the same.
                    drop(answer.send(settle(result, failure)));
                });
                (keep, report)
            })
        });
        self.jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

/// What the caller learns: its own result, unless the commit failed.
fn settle<T>(result: Result<T>, failure: Option<&sqlx::Error>) -> Result<T> {
    match failure {
        None => result,
        Some(error) => result.and(Err(StoreError::Engine(sqlx::Error::Protocol(
            error.to_string(),
        )))),
    }
}

async fn run(mut connection: Connection, mut queue: mpsc::Receiver<Job>) {
    while let Some(first) = queue.recv().await {
        let mut reports = Vec::new();
        let outcome = batch(&mut connection, first, &mut queue, &mut reports).await;
        if let Err(error) = &outcome {
            tracing::error!(%error, "the store did not commit");
            drop(connection.execute("ROLLBACK").await);
        }
        for report in reports {
            report(outcome.as_ref().err());
        }
    }
}

async fn batch(
    connection: &mut Connection,
    first: Job,
    queue: &mut mpsc::Receiver<Job>,
    reports: &mut Vec<Report>,
) -> Result<(), sqlx::Error> {
    // IMMEDIATE: the lock is taken now, so no statement of the batch can fail for want of it.
    connection.execute("BEGIN IMMEDIATE").await?;
    let mut next = Some(first);
    while let Some(job) = next {
        connection.execute("SAVEPOINT job").await?;
        let (keep, report) = job(connection).await;
        reports.push(report);
        if !keep {
            connection.execute("ROLLBACK TO job").await?;
        }
        connection.execute("RELEASE job").await?;
        next = (reports.len() < BATCH)
            .then(|| queue.try_recv().ok())
            .flatten();
    }
    connection.execute("COMMIT").await?;
    Ok(())
}
