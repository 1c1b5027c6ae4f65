//! `callgate serve`: runs the gateway.

use super::{Failure, logging};
use crate::config::Config;
use crate::server::{self, Start};
use clap::Args;
use std::path::Path;

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Take the listeners over from the process that runs, without losing a connection.
    #[arg(long)]
    upgrade: bool,
}

impl Serve {
    pub(super) fn run(self, path: &Path) -> Result<(), Failure> {
        let config = Config::load(path)?;
        logging::start(&config.log)?;
        let start = Start {
            path: path.to_owned(),
            config,
            upgrade: self.upgrade,
        };
        server::serve(&start, || tracing::info!("callgate answers"))?;
        Ok(())
    }
}
