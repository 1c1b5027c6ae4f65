//! Routes to upstreams, as the configuration writes them.

use super::faults::{Fault, fault};
use crate::proxy::headers;
use crate::proxy::upstream;
use crate::route::{Declaration, Forward, Requirement, Target};
use http::Method;
use serde::Deserialize;
use std::time::Duration;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSpec {
    /// Names the route in metrics and log.
    pub name: String,
    /// A path such as `/pbx/status` or a template such as `/pbx/{extension}`.
    pub path: Option<String>,
    /// Instead of `path`: this path and all below it.
    pub prefix: Option<String>,
    /// Without any, every method.
    #[serde(default)]
    pub methods: Vec<String>,
    /// The access that a caller must hold: `pbx.read`, `pbx.{extension}.read`.
    pub access: Option<String>,
    /// Open to everybody.
    #[serde(default)]
    pub public: bool,
    pub upstream: String,
    /// The [[issuer]] of the token at the end of the path, which an answer of success has ended.
    pub forgets: Option<String>,
    /// The [[credential]] that is presented there.
    pub credential: Option<String>,
    #[serde(default)]
    pub strip_prefix: String,
    #[serde(default)]
    pub add_prefix: String,
    /// How long the upstream may be silent.
    #[serde(default = "timeout", with = "humantime_serde")]
    pub timeout: Duration,
    /// Bytes that a request's body may have.
    #[serde(default = "body_limit")]
    pub body_limit: u64,
    /// Headers that go upstream besides the usual ones.
    #[serde(default)]
    pub headers: Vec<String>,
}

const fn timeout() -> Duration {
    Duration::from_secs(30)
}

const fn body_limit() -> u64 {
    16 * 1024 * 1024
}

impl RouteSpec {
    pub(super) fn faults(&self, upstreams: &[upstream::Spec]) -> Vec<Fault> {
        let at =
            |key: &str, message: &str| Some(fault(format!("route.{}.{key}", self.name), message));
        let path = match (&self.path, &self.prefix) {
            (Some(path), None) | (None, Some(path)) if path.starts_with('/') => None,
            (Some(_), None) => at("path", "must begin with `/`"),
            (None, Some(_)) => at("prefix", "must begin with `/`"),
            _ => at("path", "give either `path` or `prefix`"),
        };
        let access = match (&self.access, self.public) {
            (Some(_), false) | (None, true) => None,
            (None, false) => at("access", "say which access it requires, or `public = true`"),
            (Some(_), true) => at("public", "a route that requires an access is not public"),
        };
        let known = upstreams
            .iter()
            .any(|upstream| upstream.name == self.upstream);
        let upstream = if known {
            None
        } else {
            at("upstream", "there is no [[upstream]] of this name")
        };
        let methods = self.methods.iter().find(|method| {
            method.parse::<Method>().is_err() || !method.bytes().all(|b| b.is_ascii_uppercase())
        });
        let methods = methods.and_then(|method| {
            at(
                "methods",
                &format!("`{method}` is no method: write it in capitals"),
            )
        });
        let headers = headers::passable(&self.headers).err();
        let headers = headers.and_then(|error| at("headers", &error.to_string()));
        [path, access, upstream, methods, headers]
            .into_iter()
            .flatten()
            .collect()
    }

    /// The route, or for a prefix the three that cover it.
    pub fn declarations(&self) -> Vec<Declaration> {
        let paths = match (&self.path, &self.prefix) {
            (Some(path), _) => vec![path.clone()],
            (None, Some(prefix)) => below(prefix.trim_end_matches('/')),
            (None, None) => Vec::new(),
        };
        paths
            .into_iter()
            .map(|path| self.declaration(path))
            .collect()
    }

    fn declaration(&self, path: String) -> Declaration {
        let requirement = match (&self.access, self.public) {
            (Some(access), _) => Requirement::Access(access.clone().into()),
            (None, true) => Requirement::Public,
            // A fault already; should it ever come here, nobody may pass.
            (None, false) => Requirement::access("!"),
        };
        Declaration {
            name: self.name.clone(),
            path,
            methods: self
                .methods
                .iter()
                .filter_map(|method| method.parse().ok())
                .collect(),
            requirement,
            target: Target::Upstream(Forward {
                upstream: self.upstream.clone(),
                strip_prefix: self.strip_prefix.trim_end_matches('/').to_owned(),
                add_prefix: self.add_prefix.trim_end_matches('/').to_owned(),
                read_timeout: self.timeout,
                forgets: self.forgets.clone(),
                credential: self.credential.clone(),
                extra_headers: headers::passable(&self.headers).unwrap_or_default(),
            }),
            body_limit: self.body_limit,
        }
    }
}

/// The paths that cover a prefix and all below it.
fn below(prefix: &str) -> Vec<String> {
    let itself = (!prefix.is_empty()).then(|| prefix.to_owned());
    let rest = [format!("{prefix}/"), format!("{prefix}/{{*below}}")];
    itself.into_iter().chain(rest).collect()
}
