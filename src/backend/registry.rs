//! Backends as the configuration names them.

use super::CallBackend;
use super::kalliope::Kalliope;
use super::session::SessionStore;
use crate::clock::Clock;
use crate::http::client::{Client, ClientError, Settings};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::storage::Store;
use crate::upstream_auth::Credentials;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::runtime::Handle;

/// What backends need of the rest of the program.
#[derive(Clone)]
pub struct Means {
    pub store: Store,
    pub clock: Clock,
    pub metrics: Metrics,
    /// What is presented to the systems.
    pub credentials: Arc<Credentials>,
    pub outbound: Settings,
    pub runtime: Handle,
    /// The configured public origin, under which systems reach the hooks.
    pub origin: String,
}

impl Means {
    /// The way out. Only who needs it makes one, because it needs the system's authorities.
    ///
    /// # Errors
    /// [`ClientError`] when `[outbound]` names authorities that cannot be used.
    pub fn client(&self) -> Result<Client, ClientError> {
        Client::new(&self.outbound)
    }

    /// Where a system sends its notifications for the backend `name`.
    pub fn hook(&self, name: &str, secret: &Secret) -> String {
        format!("{}/hooks/{name}/{}", self.origin, secret.expose())
    }
}

/// A backend as the configuration knows it.
pub(super) trait Configurable: CallBackend + Sized + 'static {
    /// The `kind` that selects it.
    const KIND: &'static str;
    type Config: DeserializeOwned;

    /// What is wrong with settings that can be read: the key, and what to write.
    fn faults(_: &Self::Config) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The `[[credential]]`s that it presents.
    fn credentials(_: &Self::Config) -> Vec<String> {
        Vec::new()
    }

    fn new(name: &str, config: Self::Config, means: &Means) -> Result<Self, ClientError>;
}

/// What is known of settings before anything is built of them.
#[derive(Debug, Default)]
struct Checked {
    faults: Vec<(&'static str, String)>,
    credentials: Vec<String>,
}

type Built = Result<Arc<dyn CallBackend>, SpecError>;

struct Entry {
    kind: &'static str,
    check: fn(toml::Table) -> Result<Checked, toml::de::Error>,
    build: fn(&Spec, &Means) -> Built,
}

const fn entry<B: Configurable>() -> Entry {
    Entry {
        kind: B::KIND,
        check: |settings| {
            let config: B::Config = settings.try_into()?;
            Ok(Checked {
                faults: B::faults(&config),
                credentials: B::credentials(&config),
            })
        },
        build: |spec, means| {
            let name = &spec.name;
            let config = spec.settings.clone().try_into();
            let config = config.map_err(|source| SpecError::Settings {
                name: name.clone(),
                source,
            })?;
            Ok(Arc::new(B::new(name, config, means)?))
        },
    }
}

/// Every backend that the configuration can name.
const BACKENDS: &[Entry] = &[entry::<SessionStore>(), entry::<Kalliope>()];

/// What `[[backend]]` says: a name, a kind, and settings that only the kind understands.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Spec {
    pub name: String,
    pub kind: String,
    #[serde(flatten)]
    pub settings: toml::Table,
}

#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    #[error("backend `{name}`: unknown kind `{kind}`; known are {known}")]
    UnknownKind {
        name: String,
        kind: String,
        known: String,
    },
    #[error("backend `{name}`: {source}")]
    Settings {
        name: String,
        source: toml::de::Error,
    },
    #[error("backend `{name}`: `{key}`: {message}")]
    Setting {
        name: String,
        key: &'static str,
        message: String,
    },
    #[error("backend `{0}` is configured twice")]
    Twice(String),
    /// It stands in paths and in the store.
    #[error("backend `{0}`: a name has 1 to 64 letters, digits, `-` and `_`")]
    Name(String),
    #[error("outbound: {0}")]
    Outbound(#[from] ClientError),
}

impl Spec {
    /// All that is wrong with it, before anything is built.
    pub fn faults(&self) -> Vec<SpecError> {
        let checked = match self.checked() {
            Ok(checked) => checked,
            Err(error) => return vec![error],
        };
        let faults = checked.faults.into_iter();
        let faults = faults.map(|(key, message)| SpecError::Setting {
            name: self.name.clone(),
            key,
            message,
        });
        let misnamed = (!is_name(&self.name)).then(|| SpecError::Name(self.name.clone()));
        misnamed.into_iter().chain(faults).collect()
    }

    /// The `[[credential]]`s that it presents.
    pub fn credentials(&self) -> Vec<String> {
        self.checked().unwrap_or_default().credentials
    }

    fn checked(&self) -> Result<Checked, SpecError> {
        let checked = (self.entry()?.check)(self.settings.clone());
        checked.map_err(|source| SpecError::Settings {
            name: self.name.clone(),
            source,
        })
    }

    fn entry(&self) -> Result<&'static Entry, SpecError> {
        let found = BACKENDS.iter().find(|entry| entry.kind == self.kind);
        found.ok_or_else(|| {
            let known: Vec<_> = BACKENDS.iter().map(|entry| entry.kind).collect();
            SpecError::UnknownKind {
                name: self.name.clone(),
                kind: self.kind.clone(),
                known: known.join(", "),
            }
        })
    }
}

fn is_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=64).contains(&name.len()) && name.chars().all(is_allowed)
}

/// The configured backends, by name.
#[derive(Clone, Default)]
pub struct Backends(BTreeMap<String, Arc<dyn CallBackend>>);

impl Backends {
    /// # Errors
    /// [`SpecError`], the first of all that [`Spec::faults`] tells.
    pub fn build(specs: &[Spec], means: &Means) -> Result<Self, SpecError> {
        let mut backends = BTreeMap::new();
        for spec in specs {
            let backend = (spec.entry()?.build)(spec, means)?;
            if backends.insert(spec.name.clone(), backend).is_some() {
                return Err(SpecError::Twice(spec.name.clone()));
            }
        }
        Ok(Self(backends))
    }

    pub fn get(&self, name: &str) -> Option<&Arc<dyn CallBackend>> {
        self.0.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<dyn CallBackend>)> {
        self.0
            .iter()
            .map(|(name, backend)| (name.as_str(), backend))
    }

    /// Adds a backend that is not from the configuration, such as a test's.
    #[must_use]
    pub fn with(mut self, name: &str, backend: Arc<dyn CallBackend>) -> Self {
        self.0.insert(name.to_owned(), backend);
        self
    }
}

/// All that is wrong with the backends of a configuration.
pub fn faults(specs: &[Spec]) -> Vec<SpecError> {
    let mut faults: Vec<_> = specs.iter().flat_map(Spec::faults).collect();
    let mut names = std::collections::BTreeSet::new();
    let twice = specs.iter().filter(|spec| !names.insert(&spec.name));
    faults.extend(twice.map(|spec| SpecError::Twice(spec.name.clone())));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> Spec {
        toml::from_str(text).unwrap()
    }

    fn faults_of(text: &str) -> Vec<String> {
        let faults = spec(text).faults();
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_built_in_backend_needs_no_setting() {
        assert_eq!(
            faults_of("name='store'\nkind='session'"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn an_unknown_kind_names_the_known_ones() {
        let faults = faults_of("name='office'\nkind='asterisk'");
        assert!(
            faults[0].starts_with("backend `office`: unknown kind `asterisk`; known are "),
            "{faults:?}"
        );
        assert!(faults[0].contains("session"), "{faults:?}");
    }

    #[test]
    fn a_misspelt_setting_is_refused() {
        let faults = faults_of("name='office'\nkind='session'\ntokn='t'");
        assert!(faults[0].contains("unknown field `tokn`"), "{faults:?}");
    }

    #[test]
    fn a_name_that_cannot_stand_in_a_path_is_refused() {
        for name in ["", "a/b", "a b", "büro"] {
            let faults = faults_of(&format!("name='{name}'\nkind='session'"));
            assert!(faults[0].contains("1 to 64 letters"), "{name}: {faults:?}");
        }
    }

    #[test]
    fn a_name_that_is_used_twice_is_refused() {
        let store = spec("name='store'\nkind='session'");
        let faults = faults(&[store.clone(), store]);
        assert_eq!(faults[0].to_string(), "backend `store` is configured twice");
    }
}
