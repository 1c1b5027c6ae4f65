//! The headers that carry credentials. No value prints itself.

use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use zeroize::Zeroizing;

/// In characters, and in bytes.
const LONGEST_USERNAME: usize = 256;
const LONGEST_SECRET: usize = 8192;

/// RFC 7617 §2
pub(super) fn is_username(text: &str) -> bool {
    (1..=LONGEST_USERNAME).contains(&text.chars().count())
        && !text.chars().any(|c| c == ':' || c.is_control())
}

/// RFC 7617 §2
pub(super) fn is_password(text: &str) -> bool {
    (1..=LONGEST_SECRET).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// A little more than RFC 6750 §2.1 allows: what others call a token may hold any visible character.
pub(super) fn is_token(text: &str) -> bool {
    (1..=LONGEST_SECRET).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// `None` when the one or the other cannot stand in the header.
pub(super) fn basic(username: &str, password: &Secret) -> Option<HeaderValue> {
    if !is_username(username) || !is_password(password.expose()) {
        return None;
    }
    let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
    sensitive(&format!("Basic {}", STANDARD.encode(pair.as_bytes())))
}

/// With the scheme in `Authorization`, bare in any other header. `None` when it cannot stand there.
pub(super) fn token(header: &HeaderName, token: &Secret) -> Option<HeaderValue> {
    if !is_token(token.expose()) {
        return None;
    }
    if *header == AUTHORIZATION {
        return sensitive(&format!("Bearer {}", token.expose()));
    }
    sensitive(token.expose())
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_is_that_of_the_rfc() {
        // RFC 7617 §2
        let value = basic("Aladdin", &Secret::new("open sesame")).unwrap();
        assert_eq!(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(format!("{value:?}"), "Sensitive");
        // RFC 7617 §2.1
        let value = basic("test", &Secret::new("123\u{a3}")).unwrap();
        assert_eq!(value, "Basic dGVzdDoxMjPCow==");
    }

    #[test]
    fn what_would_be_read_as_something_else_is_refused() {
        for (username, password) in [("a:b", "c"), ("", "c"), ("a", ""), ("a", "b\r\nc: d")] {
            assert_eq!(basic(username, &Secret::new(password)), None);
        }
        for text in ["", "a b", "a\r\nb: c", "\u{e9}"] {
            assert_eq!(token(&AUTHORIZATION, &Secret::new(text)), None);
        }
    }

    #[test]
    fn a_token_in_a_header_of_its_own_has_no_scheme() {
        let secret = Secret::new("6f1a");
        assert_eq!(token(&AUTHORIZATION, &secret).unwrap(), "Bearer 6f1a");
        let own = HeaderName::from_static("x-auth-token");
        assert_eq!(token(&own, &secret).unwrap(), "6f1a");
    }
}
