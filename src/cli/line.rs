//! A line at a backend, as `user line` and `client line` set it.

use super::Result;
use crate::admin::Change;
use crate::storage::lines::Line;
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct AtBackend {
    pub(super) backend: String,
    /// What rings first: an extension, a user or a device as the backend names it; or `none`
    line: Change<String>,
    /// Which device of the line rings, where the backend lets one be chosen
    #[arg(long)]
    device: Option<String>,
    /// The number that the callee sees, such as +390501234567
    #[arg(long, value_name = "NUMBER")]
    caller_id: Option<String>,
}

impl AtBackend {
    /// The line that is to be there, if one is.
    pub(super) fn line(&self) -> Result<Option<Line>> {
        let Some(line) = self.line.value() else {
            return self.nothing_else();
        };
        Ok(Some(Line {
            line: line.clone(),
            device: self.device.clone(),
            caller_id: self.caller_id.clone(),
        }))
    }

    fn nothing_else(&self) -> Result<Option<Line>> {
        if self.device.is_some() || self.caller_id.is_some() {
            return Err("without a line there is neither `--device` nor `--caller-id`".into());
        }
        Ok(None)
    }
}
