//! `private_key_jwt` (RFC 7523 §2.2, §3): a client signs who it is, with a key whose public half is registered.

use super::Oauth;
use super::errors::ClientError;
use super::parameters::Parameters;
use crate::clock::EpochMs;
use crate::secret;
use crate::storage::clients::Client;
use crate::token::jwk::KeySet;
use crate::token::jws::{self, Unverified};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

pub(super) const METHOD: &str = "private_key_jwt";

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Of an assertion, and of its `jti`, which is remembered.
const LONGEST: usize = 8 * 1024;
const LONGEST_NAME: usize = 256;

/// In seconds: for how long an assertion may be made out, and how far the client's clock may differ.
const LIFETIME: EpochMs = 5 * 60;
const SKEW: EpochMs = 5;

/// What a client says of itself, in a document that anybody may have made.
pub(super) struct Assertion<'f> {
    /// Whom it names.
    pub(super) client: String,
    document: Unverified<'f>,
}

/// Times in seconds, whole or not.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Value,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
    jti: String,
}

#[derive(Deserialize)]
struct Named {
    sub: String,
}

impl<'f> Assertion<'f> {
    /// The assertion of a request, if it has one.
    pub(super) fn of(form: &'f Parameters) -> Result<Option<Self>, ClientError> {
        let kind = form.get("client_assertion_type")?;
        let text = match (kind, form.get("client_assertion")?) {
            (None, None) => return Ok(None),
            (Some(TYPE), Some(text)) => text,
            (Some(TYPE) | None, _) => {
                let text = "client_assertion and client_assertion_type belong together";
                return Err(ClientError::InvalidRequest(text.to_owned()));
            }
            (Some(_), _) => {
                let text = "the client_assertion_type is not supported";
                return Err(ClientError::InvalidRequest(text.to_owned()));
            }
        };
        Self::read(text).map(Some).ok_or(ClientError::InvalidClient)
    }

    fn read(text: &'f str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let document = Unverified::parse(text).ok()?;
        let Named { sub } = document.unverified_claims().ok()?;
        Some(Self {
            client: sub,
            document,
        })
    }

    /// Whether `client` made it, for us, a moment ago, and it was not used before.
    pub(super) async fn proves(
        self,
        oauth: &Oauth,
        client: &Client,
        endpoint: &str,
    ) -> Result<bool, ClientError> {
        let now = oauth.clock.now();
        let Some(claims) = self.claims(client) else {
            return Ok(false);
        };
        if !claims.are_of(client) || !claims.are_for(oauth, endpoint) {
            return Ok(false);
        }
        let Some(expires_at) = claims.end(now) else {
            return Ok(false);
        };
        // Last of all: what is not good in every other way is not worth a row.
        let name = format!("{}\n{}", client.id, claims.jti);
        let hash = secret::encode(&secret::sha256(name.as_bytes()));
        Ok(oauth.store.spend_assertion(&hash, expires_at).await?)
    }

    /// The claims, if a key of the client signed them.
    fn claims(self, client: &Client) -> Option<Claims> {
        let algorithm = self.document.algorithm;
        if !jws::is_offered(algorithm) {
            return None;
        }
        let keys = KeySet::read(&Bytes::from(client.jwks.clone()?)).ok()?;
        let key = keys.find(self.document.kid.as_deref(), algorithm)?;
        let verified = self.document.verify(&key).ok()?;
        // A document that says what else it is was not made to authenticate (RFC 8725 §3.11).
        match verified.typ.as_deref() {
            None | Some("jwt" | "client-authentication+jwt") => verified.claims().ok(),
            Some(_) => None,
        }
    }
}

impl Claims {
    /// RFC 7523 §3: issuer and subject are the client.
    fn are_of(&self, client: &Client) -> bool {
        self.iss == client.id && self.sub == client.id
    }

    /// For the issuer alone (draft-ietf-oauth-security-topics-update §2.1): a server whose address is like one of ours
    /// must not get an assertion that is good here. The address of an endpoint counts only where that is configured.
    fn are_for(&self, oauth: &Oauth, endpoint: &str) -> bool {
        let origin = &oauth.origin;
        let is_us = |audience: &Value| {
            let Some(audience) = audience.as_str() else {
                return false;
            };
            let is_endpoint = audience
                .strip_prefix(origin.as_str())
                .is_some_and(|path| path == endpoint || path == "/oauth/token");
            audience == origin || oauth.settings.assertion_for_endpoint && is_endpoint
        };
        match &self.aud {
            Value::Array(all) => !all.is_empty() && all.iter().all(is_us),
            one => is_us(one),
        }
    }

    /// When it ends, if it is good at `now` and has a name.
    fn end(&self, now: EpochMs) -> Option<EpochMs> {
        let named = !self.jti.is_empty() && self.jti.len() <= LONGEST_NAME;
        let (expires_at, soon) = (millis(self.exp)?, now.saturating_add(SKEW * 1000));
        let lives = expires_at > now && expires_at <= soon.saturating_add(LIFETIME * 1000);
        let begun = |time: Option<f64>| match time {
            Some(time) => millis(time).is_some_and(|time| time <= soon),
            None => true,
        };
        (named && lives && begun(self.nbf) && begun(self.iat)).then_some(expires_at)
    }
}

/// RFC 7519 §2: a number of seconds, which need not be whole.
fn millis(seconds: f64) -> Option<EpochMs> {
    let duration = std::time::Duration::try_from_secs_f64(seconds).ok()?;
    EpochMs::try_from(duration.as_millis()).ok()
}
