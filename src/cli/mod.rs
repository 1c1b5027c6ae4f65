//! The command line: arguments in, exit code out.

mod arguments;
mod audit;
mod call;
mod check;
mod client;
mod completions;
mod credential;
mod demo;
mod dialling;
mod digest;
mod grant;
mod identity;
mod import;
mod issuer;
mod key;
mod line;
mod logging;
mod migrate;
mod office;
mod output;
mod policy;
mod serve;
mod tenant;
mod token;
mod user;

use clap::{Parser, Subcommand};
use office::Office;
use output::Output;
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

/// An authentication gateway in front of the call APIs of telephone systems.
#[derive(Debug, Parser)]
#[command(name = "callgate", version, propagate_version = true)]
struct Cli {
    /// The configuration file
    #[arg(
        long,
        short,
        global = true,
        value_name = "PATH",
        default_value = "config/callgate.toml"
    )]
    config: PathBuf,
    /// Write JSON, for programs
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway until a signal ends it
    Serve(serve::Serve),
    /// Run a gateway with demo data, and print what to try
    Demo(demo::Demo),
    /// Check the configuration and the database, and name each fault
    Check,
    /// Make the database, or bring its tables up to date
    Migrate,
    /// Organisations whose users share the gateway
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// The people who place calls
    #[command(subcommand)]
    User(user::Command),
    /// The applications that act for users, or for themselves
    #[command(subcommand)]
    Client(client::Command),
    /// Named lists of accesses: an OAuth scope is a policy's name
    #[command(subcommand)]
    Policy(policy::Command),
    /// Which numbers may be rung, by whom and when
    #[command(subcommand)]
    Dialling(dialling::Command),
    /// Access and refresh tokens
    #[command(subcommand)]
    Token(token::Command),
    /// What users allowed applications to do
    #[command(subcommand)]
    Grant(grant::Command),
    /// The keys that sign JWT access tokens
    #[command(subcommand)]
    Key(key::Command),
    /// Tokens of other issuers
    #[command(subcommand)]
    Issuer(issuer::Command),
    /// Accounts of users at other providers
    #[command(subcommand)]
    Identity(identity::Command),
    /// Live calls and their leases
    #[command(subcommand)]
    Call(call::Command),
    /// Users and clients of other systems
    #[command(subcommand)]
    Import(import::Command),
    /// Who did what, when and from where, newest first
    Audit(audit::Audit),
    /// Write a completion script for a shell
    Completions(completions::Arguments),
}

/// What ends a command: a sentence for people.
type Failure = Box<dyn std::error::Error + Send + Sync>;

type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// Runs the command that the arguments name: 0 when it succeeded, 1 when it failed, 2 when it was not understood.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are errors to clap, which go to standard output with 0.
            drop(error.print());
            return u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&explain(failure.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result {
    let output = Output { json: cli.json };
    let config = cli.config;
    match cli.command {
        Command::Serve(serve) => serve.run(&config),
        Command::Demo(demo) => demo.run(),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Check => wait(check::run(&config, output)),
        Command::Migrate => wait(migrate::run(&config, output)),
        Command::Tenant(command) => {
            wait(async { tenant::run(&Office::open(&config).await?, command, output).await })
        }
        Command::User(command) => {
            wait(async { user::run(&Office::open(&config).await?, command, output).await })
        }
        Command::Client(command) => {
            wait(async { client::run(&Office::open(&config).await?, command, output).await })
        }
        Command::Policy(command) => {
            wait(async { policy::run(&Office::open(&config).await?, command, output).await })
        }
        Command::Dialling(command) => {
            wait(async { dialling::run(&Office::open(&config).await?, command, output).await })
        }
        Command::Token(command) => {
            wait(async { token::run(&Office::open(&config).await?, command, output).await })
        }
        Command::Grant(command) => {
            wait(async { grant::run(&Office::open(&config).await?, command, output).await })
        }
        Command::Key(command) => {
            wait(async { key::run(&Office::open(&config).await?, command, output).await })
        }
        Command::Issuer(command) => {
            wait(async { issuer::run(&Office::open(&config).await?, command, output).await })
        }
        Command::Identity(command) => {
            wait(async { identity::run(&Office::open(&config).await?, command, output).await })
        }
        Command::Call(command) => {
            wait(async { call::run(&Office::open(&config).await?, command, output).await })
        }
        Command::Import(command) => {
            wait(async { import::run(&Office::open(&config).await?, command, output).await })
        }
        Command::Audit(audit) => {
            wait(async { audit::run(&Office::open(&config).await?, audit, output).await })
        }
    }
}

/// Runs a command that is over when it is done; the servers see to their own threads.
fn wait(work: impl Future<Output = Result>) -> Result {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work)
}

/// At the console the operator is told the causes as well.
fn explain(failure: &dyn std::error::Error) -> String {
    let mut text = failure.to_string();
    let mut cause = failure.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
