//! The configuration: one TOML file, in which a mistake is an error with its place and a suggestion.

mod credentials;
mod faults;
mod routes;
mod suggestion;

pub use faults::Fault;
pub use routes::RouteSpec;

use crate::auth::{digest, issuer};
use crate::proxy::upstream;
use crate::secret::Secret;
use crate::{backend, call, dialling, http, oauth, provider, proxy, storage, token, upstream_auth};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The whole file. Each section is its component's own settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    pub server: proxy::Settings,
    pub operations: Operations,
    #[serde(default)]
    pub store: storage::Settings,
    pub tokens: Tokens,
    #[serde(default)]
    pub cache: token::cache::Settings,
    #[serde(default)]
    pub oauth: oauth::Settings,
    #[serde(default)]
    pub digest: digest::Settings,
    #[serde(default)]
    pub outbound: http::client::Settings,
    #[serde(default)]
    pub provider: Vec<provider::Spec>,
    #[serde(default)]
    pub issuer: Vec<issuer::Spec>,
    #[serde(default)]
    pub calls: call::Settings,
    #[serde(default)]
    pub dialling: dialling::Settings,
    #[serde(default)]
    pub log: Log,
    #[serde(default)]
    pub backend: Vec<backend::Spec>,
    #[serde(default)]
    pub upstream: Vec<upstream::Spec>,
    #[serde(default)]
    pub credential: Vec<upstream_auth::Spec>,
    #[serde(default)]
    pub route: Vec<RouteSpec>,
}

/// The operations listener: health, metrics, administration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operations {
    #[serde(default = "operations_listen")]
    pub listen: SocketAddr,
    /// Opens the administration API.
    pub token: Secret,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// Marks our tokens as ours; all gateways of an installation share it.
    pub key: Secret,
}

/// What is logged, and where the access log goes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// A filter as `tracing` reads it: `info`, `callgate=debug,warn`.
    pub filter: String,
    /// `json` or `text`
    pub format: LogFormat,
    /// A file for the access log; without one it goes to standard output.
    pub access_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Json,
    Text,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::Json,
            access_file: None,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration `{path}`: {source}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the configuration cannot be used:\n{}", list(.0))]
    Faults(Vec<Fault>),
}

impl Config {
    /// Reads a file and checks all that can be checked without touching anything else.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let config = Self::parse(&text).map_err(|fault| ConfigError::Faults(vec![fault]))?;
        let faults = config.faults();
        if faults.is_empty() {
            return Ok(config);
        }
        Err(ConfigError::Faults(faults))
    }

    /// Reads a text. The first setting that cannot be read is the fault, with what may have been meant.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let unreadable = |path: &str, error: &toml::de::Error| Fault {
            path: path.to_owned(),
            message: suggestion::explain(error),
        };
        let document =
            toml::Deserializer::parse(text).map_err(|error| unreadable("the file", &error))?;
        serde_path_to_error::deserialize(document)
            .map_err(|error| unreadable(&error.path().to_string(), error.inner()))
    }
}

fn operations_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9090))
}

fn list(faults: &[Fault]) -> String {
    let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str =
        "operations.token = 'an-operator'\ntokens.key = '0123456789abcdef0123456789abcdef'\n";

    fn config(more: &str) -> Config {
        Config::parse(&format!("{LEAST}{more}")).unwrap()
    }

    #[test]
    fn two_secrets_are_enough() {
        assert!(
            config("[[backend]]\nname='store'\nkind='session'")
                .faults()
                .is_empty()
        );
    }

    #[test]
    fn an_unknown_key_is_refused_with_a_suggestion() {
        let fault = Config::parse(&format!("{LEAST}[server]\nlistn = '127.0.0.1:1'")).unwrap_err();
        assert_eq!(fault.path, "server.listn");
        assert!(fault.message.contains("unknown field `listn`"), "{fault}");
        assert!(fault.message.contains("did you mean `listen`?"), "{fault}");
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_named_by_its_path() {
        let fault = Config::parse("operations.token = 'an-operator'\ntokens.key = 'file:/no/such'")
            .unwrap_err();
        assert_eq!(fault.path, "tokens.key");
        assert!(
            fault
                .message
                .contains("cannot read the secret file `/no/such`"),
            "{fault}"
        );
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        let fault = Config::parse("server.listen = ").unwrap_err();
        assert!(fault.to_string().starts_with("the file: "), "{fault}");
        assert!(fault.message.contains("line 1"), "{fault}");
    }

    #[test]
    fn at_25_a_route_without_access_that_is_not_public_is_a_fault() {
        let config = config(
            "[[upstream]]\nname='pbx'\npeers=['127.0.0.1:1']\n[[route]]\nname='r'\npath='/pbx'\nupstream='pbx'",
        );
        let faults: Vec<_> = config.faults().iter().map(ToString::to_string).collect();
        assert!(
            faults
                .iter()
                .any(|fault| fault.starts_with("route.r.access: ")),
            "{faults:?}"
        );
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let config = config(
            "calls.backend='nowhere'\n[[route]]\nname='r'\npath='no-slash'\nupstream='x'\npublic=true",
        );
        let faults: Vec<_> = config
            .faults()
            .iter()
            .map(|fault| fault.path.clone())
            .collect();
        assert_eq!(
            faults,
            ["calls.backend", "route.r.path", "route.r.upstream"]
        );
    }
}
