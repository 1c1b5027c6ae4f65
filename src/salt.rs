//! `GET /rest/salt/{domain}`: the salt of a domain at Kalliope, for whoever asks.
//!
//! A domain that nobody has is told a salt as well, always the same: so nobody finds out which domains there are.

use crate::auth::digest::Attempts;
use crate::call::wire::Format;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::http::{Peer, Response, json, no_store, response};
use crate::kalliope::{Salt, SaltError};
use crate::route::Endpoints;
use crate::secret::Secret;
use crate::storage::Store;
use crate::throttle;
use axum::extract::{Path, State};
use axum::routing::get;
use http::header::ACCEPT;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use quick_xml::escape::escape;
use serde_json::json;
use std::sync::Arc;

/// What is told, and how often.
pub struct Salts {
    pub store: Store,
    pub attempts: Arc<Attempts>,
    /// Makes the salts of domains that there are not; the same at all gateways of an installation.
    pub key: Secret,
    pub clock: Clock,
}

pub fn endpoints(salts: Salts) -> Endpoints {
    let handlers = get(show).with_state(Arc::new(salts));
    Endpoints::default().public(Method::GET, "/rest/salt/{domain}", handlers)
}

async fn show(
    State(salts): State<Arc<Salts>>,
    Path(domain): Path<String>,
    head: Parts,
) -> Result<Response> {
    let Peer(address) = head.extensions.get().copied().unwrap_or(Peer(None));
    let source = throttle::source(address);
    let counted = salts.attempts.salt(&source, salts.clock.now());
    counted.map_err(|limited| Error::TooManyAttempts {
        seconds: limited.seconds,
    })?;
    let salt = salts.of(&domain).await?;
    Ok(no_store(rendered(&head.headers, &salt)))
}

impl Salts {
    /// The same is done whether there is such a domain or not.
    async fn of(&self, domain: &str) -> Result<String> {
        let pretended = Salt::pretend(&self.key, domain)?;
        let known = self.store.digest_salt(domain).await?;
        Ok(known.unwrap_or_else(|| pretended.as_str().to_owned()))
    }
}

/// Kalliope answers in XML unless it is asked for JSON. The name of its root is not known; clients look for `salt` in it.
fn rendered(headers: &HeaderMap, salt: &str) -> Response {
    if names_json(headers) && Format::of(headers) == Format::Json {
        return json(StatusCode::OK, &json!({ "salt": salt }));
    }
    let salt = escape(salt);
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><response><salt>{salt}</salt></response>"
    );
    response(StatusCode::OK, "application/xml", xml)
}

/// Some clients write no more than `json`.
fn names_json(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).into_iter();
    let mut ranges = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    ranges.any(|range| {
        let media = range.split(';').next().unwrap_or_default();
        media.trim().to_ascii_lowercase().ends_with("json")
    })
}

impl From<SaltError> for Error {
    fn from(_: SaltError) -> Self {
        Self::Internal
    }
}
