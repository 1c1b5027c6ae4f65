//! What callgate presents to upstreams: a credential of its own making, in place of the client's.
//!
//! It is made in two steps. [`Credentials::prepare`] finds all that is needed, and may ask the store or other servers for
//! it; what it returns signs each attempt afresh, and asks nobody.

mod credential;
mod header;
mod own;
mod service_user;
mod setting;
mod settings;
mod signer;
mod skew;
mod wallet;

pub use own::{OwnError, OwnSecret, Safe, purpose};
pub use settings::{Kind, Of, Spec};
pub use signer::Signer;

use crate::clock::Clock;
use crate::http::remote::Fetching;
use crate::metrics::Metrics;
use crate::provider::ProviderTokens;
use crate::storage::{Store, StoreError};
use crate::token::{Feed, Subject};
use credential::Credential;
use http::HeaderMap;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use wallet::Wallet;

/// What credentials need of the rest of the program.
#[derive(Clone)]
pub struct Means {
    pub store: Store,
    pub safe: Safe,
    pub feed: Arc<Feed>,
    pub clock: Clock,
    pub metrics: Metrics,
    pub provider_tokens: Arc<ProviderTokens>,
    /// For salts that a PBX tells; without it, none is asked.
    pub fetching: Option<Fetching>,
    /// Where looks into the store run to their end.
    pub runtime: Handle,
    /// What is remembered of the store counts only while its revocations were read this lately.
    pub max_stale: Duration,
}

/// Why a request cannot be let through to an upstream with a credential, or was refused there with one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CredentialError {
    #[error("the upstream is used with users' own credentials, and this token is no user's")]
    NoUser,
    #[error("you have no credential `{0}` for the upstream: ask your administrator")]
    Missing(String),
    #[error("no account of yours at `{0}` is linked: link it on the account page")]
    NotLinked(String),
    /// The provider takes what is kept no more.
    #[error("`{0}` takes your former login no more: log in there again")]
    LoginAgain(String),
    #[error("the credential `{name}` for the upstream cannot be had now")]
    Unavailable {
        name: String,
        #[source]
        cause: Cause,
    },
    #[error("the upstream refuses the credential `{0}` of the gateway")]
    Refused(String),
}

/// Why a credential cannot be had now. Clients are not told.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Cause {
    #[error("the store cannot be asked")]
    Store(#[source] Arc<StoreError>),
    #[error("the provider cannot be asked")]
    Provider,
    #[error("the salt of the domain cannot be had")]
    Salt,
    #[error("the configuration has no such credential")]
    Unknown,
    #[error("what is in its file cannot be presented")]
    Form,
}

pub type Result<T, E = CredentialError> = std::result::Result<T, E>;

impl CredentialError {
    /// How it ended, for the metrics.
    const fn result(&self) -> &'static str {
        match self {
            Self::NoUser => "no_user",
            Self::Missing(_) => "missing",
            Self::NotLinked(_) => "not_linked",
            Self::LoginAgain(_) => "login_again",
            Self::Unavailable { .. } => "unavailable",
            Self::Refused(_) => "refused",
        }
    }
}

/// All credentials of a configuration, by name.
#[derive(Debug, Default)]
pub struct Credentials(BTreeMap<String, Arc<Credential>>);

impl Credentials {
    /// One that cannot be used is left out: whoever asks for it is refused. [`Spec::faults`] says why.
    pub fn new(specs: &[Spec], means: &Means) -> Self {
        let wallet = Arc::new(Wallet::new(means));
        let made = specs.iter().filter_map(|spec| {
            let credential = Credential::new(spec, means, &wallet)?;
            Some((spec.name.clone(), Arc::new(credential)))
        });
        Self(made.collect())
    }

    /// Finds all that is needed to present the credential for `subject`, who is nobody on a public route.
    pub async fn prepare(&self, name: &str, subject: Option<&Subject>) -> Result<Signer> {
        let Some(credential) = self.0.get(name) else {
            return Err(CredentialError::Unavailable {
                name: name.to_owned(),
                cause: Cause::Unknown,
            });
        };
        let user = match subject {
            Some(Subject::User(id)) => Some(id.as_str()),
            Some(Subject::Client(_) | Subject::External(_) | Subject::Operator) | None => None,
        };
        Credential::prepare(credential, user).await
    }

    /// Signs one request that is sent once, in place of whatever its headers carry under that name.
    pub async fn sign(
        &self,
        name: &str,
        subject: &Subject,
        headers: &mut HeaderMap,
    ) -> Result<Signer> {
        let signer = self.prepare(name, Some(subject)).await?;
        let (header, value) = signer.header()?;
        headers.insert(header, value);
        Ok(signer)
    }
}
