//! Signing: the algorithms of JWT access tokens (RFC 7518 §3, RFC 8037), and their key pairs.

use super::jwk;
use super::jws::Unverified;
use crate::secret::{encode, sha256};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;
use zeroize::Zeroizing;

/// How access tokens are signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// With RSA of 2048 bits. The default: the one that every resource server must understand (RFC 9068 §2.1), and the
    /// quickest to verify, which is done far more often than signing.
    #[default]
    #[serde(rename = "RS256")]
    Rs256,
    /// Short tokens.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// The library would not do it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the signing key cannot be used")]
pub struct SigningError;

/// A key pair as it is stored, its private half not yet sealed.
pub struct Generated {
    /// PKCS#8
    pub private: Zeroizing<Vec<u8>>,
    pub public: Vec<u8>,
}

/// What signs.
pub(super) enum PrivateKey {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// What verifies, by one algorithm alone: that of the key, whatever a token says (RFC 8725 §3.1).
#[derive(Debug)]
pub(super) struct PublicKey {
    key: jwk::Key,
    /// RFC 7517, with its thumbprint (RFC 7638) as `kid`.
    jwk: Value,
    kid: String,
}

impl Algorithm {
    const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// A new key pair. RSA takes its time: not on a thread that others wait for.
    pub fn generate(self) -> Result<Generated, SigningError> {
        let (private, public) = match self {
            Self::Rs256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
                (pair.as_der()?.as_ref().to_vec(), public_of(&pair))
            }
            Self::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
                (pair.to_pkcs8v1()?.as_ref().to_vec(), public_of(&pair))
            }
            Self::EdDsa => {
                let pair = Ed25519KeyPair::generate()?;
                (pair.to_pkcs8()?.as_ref().to_vec(), public_of(&pair))
            }
        };
        Ok(Generated {
            private: Zeroizing::new(private),
            public,
        })
    }

    /// The members that a thumbprint is of, in their order (RFC 7638 §3.2, RFC 8037 §2).
    fn members(self, public: &[u8]) -> Result<Value, SigningError> {
        Ok(match self {
            Self::Rs256 => {
                let key = rsa::PublicKey::from_der(public).map_err(|_| SigningError)?;
                let e = encode(key.exponent().big_endian_without_leading_zero());
                let n = encode(key.modulus().big_endian_without_leading_zero());
                json!({ "e": e, "kty": "RSA", "n": n })
            }
            Self::Es256 => {
                // RFC 5480 §2.2: uncompressed, 4 and the two coordinates.
                let point = public.strip_prefix(&[4]).ok_or(SigningError)?;
                let (x, y) = point.split_at_checked(32).ok_or(SigningError)?;
                json!({ "crv": "P-256", "kty": "EC", "x": encode(x), "y": encode(y) })
            }
            Self::EdDsa => json!({ "crv": "Ed25519", "kty": "OKP", "x": encode(public) }),
        })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PrivateKey {
    /// Reads PKCS#8.
    pub(super) fn read(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, SigningError> {
        let pair = match algorithm {
            Algorithm::Rs256 => RsaKeyPair::from_pkcs8(pkcs8).map(Self::Rsa),
            Algorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Self::Ec)
            }
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).map(Self::Ed),
        };
        pair.map_err(|_| SigningError)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let random = SystemRandom::new();
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
            Self::Ec(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Ed(pair) => Ok(pair.try_sign(message)?.as_ref().to_vec()),
        }
    }
}

impl PublicKey {
    pub(super) fn read(algorithm: Algorithm, public: &[u8]) -> Result<Self, SigningError> {
        let mut jwk = algorithm.members(public)?;
        let kid = encode(&sha256(jwk.to_string().as_bytes()));
        if let Some(members) = jwk.as_object_mut() {
            for (name, value) in [("alg", algorithm.as_str()), ("kid", &kid), ("use", "sig")] {
                members.insert(name.to_owned(), value.into());
            }
        }
        Ok(Self {
            key: jwk::Key::read(&jwk).ok_or(SigningError)?,
            jwk,
            kid,
        })
    }

    /// RFC 7638
    pub(super) fn thumbprint(&self) -> &str {
        &self.kid
    }

    /// RFC 7517: nothing of it is secret.
    pub(super) fn jwk(&self) -> &Value {
        &self.jwk
    }

    pub(super) fn signed(&self, token: Unverified<'_>) -> bool {
        token.verify(&self.key).is_ok()
    }
}

/// Which key it is that signs is nobody's business.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey")
    }
}

impl From<aws_lc_rs::error::Unspecified> for SigningError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self
    }
}

fn public_of<K: KeyPair>(pair: &K) -> Vec<u8> {
    pair.public_key().as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING;

    /// Whether the key signed a document that has this signature.
    fn signed(public: &PublicKey, algorithm: Algorithm, message: &str, signature: &[u8]) -> bool {
        let header = encode(format!(r#"{{"alg":"{algorithm}"}}"#).as_bytes());
        let text = format!("{header}.{message}.{}", encode(signature));
        public.signed(Unverified::parse(&text).unwrap())
    }

    fn message(algorithm: Algorithm, claims: &str) -> Vec<u8> {
        let header = encode(format!(r#"{{"alg":"{algorithm}"}}"#).as_bytes());
        format!("{header}.{claims}").into_bytes()
    }

    #[test]
    fn what_a_key_signed_its_public_half_alone_verifies() {
        for algorithm in Algorithm::ALL {
            let (one, two) = (algorithm.generate().unwrap(), algorithm.generate().unwrap());
            let private = PrivateKey::read(algorithm, &one.private).unwrap();
            let public = PublicKey::read(algorithm, &one.public).unwrap();
            let other = PublicKey::read(algorithm, &two.public).unwrap();
            let signature = private.sign(&message(algorithm, "e30")).unwrap();
            assert!(signed(&public, algorithm, "e30", &signature), "{algorithm}");
            assert!(
                !signed(&public, algorithm, "e31", &signature),
                "{algorithm}"
            );
            assert!(!signed(&other, algorithm, "e30", &signature), "{algorithm}");
            assert_ne!(public.thumbprint(), other.thumbprint());
        }
    }

    #[test]
    fn m11_a_signature_of_zeros_or_in_der_is_none() {
        let pair = Algorithm::Es256.generate().unwrap();
        let public = PublicKey::read(Algorithm::Es256, &pair.public).unwrap();
        let is_signed = |signature: &[u8]| signed(&public, Algorithm::Es256, "e30", signature);
        assert!(!is_signed(&[0; 64]), "CVE-2022-21449");
        let der = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pair.private);
        let message = message(Algorithm::Es256, "e30");
        let der = der.unwrap().sign(&SystemRandom::new(), &message).unwrap();
        assert!(!is_signed(der.as_ref()));
    }

    #[test]
    fn a_public_key_shows_nothing_private() {
        for algorithm in Algorithm::ALL {
            let pair = algorithm.generate().unwrap();
            let jwk = PublicKey::read(algorithm, &pair.public).unwrap().jwk;
            for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert_eq!(jwk.get(private), None, "{algorithm}");
            }
            assert_eq!(jwk["alg"], algorithm.as_str());
        }
    }

    #[test]
    fn a_key_of_another_algorithm_is_not_read() {
        let pair = Algorithm::Es256.generate().unwrap();
        assert!(PrivateKey::read(Algorithm::Rs256, &pair.private).is_err());
        assert!(PublicKey::read(Algorithm::Rs256, &pair.public).is_err());
        assert!(PublicKey::read(Algorithm::EdDsa, &pair.public).is_err());
    }

    /// RFC 8037, appendix A.2 and A.3.
    #[test]
    fn a_thumbprint_is_that_of_the_rfc() {
        let public = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let public = crate::secret::decode(public).unwrap();
        let key = PublicKey::read(Algorithm::EdDsa, &public).unwrap();
        assert_eq!(
            key.thumbprint(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }
}
