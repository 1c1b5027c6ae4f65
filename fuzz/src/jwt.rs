//! Signed tokens: nothing verifies but what the holder of the key signed, and another library's judgement is the same.

use bytes::Bytes;
use callgate::secret::encode;
use callgate::token::jwk::{Key, KeySet};
use callgate::token::jws::{self, Algorithm, Unverified};
use callgate::token::jwt as own;
use jsonwebtoken::{DecodingKey, crypto, jwk::Jwk};
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
        let others = judged_by_others(jwk, text);
        assert_eq!(others, text == token, "{text} by {key:?}");
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
        assert!(text.len() <= jws::LONGEST && Algorithm::ALL.contains(&token.algorithm));
        assert_eq!(text.split('.').count(), 3);
        drop((token.unverified_claims::<Claims>(), token.header::<Value>()));
    }
    let Some(own) = own::read(text) else {
        return;
    };
    assert_eq!(own.typ(), Some("at+jwt"));
    assert_eq!(own.kid, parsed.unwrap().kid);
}

/// One text for one token: else a token that was revoked, or counted, could come back in another spelling.
fn is_canonical(text: &str) -> bool {
    text.split('.')
        .all(|part| callgate::secret::decode(part).is_some_and(|bytes| encode(&bytes) == part))
}

/// Whether the library says that the holder of the key signed it, in the one spelling that there is.
fn judged_by_others(jwk: &Value, text: &str) -> bool {
    let Ok(token) = Unverified::parse(text) else {
        return false;
    };
    let (named, key) = (jwk["alg"].as_str().unwrap(), Jwk::deserialize(jwk).unwrap());
    if token.algorithm.as_str() != named || !is_canonical(text) {
        return false;
    }
    let (message, signature) = text.rsplit_once('.').unwrap();
    let key = DecodingKey::from_jwk(&key).unwrap();
    crypto::verify(signature, message.as_bytes(), &key, named.parse().unwrap()).unwrap_or(false)
}

/// A set of keys: whatever it says, none of them takes a symmetric algorithm, or one of another kind.
fn check_keys(document: &[u8]) {
    let Ok(set) = KeySet::read(&Bytes::copy_from_slice(document)) else {
        return;
    };
    for algorithm in Algorithm::ALL {
        let Some(key) = set.find(None, algorithm) else {
            continue;
        };
        let kinds = [
            key.takes(Algorithm::Rs256) || key.takes(Algorithm::Ps256),
            key.takes(Algorithm::Es256),
            key.takes(Algorithm::Es384),
            key.takes(Algorithm::EdDsa),
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
