//! `callgate client`: the applications that act for users, or for themselves.

use super::Result;
use super::arguments::{duration, one_of};
use super::line::AtBackend;
use super::office::Office;
use super::output::Output;
use crate::admin::{
    Change, ClientChanges, ClientView, GrantType, Kind, NewClient, NewClientView, Switch,
};
use crate::storage::clients::TokenFormat;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the clients
    List {
        /// Of this tenant alone
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Show a client
    Show { id: String },
    /// Create a client; the secret of a confidential one is made and shown once
    Create(Create),
    /// Change a client; what is given replaces what was there
    Set(Set),
    /// Give a client a new secret, made and shown once; the old one is refused from now on
    Secret {
        id: String,
        /// For so long, such as `24h`, the old secret is good as well
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        overlap: Option<Duration>,
    },
    /// End all of a client's tokens, and refuse it from now on
    Disable { id: String },
    /// Let a disabled client in again
    Enable { id: String },
    /// Set the line, at a backend, of a client that acts for itself
    Line {
        id: String,
        #[command(flatten)]
        at: AtBackend,
    },
}

#[derive(Debug, Args)]
pub(super) struct Create {
    tenant: String,
    /// The name that people see when they are asked to consent
    name: String,
    /// The `client_id`; made, if left out
    #[arg(long)]
    id: Option<String>,
    /// `confidential` or `public` (RFC 6749 §2.1)
    #[arg(long, value_parser = one_of::<Kind>, default_value = "confidential")]
    kind: Kind,
    #[command(flatten)]
    lists: Lists,
    /// Calls at once when it acts for itself
    #[arg(long, value_name = "CALLS")]
    call_limit: Option<u32>,
    /// Refuse it every token without a proof of its key (RFC 9449)
    #[arg(long)]
    dpop_bound: bool,
    /// Refuse authorization requests that it did not push (RFC 9126)
    #[arg(long)]
    par_required: bool,
    /// A file with its public keys, a JSON Web Key Set
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// When its switches end, such as 2027-06-30T00:00:00Z
    #[arg(long, value_name = "TIME")]
    sunset_at: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    id: String,
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    lists: Lists,
    /// Calls at once, or `none` for the tenant's
    #[arg(long, value_name = "CALLS")]
    call_limit: Option<Change<u32>>,
    /// Take all switches away
    #[arg(long, conflicts_with = "switch")]
    no_switches: bool,
    /// Whether every token of it needs a proof of its key (RFC 9449)
    #[arg(long, value_name = "BOOL")]
    dpop_bound: Option<bool>,
    /// Whether it must push its authorization requests (RFC 9126)
    #[arg(long, value_name = "BOOL")]
    par_required: Option<bool>,
    /// A file with its public keys, a JSON Web Key Set, or `none`
    #[arg(long, value_name = "FILE")]
    jwks: Option<Change<PathBuf>>,
    /// When its switches end, such as 2027-06-30T00:00:00Z, or `none`
    #[arg(long, value_name = "TIME")]
    sunset_at: Option<Change<Timestamp>>,
}

#[derive(Debug, Args)]
struct Lists {
    /// An exact redirect URI; may be given more than once
    #[arg(long, value_name = "URI")]
    redirect_uri: Vec<String>,
    /// `authorization_code`, `client_credentials`, `refresh_token` or `device_code`; may be given more than once
    #[arg(long, value_name = "TYPE", value_parser = one_of::<GrantType>)]
    grant_type: Vec<GrantType>,
    /// A policy that it may ask for; may be given more than once
    #[arg(long)]
    policy: Vec<String>,
    /// A legacy behaviour, such as `query_token`; may be given more than once
    #[arg(long, value_parser = one_of::<Switch>)]
    switch: Vec<Switch>,
    /// What its access tokens look like: `opaque` or `jwt` (RFC 9068)
    #[arg(long, value_parser = one_of::<TokenFormat>)]
    token_format: Option<TokenFormat>,
    /// The id of a resource server that its tokens are for as well; may be given more than once
    #[arg(long, value_name = "ID")]
    audience: Vec<String>,
}

pub(super) async fn run(office: &Office, command: Command, output: Output) -> Result {
    match command {
        Command::List { tenant } => {
            let columns = [
                "id", "tenant", "name", "kind", "policies", "switches", "enabled",
            ];
            output.list(&office.clients(tenant.as_deref()).await?, &columns)
        }
        Command::Show { id } => output.one(&office.client(&id).await?),
        Command::Create(new) => {
            let made = office
                .create_client(&office.permit, described(new)?)
                .await?;
            with_secret(&made, output)
        }
        Command::Set(set) => {
            let id = set.id.clone();
            output.one(&change(office, &id, changes(set)?).await?)
        }
        Command::Secret { id, overlap } => {
            let made = office.rotate_secret(&office.permit, &id, overlap);
            with_secret(&made.await?, output)
        }
        Command::Disable { id } => output.one(&change(office, &id, enabled(false)).await?),
        Command::Enable { id } => output.one(&change(office, &id, enabled(true)).await?),
        Command::Line { id, at } => {
            let (by, backend) = (&office.permit, &at.backend);
            match at.line()? {
                Some(line) => office.set_client_line(by, &id, backend, &line).await?,
                None => office.remove_client_line(by, &id, backend).await?,
            }
            output.one(&office.client(&id).await?)
        }
    }
}

fn with_secret(made: &NewClientView, output: Output) -> Result {
    output.one(made)?;
    if made.client_secret.is_some() {
        output.note("The client secret is shown this once: put it into the client now.");
    }
    Ok(())
}

async fn change(office: &Office, id: &str, changes: ClientChanges) -> Result<ClientView> {
    Ok(office.change_client(&office.permit, id, changes).await?)
}

fn described(new: Create) -> Result<NewClient> {
    Ok(NewClient {
        tenant: new.tenant,
        id: new.id,
        name: new.name,
        kind: new.kind,
        redirect_uris: new.lists.redirect_uri,
        grant_types: given(new.lists.grant_type),
        policies: new.lists.policy,
        switches: new.lists.switch,
        call_limit: new.call_limit,
        token_format: new.lists.token_format.unwrap_or_default(),
        audience: new.lists.audience,
        jwks: new.jwks.as_deref().map(json_file).transpose()?,
        dpop_bound: new.dpop_bound,
        par_required: new.par_required,
        sunset_at: new.sunset_at,
    })
}

fn changes(set: Set) -> Result<ClientChanges> {
    Ok(ClientChanges {
        name: set.name,
        redirect_uris: given(set.lists.redirect_uri),
        grant_types: given(set.lists.grant_type),
        policies: given(set.lists.policy),
        switches: if set.no_switches {
            Some(Vec::new())
        } else {
            given(set.lists.switch)
        },
        call_limit: set.call_limit.unwrap_or_default(),
        token_format: set.lists.token_format,
        audience: given(set.lists.audience),
        jwks: set
            .jwks
            .unwrap_or_default()
            .try_map(|path| json_file(&path))?,
        dpop_bound: set.dpop_bound,
        par_required: set.par_required,
        sunset_at: set.sunset_at.unwrap_or_default(),
        enabled: None,
    })
}

fn json_file(path: &Path) -> Result<serde_json::Value> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    serde_json::from_str(&text)
        .map_err(|error| format!("`{}` is no JSON: {error}", path.display()).into())
}

fn enabled(enabled: bool) -> ClientChanges {
    ClientChanges {
        enabled: Some(enabled),
        ..ClientChanges::default()
    }
}

/// An option that was not given once changes nothing.
fn given<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
