//! The public keys that a client registers (RFC 7517).

use crate::error::{Error, Result};
use serde_json::Value;

/// Members that only a private or a shared key has (RFC 7518 §6).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];

const MOST: usize = 16;

/// The set as it is stored.
///
/// # Errors
/// [`Error::BadRequest`] for what is no set of public keys: a private key has no business here.
pub(super) fn checked(set: &Value) -> Result<String> {
    let keys = set.get("keys").and_then(Value::as_array);
    let keys =
        keys.ok_or_else(|| wrong("jwks is an object with a list of `keys` (RFC 7517 §5)"))?;
    if keys.len() > MOST {
        return Err(wrong("jwks has 16 keys at the most"));
    }
    for key in keys {
        let key = key.as_object().filter(|key| key.contains_key("kty"));
        let key = key.ok_or_else(|| wrong("a key of jwks has no `kty` (RFC 7517 §4.1)"))?;
        if PRIVATE.iter().any(|member| key.contains_key(*member)) {
            return Err(wrong(
                "jwks holds a private or a shared key: register the public half alone",
            ));
        }
    }
    Ok(set.to_string())
}

fn wrong(why: &str) -> Error {
    Error::BadRequest(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn public_keys_alone_are_taken() {
        assert!(checked(&json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}]})).is_ok());
        for wrong in [
            json!([]),
            json!({}),
            json!({"keys": [1]}),
            json!({"keys": [{"crv": "P-256"}]}),
            json!({"keys": [{"kty": "EC", "d": "AA"}]}),
            json!({"keys": [{"kty": "oct", "k": "AA"}]}),
        ] {
            assert!(checked(&wrong).is_err(), "{wrong}");
        }
    }
}
