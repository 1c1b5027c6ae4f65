//! The program's own log, on standard error. (The access log is `proxy/access_log.rs`.)

use super::Failure;
use crate::config::{Log, LogFormat};
use std::io::stderr;
use tracing_subscriber::EnvFilter;

/// Begins to log as the configuration says.
pub(super) fn start(log: &Log) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&log.filter).map_err(|error| format!("log.filter: {error}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr);
    match log.format {
        LogFormat::Json => builder.json().flatten_event(true).try_init()?,
        LogFormat::Text => builder.try_init()?,
    }
    Ok(())
}
