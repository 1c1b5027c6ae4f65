//! JWT access tokens of another issuer: `kind = "jwt"` (RFC 9068 §4, RFC 8725, and what issuers do otherwise).

mod settings;

pub use settings::Spec;
use settings::Wanted;

use super::claims::{ClaimPath, Claims};
use super::keys::{Keys, KnownKeys};
use super::principal::{Principals, Verified};
use crate::auth::jwks::KeyError;
use crate::auth::vault::{Source, SourceError};
use crate::clock::{EpochMs, millis};
use crate::http::remote::{Fetching, Terms};
use crate::secret::Secret;
use crate::storage::Store;
use crate::token::cache::Keeping;
use crate::token::jws::{self, Algorithm, JwsError, Unverified};
use crate::token::{Facts, TokenHash};
use async_trait::async_trait;
use serde_json::Value;
use std::sync::Arc;

/// Claims that ID tokens and logout tokens have, and no access token has (Core 1.0 §2, Back-Channel Logout 1.0 §2.4).
const NO_ACCESS_TOKEN: [&str; 4] = ["at_hash", "c_hash", "s_hash", "events"];

/// Why a token is refused. Its holder learns that it is not valid; the log of debugging, why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Jws(#[from] JwsError),
    #[error("it is signed with an algorithm that this issuer may not use")]
    Algorithm,
    #[error("the issuer has no such key")]
    Key,
    #[error("its type is not one of `typ`")]
    Type,
    #[error("it is no access token")]
    NoAccessToken,
    #[error("it has not the claim `{0}` that is required")]
    Required(String),
    #[error("it is from another issuer")]
    Issuer,
    #[error("it is for somebody else")]
    Audience,
    #[error("it was given to an application that is not one of `clients`")]
    Client,
    #[error("it is not of this time")]
    Time,
    #[error("its `sub` is missing")]
    Subject,
    /// RFC 7800 §3.1: what must be proved and cannot be.
    #[error("it is bound to its holder in a way that is not supported")]
    Confirmation,
}

/// Why nothing was found out: a token that is no good, or keys that cannot be had.
enum Failure {
    Refused(Refusal),
    Unavailable(KeyError),
}

impl<R: Into<Refusal>> From<R> for Failure {
    fn from(refusal: R) -> Self {
        Self::Refused(refusal.into())
    }
}

/// Verifies the tokens of one issuer.
pub(super) struct Jwts {
    spec: Spec,
    algorithms: Vec<Algorithm>,
    require: Vec<(ClaimPath, Wanted)>,
    keys: Arc<Keys>,
    principals: Principals,
}

impl Jwts {
    pub(super) fn new(spec: Spec, fetching: &Fetching, store: Store, known: &KnownKeys) -> Self {
        let terms = Terms {
            stale: spec.max_key_age,
            ..Terms::default()
        };
        let (issuer, fetching) = (spec.issuer.clone(), fetching.clone());
        let keys = match &spec.jwks_uri {
            Some(uri) => Keys::at(&issuer, uri.clone(), terms, fetching),
            None => Keys::discovered(issuer, spec.discovery(), terms, fetching),
        };
        let keys = known.succeed(keys);
        keys.warm_up();
        let required = spec.require.iter();
        Self {
            algorithms: spec.algorithms(),
            require: required
                .map(|(path, wanted)| (ClaimPath::new(path), wanted.clone()))
                .collect(),
            principals: Principals {
                issuer: spec.name.clone(),
                tenant: spec.tenant.clone(),
                settings: spec.principal.clone(),
                store,
            },
            keys,
            spec,
        }
    }

    pub(super) fn keeping(&self) -> Keeping {
        Keeping::Source {
            lifetime: self.spec.lifetime,
            stale_if_error: self.spec.stale_if_error,
        }
    }

    /// The claims of a token that this issuer signed, for us, for now.
    async fn verify(
        &self,
        hash: TokenHash,
        token: &str,
        now: EpochMs,
    ) -> Result<(Claims, Verified), Failure> {
        let token = Unverified::parse(token).map_err(Refusal::from)?;
        let algorithm = token.algorithm;
        if !self.algorithms.contains(&algorithm) {
            return Err(Refusal::Algorithm.into());
        }
        let key = match self.keys.key(token.kid.as_deref(), algorithm).await {
            Ok(key) => key,
            Err(KeyError::Unknown) => return Err(Refusal::Key.into()),
            Err(error @ KeyError::Unavailable) => return Err(Failure::Unavailable(error)),
        };
        let token = token.verify(&key).map_err(Refusal::from)?;
        let claims: Claims = token.claims().map_err(Refusal::from)?;
        self.check_type(token.typ.as_deref(), &claims)?;
        let verified = self.check(&claims, hash, now)?;
        Ok((claims, verified))
    }

    /// An ID token or a refresh token of the same issuer has the same key, `iss` and often `aud` (RFC 8725 §3.11).
    fn check_type(&self, typ: Option<&str>, claims: &Claims) -> Result<(), Refusal> {
        // RFC 7519 §5.1: a token that says nothing is a JWT.
        let typ = typ.unwrap_or("jwt");
        let mut taken = self.spec.typ.iter();
        if !taken.any(|taken| jws::plain_type(taken) == typ) {
            return Err(Refusal::Type);
        }
        if NO_ACCESS_TOKEN
            .iter()
            .any(|name| claims.get(name).is_some())
        {
            return Err(Refusal::NoAccessToken);
        }
        for (path, wanted) in &self.require {
            let right = match (claims.at(path), wanted) {
                (Some(Value::String(text)), Wanted::Text(wanted)) => text == wanted,
                (Some(found), Wanted::Any(true)) => !found.is_null(),
                _ => false,
            };
            if !right {
                return Err(Refusal::Required(path.to_string()));
            }
        }
        Ok(())
    }

    fn check(&self, claims: &Claims, hash: TokenHash, now: EpochMs) -> Result<Verified, Refusal> {
        let must = |right: bool, otherwise| if right { Ok(()) } else { Err(otherwise) };
        let iss = claims.text("iss").unwrap_or_default();
        must(iss == self.spec.issuer, Refusal::Issuer)?;
        must(self.is_for_us(claims), Refusal::Audience)?;
        let expires_at = self.expires_at(claims, now).ok_or(Refusal::Time)?;
        let subject = claims.text("sub").unwrap_or_default();
        must(!subject.is_empty(), Refusal::Subject)?;
        let id = claims.text("jti").map(str::to_owned);
        Ok(Verified {
            iss: iss.to_owned(),
            client: self.client(claims)?,
            id: id.unwrap_or_else(|| hash.to_string()),
            session: claims.text("sid").map(str::to_owned),
            issued_at: claims.get("iat").and_then(time),
            expires_at,
            jkt: bound_to(claims)?,
            granted: None,
        })
    }

    fn is_for_us(&self, claims: &Claims) -> bool {
        let ours = |name: &Value| {
            let name = name.as_str();
            name.is_some_and(|name| self.spec.audience.iter().any(|ours| ours == name))
        };
        match claims.get("aud") {
            Some(Value::Array(all)) => all.iter().any(ours),
            Some(one) => ours(one),
            None => false,
        }
    }

    /// Until when it is good; `None` when it is not good now.
    fn expires_at(&self, claims: &Claims, now: EpochMs) -> Option<EpochMs> {
        let leeway = millis(self.spec.leeway);
        let expires_at = time(claims.get("exp")?)?.saturating_add(leeway);
        let has_begun = |name: &str| match claims.get(name) {
            None => true,
            Some(from) => time(from).is_some_and(|from| from <= now.saturating_add(leeway)),
        };
        let is_now = now < expires_at && has_begun("nbf") && has_begun("iat");
        is_now.then_some(expires_at)
    }

    /// The application that has it (RFC 9068 §2.2; `azp` of OpenID Connect).
    fn client(&self, claims: &Claims) -> Result<Option<String>, Refusal> {
        let mut named = ["client_id", "azp"]
            .into_iter()
            .filter_map(|name| claims.text(name));
        let is_listed = |client: &str| self.spec.clients.iter().any(|listed| listed == client);
        let client = named.next();
        let all_listed = client.is_some_and(is_listed) && named.all(is_listed);
        if !self.spec.clients.is_empty() && !all_listed {
            return Err(Refusal::Client);
        }
        Ok(client.map(str::to_owned))
    }
}

#[async_trait]
impl Source for Jwts {
    async fn look(
        &self,
        hash: TokenHash,
        credential: &Secret,
        now: EpochMs,
    ) -> Result<Option<Facts>, SourceError> {
        let token = credential.expose();
        match self.verify(hash, token, now).await {
            Ok((claims, verified)) => Ok(self.principals.facts(&claims, verified, token).await?),
            Err(Failure::Refused(refusal)) => {
                tracing::debug!(issuer = self.spec.name, %refusal, "a token is refused");
                Ok(None)
            }
            Err(Failure::Unavailable(error)) => Err(SourceError::issuer(error)),
        }
    }
}

/// RFC 7519 §2, `NumericDate`: seconds, perhaps with a fraction.
fn time(value: &Value) -> Option<EpochMs> {
    let seconds = value
        .as_f64()
        .filter(|seconds| (0.0..LATEST).contains(seconds))?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is within the bounds above"
    )]
    Some((seconds * 1000.0) as EpochMs)
}

/// The year 9999, in seconds.
const LATEST: f64 = 253_402_300_800.0;

/// The thumbprint of the key that its holder must prove (RFC 9449 §6.1). Any other bond is one that cannot be checked here.
fn bound_to(claims: &Claims) -> Result<Option<String>, Refusal> {
    let Some(bond) = claims.get("cnf") else {
        return Ok(None);
    };
    let members = bond.as_object().ok_or(Refusal::Confirmation)?;
    match (members.get("jkt").and_then(Value::as_str), members.len()) {
        (Some(thumbprint), 1) => Ok(Some(thumbprint.to_owned())),
        _ => Err(Refusal::Confirmation),
    }
}
