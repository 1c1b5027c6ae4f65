//! The program: see `callgate::cli`.

fn main() -> std::process::ExitCode {
    callgate::cli::main()
}
