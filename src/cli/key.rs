//! `callgate key`: the keys that sign JWT access tokens.

use super::Result;
use super::office::Office;
use super::output::Output;
use crate::admin::Rotation;
use clap::Subcommand;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the keys, oldest first
    List,
    /// Make the next key, which signs once it has been published for long enough
    Rotate {
        /// Let it sign now: whoever keeps a copy of the published keys may not know it yet
        #[arg(long)]
        at_once: bool,
    },
    /// End a key that has leaked, with all tokens that it signed; keys that are only old end by themselves
    Retire { kid: String },
}

pub(super) async fn run(office: &Office, command: Command, output: Output) -> Result {
    let columns = ["kid", "algorithm", "state", "created_at", "signs_at"];
    match command {
        Command::List => output.list(&office.keys().await?, &columns),
        Command::Rotate { at_once } => {
            let rotated = office.rotate_keys(&office.permit, Rotation { at_once });
            output.list(&rotated.await?, &columns)
        }
        Command::Retire { kid } => {
            let ended = office.retire_key(&office.permit, &kid).await?;
            let sentence = format!("The key has ended, and {ended} of its tokens.");
            output.done(&sentence, &json!({ "revoked": ended }))
        }
    }
}
