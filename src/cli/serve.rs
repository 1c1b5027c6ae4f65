//! `callgate serve`: the gateway.

use super::Failure;
use clap::Args;
use std::path::Path;

#[derive(Debug, Args)]
pub(super) struct Serve {}

impl Serve {
    pub(super) fn run(self, _: &Path) -> Result<(), Failure> {
        Err("`serve` is not there yet".into())
    }
}
