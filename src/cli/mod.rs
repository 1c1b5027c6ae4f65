//! The command line: arguments in, exit code out.

mod demo;
mod logging;
mod output;
mod serve;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// An authentication gateway in front of the call APIs of telephone systems.
#[derive(Debug, Parser)]
#[command(name = "callgate", version, about)]
struct Arguments {
    /// The configuration.
    #[arg(long, global = true, default_value = "config/callgate.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway until a signal ends it.
    Serve(serve::Serve),
    /// Run a gateway with demo data, and print what to try.
    Demo(demo::Demo),
}

/// What ends a command: a sentence for people.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command that the arguments name: 0 when it did what was asked, 1 when it failed, 2 when the arguments
/// made no sense.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Serve(serve) => serve.run(&arguments.config),
        Command::Demo(demo) => demo.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure);
            ExitCode::FAILURE
        }
    }
}
