//! Public keys as they are published (RFC 7517), and which of them may verify what.

use super::jws::Algorithm;
use crate::secret;
use aws_lc_rs::signature::{
    self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// Keys that a set may have; those after them are not looked at.
const MOST: usize = 100;
/// RFC 7518 §3.3: bytes of a modulus of 2048 bits.
const LEAST_MODULUS: usize = 256;

/// A key that verifies signatures.
pub struct Key {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    material: Material,
}

enum Material {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// A point of a curve, as its algorithm reads it.
    Point(Vec<u8>),
}

/// The usable keys of a document.
#[derive(Debug)]
pub struct KeySet(Vec<Arc<Key>>);

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
    /// A public key; `None` for one that verifies nothing here.
    pub fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let (mut algorithms, material) = material(value)?;
        if !may_verify(value) {
            return None;
        }
        if let Some(named) = text("alg") {
            let named = Algorithm::named(named)?;
            algorithms.retain(|algorithm| *algorithm == named);
        }
        Some(Self {
            kid: text("kid").map(str::to_owned),
            algorithms: Some(algorithms).filter(|algorithms| !algorithms.is_empty())?,
            material,
        })
    }

    /// RFC 8725 §3.1: one key, one kind of algorithm.
    pub fn takes(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether its holder made the signature, with an algorithm that it takes.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.takes(algorithm) {
            return false;
        }
        match &self.material {
            Material::Rsa(key) => {
                rsa(algorithm).is_some_and(|with| key.verify(with, message, signature).is_ok())
            }
            Material::Point(point) => curve(algorithm).is_some_and(|with| {
                let key = UnparsedPublicKey::new(with, point);
                key.verify(message, signature).is_ok()
            }),
        }
    }
}

fn rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => return None,
    })
}

fn curve(algorithm: Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match algorithm {
        // The two numbers one after the other (RFC 7518 §3.4), never DER.
        Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
        Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
        Algorithm::EdDsa => &signature::ED25519,
        _ => return None,
    })
}

/// What a key of this type and size may be used with; never a symmetric one.
fn material(key: &Value) -> Option<(Vec<Algorithm>, Material)> {
    use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let number = |name: &str| secret::decode(text(name)?);
    // RFC 7518 §6.2.1.2, RFC 8037 §2: as long as the curve wants it.
    let exact = |name: &str, length: usize| number(name).filter(|bytes| bytes.len() == length);
    // RFC 5480 §2.2: uncompressed, 4 and the two coordinates.
    let point = |length| Some([vec![4], exact("x", length)?, exact("y", length)?].concat());
    match (text("kty")?, text("crv")) {
        ("RSA", None) => {
            let (n, e) = (number("n")?, number("e")?);
            let bytes = n.iter().skip_while(|byte| **byte == 0).count();
            let algorithms = vec![Rs256, Rs384, Rs512, Ps256, Ps384, Ps512];
            let key = Material::Rsa(RsaPublicKeyComponents { n, e });
            (bytes >= LEAST_MODULUS).then_some((algorithms, key))
        }
        ("EC", Some("P-256")) => Some((vec![Es256], Material::Point(point(32)?))),
        ("EC", Some("P-384")) => Some((vec![Es384], Material::Point(point(48)?))),
        ("OKP", Some("Ed25519")) => Some((vec![EdDsa], Material::Point(exact("x", 32)?))),
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
    use crate::token::jws::Unverified;
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
                .find(Some("r"), Algorithm::Rs256)
                .is_some()
        );
    }

    #[test]
    fn m02_a_key_takes_the_algorithms_of_its_kind_alone() {
        let set = set(&[rsa(2048), ec("e")]);
        for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa] {
            assert!(set.find(Some("r"), algorithm).is_none(), "{algorithm:?}");
        }
        assert!(set.find(Some("e"), Algorithm::Rs256).is_none());
    }

    #[test]
    fn a_document_without_a_name_is_verified_by_the_only_key_that_fits() {
        assert!(
            set(&[ec("a"), rsa(2048)])
                .find(None, Algorithm::Es256)
                .is_some()
        );
        assert!(
            set(&[ec("a"), ec("b")])
                .find(None, Algorithm::Es256)
                .is_none()
        );
    }

    /// A document of each algorithm, and the key that it is signed with.
    fn signed() -> Vec<(Algorithm, Value, String)> {
        use aws_lc_rs::rand::SystemRandom;
        use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding};
        let random = SystemRandom::new();
        let rsa = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let ed = Ed25519KeyPair::generate().unwrap();
        let ec = |algorithm: Algorithm| {
            let with = match algorithm {
                Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
                _ => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
            };
            EcdsaKeyPair::generate(with).unwrap()
        };
        let number = secret::encode;
        let sign = |algorithm: Algorithm| {
            let header = number(format!(r#"{{"alg":"{algorithm}"}}"#).as_bytes());
            let text = format!("{header}.e30");
            let message = text.as_bytes();
            let padding: Option<&dyn RsaEncoding> = match algorithm {
                Algorithm::Rs256 => Some(&signature::RSA_PKCS1_SHA256),
                Algorithm::Rs384 => Some(&signature::RSA_PKCS1_SHA384),
                Algorithm::Rs512 => Some(&signature::RSA_PKCS1_SHA512),
                Algorithm::Ps256 => Some(&signature::RSA_PSS_SHA256),
                Algorithm::Ps384 => Some(&signature::RSA_PSS_SHA384),
                Algorithm::Ps512 => Some(&signature::RSA_PSS_SHA512),
                Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => None,
            };
            let (jwk, signature) = match (padding, algorithm) {
                (Some(padding), _) => {
                    let mut signature = vec![0; rsa.public_modulus_len()];
                    rsa.sign(padding, &random, message, &mut signature).unwrap();
                    let public = rsa.public_key();
                    let n = number(public.modulus().big_endian_without_leading_zero());
                    (json!({ "kty": "RSA", "n": n, "e": "AQAB" }), signature)
                }
                (None, Algorithm::EdDsa) => {
                    let x = number(ed.public_key().as_ref());
                    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
                    (jwk, ed.sign(message).as_ref().to_vec())
                }
                (None, algorithm) => {
                    let key = ec(algorithm);
                    let (_, point) = key.public_key().as_ref().split_at(1);
                    let (x, y) = point.split_at(point.len() / 2);
                    let crv = if algorithm == Algorithm::Es256 {
                        "P-256"
                    } else {
                        "P-384"
                    };
                    let jwk = json!({ "kty": "EC", "crv": crv, "x": number(x), "y": number(y) });
                    (jwk, key.sign(&random, message).unwrap().as_ref().to_vec())
                }
            };
            (algorithm, jwk, format!("{text}.{}", number(&signature)))
        };
        Algorithm::ALL.map(sign).to_vec()
    }

    #[test]
    fn every_algorithm_verifies_what_was_signed_with_it_and_nothing_else() {
        let signed = signed();
        for (algorithm, jwk, _) in &signed {
            let key = Key::read(jwk).unwrap();
            for (other, theirs, text) in &signed {
                let verified = Unverified::parse(text).unwrap().verify(&key);
                assert_eq!(
                    verified.is_ok(),
                    jwk == theirs,
                    "{other} by the key of {algorithm}"
                );
                let (signed, signature) = text.rsplit_once('.').unwrap();
                for changed in [
                    format!("{}.{signature}", signed.replace("e30", "e31")),
                    format!("{signed}.AAAA"),
                ] {
                    assert!(Unverified::parse(&changed).unwrap().verify(&key).is_err());
                }
            }
        }
    }

    #[test]
    fn m11_a_point_of_the_wrong_length_or_of_no_curve_verifies_nothing() {
        let signed = signed();
        let (_, jwk, text) = signed
            .iter()
            .find(|(of, ..)| *of == Algorithm::Es256)
            .unwrap();
        let x = secret::decode(jwk["x"].as_str().unwrap()).unwrap();
        let longer = secret::encode(&[x.as_slice(), &[0]].concat());
        assert!(Key::read(&with(jwk.clone(), "x", json!(longer))).is_none());
        let elsewhere = with(jwk.clone(), "y", jwk["x"].clone());
        let key = Key::read(&elsewhere).unwrap();
        assert!(Unverified::parse(text).unwrap().verify(&key).is_err());
    }

    #[test]
    fn one_bad_key_does_not_spoil_the_set() {
        let set = set(&[json!({ "kty": "EC" }), ec("good")]);
        assert!(set.find(Some("good"), Algorithm::Es256).is_some());
    }
}
