//! The compact form of JWT access tokens (RFC 9068, RFC 7515 §3.1): put together and taken apart.

use super::signing::SigningError;
use crate::secret::{decode, encode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// RFC 9068 §2.1: nothing else that this installation may sign is an access token.
const TYPE: &str = "at+jwt";

/// Ours are far shorter. What is longer is not looked at.
const LONGEST: usize = 8 * 1024;

/// A token that was taken apart. Nothing about it is verified yet.
#[derive(Debug)]
pub struct Unverified<'t> {
    pub kid: String,
    pub algorithm: String,
    /// What the signature is of.
    pub message: &'t str,
    pub signature: Vec<u8>,
}

/// What counts of a header. Where else a key may be had (`jku`, `x5u`, `jwk`, `x5c`) is not even read (RFC 8725 §3.10).
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
    crit: Option<IgnoredAny>,
}

/// Whether a text has the form: whether it is a token at all is for its signature to say.
pub fn is_jwt(token: &str) -> bool {
    token.len() <= LONGEST && token.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// Takes a token apart; `None` for what no signature could make an access token of ours.
pub fn read(token: &str) -> Option<Unverified<'_>> {
    if !is_jwt(token) {
        return None;
    }
    let (message, signature) = token.rsplit_once('.')?;
    let (header, _) = message.split_once('.')?;
    let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
    // RFC 7515 §4.1.11: we understand no extension.
    if header.crit.is_some() || header.typ != TYPE {
        return None;
    }
    Some(Unverified {
        kid: header.kid,
        algorithm: header.alg,
        message,
        signature: decode(signature)?,
    })
}

/// Puts a token together.
pub fn compose(
    (kid, algorithm): (&str, &str),
    claims: &Value,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, SigningError>,
) -> Result<String, SigningError> {
    let header = json!({ "alg": algorithm, "typ": TYPE, "kid": kid });
    let part = |value: &Value| encode(value.to_string().as_bytes());
    let message = format!("{}.{}", part(&header), part(claims));
    let signature = encode(&sign(message.as_bytes())?);
    Ok(format!("{message}.{signature}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with(header: &str) -> String {
        format!(
            "{}.{}.{}",
            encode(header.as_bytes()),
            encode(b"{}"),
            encode(b"s")
        )
    }

    #[test]
    fn what_was_put_together_is_taken_apart() {
        let signed = |message: &[u8]| Ok(message.to_vec());
        let token = compose(("k", "ES256"), &json!({ "sub": "x" }), signed).unwrap();
        let read = read(&token).unwrap();
        assert_eq!((read.kid.as_str(), read.algorithm.as_str()), ("k", "ES256"));
        assert_eq!(read.message.as_bytes(), read.signature);
    }

    #[test]
    fn m09_m10_what_is_no_access_token_of_ours_is_not_looked_at() {
        let good = r#"{"alg":"ES256","typ":"at+jwt","kid":"k"}"#;
        assert!(read(&with(good)).is_some());
        for header in [
            "",
            "[]",
            r#"{"alg":"ES256","kid":"k"}"#,
            r#"{"alg":"ES256","typ":"JWT","kid":"k"}"#,
            r#"{"alg":"ES256","typ":"at+jwt"}"#,
            r#"{"alg":["ES256"],"typ":"at+jwt","kid":"k"}"#,
            r#"{"alg":"ES256","alg":"none","typ":"at+jwt","kid":"k"}"#,
            r#"{"alg":"ES256","typ":"at+jwt","kid":"k","crit":["b64"],"b64":false}"#,
            r#"{"alg":"ES256","typ":"at+jwt","kid":"k","crit":[]}"#,
        ] {
            assert!(read(&with(header)).is_none(), "{header}");
        }
        let nested = format!("{{\"a\":{}1", "[".repeat(5_000));
        for token in [
            "",
            ".",
            "..",
            "a.b",
            "a.b.c.d",
            "a.b.c.d.e",
            &with(good).replace('.', ".."),
            &with(&nested),
            &format!("{}=", with(good)),
            &format!("{}{}", with(good), "x".repeat(LONGEST)),
        ] {
            assert!(read(token).is_none(), "{token}");
        }
    }

    proptest! {
        #[test]
        fn at_24_m13_no_text_is_too_much(token in "[a-zA-Z0-9_.{}\"=-]{0,200}") {
            let read = read(&token);
            prop_assert!(read.is_none() || is_jwt(&token));
        }
    }
}
