//! `callgate token`: access and refresh tokens.

use super::Result;
use super::office::Office;
use super::output::Output;
use crate::admin::{Holder, TokenFilter};
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List live tokens, newest first
    List(Of),
    /// End a token with all that descends from the same authorization, or all of a user or client
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(super) struct Of {
    /// The user, as `TENANT/USERNAME` or by id
    #[arg(long)]
    user: Option<String>,
    #[arg(long)]
    client: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Revoke {
    /// The token's id, as `token list` shows it
    id: Option<String>,
    /// All tokens of this user
    #[arg(long)]
    user: Option<String>,
    /// All tokens of this client
    #[arg(long)]
    client: Option<String>,
}

pub(super) async fn run(office: &Office, command: Command, output: Output) -> Result {
    match command {
        Command::List(of) => {
            let user = match of.user {
                Some(user) => Some(office.user_id(&user).await?),
                None => None,
            };
            let client = of.client;
            let columns = ["id", "class", "client", "user", "scope", "expires_at"];
            let tokens = office.tokens(TokenFilter { user, client }).await?;
            output.list(&tokens, &columns)
        }
        Command::Revoke(which) => {
            let ended = revoke(office, which).await?;
            let what = if ended == 1 {
                "token has"
            } else {
                "tokens have"
            };
            output.done(
                &format!("{ended} {what} ended."),
                &json!({ "revoked": ended }),
            )
        }
    }
}

async fn revoke(office: &Office, which: Revoke) -> Result<u64> {
    let holder = match which {
        Revoke { id: Some(id), .. } => return Ok(office.revoke_token(&office.permit, &id).await?),
        Revoke {
            user: Some(user), ..
        } => Holder::User(office.user_id(&user).await?),
        Revoke { client, .. } => Holder::Client(client.unwrap_or_default()),
    };
    Ok(office.revoke_all(&office.permit, holder).await?)
}
