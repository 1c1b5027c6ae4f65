//! `callgate issuer`: others' credentials.

use super::Result;
use super::arguments::secret;
use super::office::Office;
use super::output::Output;
use crate::admin::Ending;
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// End what an issuer has issued until now, by token, session or subject
    Revoke {
        /// The issuer's name in the configuration
        issuer: String,
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// All of this session, by the issuer's name for it
    #[arg(long)]
    session: Option<String>,
    /// All of this person or application, by the issuer's name for them
    #[arg(long)]
    subject: Option<String>,
    /// The token that stands on the first line of standard input: arguments are seen by others
    #[arg(long)]
    token_stdin: bool,
}

pub(super) async fn run(office: &Office, command: Command, output: Output) -> Result {
    let Command::Revoke { issuer, which } = command;
    let ending = match which {
        Which {
            session: Some(id), ..
        } => Ending::Session(id),
        Which {
            subject: Some(id), ..
        } => Ending::Subject(id),
        _ => Ending::Token(secret(None)?.expose().to_owned()),
    };
    office
        .revoke_external(&office.permit, &issuer, ending)
        .await?;
    let ended = format!("What `{issuer}` issued for it until now has ended.");
    output.done(&ended, &json!({ "revoked": issuer }))
}
