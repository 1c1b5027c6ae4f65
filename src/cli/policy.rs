//! `callgate policy`: named lists of accesses.

use super::Result;
use super::office::Office;
use super::output::Output;
use crate::admin::PolicyText;
use clap::Subcommand;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the policies
    List,
    /// Show a policy
    Show { name: String },
    /// Make a policy, or replace it; tokens that are out keep what they were issued with
    Set {
        /// A scope's name (RFC 6749 §3.3)
        name: String,
        /// What it allows, in words for the person who is asked to consent
        #[arg(long)]
        description: String,
        /// An access, such as `calls.create` or `calls.#`; may be given more than once
        #[arg(long, required = true)]
        access: Vec<String>,
    },
    /// Delete a policy that no client may ask for
    Delete { name: String },
}

pub(super) async fn run(office: &Office, command: Command, output: Output) -> Result {
    match command {
        Command::List => {
            let columns = ["name", "accesses", "description"];
            output.list(&office.policies().await?, &columns)
        }
        Command::Show { name } => output.one(&office.policy(&name).await?),
        Command::Set {
            name,
            description,
            access,
        } => {
            let text = PolicyText {
                description,
                accesses: access,
            };
            output.one(&office.put_policy(&office.permit, &name, text).await?)
        }
        Command::Delete { name } => {
            office.delete_policy(&office.permit, &name).await?;
            let sentence = format!("The policy `{name}` is deleted.");
            output.done(&sentence, &json!({ "deleted": name }))
        }
    }
}
