//! The keys of another issuer (RFC 7517): fetched by the rules of [`Remote`], and which of them may verify what.

use super::jws;
use crate::http::remote::{Fetching, Remote, Terms};
use crate::secret;
use bytes::Bytes;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// Keys that a set may have; those after them are not looked at.
const MOST: usize = 100;
/// RFC 7518 §3.3: bytes of a modulus of 2048 bits.
const LEAST_MODULUS: usize = 256;

/// The keys at an issuer's `jwks_uri`.
#[derive(Debug)]
pub struct Jwks(Remote<KeySet>);

/// A key that verifies signatures.
pub struct Key {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    decoding: DecodingKey,
}

/// The usable keys of a document.
#[derive(Debug)]
pub struct KeySet(Vec<Arc<Key>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the issuer has no such key")]
    Unknown,
    /// It is not known whether the issuer has it: whoever sent it must not be told that it is wrong (AT-36).
    #[error("the issuer's keys cannot be had now")]
    Unavailable,
}

impl Jwks {
    pub fn new(uri: String, fetching: Fetching) -> Self {
        Self::with(uri, Terms::default(), fetching)
    }

    pub fn with(uri: String, terms: Terms, fetching: Fetching) -> Self {
        Self(Remote::new(uri, terms, fetching, KeySet::read))
    }

    /// Fetches them for whoever needs them later; returns at once.
    pub fn begin(&self) {
        self.0.begin();
    }

    pub fn uri(&self) -> &str {
        self.0.uri()
    }

    /// The key of this name for this algorithm. A name that is not known is looked for once more, with restraint: issuers
    /// change their keys, and attackers invent names.
    pub async fn key(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, KeyError> {
        let keys = self.0.get().await;
        if let Some(key) = keys.and_then(|keys| keys.find(kid, algorithm)) {
            return Ok(key);
        }
        self.0.fetch_again().await;
        let keys = self.0.kept().ok_or(KeyError::Unavailable)?;
        keys.find(kid, algorithm).ok_or(KeyError::Unknown)
    }
}

impl KeySet {
    /// Reads a document. A key that cannot be used is as if it were not there.
    pub fn read(document: &Bytes) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let document: Document =
            serde_json::from_slice(document).map_err(|error| error.to_string())?;
        let keys = document.keys.iter().take(MOST).filter_map(Key::read);
        Ok(Self(keys.map(Arc::new).collect()))
    }

    /// The key of this name; without a name, the only one that takes the algorithm.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<Arc<Key>> {
        let named = |key: &&Arc<Key>| kid.is_none() || key.kid.as_deref() == kid;
        let mut fitting = self
            .0
            .iter()
            .filter(named)
            .filter(|key| key.takes(algorithm));
        let key = fitting.next()?;
        fitting.next().is_none().then(|| Arc::clone(key))
    }
}

impl Key {
    /// RFC 8725 §3.1: one key, one kind of algorithm.
    pub fn takes(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    /// A public key; `None` for one that verifies nothing here.
    pub fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let mut algorithms = algorithms(value)?;
        if !may_verify(value) {
            return None;
        }
        if let Some(named) = text("alg") {
            let named = jws::algorithm(named)?;
            algorithms.retain(|algorithm| *algorithm == named);
        }
        let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
        Some(Self {
            kid: text("kid").map(str::to_owned),
            algorithms: Some(algorithms).filter(|algorithms| !algorithms.is_empty())?,
            decoding: DecodingKey::from_jwk(&jwk).ok()?,
        })
    }
}

/// What a key of this type and size may be used with; never a symmetric one.
fn algorithms(key: &Value) -> Option<Vec<Algorithm>> {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    match (text("kty")?, text("crv")) {
        ("RSA", None) => {
            let modulus = secret::decode(text("n")?)?;
            let bytes = modulus.iter().skip_while(|byte| **byte == 0).count();
            let fits = bytes >= LEAST_MODULUS;
            fits.then(|| vec![RS256, RS384, RS512, PS256, PS384, PS512])
        }
        ("EC", Some("P-256")) => Some(vec![ES256]),
        ("EC", Some("P-384")) => Some(vec![ES384]),
        ("OKP", Some("Ed25519")) => Some(vec![EdDSA]),
        _ => None,
    }
}

/// RFC 7517 §4.2, §4.3: a key that says what it is for is for nothing else.
fn may_verify(key: &Value) -> bool {
    let for_signatures = key.get("use").is_none_or(|usage| usage == "sig");
    let verifies = key.get("key_ops").is_none_or(|operations| {
        let operations = operations.as_array();
        operations.is_some_and(|all| all.iter().any(|operation| operation == "verify"))
    });
    for_signatures && verifies
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?}, {:?})", self.kid, self.algorithms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(keys: &[Value]) -> KeySet {
        let document = json!({ "keys": keys }).to_string();
        KeySet::read(&Bytes::from(document)).unwrap()
    }

    fn ec(kid: &str) -> Value {
        let coordinate = secret::encode(&[7; 32]);
        json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": coordinate, "y": coordinate })
    }

    fn with(mut key: Value, name: &str, value: Value) -> Value {
        key[name] = value;
        key
    }

    fn rsa(bits: usize) -> Value {
        json!({ "kty": "RSA", "kid": "r", "n": secret::encode(&vec![0x81; bits / 8]), "e": "AQAB" })
    }

    #[test]
    fn m12_keys_that_are_weak_or_for_something_else_do_not_verify() {
        let operations = json!(["sign"]);
        let unusable = [
            rsa(1024),
            with(ec("r"), "use", json!("enc")),
            with(ec("r"), "key_ops", operations),
            with(ec("r"), "alg", json!("RS256")),
            with(ec("r"), "crv", json!("secp256k1")),
            json!({ "kty": "oct", "kid": "r", "k": "c2VjcmV0" }),
            json!("no key"),
        ];
        for key in unusable {
            assert!(set(std::slice::from_ref(&key)).0.is_empty(), "{key}");
        }
        assert!(
            set(&[rsa(2048)])
                .find(Some("r"), Algorithm::RS256)
                .is_some()
        );
    }

    #[test]
    fn m02_a_key_takes_the_algorithms_of_its_kind_alone() {
        let set = set(&[rsa(2048), ec("e")]);
        for algorithm in [Algorithm::HS256, Algorithm::ES256, Algorithm::EdDSA] {
            assert!(set.find(Some("r"), algorithm).is_none(), "{algorithm:?}");
        }
        assert!(set.find(Some("e"), Algorithm::RS256).is_none());
    }

    #[test]
    fn a_document_without_a_name_is_verified_by_the_only_key_that_fits() {
        assert!(
            set(&[ec("a"), rsa(2048)])
                .find(None, Algorithm::ES256)
                .is_some()
        );
        assert!(
            set(&[ec("a"), ec("b")])
                .find(None, Algorithm::ES256)
                .is_none()
        );
    }

    #[test]
    fn one_bad_key_does_not_spoil_the_set() {
        let set = set(&[json!({ "kty": "EC" }), ec("good")]);
        assert!(set.find(Some("good"), Algorithm::ES256).is_some());
    }
}
