//! Checks that need the whole configuration: each fault with the path of the setting that has it.

use super::{Config, RouteSpec};
use crate::auth::issuer::{self, User};
use crate::backend;
use crate::proxy::Tls;
use crate::token::Mint;
use std::fmt;
use std::path::Path;
use url::Url;

/// A setting that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Such as `route.pbx.access`.
    pub path: String,
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

pub(super) fn fault(path: impl Into<String>, message: impl fmt::Display) -> Fault {
    Fault {
        path: path.into(),
        message: message.to_string(),
    }
}

impl Config {
    /// Everything that is wrong, at once.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        faults.extend(
            Mint::new(&self.tokens.key)
                .err()
                .map(|error| fault("tokens.key", error)),
        );
        faults.extend(self.origin_fault());
        faults.extend(self.echo_fault());
        faults.extend(self.server.tls.iter().flat_map(tls_faults));
        let outbound = self.outbound.fault();
        faults.extend(outbound.map(|error| fault("outbound.ca", error)));
        faults.extend(self.provider_faults());
        faults.extend(self.issuer_faults());
        faults.extend(
            self.route
                .iter()
                .filter_map(|route| self.forgets_fault(route)),
        );
        faults.extend(self.backend_faults());
        let dialling = self.dialling.faults().into_iter();
        faults.extend(dialling.map(|(key, why)| fault(format!("dialling.{key}"), why)));
        faults.extend(self.upstream.iter().flat_map(|spec| {
            let path = format!("upstream.{}", spec.name);
            spec.faults()
                .into_iter()
                .map(move |(key, message)| fault(format!("{path}.{key}"), message))
        }));
        faults.extend(
            self.route
                .iter()
                .flat_map(|route| route.faults(&self.upstream)),
        );
        faults.extend(self.credential_faults());
        faults
    }

    /// The origin is put before paths, and compared by clients: exactly scheme, host and port.
    fn origin_fault(&self) -> Option<Fault> {
        let origin = &self.server.public_origin;
        let parsed = Url::parse(origin).ok();
        let exact = parsed.is_some_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.origin().ascii_serialization() == *origin
        });
        (!exact).then(|| fault("server.public_origin", format!("`{origin}` is not an origin such as https://calls.example (no path, no slash at its end)")))
    }

    /// Codes on display are for nobody but the one who tries things out.
    fn echo_fault(&self) -> Option<Fault> {
        let here = Url::parse(&self.server.public_origin)
            .is_ok_and(|url| matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")));
        (self.oauth.echo_client && !here).then(|| {
            fault(
                "oauth.echo_client",
                "only with a server.public_origin on this machine, such as http://127.0.0.1:8080",
            )
        })
    }

    fn provider_faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (at, spec) in self.provider.iter().enumerate() {
            let path = format!("provider.{}", spec.name);
            let mut before = self.provider.iter().take(at);
            if before.any(|other| other.name == spec.name) {
                faults.push(fault(&path, "there is another [[provider]] of this name"));
            }
            let of_spec = spec.faults().into_iter();
            faults.extend(of_spec.map(|(key, message)| fault(format!("{path}.{key}"), message)));
        }
        faults
    }

    fn issuer_faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (at, spec) in self.issuer.iter().enumerate() {
            let path = format!("issuer.{}", spec.name());
            let before = || self.issuer.iter().take(at);
            if before().any(|other| other.name() == spec.name()) {
                faults.push(fault(&path, "there is another [[issuer]] of this name"));
            }
            let same = |other: &issuer::Spec| other.iss().is_some() && other.iss() == spec.iss();
            if before().any(same) {
                let message =
                    "there is another [[issuer]] with it: nobody could say whose a token is";
                faults.push(fault(format!("{path}.issuer"), message));
            }
            let alike = |other: &issuer::Spec| match (other.form(), spec.form()) {
                (Some(one), Some(two)) => one.overlaps(&two),
                _ => false,
            };
            if let Some(other) = before().find(|other| alike(other)) {
                let message = format!(
                    "its tokens look like those of `{}`: nobody could say whose one is",
                    other.name()
                );
                faults.push(fault(&path, message));
            }
            if spec.iss() == Some(&self.server.public_origin) {
                faults.push(fault(format!("{path}.issuer"), "these are our own tokens"));
            }
            if let Some(User::Linked(provider)) = &spec.principal().user
                && !self.provider.iter().any(|known| known.name == *provider)
            {
                let message = format!("there is no [[provider]] `{provider}`");
                faults.push(fault(format!("{path}.principal.user"), message));
            }
            let of_spec = spec.faults().into_iter();
            faults.extend(of_spec.map(|(key, message)| fault(format!("{path}.{key}"), message)));
        }
        faults
    }

    /// A route whose answers end tokens says whose, and where the token is.
    fn forgets_fault(&self, route: &RouteSpec) -> Option<Fault> {
        let named = route.forgets.as_deref()?;
        let message = if !self
            .issuer
            .iter()
            .any(|spec| spec.name() == named && spec.form().is_some())
        {
            "there is no [[issuer]] of this name that is asked about its tokens"
        } else if !route
            .path
            .as_deref()
            .is_some_and(|path| path.ends_with('}'))
        {
            "the token is the last part of `path`, such as `/api/auth/0.1/token/{token}`"
        } else {
            return None;
        };
        Some(fault(format!("route.{}.forgets", route.name), message))
    }

    fn backend_faults(&self) -> Vec<Fault> {
        let faults = backend::faults(&self.backend);
        if !faults.is_empty() {
            return faults
                .into_iter()
                .map(|error| fault("backend", error))
                .collect();
        }
        let wanted = &self.calls.backend;
        let mut names = self.backend.iter().map(|spec| &spec.name);
        if names.any(|name| name == wanted)
            || (self.backend.is_empty() && *wanted == super::call::Settings::default().backend)
        {
            return Vec::new();
        }
        let known: Vec<_> = self.backend.iter().map(|spec| spec.name.as_str()).collect();
        vec![fault(
            "calls.backend",
            format!(
                "there is no [[backend]] `{wanted}`; there are: {}",
                known.join(", ")
            ),
        )]
    }
}

fn tls_faults(tls: &Tls) -> Vec<Fault> {
    let unreadable = |key: &str, path: &Path| {
        let error = std::fs::File::open(path).err()?;
        Some(fault(
            format!("server.tls.{key}"),
            format!("cannot read `{}`: {error}", path.display()),
        ))
    };
    let faults = [
        unreadable("certificate", &tls.certificate),
        unreadable("key", &tls.key),
    ];
    faults.into_iter().flatten().collect()
}
