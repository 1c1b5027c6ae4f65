//! `callgate migrate`: makes the database, or brings its tables up to date.

use super::Result;
use super::output::Output;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::storage::Store;
use serde_json::json;
use std::path::Path;

pub(super) async fn run(config: &Path, output: Output) -> Result {
    let config = Config::load(config)?;
    Store::migrate(&config.store, &Metrics::new()).await?;
    let url = &config.store.url;
    output.done(
        &format!("The database `{url}` is up to date."),
        &json!({ "store": url, "migrated": true }),
    )
}
