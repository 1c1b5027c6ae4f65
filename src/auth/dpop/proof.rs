//! A proof: a JWT signed by the key that it contains (RFC 9449 §4.2).

use super::ProofError;
use crate::clock::EpochMs;
use crate::secret;
use crate::token::jwk::Key;
use crate::token::jws::{self, JwsError, Unverified};
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};
use std::time::Duration;

/// A longer one is refused unread: the largest key that anybody uses fits into half of it.
const LONGEST: usize = 4 * 1024;
/// Of a `jti`, which is remembered.
const LONGEST_NAME: usize = 256;

/// Members that only a private or a shared key has (RFC 7518 §6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A proof whose signature is right. What it is for is still to be compared.
#[derive(Debug)]
pub(super) struct Proof {
    /// Of its key (RFC 7638).
    pub(super) thumbprint: String,
    pub(super) claims: Claims,
}

#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) jti: String,
    pub(super) htm: String,
    pub(super) htu: String,
    /// `None` when it is no time.
    #[serde(deserialize_with = "seconds")]
    pub(super) iat: Option<EpochMs>,
    pub(super) ath: Option<String>,
    pub(super) nonce: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    jwk: Value,
}

impl Proof {
    pub(super) fn read(text: &str) -> Result<Self, ProofError> {
        if text.len() > LONGEST {
            return Err(ProofError::Form);
        }
        let proof = Unverified::parse(text)?;
        // Exactly: it keeps every other signed document of the key from being a proof.
        if proof.typ() != Some("dpop+jwt") {
            return Err(ProofError::Type);
        }
        let algorithm = proof.algorithm;
        if !jws::is_offered(algorithm) {
            return Err(JwsError::Algorithm.into());
        }
        let Header { jwk } = proof.header()?;
        let (key, thumbprint) = public(&jwk).ok_or(ProofError::Key)?;
        if !key.takes(algorithm) {
            return Err(ProofError::Key);
        }
        let claims: Claims = proof.verify(&key)?.claims()?;
        if claims.jti.is_empty() || claims.jti.len() > LONGEST_NAME {
            return Err(ProofError::Form);
        }
        Ok(Self { thumbprint, claims })
    }
}

fn public(jwk: &Value) -> Option<(Key, String)> {
    let members = jwk.as_object()?;
    if PRIVATE.iter().any(|name| members.contains_key(*name)) {
        return None;
    }
    Some((Key::read(jwk)?, thumbprint(jwk)?))
}

/// RFC 7638 §3: the SHA-256 of the required members, in order and without blanks.
fn thumbprint(jwk: &Value) -> Option<String> {
    let text = |name: &str| jwk.get(name)?.as_str();
    // Base64url alone: it needs no escapes, and of two spellings of a number one is taken.
    let number = |name: &str| text(name).filter(|value| secret::decode(value).is_some());
    let canonical = match (text("kty")?, text("crv")) {
        ("EC", Some("P-256")) => {
            let (x, y) = (number("x")?, number("y")?);
            format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
        }
        ("OKP", Some("Ed25519")) => {
            let x = number("x")?;
            format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
        }
        ("RSA", None) => {
            let (e, n) = (number("e")?, number("n")?);
            format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
        }
        _ => return None,
    };
    Some(secret::encode(&secret::sha256(canonical.as_bytes())))
}

/// RFC 7519 §2: a number of seconds, which need not be whole.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<EpochMs>, D::Error> {
    let number = Number::deserialize(deserializer)?;
    if let Some(whole) = number.as_i64() {
        return Ok(whole.checked_mul(1000));
    }
    let seconds = number.as_f64().unwrap_or(f64::NAN);
    let duration = Duration::try_from_secs_f64(seconds).ok();
    Ok(duration.and_then(|duration| EpochMs::try_from(duration.as_millis()).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638_and_of_rfc_9449() {
        // RFC 7638 §3.1
        let rsa = json!({
            "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
        });
        assert_eq!(
            thumbprint(&rsa).unwrap(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
        // RFC 9449 §4.1 and §6.1
        let ec = json!({
            "kty": "EC", "crv": "P-256",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"
        });
        assert_eq!(
            thumbprint(&ec).unwrap(),
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
        );
        // RFC 8037 §A.3
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        assert_eq!(
            thumbprint(&ed).unwrap(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn the_proof_of_rfc_9449_is_read() {
        let text = concat!(
            "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa",
            "0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6Il",
            "AtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29",
            "tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJ",
            "K70nfbV37xRZT3Lg"
        );
        let proof = Proof::read(text).unwrap();
        assert_eq!(proof.claims.iat, Some(1_562_262_616_000));
        assert_eq!(proof.claims.htu, "https://server.example.com/token");
        let changed = text.replace(
            "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwi",
            "eyJqdGkiOiItQndDM0VTYzZhY2MybFRkIiwi",
        );
        assert_ne!(changed, text);
        assert!(Proof::read(&changed).is_err());
    }

    #[test]
    fn a_private_key_is_no_proof_of_anything() {
        for name in PRIVATE {
            let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", name: "AA"});
            assert!(public(&jwk).is_none(), "{name}");
        }
    }

    #[test]
    fn a_time_is_a_number() {
        let iat = |text: &str| {
            let claims = format!(r#"{{"jti":"1","htm":"GET","htu":"x","iat":{text}}}"#);
            serde_json::from_str::<Claims>(&claims).map(|claims| claims.iat)
        };
        assert_eq!(iat("5").unwrap(), Some(5_000));
        assert_eq!(iat("5.5").unwrap(), Some(5_500));
        for wrong in [
            "1e300",
            "-1e300",
            "9223372036854775807",
            "18446744073709551615",
        ] {
            assert_eq!(iat(wrong).unwrap(), None, "{wrong}");
        }
        for wrong in ["\"5\"", "null", "[]", "{}", "true"] {
            assert!(iat(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}|[a-zA-Z0-9_.-]{0,200}") {
            prop_assert!(Proof::read(&text).is_err());
        }

        #[test]
        fn no_header_and_no_claims_panic(
            typ in "dpop\\+jwt|.{0,8}",
            alg in "ES256|EdDSA|RS256|none|.{0,6}",
            jwk in "\\{.{0,40}\\}|\\{\"kty\":\"(EC|RSA|OKP|oct)\",\"crv\":\"(P-256|Ed25519)\",\"x\":\"[A-Za-z0-9_-]{0,60}\",\"y\":\"[A-Za-z0-9_-]{0,60}\",\"n\":\"[A-Za-z0-9_-]{0,400}\",\"e\":\"AQAB\"\\}",
            claims in proptest::collection::vec(any::<u8>(), 0..60),
            signature in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let header = format!(r#"{{"typ":{},"alg":{},"jwk":{jwk}}}"#, json!(typ), json!(alg));
            let text = [header.as_bytes(), &claims, &signature].map(secret::encode).join(".");
            prop_assert!(Proof::read(&text).is_err());
        }
    }
}
