//! Call backends: the systems that place the calls.
//!
//! To add one, write its file beside this one and add its line to [`BACKENDS`].

mod session;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A call to place: the line rings first, the callee once it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Originate {
    /// The gateway's own name of the call.
    pub call: String,
    /// The caller's extension or device, from our records; `None` when they name none at this backend.
    pub line: Option<String>,
    /// E.164 or a short internal extension.
    pub callee: String,
}

/// What the backend calls a call that it placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub backend_call_id: Option<String>,
}

/// A live call as the backend knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending<'c> {
    pub call: &'c str,
    pub backend_call_id: Option<&'c str>,
}

/// What a backend can do. The gateway never pretends otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four abilities, each of which a system has or has not"
)]
pub struct Capabilities {
    /// It can end a call when asked.
    pub hang_up: bool,
    /// It can say which calls live.
    pub list_live: bool,
    /// It tells of calls that end.
    pub events: bool,
    /// It cannot place a call without the caller's line.
    pub needs_line: bool,
}

/// How placing or ending a call failed. What is known decides about the slot (calls.md S4, S5).
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// A definite no: nothing rings.
    #[error("the telephone system refused: {reason}")]
    Refused { reason: String },
    /// Not a byte was sent: nothing rings.
    #[error("the telephone system cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No definite answer: something may ring.
    #[error("the telephone system did not answer")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl BackendError {
    /// As a label of metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Unreachable(_) => "unreachable",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// A telephone system that can place and end calls.
#[async_trait]
pub trait CallBackend: Send + Sync {
    fn capabilities(&self) -> Capabilities;

    /// Places a call, or says how sure it is that it did not.
    async fn originate(&self, call: &Originate) -> Result<Placed, BackendError>;

    /// Ends a call. A call that has ended already is ended: success.
    async fn hang_up(&self, call: Ending<'_>) -> Result<(), BackendError>;
}

/// A backend as the configuration knows it.
trait Configurable: CallBackend + Sized + 'static {
    /// The `kind` that selects it.
    const KIND: &'static str;
    type Config: DeserializeOwned;
    fn new(config: Self::Config) -> Self;
}

struct Entry {
    kind: &'static str,
    build: fn(toml::Table) -> Result<Arc<dyn CallBackend>, toml::de::Error>,
}

const fn entry<B: Configurable>() -> Entry {
    Entry {
        kind: B::KIND,
        build: |settings| Ok(Arc::new(B::new(settings.try_into()?))),
    }
}

/// Every backend that the configuration can name.
const BACKENDS: &[Entry] = &[entry::<session::SessionStore>()];

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
    #[error("backend `{0}` is configured twice")]
    Twice(String),
}

/// The configured backends, by name.
#[derive(Clone, Default)]
pub struct Backends(BTreeMap<String, Arc<dyn CallBackend>>);

impl Backends {
    pub fn build(specs: Vec<Spec>) -> Result<Self, SpecError> {
        let mut backends = BTreeMap::new();
        for spec in specs {
            let name = spec.name.clone();
            if backends.insert(name.clone(), build(spec)?).is_some() {
                return Err(SpecError::Twice(name));
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

    /// Adds a backend that is not from the configuration, such as a test's.
    #[must_use]
    pub fn with(mut self, name: &str, backend: Arc<dyn CallBackend>) -> Self {
        self.0.insert(name.to_owned(), backend);
        self
    }
}

fn build(spec: Spec) -> Result<Arc<dyn CallBackend>, SpecError> {
    let Spec {
        name,
        kind,
        settings,
    } = spec;
    let Some(entry) = BACKENDS.iter().find(|entry| entry.kind == kind) else {
        let known: Vec<_> = BACKENDS.iter().map(|entry| entry.kind).collect();
        let known = known.join(", ");
        return Err(SpecError::UnknownKind { name, kind, known });
    };
    (entry.build)(settings).map_err(|source| SpecError::Settings { name, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(text: &str) -> Result<Backends, SpecError> {
        Backends::build(vec![toml::from_str(text).unwrap()])
    }

    #[test]
    fn the_configured_backend_is_found_by_its_name() {
        let backends = built("name='store'\nkind='session'").unwrap();
        assert!(backends.get("store").is_some());
        assert!(backends.get("office").is_none());
    }

    #[test]
    fn an_unknown_kind_names_the_known_ones() {
        let error = built("name='office'\nkind='asterisk'")
            .err()
            .unwrap()
            .to_string();
        assert_eq!(
            error,
            "backend `office`: unknown kind `asterisk`; known are session"
        );
    }

    #[test]
    fn a_misspelt_setting_is_refused() {
        let error = built("name='office'\nkind='session'\ntokn='t'")
            .err()
            .unwrap();
        assert!(
            error.to_string().contains("unknown field `tokn`"),
            "{error}"
        );
    }
}
