//! `callgate grant`: what users allowed applications to do.

use super::Result;
use super::office::Office;
use super::output::Output;
use crate::admin::GrantFilter;
use clap::Subcommand;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List live grants, newest first
    List {
        /// Of this user alone, as `TENANT/USERNAME` or by id
        #[arg(long)]
        user: Option<String>,
        #[arg(long)]
        client: Option<String>,
    },
    /// End a grant with all tokens that came of it: the application must ask the user again
    Revoke {
        /// The grant's id, as `grant list` shows it
        id: String,
    },
}

pub(super) async fn run(office: &Office, command: Command, output: Output) -> Result {
    match command {
        Command::List { user, client } => {
            let columns = ["id", "user", "client", "scope", "created_at", "used_at"];
            let grants = office.grants(GrantFilter { user, client }).await?;
            output.list(&grants, &columns)
        }
        Command::Revoke { id } => {
            office.revoke_grant(&office.permit, &id).await?;
            output.done(
                &format!("The grant `{id}` has ended."),
                &json!({ "revoked": id }),
            )
        }
    }
}
