//! Arguments that several commands take.

use super::Result;
use crate::admin::Password;
use crate::secret::Secret;
use humantime_serde::re::humantime::{DurationError, parse_duration};
use serde::de::value::{Error, StrDeserializer};
use serde::de::{Deserialize, IntoDeserializer};
use std::io::Read;
use std::time::Duration;

/// Reads a word that is one of several, and names them otherwise.
pub(super) fn one_of<T: for<'de> Deserialize<'de>>(word: &str) -> Result<T, Error> {
    let word: StrDeserializer<'_, Error> = word.into_deserializer();
    T::deserialize(word)
}

/// Reads a duration as the configuration writes it: `90s`, `24h`, `30days`.
pub(super) fn duration(text: &str) -> Result<Duration, DurationError> {
    parse_duration(text)
}

/// A password from standard input, its newline taken off: as an argument, every process could read it.
pub(super) fn password_from_stdin() -> Result<Password> {
    let mut text = String::new();
    // More than a password can have need not be read.
    let limit = u64::try_from(crate::auth::password::LONGEST)? + 2;
    std::io::stdin().take(limit).read_to_string(&mut text)?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err("there is no password on standard input".into());
    }
    Ok(Password::new(password))
}

/// Bytes that a secret may have.
const LONGEST_SECRET: u64 = 16 * 1024;

/// A secret from where `file:PATH` or `env:NAME` says, else from standard input: as an argument, every process could
/// read it.
pub(super) fn secret(setting: Option<&str>) -> Result<Secret> {
    match setting {
        Some(setting) if setting.starts_with("file:") || setting.starts_with("env:") => {
            Ok(Secret::resolve(setting)?)
        }
        Some(_) => Err("say `file:PATH` or `env:NAME`: an argument is no secret".into()),
        None => secret_from_stdin(),
    }
}

fn secret_from_stdin() -> Result<Secret> {
    let mut text = String::new();
    std::io::stdin()
        .take(LONGEST_SECRET)
        .read_to_string(&mut text)?;
    let secret = Secret::new(text.trim_end_matches(['\r', '\n']));
    if secret.expose().is_empty() {
        return Err("there is no secret on standard input".into());
    }
    Ok(secret)
}
