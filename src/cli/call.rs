//! `callgate call`: live calls and their leases.

use super::Result;
use super::office::Office;
use super::output::Output;
use crate::admin::CallFilter;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List live calls, oldest first
    List {
        /// Of this user alone, as `TENANT/USERNAME` or by id
        #[arg(long)]
        user: Option<String>,
        /// Of this client alone, where it acts for itself
        #[arg(long, conflicts_with = "user")]
        client: Option<String>,
        /// Of somebody whom another issuer vouches for, as `ISSUER:SUBJECT`
        #[arg(long, conflicts_with_all = ["user", "client"])]
        external: Option<String>,
    },
    /// Show a call, also one that has ended
    Show { id: String },
    /// End a call
    End {
        id: String,
        /// Give its slot back even when the telephone system does not agree
        #[arg(long)]
        force: bool,
    },
}

pub(super) async fn run(office: &Office, command: Command, output: Output) -> Result {
    match command {
        Command::List {
            user,
            client,
            external,
        } => {
            let user = match user {
                Some(user) => Some(office.user_id(&user).await?),
                None => None,
            };
            let columns = [
                "id",
                "state",
                "owner",
                "client",
                "backend",
                "number",
                "age_seconds",
            ];
            let filter = CallFilter {
                user,
                client,
                external,
            };
            output.list(&office.live_calls(filter).await?, &columns)
        }
        Command::Show { id } => output.one(&office.call(&id).await?),
        Command::End { id, force } => {
            output.one(&office.end_call(&office.permit, &id, force).await?)
        }
    }
}
