//! Other providers: who logs in there, and the tokens that they give us for it.
//!
//! OpenID Connect as its client (Core 1.0), by discovery; or plain OAuth with endpoints that the configuration names.

mod id_token;
mod issuer;
mod metadata;
mod settings;
mod token_endpoint;
mod tokens;
mod userinfo;

pub use id_token::IdTokenError;
pub use settings::{Endpoints, Link, Spec};
pub use token_endpoint::TokenSet;
pub use tokens::{ProviderTokens, TokensError, purpose};

use crate::auth::jwks::{Jwks, KeyError};
use crate::clock::EpochMs;
use crate::http::client::OutboundError;
use crate::http::client_form::ClientAuthentication;
use crate::http::remote::{Fetching, Remote, Terms};
use crate::secret::Secret;
use id_token::Expected;
use issuer::Issuer;
use metadata::Metadata;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Whom a provider says it is, and what it says of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// With the subject, unique and never used again (Core 1.0 §2): nothing else names a person.
    pub issuer: String,
    pub subject: String,
    /// An address that the provider has verified.
    pub email: Option<String>,
    pub name: Option<String>,
}

/// What we ask of a provider in a browser's address.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    pub redirect_uri: &'a str,
    pub state: &'a str,
    pub nonce: &'a str,
    /// PKCE S256 (RFC 7636).
    pub challenge: &'a str,
}

/// What came back for it, and what it must fit.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    pub code: &'a str,
    /// RFC 9207
    pub iss: Option<&'a str>,
    pub redirect_uri: &'a str,
    pub nonce: &'a str,
    pub verifier: &'a str,
    pub now: EpochMs,
}

#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error("what the provider says of itself cannot be had, or is not right")]
    Metadata,
    /// RFC 9207 §2.4: a mix-up.
    #[error("the answer does not come from this provider")]
    Issuer,
    #[error("the provider cannot be asked: {0}")]
    Outbound(#[from] OutboundError),
    /// RFC 6749 §5.2
    #[error("the provider refuses: {0}")]
    Refused(String),
    /// The code or refresh token is worth nothing (any more).
    #[error("the provider does not take the code or token")]
    InvalidGrant,
    #[error("the provider's answer cannot be read: {0}")]
    Answer(&'static str),
    #[error("the provider's ID token is refused: {0}")]
    IdToken(#[from] IdTokenError),
    #[error(transparent)]
    Keys(#[from] KeyError),
}

pub type Result<T, E = ProviderError> = std::result::Result<T, E>;

/// One provider of the configuration.
#[derive(Debug)]
pub struct Provider {
    pub spec: Spec,
    fetching: Fetching,
    source: Source,
}

/// Where its endpoints are known from.
#[derive(Debug)]
enum Source {
    Discovered {
        issuer: Issuer,
        metadata: Remote<Metadata>,
        /// The keys at the address that the metadata named last.
        keys: Mutex<Option<Arc<Jwks>>>,
    },
    Configured(Endpoints),
}

/// All providers of a configuration, by name.
#[derive(Debug, Default)]
pub struct Providers(BTreeMap<String, Arc<Provider>>);

impl Providers {
    pub fn new(specs: &[Spec], fetching: &Fetching) -> Self {
        let named = specs.iter().map(|spec| {
            let provider = Provider::new(spec.clone(), fetching.clone());
            (spec.name.clone(), Arc::new(provider))
        });
        Self(named.collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, name: &str) -> Option<&Arc<Provider>> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.0.values()
    }

    /// Fetches what providers say of themselves ahead of the first who needs it; what is wrong with it is logged.
    pub fn warm_up(&self) {
        for provider in self.0.values() {
            if let Source::Discovered { metadata, .. } = &provider.source {
                metadata.begin();
            }
        }
    }
}

impl Provider {
    fn new(spec: Spec, fetching: Fetching) -> Self {
        let source = match (&spec.endpoints, &spec.issuer) {
            (Some(endpoints), _) => Source::Configured(endpoints.clone()),
            (None, issuer) => discovered(issuer.as_deref().unwrap_or_default(), &spec, &fetching),
        };
        Self {
            spec,
            fetching,
            source,
        }
    }

    /// The name that people know.
    pub fn display_name(&self) -> &str {
        self.spec.display_name.as_deref().unwrap_or(&self.spec.name)
    }

    /// The origins that a browser is led to from here, as far as they are known now.
    pub fn origins(&self) -> Vec<String> {
        let (first, second) = match &self.source {
            Source::Configured(endpoints) => (Some(endpoints.authorization.clone()), None),
            Source::Discovered { metadata, .. } => (
                self.spec.issuer.clone(),
                metadata.kept().map(|known| known.authorization.clone()),
            ),
        };
        let mut origins: Vec<_> = [first, second]
            .into_iter()
            .flatten()
            .filter_map(|address| url::Url::parse(&address).ok())
            .map(|url| url.origin().ascii_serialization())
            .collect();
        origins.dedup();
        origins
    }

    /// Where a browser is led to, to log in.
    pub async fn authorization_request(&self, asking: Asking<'_>) -> Result<String> {
        let endpoint = match &self.source {
            Source::Configured(endpoints) => endpoints.authorization.clone(),
            Source::Discovered { metadata, .. } => known(metadata).await?.authorization.clone(),
        };
        let scope = self.spec.scopes.join(" ");
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", &self.spec.client_id),
            ("redirect_uri", asking.redirect_uri),
            ("scope", &scope),
            ("state", asking.state),
            ("code_challenge", asking.challenge),
            ("code_challenge_method", "S256"),
        ];
        if matches!(self.source, Source::Discovered { .. }) {
            pairs.push(("nonce", asking.nonce));
        }
        let more = self.spec.parameters.iter();
        pairs.extend(more.map(|(name, value)| (name.as_str(), value.as_str())));
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        // RFC 6749 §3.1: a query that the endpoint has is kept.
        let place = if endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{endpoint}{place}{query}"))
    }

    /// RFC 9207 §2.4: whether the answer names this provider, as it must if the provider says that its answers do.
    pub async fn check_issuer(&self, iss: Option<&str>) -> Result<()> {
        let Source::Discovered {
            issuer, metadata, ..
        } = &self.source
        else {
            return Ok(());
        };
        let right = match iss {
            Some(iss) => issuer.may_be(iss),
            None => !known(metadata).await?.announces_iss,
        };
        right.then_some(()).ok_or(ProviderError::Issuer)
    }

    /// Exchanges the code, and finds out who has logged in.
    pub async fn redeem(&self, answered: Answered<'_>) -> Result<(Person, TokenSet)> {
        self.check_issuer(answered.iss).await?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", answered.code),
            ("redirect_uri", answered.redirect_uri),
            ("code_verifier", answered.verifier),
        ];
        let set = self.ask_for_tokens(&form, answered.now).await?;
        let person = match &self.source {
            Source::Configured(endpoints) => self.ask_who(&endpoints.userinfo, &set).await?,
            Source::Discovered { .. } => self.verify(&set, answered).await?,
        };
        Ok((person, set))
    }

    /// Exchanges a refresh token. The one that was presented may be worth nothing from then on, whatever is answered.
    pub async fn refresh(&self, token: &Secret, now: EpochMs) -> Result<TokenSet> {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token.expose()),
        ];
        self.ask_for_tokens(&form, now).await
    }

    async fn ask_for_tokens(&self, form: &[(&str, &str)], now: EpochMs) -> Result<TokenSet> {
        let (endpoint, by_metadata) = match &self.source {
            Source::Configured(endpoints) => (endpoints.token.clone(), ClientAuthentication::Basic),
            Source::Discovered { metadata, .. } => {
                let known = known(metadata).await?;
                (known.token.clone(), known.authentication)
            }
        };
        let how = self.spec.client_authentication.unwrap_or(by_metadata);
        let request = token_endpoint::request(&endpoint, &self.spec, how, form)?;
        token_endpoint::read(&self.fetching.client.send(request).await?, now)
    }

    async fn ask_who(&self, endpoint: &str, set: &TokenSet) -> Result<Person> {
        let request = userinfo::request(endpoint, set)?;
        userinfo::read(endpoint, &self.fetching.client.send(request).await?)
    }

    async fn verify(&self, set: &TokenSet, answered: Answered<'_>) -> Result<Person> {
        let Source::Discovered {
            issuer,
            metadata,
            keys,
        } = &self.source
        else {
            return Err(ProviderError::Answer("there is nobody to verify it"));
        };
        let token = set.id.as_ref();
        let token = token.ok_or(ProviderError::Answer("there is no ID token in it"))?;
        let known = known(metadata).await?;
        let keys = self.keys(keys, &known.keys_at);
        let expected = Expected {
            issuer,
            iss: answered.iss,
            client: &self.spec.client_id,
            nonce: answered.nonce,
            access_token: set.access.expose(),
            now: answered.now,
        };
        id_token::verify(token.expose(), &known.algorithms, &keys, expected).await
    }

    /// The same keys for as long as the metadata names the same address.
    fn keys(&self, keys: &Mutex<Option<Arc<Jwks>>>, uri: &str) -> Arc<Jwks> {
        let mut keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
        match keys.as_ref() {
            Some(kept) if kept.uri() == uri => Arc::clone(kept),
            _ => {
                let new = Arc::new(Jwks::new(uri.to_owned(), self.fetching.clone()));
                Arc::clone(keys.insert(new))
            }
        }
    }
}

fn discovered(issuer: &str, spec: &Spec, fetching: &Fetching) -> Source {
    let expected = issuer.to_owned();
    let metadata = Remote::new(
        spec.discovery_address(),
        Terms::default(),
        fetching.clone(),
        move |document| Metadata::read(&expected, document),
    );
    Source::Discovered {
        issuer: Issuer::new(issuer, &spec.directories),
        metadata,
        keys: Mutex::default(),
    }
}

async fn known(metadata: &Remote<Metadata>) -> Result<Arc<Metadata>> {
    metadata.get().await.ok_or(ProviderError::Metadata)
}
