//! `callgate import`: users and clients of other systems.

use super::Result;
use super::arguments::one_of;
use super::office::Office;
use super::output::Output;
use crate::admin::{Import, Switch, Welcome};
use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Take users and clients over from a dump of the click-to-call service of 2012 (`pg_dump --data-only`)
    Clicktocall {
        /// The tenant that they come to
        tenant: String,
        dump: PathBuf,
        /// A policy that the clients may ask for; may be given more than once
        #[arg(long, default_value = "call")]
        policy: Vec<String>,
        /// A legacy behaviour that the clients may still use; may be given more than once
        #[arg(long, value_parser = one_of::<Switch>)]
        switch: Vec<Switch>,
    },
}

pub(super) async fn run(office: &Office, command: Command, output: Output) -> Result {
    let Command::Clicktocall {
        tenant,
        dump,
        policy,
        switch,
    } = command;
    let text = std::fs::read_to_string(&dump)
        .map_err(|error| format!("cannot read `{}`: {error}", dump.display()))?;
    let welcome = Welcome {
        tenant,
        policies: policy,
        switches: switch,
    };
    let import = office.import_clicktocall(&office.permit, &text, &welcome);
    tell(&import.await?, output)
}

fn tell(import: &Import, output: Output) -> Result {
    let sentence = format!(
        "{} users and {} clients came over. Their passwords and secrets stood in the clear: have them renewed.",
        import.users, import.clients
    );
    output.done(&sentence, import)?;
    for left_out in &import.left_out {
        output.note(&format!("Left out: {}: {}", left_out.what, left_out.why));
    }
    Ok(())
}
