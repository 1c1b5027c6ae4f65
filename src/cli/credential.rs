//! `callgate user credential`: what users present to upstreams.

use super::Result;
use super::arguments::secret;
use super::office::Office;
use super::output::Output;
use crate::admin::{GivenCredential, Password};
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List a user's own credentials; their secrets are never shown
    List {
        /// The user, as `TENANT/USERNAME` or by id
        user: String,
    },
    /// Set a user's own secret for a `[[credential]]`
    Set(Set),
    /// Remove a user's own secret
    Remove {
        /// The user, as `TENANT/USERNAME` or by id
        user: String,
        /// The credential's name in the configuration
        name: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Set {
    /// The user, as `TENANT/USERNAME` or by id
    user: String,
    /// The credential's name in the configuration
    name: String,
    /// The user's name there, for `basic`: then the secret is a password, else a token
    #[arg(long)]
    username: Option<String>,
    /// Where the secret is, `file:PATH` or `env:NAME`; else it is read from standard input
    #[arg(long, value_name = "SETTING")]
    secret: Option<String>,
}

pub(super) async fn run(office: &Office, command: Command, output: Output) -> Result {
    match command {
        Command::List { user } => {
            let id = office.user_id(&user).await?;
            let columns = ["name", "kind", "set_at"];
            output.list(&office.user_credentials(&id).await?, &columns)
        }
        Command::Set(set) => {
            let id = office.user_id(&set.user).await?;
            let given = given(set.username, &secret(set.secret.as_deref())?);
            office
                .set_user_credential(&office.permit, &id, &set.name, given)
                .await?;
            output.done("The credential is set.", &json!({ "set": set.name }))
        }
        Command::Remove { user, name } => {
            let id = office.user_id(&user).await?;
            office
                .remove_user_credential(&office.permit, &id, &name)
                .await?;
            output.done("The credential is removed.", &json!({ "removed": name }))
        }
    }
}

fn given(username: Option<String>, secret: &crate::secret::Secret) -> GivenCredential {
    let secret = Some(Password::new(secret.expose()));
    match username {
        None => GivenCredential {
            token: secret,
            ..GivenCredential::default()
        },
        username => GivenCredential {
            username,
            password: secret,
            ..GivenCredential::default()
        },
    }
}
