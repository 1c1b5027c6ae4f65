//! The one writer of the store: a task that commits many pieces of work at once (group commit).

use super::{Connection, Result, StoreError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::any::AnyConnectOptions;
use sqlx::{ConnectOptions, Connection as _, Executor};
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{mpsc, oneshot};

/// Pieces of work that share one commit at the most.
const BATCH: usize = 256;
const QUEUE: usize = 4096;
/// How long work waits for a place in the queue.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells whoever waits for a piece of work how it ended, once the commit has or has not happened.
type Report = Box<dyn FnOnce(Option<&sqlx::Error>) + Send>;

/// Work, with the type of its result hidden. `true` when it is to be kept.
type Job = Box<dyn for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, (bool, Report)> + Send>;

#[derive(Debug, Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// Connects; the task ends when the last clone of the store is gone.
    pub(super) async fn start(options: AnyConnectOptions) -> Result<Self> {
        let mut line = Line {
            options,
            open: None,
        };
        line.connection().await?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        #[expect(
            clippy::disallowed_methods,
            reason = "the task ends with the store that holds its queue"
        )]
        tokio::spawn(run(line, queue));
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
        let queued = self.jobs.send_timeout(job, PATIENCE).await;
        queued.map_err(|error| match error {
            SendTimeoutError::Timeout(_) => undone(),
            SendTimeoutError::Closed(_) => StoreError::Closed,
        })?;
        answered.await.map_err(|_| undone())?
    }
}

/// The one connection that writes. One on which something failed is replaced: whatever state it was in is gone.
struct Line {
    options: AnyConnectOptions,
    open: Option<Connection>,
}

impl Line {
    async fn connection(&mut self) -> Result<&mut Connection, sqlx::Error> {
        let connection = match self.open.take() {
            Some(connection) => connection,
            None => connect(&self.options).await?,
        };
        Ok(self.open.insert(connection))
    }

    /// Ends the connection, and with it a transaction that is open.
    async fn hang_up(&mut self) {
        let Some(connection) = self.open.take() else {
            return;
        };
        if let Err(error) = connection.close().await {
            tracing::warn!(%error, "the store's connection did not close in order");
        }
    }
}

async fn connect(options: &AnyConnectOptions) -> Result<Connection, sqlx::Error> {
    let mut connection = options.connect().await?;
    // FULL: what was answered survives a power cut.
    connection.execute("PRAGMA synchronous = FULL").await?;
    Ok(connection)
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

/// What the caller learns of work that panicked, or was never begun.
fn undone() -> StoreError {
    StoreError::Engine(sqlx::Error::Protocol("the work was not done".to_owned()))
}

async fn run(mut line: Line, mut queue: mpsc::Receiver<Job>) {
    while let Some(first) = queue.recv().await {
        let mut reports = Vec::new();
        let outcome = batch(&mut line, first, &mut queue, &mut reports).await;
        if let Err(error) = &outcome {
            tracing::error!(%error, "the store did not commit");
            line.hang_up().await;
            if reports.is_empty() {
                refuse_all(&mut queue);
            }
        }
        for report in reports {
            report(outcome.as_ref().err());
        }
    }
}

/// The store cannot be written now: whoever waits is told at once, not after as many failures as wait before it.
fn refuse_all(queue: &mut mpsc::Receiver<Job>) {
    while let Ok(job) = queue.try_recv() {
        drop(job);
    }
}

async fn batch(
    line: &mut Line,
    first: Job,
    queue: &mut mpsc::Receiver<Job>,
    reports: &mut Vec<Report>,
) -> Result<(), sqlx::Error> {
    let connection = line.connection().await?;
    // IMMEDIATE: the lock is taken now, so no statement of the batch can fail for want of it.
    connection.execute("BEGIN IMMEDIATE").await?;
    let mut next = Some(first);
    while let Some(job) = next {
        connection.execute("SAVEPOINT job").await?;
        if !run_one(connection, job, reports).await {
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

/// Whether the work is to be kept. A panic ends the work that panicked, never the writer.
async fn run_one(connection: &mut Connection, job: Job, reports: &mut Vec<Report>) -> bool {
    let Ok((keep, report)) = AssertUnwindSafe(job(connection)).catch_unwind().await else {
        tracing::error!("work on the store panicked: it is undone");
        return false;
    };
    reports.push(report);
    keep
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, Store};
    use super::*;
    use crate::metrics::Metrics;
    use futures_util::future::join_all;
    use std::sync::Arc;
    use tempfile::TempDir;
    use tokio::sync::Notify;

    async fn store() -> (Store, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            url: format!("sqlite:{}", folder.path().join("store.db").display()),
            ..Settings::default()
        };
        let store = Store::migrate(&settings, &Metrics::new()).await.unwrap();
        (store, folder)
    }

    async fn insert(c: &mut Connection, name: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO policies (name, description, accesses, created_at) VALUES ($1, '', '', 0)",
        )
        .bind(name)
        .execute(c)
        .await?;
        Ok(())
    }

    async fn put(store: &Store, name: &'static str) -> Result<()> {
        store
            .write(move |c| Box::pin(async move { insert(c, name).await }))
            .await
    }

    /// What another connection sees, that is what was committed.
    async fn names(store: &Store) -> Vec<String> {
        sqlx::query_scalar("SELECT name FROM policies ORDER BY name")
            .fetch_all(store.readers())
            .await
            .unwrap()
    }

    /// Makes the writer wait until all of `work` is queued, so that it becomes one batch.
    async fn in_one_batch<T>(store: &Store, work: Vec<BoxFuture<'_, T>>) -> Vec<T> {
        let queued = Arc::new(Notify::new());
        let gate = Arc::clone(&queued);
        let held = store.write(move |_| {
            Box::pin(async move {
                gate.notified().await;
                Ok(())
            })
        });
        let opened = async {
            // Every write before this one has been polled once, which queued it.
            queued.notify_one();
        };
        let (_, results, ()) = tokio::join!(held, join_all(work), opened);
        results
    }

    #[tokio::test]
    async fn a_piece_of_work_that_fails_is_undone_alone() {
        let (store, _folder) = store().await;
        let failing = store.write(|c| {
            Box::pin(async move {
                insert(c, "half").await?;
                Err::<(), _>(StoreError::Missing("policy"))
            })
        });
        let results = in_one_batch(
            &store,
            vec![
                Box::pin(put(&store, "a")),
                Box::pin(failing),
                Box::pin(put(&store, "b")),
            ],
        )
        .await;
        assert!(
            matches!(
                results.as_slice(),
                [Ok(()), Err(StoreError::Missing("policy")), Ok(())]
            ),
            "{results:?}"
        );
        assert_eq!(names(&store).await, ["a", "b"]);
    }

    #[tokio::test]
    async fn work_that_panics_is_undone_alone_and_the_writer_goes_on() {
        let (store, _folder) = store().await;
        let panicking = store.write(|c| Box::pin(fall_over(c)));
        let results = in_one_batch(
            &store,
            vec![
                Box::pin(put(&store, "a")),
                Box::pin(panicking),
                Box::pin(put(&store, "b")),
            ],
        )
        .await;
        assert!(
            matches!(results.as_slice(), [Ok(()), Err(_), Ok(())]),
            "{results:?}"
        );
        put(&store, "later").await.unwrap();
        assert_eq!(names(&store).await, ["a", "b", "later"]);
    }

    async fn fall_over(c: &mut Connection) -> Result<()> {
        insert(c, "half").await?;
        panic!("on purpose")
    }

    #[tokio::test]
    async fn nothing_of_a_batch_succeeds_when_its_commit_fails() {
        let (store, _folder) = store().await;
        // A foreign key that is checked at the commit only, and does not hold then.
        let poison = store.write(|c| {
            Box::pin(async move {
                c.execute("PRAGMA defer_foreign_keys = ON").await?;
                c.execute(
                    "INSERT INTO users (id, tenant_id, username, display_name, created_at) VALUES ('u', 'none', 'u', '', 0)",
                )
                .await?;
                Ok(())
            })
        });
        let results = in_one_batch(
            &store,
            vec![
                Box::pin(put(&store, "a")),
                Box::pin(poison),
                Box::pin(put(&store, "b")),
            ],
        )
        .await;
        assert!(results.iter().all(Result::is_err), "{results:?}");
        assert_eq!(names(&store).await, [""; 0]);
        put(&store, "later").await.unwrap();
        assert_eq!(names(&store).await, ["later"]);
    }

    #[tokio::test]
    async fn work_that_breaks_the_transaction_fails_and_the_next_succeeds() {
        let (store, _folder) = store().await;
        for broken in ["ROLLBACK", "RELEASE job", "COMMIT"] {
            let result = store
                .write(move |c| {
                    Box::pin(async move {
                        c.execute(broken).await?;
                        Ok(())
                    })
                })
                .await;
            assert!(result.is_err(), "{broken}");
        }
        put(&store, "later").await.unwrap();
        assert_eq!(names(&store).await, ["later"]);
    }

    #[tokio::test]
    async fn on_a_full_disk_nothing_succeeds_that_is_not_durable() {
        let (store, _folder) = store().await;
        let fill = store.write(|c| {
            Box::pin(async move {
                c.execute("PRAGMA max_page_count = 1").await?;
                let big = "x".repeat(1 << 20);
                insert(c, &big).await
            })
        });
        assert!(fill.await.is_err());
        put(&store, "later").await.unwrap();
        assert_eq!(names(&store).await, ["later"]);
    }

    #[tokio::test]
    async fn a_connection_that_is_lost_is_replaced() {
        let (store, _folder) = store().await;
        let lost = store.write(|c| {
            Box::pin(async move {
                *c = Connection::connect("sqlite::memory:").await?;
                Ok(())
            })
        });
        assert!(lost.await.is_err());
        put(&store, "later").await.unwrap();
        assert_eq!(names(&store).await, ["later"]);
    }

    #[tokio::test]
    async fn work_is_done_though_nobody_waits_for_it() {
        let (store, _folder) = store().await;
        {
            let mut abandoned = Box::pin(put(&store, "abandoned"));
            assert!((&mut abandoned).now_or_never().is_none());
        }
        put(&store, "later").await.unwrap();
        assert_eq!(names(&store).await, ["abandoned", "later"]);
    }
}
