//! What may have been meant by a key that does not exist.

/// The error as TOML tells it, with a suggestion when a known key is close to an unknown one.
pub(super) fn explain(error: &toml::de::Error) -> String {
    let text = error.to_string();
    let text = text.trim_end();
    match suggestion(error.message()) {
        Some(known) => format!("{text}\ndid you mean `{known}`?"),
        None => text.to_owned(),
    }
}

/// From "unknown field `a`, expected one of `b`, `c`", the expected one that looks most like `a`.
fn suggestion(message: &str) -> Option<&str> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    let likeness = |known: &str| strsim::jaro_winkler(unknown, known);
    quoted
        .filter(|known| likeness(known) > 0.8)
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}
