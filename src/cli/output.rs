//! What the program prints for people.

/// Prints a line to standard output.
#[expect(clippy::print_stdout, reason = "it is what the command was asked for")]
pub(super) fn say(line: impl std::fmt::Display) {
    println!("{line}");
}

/// Prints why a command failed to standard error.
#[expect(clippy::print_stderr, reason = "it is where failures are told")]
pub(super) fn complain(failure: &dyn std::fmt::Display) {
    eprintln!("callgate: {failure}");
}
