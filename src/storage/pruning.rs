//! Forgetting what is old, a few rows at a time: a large table does not stall the one writer.

use super::{Result, Store};
use crate::clock::EpochMs;

/// Rows of one piece of work: some milliseconds, in which all who write wait.
const BATCH: u32 = 500;

impl Store {
    /// Runs `sql`, which deletes rows from before `$1` and `$2` of them at the most, until there are none. What others
    /// write in the meantime comes in between.
    pub(super) async fn prune(&self, sql: &'static str, then: EpochMs) -> Result<()> {
        loop {
            let batch = self.write(move |c| {
                Box::pin(async move {
                    let delete = sqlx::query(sql).bind(then).bind(i64::from(BATCH));
                    Ok(delete.execute(c).await?.rows_affected())
                })
            });
            if batch.await? < u64::from(BATCH) {
                return Ok(());
            }
        }
    }
}
