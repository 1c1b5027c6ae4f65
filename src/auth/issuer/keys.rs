//! Where an issuer's keys are: at an address that the configuration names, or that its metadata does (RFC 8414 §2).

use crate::auth::jwks::{Jwks, KeyError};
use crate::http::client::may_lead_to;
use crate::http::remote::{Fetching, Remote, Terms};
use crate::token::jwk::Key;
use crate::token::jws::Algorithm;
use bytes::Bytes;
use serde::Deserialize;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The keys of all issuers that are configured now. A reload goes on with them: an issuer that is away just then would be shut
/// out, though nothing of it has changed.
#[derive(Debug, Default)]
pub struct KnownKeys(Mutex<Vec<Weak<Keys>>>);

/// The keys of an issuer, fetched when they are needed.
#[derive(Debug)]
pub(super) struct Keys {
    /// Whose they are, and from where.
    source: String,
    address: Address,
    /// The keys at the address that was known last.
    jwks: Mutex<Option<Arc<Jwks>>>,
    terms: Terms,
    fetching: Fetching,
}

#[derive(Debug)]
enum Address {
    Fixed(String),
    /// In the metadata.
    Discovered(Remote<String>),
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl KnownKeys {
    /// Lets `keys` begin with what is known from the same source, and take its place.
    pub(super) fn succeed(&self, keys: Keys) -> Arc<Keys> {
        let keys = Arc::new(keys);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|keys| keys.strong_count() > 0);
        let mut before = known.iter().rev().filter_map(Weak::upgrade);
        if let Some(before) = before.find(|before| before.source == keys.source) {
            keys.resume(&before);
        }
        known.push(Arc::downgrade(&keys));
        keys
    }
}

impl Keys {
    pub(super) fn at(issuer: &str, uri: String, terms: Terms, fetching: Fetching) -> Self {
        let source = format!("{issuer} {uri}");
        Self::new(source, Address::Fixed(uri), terms, fetching)
    }

    /// At the address that the metadata of `issuer` name.
    pub(super) fn discovered(
        issuer: String,
        metadata: String,
        terms: Terms,
        fetching: Fetching,
    ) -> Self {
        let source = format!("{issuer} {metadata}");
        let read = move |document: &Bytes| jwks_uri(&issuer, document);
        let metadata = Remote::new(metadata, terms, fetching.clone(), read);
        Self::new(source, Address::Discovered(metadata), terms, fetching)
    }

    fn new(source: String, address: Address, terms: Terms, fetching: Fetching) -> Self {
        Self {
            source,
            address,
            jwks: Mutex::default(),
            terms,
            fetching,
        }
    }

    /// Fetches ahead of the first token what can be; what is wrong with it is logged.
    pub(super) fn warm_up(&self) {
        match &self.address {
            Address::Fixed(uri) => self.jwks_at(uri).warm_up(),
            Address::Discovered(metadata) => metadata.warm_up(),
        }
    }

    fn resume(&self, before: &Self) {
        if let (Address::Discovered(metadata), Address::Discovered(known)) =
            (&self.address, &before.address)
        {
            metadata.resume(known);
        }
        let known = before.jwks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.clone() {
            self.jwks_at(known.uri()).resume(&known);
        }
    }

    pub(super) async fn key(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<Key>, KeyError> {
        let jwks = match &self.address {
            Address::Fixed(uri) => self.jwks_at(uri),
            Address::Discovered(metadata) => {
                let uri = metadata.get().await.ok_or(KeyError::Unavailable)?;
                self.jwks_at(&uri)
            }
        };
        jwks.key(kid, algorithm).await
    }

    /// The same keys for as long as they are at the same address.
    fn jwks_at(&self, uri: &str) -> Arc<Jwks> {
        let mut jwks = self.jwks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = jwks.as_ref().filter(|kept| kept.uri() == uri) {
            return Arc::clone(kept);
        }
        let new = Jwks::with(uri.to_owned(), self.terms, self.fetching.clone());
        Arc::clone(jwks.insert(Arc::new(new)))
    }
}

fn jwks_uri(issuer: &str, document: &Bytes) -> Result<String, String> {
    let found: Metadata = serde_json::from_slice(document).map_err(|error| error.to_string())?;
    // RFC 8414 §3.3: otherwise one issuer could pass for another.
    if found.issuer != issuer {
        return Err(format!(
            "the metadata is that of the issuer `{}`, not of `{issuer}`",
            found.issuer
        ));
    }
    if !may_lead_to(issuer, &found.jwks_uri) {
        return Err(format!(
            "its keys at `{}` may not be fetched",
            found.jwks_uri
        ));
    }
    Ok(found.jwks_uri)
}
