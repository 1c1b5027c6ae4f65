//! ID tokens (OpenID Connect Core 1.0 §3.1.3.7): who has logged in, for us, just now, in this very login.

use super::issuer::Issuer;
use super::{Person, Result};
use crate::auth::jwks::{Jwks, KeyError};
use crate::clock::EpochMs;
use crate::secret;
use crate::token::jws::{Algorithm, JwsError, Unverified};
use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use serde::Deserialize;
use serde_json::Value;
use subtle::ConstantTimeEq;

/// Seconds that clocks may differ.
const SKEW: f64 = 60.0;
/// Seconds that a login may take, and as old a token may be.
const OLDEST: f64 = 600.0;
/// Core 1.0 §2: characters of a subject.
const LONGEST_SUBJECT: usize = 255;

/// What a token must fit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a Issuer,
    /// The issuer that the authorization response named.
    pub(super) iss: Option<&'a str>,
    pub(super) client: &'a str,
    pub(super) nonce: &'a str,
    pub(super) access_token: &'a str,
    pub(super) now: EpochMs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    #[error(transparent)]
    Jws(#[from] JwsError),
    #[error("its key is not known")]
    Key,
    #[error("it is from another issuer")]
    Issuer,
    #[error("it is for somebody else")]
    Audience,
    #[error("it was given to somebody else")]
    AuthorizedParty,
    #[error("it is from another login")]
    Nonce,
    #[error("it is not of this time")]
    Time,
    #[error("it belongs to another access token")]
    AccessToken,
    #[error("it says of nobody whom it is about")]
    Subject,
}

impl IdTokenError {
    /// What failed, in a word for a page and the log.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Jws(JwsError::Signature) => "id_token_signature",
            Self::Jws(JwsError::Algorithm) => "id_token_algorithm",
            Self::Jws(_) => "id_token_form",
            Self::Key => "id_token_key",
            Self::Issuer => "id_token_issuer",
            Self::Audience => "id_token_audience",
            Self::AuthorizedParty => "id_token_azp",
            Self::Nonce => "id_token_nonce",
            Self::Time => "id_token_time",
            Self::AccessToken => "id_token_at_hash",
            Self::Subject => "id_token_subject",
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    azp: Option<String>,
    at_hash: Option<String>,
    email: Option<String>,
    /// Some send a text, which is not `true`.
    email_verified: Option<Value>,
    name: Option<String>,
    /// Microsoft: the directory.
    tid: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// The person that a token is about.
pub(super) async fn verify(
    token: &str,
    algorithms: &[Algorithm],
    keys: &Jwks,
    expected: Expected<'_>,
) -> Result<Person> {
    let token = Unverified::parse(token).map_err(IdTokenError::from)?;
    let algorithm = token.algorithm;
    if !algorithms.contains(&algorithm) {
        return Err(IdTokenError::Jws(JwsError::Algorithm).into());
    }
    let key = match keys.key(token.kid.as_deref(), algorithm).await {
        Err(KeyError::Unknown) => return Err(IdTokenError::Key.into()),
        key => key?,
    };
    let verified = token.verify(&key).map_err(IdTokenError::from)?;
    // RFC 8725 §3.11: an access token of the same issuer is none.
    if verified.typ.as_deref().is_some_and(|typ| typ != "jwt") {
        return Err(IdTokenError::Jws(JwsError::Form).into());
    }
    let claims: Claims = verified.claims().map_err(IdTokenError::from)?;
    claims.check(algorithm, expected)?;
    Ok(claims.person())
}

impl Claims {
    fn check(&self, algorithm: Algorithm, expected: Expected<'_>) -> Result<(), IdTokenError> {
        let must = |right: bool, otherwise| if right { Ok(()) } else { Err(otherwise) };
        let issued_by = expected.issuer.is(&self.iss, self.tid.as_deref());
        let answered_by = expected.iss.is_none_or(|iss| iss == self.iss);
        must(issued_by && answered_by, IdTokenError::Issuer)?;
        must(self.is_for(expected.client), IdTokenError::Audience)?;
        let party = self.azp.as_deref();
        must(
            party.is_none_or(|azp| azp == expected.client),
            IdTokenError::AuthorizedParty,
        )?;
        let nonce = self.nonce.as_deref().unwrap_or_default().as_bytes();
        must(
            nonce.ct_eq(expected.nonce.as_bytes()).into(),
            IdTokenError::Nonce,
        )?;
        must(self.is_of(expected.now), IdTokenError::Time)?;
        let hash = self.at_hash.as_deref();
        must(
            hash.is_none_or(|hash| is_hash_of(hash, expected.access_token, algorithm)),
            IdTokenError::AccessToken,
        )?;
        let known = (1..=LONGEST_SUBJECT).contains(&self.sub.len());
        must(
            known && !self.sub.contains(char::is_control),
            IdTokenError::Subject,
        )
    }

    /// For us alone: we know of nobody else whom we would trust with it (§3.1.3.7, 3).
    fn is_for(&self, client: &str) -> bool {
        match &self.aud {
            Audience::One(one) => one == client,
            Audience::Many(many) => !many.is_empty() && many.iter().all(|one| one == client),
        }
    }

    fn is_of(&self, now: EpochMs) -> bool {
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds of this millennium are exact in an f64"
        )]
        let now = now as f64 / 1000.0;
        self.exp > now - SKEW
            && self.iat < now + SKEW
            && self.iat > now - OLDEST - SKEW
            && self.nbf.is_none_or(|nbf| nbf < now + SKEW)
    }

    fn person(self) -> Person {
        let is_verified = self.email_verified == Some(Value::Bool(true));
        Person {
            issuer: self.iss,
            subject: self.sub,
            email: self.email.filter(|_| is_verified),
            name: self.name,
        }
    }
}

/// Core 1.0 §3.1.3.6: the left half of the hash that the signature's algorithm uses.
fn is_hash_of(hash: &str, access_token: &str, algorithm: Algorithm) -> bool {
    use Algorithm::{EdDsa, Es384, Ps384, Ps512, Rs384, Rs512};
    let function = match algorithm {
        Rs384 | Ps384 | Es384 => &SHA384,
        // Ed25519 uses SHA-512 within.
        Rs512 | Ps512 | EdDsa => &SHA512,
        _ => &SHA256,
    };
    let digest = digest(function, access_token.as_bytes());
    let (left, _) = digest.as_ref().split_at(digest.as_ref().len() / 2);
    secret::encode(left)
        .as_bytes()
        .ct_eq(hash.as_bytes())
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: EpochMs = 1_795_315_173_000;

    fn check(changes: &Value) -> Result<(), IdTokenError> {
        let mut claims = json!({
            "iss": "https://idp.example", "sub": "1", "aud": "gate", "nonce": "n",
            "iat": NOW / 1000, "exp": NOW / 1000 + 300,
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let claims: Claims =
            serde_json::from_value(claims).map_err(|_| IdTokenError::Jws(JwsError::Content))?;
        let expected = Expected {
            issuer: &Issuer::new("https://idp.example", &[]),
            iss: None,
            client: "gate",
            nonce: "n",
            access_token: "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
            now: NOW,
        };
        claims.check(Algorithm::Rs256, expected)
    }

    #[test]
    fn q04_a_token_is_for_us_alone() {
        assert_eq!(check(&json!({ "aud": ["gate"] })), Ok(()));
        for audience in [json!("other"), json!([]), json!(["gate", "other"])] {
            let checked = check(&json!({ "aud": audience }));
            assert_eq!(checked, Err(IdTokenError::Audience));
        }
        let party = check(&json!({ "azp": "other" }));
        assert_eq!(party, Err(IdTokenError::AuthorizedParty));
    }

    #[test]
    fn q04_a_token_is_of_now() {
        let now = NOW / 1000;
        for (claim, time) in [
            ("exp", now - 61),
            ("iat", now + 61),
            ("iat", now - 661),
            ("nbf", now + 61),
            ("exp", -1),
        ] {
            let checked = check(&json!({ claim: time }));
            assert_eq!(checked, Err(IdTokenError::Time), "{claim} {time}");
        }
        assert_eq!(check(&json!({ "exp": now - 59, "iat": now - 300 })), Ok(()));
        let text = check(&json!({ "exp": "2100" }));
        assert_eq!(text, Err(IdTokenError::Jws(JwsError::Content)));
    }

    #[test]
    fn q04_an_access_token_that_was_exchanged_is_noticed() {
        // Core 1.0, appendix A.3
        assert_eq!(
            check(&json!({ "at_hash": "77QmUPtjPfzWtF2AnpK9RQ" })),
            Ok(())
        );
        let other = check(&json!({ "at_hash": "77QmUPtjPfzWtF2AnpK9RR" }));
        assert_eq!(other, Err(IdTokenError::AccessToken));
    }

    #[test]
    fn q04_a_token_without_nonce_or_subject_is_refused() {
        let none = check(&json!({ "nonce": null }));
        assert_eq!(none, Err(IdTokenError::Nonce));
        for subject in [String::new(), "s".repeat(256)] {
            let checked = check(&json!({ "sub": subject }));
            assert_eq!(checked, Err(IdTokenError::Subject));
        }
    }

    #[test]
    fn every_algorithm_has_its_hash() {
        for algorithm in Algorithm::ALL {
            assert!(!is_hash_of("", "token", algorithm), "{algorithm:?}");
        }
    }
}
