//! `callgate user`: the people who place calls.

use super::Result;
use super::arguments::password_from_stdin;
use super::credential;
use super::digest;
use super::line::AtBackend;
use super::office::Office;
use super::output::Output;
use crate::admin::{Change, NewUser, Password, UserChanges, UserView};
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the users
    List {
        /// Of this tenant alone
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Show a user
    Show(Named),
    /// Create a user; unless told otherwise, with a password that is made and shown once
    Create(Create),
    /// Change a user
    Set(Set),
    /// Give a user a new password, made and shown once, or read; all logins and tokens end
    Password {
        #[command(flatten)]
        user: Named,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Log a user out of all browsers; applications keep their tokens
    LogOut(Named),
    /// Log a user out, end all tokens, and refuse the user from now on
    Disable(Named),
    /// Let a disabled user in again
    Enable(Named),
    /// Take all second factors from a user who has lost them; the password alone logs in from then on
    FactorReset(Named),
    /// Set a user's line at a backend
    Line {
        #[command(flatten)]
        user: Named,
        #[command(flatten)]
        at: AtBackend,
    },
    /// What a user presents to upstreams: secrets of their own
    #[command(subcommand)]
    Credential(credential::Command),
    /// What the user logs in with by Kalliope's digest
    #[command(subcommand)]
    Digest(digest::OfUser),
}

#[derive(Debug, Args)]
pub(super) struct Named {
    /// The user, as `TENANT/USERNAME` or by id
    user: String,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    tenant: String,
    username: String,
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Read the password from standard input
    #[arg(long, conflicts_with = "no_password")]
    password_stdin: bool,
    /// A user who cannot log in
    #[arg(long)]
    no_password: bool,
    /// Calls at once
    #[arg(long, value_name = "CALLS")]
    call_limit: Option<u32>,
    /// The backend that places the user's calls
    #[arg(long)]
    backend: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    #[command(flatten)]
    user: Named,
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Calls at once, or `none` for the tenant's
    #[arg(long, value_name = "CALLS")]
    call_limit: Option<Change<u32>>,
    /// The backend, or `none` for the tenant's
    #[arg(long)]
    backend: Option<Change<String>>,
}

pub(super) async fn run(office: &Office, command: Command, output: Output) -> Result {
    match command {
        Command::List { tenant } => {
            let columns = [
                "id",
                "tenant",
                "username",
                "display_name",
                "call_limit",
                "lines",
                "enabled",
            ];
            output.list(&office.users(tenant.as_deref()).await?, &columns)
        }
        Command::Show(Named { user }) => {
            let id = office.user_id(&user).await?;
            output.one(&office.user(&id).await?)
        }
        Command::Create(new) => create(office, new, output).await,
        Command::Set(set) => {
            let changes = UserChanges {
                display_name: set.display_name,
                call_limit: set.call_limit.unwrap_or_default(),
                backend: set.backend.unwrap_or_default(),
                ..UserChanges::default()
            };
            output.one(&change(office, &set.user, changes).await?)
        }
        Command::Password {
            user,
            password_stdin,
        } => password(office, &user, password_stdin, output).await,
        Command::LogOut(Named { user }) => {
            let ended = office.end_sessions(&office.permit, &user).await?;
            let sentence = format!("The user is logged out of {ended} browsers.");
            output.done(&sentence, &json!({ "ended": ended }))
        }
        Command::Disable(user) => output.one(&change(office, &user, enabled(false)).await?),
        Command::Enable(user) => output.one(&change(office, &user, enabled(true)).await?),
        Command::FactorReset(Named { user }) => {
            let id = office.user_id(&user).await?;
            office.reset_factors(&office.permit, &id).await?;
            output.one(&office.factors(&id).await?)
        }
        Command::Credential(command) => credential::run(office, command, output).await,
        Command::Digest(command) => digest::of_user(office, command, output).await,
        Command::Line { user, at } => {
            let id = office.user_id(&user.user).await?;
            let (by, backend) = (&office.permit, &at.backend);
            match at.line()? {
                Some(line) => office.set_user_line(by, &id, backend, &line).await?,
                None => office.remove_user_line(by, &id, backend).await?,
            }
            output.one(&office.user(&id).await?)
        }
    }
}

async fn create(office: &Office, new: Create, output: Output) -> Result {
    let password = match (new.password_stdin, new.no_password) {
        (true, _) => Change::Set(password_from_stdin()?),
        (_, true) => Change::Clear,
        _ => Change::Keep,
    };
    let new = NewUser {
        tenant: new.tenant,
        username: new.username,
        display_name: new.display_name,
        password,
        call_limit: new.call_limit,
        backend: new.backend,
    };
    let made = office.create_user(&office.permit, new).await?;
    output.one(&made)?;
    if made.password.is_some() {
        output.note("The password is shown this once: give it to the user now.");
    }
    Ok(())
}

async fn password(office: &Office, user: &Named, from_stdin: bool, output: Output) -> Result {
    if from_stdin {
        let changes = with_password(password_from_stdin()?);
        return output.one(&change(office, user, changes).await?);
    }
    let password = Password::generate();
    change(office, user, with_password(password.clone())).await?;
    let password = password.into_secret();
    output.one(&serde_json::json!({ "user": user.user, "password": password.expose() }))?;
    output.note("The password is shown this once: give it to the user now.");
    Ok(())
}

async fn change(office: &Office, user: &Named, changes: UserChanges) -> Result<UserView> {
    let id = office.user_id(&user.user).await?;
    Ok(office.change_user(&office.permit, &id, changes).await?)
}

fn with_password(password: Password) -> UserChanges {
    UserChanges {
        password: Change::Set(password),
        ..UserChanges::default()
    }
}

fn enabled(enabled: bool) -> UserChanges {
    UserChanges {
        enabled: Some(enabled),
        ..UserChanges::default()
    }
}
