//! `callgate identity`: accounts of users at other providers.

use super::Result;
use super::office::Office;
use super::output::Output;
use clap::Subcommand;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the accounts that a user may log in with
    List {
        /// The user, as `TENANT/USERNAME` or by id
        user: String,
    },
    /// Unlink a user's account, and forget the tokens that its provider gave
    Unlink {
        /// The user, as `TENANT/USERNAME` or by id
        user: String,
        /// The provider's name in the configuration
        provider: String,
    },
}

pub(super) async fn run(office: &Office, command: Command, output: Output) -> Result {
    match command {
        Command::List { user } => {
            let id = office.user_id(&user).await?;
            let columns = ["provider", "issuer", "subject", "tokens", "last_used_at"];
            output.list(&office.identities(&id).await?, &columns)
        }
        Command::Unlink { user, provider } => {
            let id = office.user_id(&user).await?;
            office.unlink(&office.permit, &id, &provider).await?;
            output.done("The account is unlinked.", &json!({ "unlinked": provider }))
        }
    }
}
