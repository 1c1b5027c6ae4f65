//! The compact form of JWT access tokens (RFC 9068, RFC 7515 §3.1): put together and taken apart.

use super::jws::{self, Unverified};
use super::signing::SigningError;
use crate::secret::encode;
use serde_json::{Value, json};

/// RFC 9068 §2.1: nothing else that this installation may sign is an access token.
const TYPE: &str = "at+jwt";

/// Ours are far shorter. What is longer is not looked at.
const LONGEST: usize = 8 * 1024;

/// Whether a text has the form: whether it is a token at all is for its signature to say.
pub fn is_jwt(token: &str) -> bool {
    token.len() <= LONGEST && jws::is_compact(token)
}

/// Takes a token apart; `None` for what no signature could make an access token of ours. Nothing about it is verified yet.
pub fn read(token: &str) -> Option<Unverified<'_>> {
    if !is_jwt(token) {
        return None;
    }
    let token = Unverified::parse(token).ok()?;
    (token.typ() == Some(TYPE) && token.kid.is_some()).then_some(token)
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
        let named = (read.kid.as_deref(), read.algorithm.as_str());
        assert_eq!(named, (Some("k"), "ES256"));
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
