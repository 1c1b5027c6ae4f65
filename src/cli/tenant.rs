//! `callgate tenant`: organisations whose users share the gateway.

use super::Result;
use super::digest;
use super::office::Office;
use super::output::Output;
use crate::admin::{Change, NewTenant, TenantChanges};
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the tenants
    List,
    /// Show a tenant
    Show { id: String },
    /// Create a tenant
    Create(Create),
    /// Change a tenant
    Set(Set),
    /// Refuse the tenant's users and clients from now on
    Disable { id: String },
    /// Let a disabled tenant in again
    Enable { id: String },
    /// Whether the tenant's users may log in by Kalliope's digest
    #[command(subcommand)]
    Digest(digest::OfTenant),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// A short name, such as `acme`
    id: String,
    /// The country by which national numbers are understood, such as `IT`
    #[arg(long)]
    region: String,
    /// The name for people
    #[arg(long)]
    name: Option<String>,
    /// Calls that each of its users may have at once
    #[arg(long, value_name = "CALLS")]
    call_limit: Option<u32>,
    /// The backend that places its calls
    #[arg(long)]
    backend: Option<String>,
    /// The time zone of its people, such as `Europe/Rome`
    #[arg(long)]
    time_zone: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    id: String,
    #[arg(long)]
    name: Option<String>,
    #[arg(long)]
    region: Option<String>,
    /// Calls at once, or `none` for the configuration's
    #[arg(long, value_name = "CALLS")]
    call_limit: Option<Change<u32>>,
    /// The backend, or `none` for the configuration's
    #[arg(long)]
    backend: Option<Change<String>>,
    /// The time zone of its people, or `none` for the configuration's
    #[arg(long)]
    time_zone: Option<Change<String>>,
}

pub(super) async fn run(office: &Office, command: Command, output: Output) -> Result {
    let enabled = |enabled| TenantChanges {
        enabled: Some(enabled),
        ..TenantChanges::default()
    };
    let (id, changes) = match command {
        Command::List => {
            let columns = ["id", "name", "region", "call_limit", "backend", "enabled"];
            return output.list(&office.tenants().await?, &columns);
        }
        Command::Show { id } => return output.one(&office.tenant(&id).await?),
        Command::Create(new) => return create(office, new, output).await,
        Command::Set(set) => (
            set.id,
            TenantChanges {
                name: set.name,
                region: set.region,
                call_limit: set.call_limit.unwrap_or_default(),
                backend: set.backend.unwrap_or_default(),
                time_zone: set.time_zone.unwrap_or_default(),
                enabled: None,
            },
        ),
        Command::Disable { id } => (id, enabled(false)),
        Command::Enable { id } => (id, enabled(true)),
        Command::Digest(command) => return digest::of_tenant(office, command, output).await,
    };
    output.one(&office.change_tenant(&office.permit, &id, changes).await?)
}

async fn create(office: &Office, new: Create, output: Output) -> Result {
    let new = NewTenant {
        id: new.id,
        name: new.name,
        region: new.region,
        call_limit: new.call_limit,
        backend: new.backend,
        time_zone: new.time_zone,
    };
    output.one(&office.create_tenant(&office.permit, new).await?)
}
