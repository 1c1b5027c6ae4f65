//! What the tests of proofs share: keys, and documents that they sign.

use crate::harness::{NOW, ORIGIN};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as Rsa, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaEncoding,
};
use callgate::secret::{encode, sha256};
use serde_json::{Value, json};

/// A key that a client made for itself.
pub(crate) enum Key {
    P256(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
    Rsa(Box<Rsa>, &'static str),
}

impl Key {
    pub(crate) fn new() -> Self {
        Self::P256(Box::new(
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
        ))
    }

    pub(crate) fn ed25519() -> Self {
        Self::Ed25519(Box::new(Ed25519KeyPair::generate().unwrap()))
    }

    /// `alg` is RS256 or PS256.
    pub(crate) fn rsa(alg: &'static str) -> Self {
        Self::Rsa(Box::new(Rsa::generate(KeySize::Rsa2048).unwrap()), alg)
    }

    pub(crate) fn alg(&self) -> &'static str {
        match self {
            Self::P256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
            Self::Rsa(_, alg) => alg,
        }
    }

    /// The public half (RFC 7517).
    pub(crate) fn jwk(&self) -> Value {
        match self {
            Self::P256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
            }
            Self::Ed25519(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(key.public_key().as_ref())})
            }
            Self::Rsa(key, _) => {
                let public = key.public_key();
                let n = public.modulus().big_endian_without_leading_zero();
                let e = public.exponent().big_endian_without_leading_zero();
                json!({"kty": "RSA", "n": encode(n), "e": encode(e)})
            }
        }
    }

    /// RFC 7638; serde writes members in the order of the alphabet.
    pub(crate) fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let names: &[&str] = match self {
            Self::P256(_) => &["crv", "kty", "x", "y"],
            Self::Ed25519(_) => &["crv", "kty", "x"],
            Self::Rsa(..) => &["e", "kty", "n"],
        };
        let members: Vec<_> = names
            .iter()
            .map(|name| format!("\"{name}\":{}", jwk[name]))
            .collect();
        encode(&sha256(format!("{{{}}}", members.join(",")).as_bytes()))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::P256(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Self::Rsa(key, alg) => {
                let padding: &dyn RsaEncoding = if *alg == "RS256" {
                    &RSA_PKCS1_SHA256
                } else {
                    &RSA_PSS_SHA256
                };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// A signed document in compact form.
    pub(crate) fn jws(&self, header: &Value, claims: &Value) -> String {
        self.jws_of(&header.to_string(), &claims.to_string())
    }

    pub(crate) fn jws_of(&self, header: &str, claims: &str) -> String {
        let signed = format!(
            "{}.{}",
            encode(header.as_bytes()),
            encode(claims.as_bytes())
        );
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", encode(&signature))
    }
}

/// A proof that is good at `NOW`, to be changed.
pub(crate) struct Proof {
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

impl Proof {
    pub(crate) fn of(key: &Key, method: &str, path: &str) -> Self {
        Self {
            header: json!({"typ": "dpop+jwt", "alg": key.alg(), "jwk": key.jwk()}),
            claims: json!({
                "jti": uuid::Uuid::new_v4().to_string(),
                "htm": method,
                "htu": format!("{ORIGIN}{path}"),
                "iat": NOW / 1000,
            }),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        for object in [&mut self.header, &mut self.claims] {
            object.as_object_mut().unwrap().remove(name);
        }
        self
    }

    pub(crate) fn at(self, seconds_from_now: i64) -> Self {
        self.claim("iat", NOW / 1000 + seconds_from_now)
    }

    /// For a request with this token.
    pub(crate) fn with_token(self, token: &str) -> Self {
        self.claim("ath", encode(&sha256(token.as_bytes())))
    }

    pub(crate) fn signed(&self, key: &Key) -> String {
        key.jws(&self.header, &self.claims)
    }
}
