//! The demo's secrets: made once, each in a file that only its owner can read.

use super::super::Failure;
use crate::secret;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// In clear, since the demo prints them.
#[derive(Debug)]
pub(super) struct Secrets {
    pub(super) operator: String,
    pub(super) crm: String,
    pub(super) legacy: String,
    pub(super) ann: String,
    pub(super) bob: String,
}

impl Secrets {
    /// The secrets of the folder; those that are missing are made.
    pub(super) fn load_or_make(folder: &Path) -> Result<Self, Failure> {
        let get = |name: &str, bytes: usize| load_or_make(&path(folder, name), bytes);
        get("key", 24)?;
        Ok(Self {
            operator: get("operator", 24)?,
            crm: get("crm", 24)?,
            legacy: get("legacy", 24)?,
            ann: get("ann", 9)?,
            bob: get("bob", 9)?,
        })
    }

    /// How the configuration names the file of a secret.
    pub(super) fn file_of(name: &str, folder: &Path) -> toml::Value {
        format!("file:{}", path(folder, name).display()).into()
    }
}

fn path(folder: &Path, name: &str) -> std::path::PathBuf {
    folder.join(format!("{name}.secret"))
}

fn load_or_make(path: &Path, bytes: usize) -> io::Result<String> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path, bytes),
        text => Ok(text?.trim_end().to_owned()),
    }
}

fn make(path: &Path, bytes: usize) -> io::Result<String> {
    let random = secret::random::<24>();
    let text = secret::encode(random.get(..bytes).unwrap_or(&random));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{text}")?;
    Ok(text)
}
