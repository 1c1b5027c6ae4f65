//! Signed tokens: nothing verifies but what the holder of the key signed, and both readers of them agree.

use aws_lc_rs::signature;
use bytes::Bytes;
use callgate::auth::jwks::{Key, KeySet};
use callgate::auth::jws::{self, Unverified};
use callgate::secret::encode;
use callgate::token::jwt as own;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::Value;
use std::sync::OnceLock;

/// A token; or `edit` and a program that changes a good one; or a set of keys.
pub fn check(data: &[u8]) {
    if let Some(program) = data.strip_prefix(b"edit") {
        if let Some(token) = edited(program) {
            check_token(&token);
        }
    } else if data.first() == Some(&b'{') {
        check_keys(data);
    } else if let Ok(token) = std::str::from_utf8(data) {
        check_token(token);
    }
}

/// Keys and a token of each, made once. Their private halves were never kept.
struct Signed {
    keys: Vec<Key>,
    jwks: Vec<Value>,
    tokens: Vec<String>,
}

fn signed() -> &'static Signed {
    static SIGNED: OnceLock<Signed> = OnceLock::new();
    SIGNED.get_or_init(|| {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
            tokens: Vec<String>,
        }
        let document: Document = serde_json::from_str(include_str!("signed.json")).unwrap();
        let keys = document.keys.iter().map(|key| Key::read(key).unwrap());
        let signed = Signed {
            keys: keys.collect(),
            jwks: document.keys,
            tokens: document.tokens,
        };
        for (key, token) in signed.keys.iter().zip(&signed.tokens) {
            assert!(Unverified::parse(token).unwrap().verify(key).is_ok());
        }
        signed
    })
}

fn check_token(text: &str) {
    let signed = signed();
    let verified_by = |key: &Key| {
        let verified = Unverified::parse(text).and_then(|token| token.verify(key));
        verified.is_ok_and(|document| {
            // What is read of it is read after its signature.
            document
                .claims::<Value>()
                .is_ok_and(|claims| claims["sub"] == "ann")
        })
    };
    for (key, (jwk, token)) in signed
        .keys
        .iter()
        .zip(signed.jwks.iter().zip(&signed.tokens))
    {
        assert_eq!(verified_by(key), text == token, "{text} by {key:?}");
        let own = own::read(text).is_some_and(|token| verifies(jwk, &token));
        assert_eq!(own, text == token && token_is_own(jwk), "{text} by {key:?}");
    }
    check_reading(text);
}

/// Claims are read of what nobody has verified, to find the key.
fn check_reading(text: &str) {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "reading it is what is tried")]
    struct Claims {
        iss: Option<String>,
        exp: Option<i64>,
        aud: Option<Value>,
    }
    let parsed = Unverified::parse(text);
    if let Ok(token) = &parsed {
        assert!(text.len() <= jws::LONGEST && jws::ALGORITHMS.contains(&token.algorithm));
        assert_eq!(text.split('.').count(), 3);
        drop((token.unverified_claims::<Claims>(), token.header::<Value>()));
    }
    let Some(own) = own::read(text) else {
        return;
    };
    // One text for one token: else a token that was revoked, or counted, could come back in another spelling.
    assert_eq!(format!("{}.{}", own.message, encode(&own.signature)), text);
    if let Ok(token) = parsed {
        assert_eq!(token.kid.as_deref(), Some(own.kid.as_str()));
        assert_eq!(token.typ(), Some("at+jwt"));
    }
}

/// Our own tokens are signed with one of these.
fn token_is_own(jwk: &Value) -> bool {
    jwk["alg"] != "PS256"
}

/// As the keyring verifies, with the library that it uses.
fn verifies(jwk: &Value, token: &own::Unverified<'_>) -> bool {
    let part = |name: &str| callgate::secret::decode(jwk[name].as_str().unwrap()).unwrap();
    if jwk["alg"] != token.algorithm.as_str() {
        return false;
    }
    let message = token.message.as_bytes();
    match token.algorithm.as_str() {
        "RS256" => {
            let (n, e) = (part("n"), part("e"));
            let key = signature::RsaPublicKeyComponents { n, e };
            key.verify(
                &signature::RSA_PKCS1_2048_8192_SHA256,
                message,
                &token.signature,
            )
            .is_ok()
        }
        "ES256" => {
            let point = [vec![4], part("x"), part("y")].concat();
            let key = signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point);
            key.verify(message, &token.signature).is_ok()
        }
        "EdDSA" => {
            let key = signature::UnparsedPublicKey::new(&signature::ED25519, part("x"));
            key.verify(message, &token.signature).is_ok()
        }
        _ => false,
    }
}

/// A set of keys: whatever it says, none of them takes a symmetric algorithm, or one of another kind.
fn check_keys(document: &[u8]) {
    let Ok(set) = KeySet::read(&Bytes::copy_from_slice(document)) else {
        return;
    };
    for hmac in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        assert!(set.find(None, hmac).is_none());
    }
    for algorithm in jws::ALGORITHMS {
        let Some(key) = set.find(None, algorithm) else {
            continue;
        };
        let kinds = [
            key.takes(Algorithm::RS256) || key.takes(Algorithm::PS256),
            key.takes(Algorithm::ES256),
            key.takes(Algorithm::ES384),
            key.takes(Algorithm::EdDSA),
        ];
        assert!(kinds.iter().filter(|takes| **takes).count() <= 1, "{key:?}");
        for token in &signed().tokens {
            // A key may be one of ours, and then it verifies what that one signed; it must never panic.
            drop(Unverified::parse(token).and_then(|token| token.verify(&key)));
        }
    }
}

/// Which token, then edits of four bytes: what to do, where (two bytes), and with what. Header, payload and signature
/// are edited as they are, and put together again.
fn edited(program: &[u8]) -> Option<String> {
    let (which, edits) = program.split_first()?;
    let tokens = &signed().tokens;
    let token = &tokens[usize::from(*which) % tokens.len()];
    let mut parts: Vec<_> = token
        .split('.')
        .map(|part| callgate::secret::decode(part).unwrap())
        .collect();
    for edit in edits.chunks_exact(4).take(64) {
        let count = parts.len();
        let part = &mut parts[usize::from(edit[0] >> 4) % count];
        let at = usize::from(u16::from_be_bytes([edit[1], edit[2]])) % (part.len() + 1);
        match edit[0] & 3 {
            0 if at < part.len() => part[at] = edit[3],
            1 => part.insert(at, edit[3]),
            2 if at < part.len() => drop(part.remove(at)),
            3 => part.truncate(at),
            _ => {}
        }
    }
    let parts: Vec<_> = parts.iter().map(|part| encode(part)).collect();
    Some(parts.join("."))
}
