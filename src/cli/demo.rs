//! `callgate demo`: the gateway with demo data.

use super::Failure;
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Demo {}

impl Demo {
    pub(super) fn run(self) -> Result<(), Failure> {
        Err("`demo` is not there yet".into())
    }
}
