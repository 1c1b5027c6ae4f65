//! Other issuers, whose credentials are good here: the `[[issuer]]`s of the configuration, and who verifies them.
//!
//! Who verifies a credential is found by what it says of itself and the configuration, never by trial.

mod claims;
mod jwt;
mod keys;
mod principal;
mod remote;

pub use claims::{ClaimPath, Claims};
pub use jwt::Spec as JwtSpec;
pub use keys::KnownKeys;
pub use principal::{Principals, Settings as PrincipalSettings, Tenant, User, Verified};
pub use remote::{Form, IntrospectionSpec, Outage, RemoteTokens, WazoSpec};

use super::vault::{Commons, Vault};
use crate::http::client::may_be_asked;
use crate::http::remote::Fetching;
use crate::metrics::Metrics;
use crate::secret::sha256;
use crate::storage::Store;
use crate::token::{TokenHash, Verifier};
use jwt::Jwts;
use remote::{Dialect, Surroundings};
use serde::Deserialize;
use serde::de::{self, DeserializeOwned, Deserializer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An `[[issuer]]`, by its `kind`.
#[derive(Debug, Clone)]
pub enum Spec {
    Jwt(Box<JwtSpec>),
    Introspection(Box<IntrospectionSpec>),
    Wazo(Box<WazoSpec>),
}

/// The values of `kind`.
const KINDS: &[&str] = &["jwt", "introspection", "wazo"];

impl Spec {
    pub fn name(&self) -> &str {
        match self {
            Self::Jwt(spec) => &spec.name,
            Self::Introspection(spec) => &spec.name,
            Self::Wazo(spec) => &spec.name,
        }
    }

    pub fn tenant(&self) -> &Tenant {
        match self {
            Self::Jwt(spec) => &spec.tenant,
            Self::Introspection(spec) => &spec.tenant,
            Self::Wazo(spec) => &spec.tenant,
        }
    }

    pub fn principal(&self) -> &PrincipalSettings {
        match self {
            Self::Jwt(spec) => &spec.principal,
            Self::Introspection(spec) => &spec.principal,
            Self::Wazo(spec) => &spec.principal,
        }
    }

    /// The `iss` of its tokens, if that is how they are told from others.
    pub fn iss(&self) -> Option<&str> {
        match self {
            Self::Jwt(spec) => Some(&spec.issuer),
            Self::Introspection(_) | Self::Wazo(_) => None,
        }
    }

    /// The form of its tokens, if that is how they are told from others.
    pub fn form(&self) -> Option<Form> {
        match self {
            Self::Jwt(_) => None,
            Self::Introspection(spec) => Some(spec.form()),
            Self::Wazo(_) => Some(Form::Uuid),
        }
    }

    /// Keys and what is wrong with them.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if !is_name(self.name()) {
            let message =
                "1 to 32 of a-z, 0-9 and `-`, beginning with a letter: it stands in names";
            faults.push(("name", message.to_owned()));
        }
        let tenants = self.tenant().all();
        if tenants.is_empty() || tenants.iter().any(|tenant| tenant.is_empty()) {
            faults.push(("tenant", "say whose principals they are".to_owned()));
        }
        faults.extend(match self {
            Self::Jwt(spec) => spec.faults(),
            Self::Introspection(spec) => spec.faults(),
            Self::Wazo(spec) => spec.faults(),
        });
        faults
    }
}

impl<'de> Deserialize<'de> for Spec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut settings = toml::Table::deserialize(deserializer)?;
        let kind = settings.remove("kind");
        let kind = kind.as_ref().and_then(toml::Value::as_str);
        match kind.ok_or_else(|| de::Error::missing_field("kind"))? {
            "jwt" => Ok(Self::Jwt(Box::new(read(settings)?))),
            "introspection" => Ok(Self::Introspection(Box::new(read(settings)?))),
            "wazo" => Ok(Self::Wazo(Box::new(read(settings)?))),
            other => Err(de::Error::unknown_variant(other, KINDS)),
        }
    }
}

/// The settings of a kind; what is wrong with them is told with its key.
fn read<T: DeserializeOwned, E: de::Error>(settings: toml::Table) -> Result<T, E> {
    let read = serde_path_to_error::deserialize(toml::Value::Table(settings));
    read.map_err(|error| {
        let message = error.inner().message().trim_end();
        E::custom(format!("{message} (at {})", error.path()))
    })
}

/// The verifiers of JWTs, by the `iss` of theirs.
#[derive(Default)]
pub struct Issuers(BTreeMap<String, Issuer>);

struct Issuer {
    verifier: Verifier,
    vault: Arc<Vault>,
}

impl Issuers {
    pub fn new(
        specs: &[Spec],
        fetching: &Fetching,
        store: &Store,
        commons: &Commons,
        known: &KnownKeys,
    ) -> Self {
        let issuer = |spec: &Spec| {
            let Spec::Jwt(jwt) = spec else {
                return None;
            };
            let source = Jwts::new(JwtSpec::clone(jwt), fetching, store.clone(), known);
            let keeping = source.keeping();
            let issuer = Issuer {
                verifier: verifier(spec),
                vault: Vault::new(source, keeping, commons.clone()),
            };
            Some((jwt.issuer.clone(), issuer))
        };
        Self(specs.iter().filter_map(issuer).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who verifies a token with this `iss`, and its name in the cache.
    pub(super) fn verifier_of(&self, iss: &str, token: &str) -> Option<(&Arc<Vault>, TokenHash)> {
        let issuer = self.0.get(iss)?;
        Some((&issuer.vault, issuer.verifier.hash(token)))
    }
}

/// The verifiers of tokens that are told from others by their form, in the order in which they are asked.
pub fn remote(
    specs: &[Spec],
    fetching: &Fetching,
    store: &Store,
    commons: &Commons,
    metrics: &Metrics,
) -> Vec<Arc<RemoteTokens>> {
    let around = Surroundings {
        fetching,
        store,
        commons,
        metrics,
    };
    let tokens = |spec: &Spec| {
        let dialect = match spec {
            Spec::Jwt(_) => return None,
            Spec::Introspection(spec) => Dialect::Introspection(spec.clone()),
            Spec::Wazo(spec) => Dialect::Wazo(spec.clone()),
        };
        Some(Arc::new(RemoteTokens::new(dialect, verifier(spec), around)))
    };
    let mut all: Vec<_> = specs.iter().filter_map(tokens).collect();
    all.sort_by_key(|tokens| tokens.order());
    all
}

/// What was found out under other settings is not found any more.
fn verifier(spec: &Spec) -> Verifier {
    Verifier::new(sha256(format!("{spec:?}").as_bytes()))
}

fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.len() <= 32
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(plain)
}

fn is_address(text: &str) -> bool {
    text.parse().is_ok_and(|uri| may_be_asked(&uri))
}
