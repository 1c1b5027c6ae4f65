//! Finding the one credential of a request.

use super::AuthError;
use crate::kalliope::X_AUTHENTICATE;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;
use std::fmt;

/// A token that a caller presents, not yet verified, and where it was found.
#[derive(PartialEq, Eq)]
pub struct Credential<'r> {
    pub token: Cow<'r, str>,
    pub carrier: Carrier,
}

/// Where a token was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// `Authorization: Bearer` (RFC 6750 §2.1)
    Authorization,
    /// `Authorization: DPoP`, with a proof beside it (RFC 9449 §7.1)
    Dpop,
    /// `X-Auth-Token`, as Wazo sends it
    XAuthToken,
    /// `Authentication: Bearer`, as the click-to-call service of 2012 documented it
    Authentication,
    /// `X-authenticate`, with Kalliope's digest in place of a token
    XAuthenticate,
    /// `?access_token=` (RFC 6750 §2.3)
    Query,
}

impl Carrier {
    /// What a header of this name carries.
    fn of(name: &HeaderName) -> Option<Self> {
        match name.as_str() {
            "authorization" => Some(Self::Authorization),
            "x-auth-token" => Some(Self::XAuthToken),
            "authentication" => Some(Self::Authentication),
            _ if *name == X_AUTHENTICATE => Some(Self::XAuthenticate),
            _ => None,
        }
    }

    /// The client's switch without which this carrier is refused.
    pub const fn switch(self) -> Option<&'static str> {
        match self {
            Self::Authorization | Self::Dpop | Self::XAuthToken | Self::XAuthenticate => None,
            Self::Authentication => Some("authentication_header"),
            Self::Query => Some("query_token"),
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authorization | Self::Dpop => "the `Authorization` header",
            Self::XAuthToken => "the `X-Auth-Token` header",
            Self::Authentication => "the `Authentication` header",
            Self::XAuthenticate => "the `X-authenticate` header",
            Self::Query => "the query",
        })
    }
}

const ACCESS_TOKEN: &str = "access_token";

impl<'r> Credential<'r> {
    /// Finds the credential. More than one is refused: which of them counts must not depend on who reads the
    /// request (RFC 6750 §2).
    pub fn find(head: &'r Parts) -> Result<Self, AuthError> {
        let mut found =
            in_headers(&head.headers).chain(in_query(head.uri.query().unwrap_or_default()));
        match (found.next(), found.next()) {
            (None, _) => Err(AuthError::Missing),
            (Some(_), Some(_)) => Err(AuthError::Ambiguous),
            (Some(credential), None) => credential.ok_or(AuthError::Invalid),
        }
    }

    /// A token is of visible characters alone (RFC 6750 §2.1 allows fewer still): no blank, no tab, no escape.
    fn of(token: Cow<'r, str>, carrier: Carrier) -> Option<Self> {
        let is_visible = are_all(&token, u8::is_ascii_graphic);
        (is_visible && !token.is_empty()).then_some(Self { token, carrier })
    }
}

/// `None` for a header that claims to carry a credential but carries none that can be read. One walk is cheaper than a
/// look for each name.
fn in_headers(headers: &HeaderMap) -> impl Iterator<Item = Option<Credential<'_>>> {
    let carried = headers
        .iter()
        .filter_map(|(name, value)| Some((value, Carrier::of(name)?)));
    carried.map(|(value, carrier)| read(value, carrier))
}

fn read(value: &HeaderValue, carrier: Carrier) -> Option<Credential<'_>> {
    let text = std::str::from_utf8(value.as_bytes()).ok()?;
    if carrier == Carrier::XAuthenticate {
        // Names in it may be of any alphabet, and not a blank may be taken off.
        let token = Cow::Borrowed(text);
        return (!token.is_empty()).then_some(Credential { token, carrier });
    }
    let text = text.trim_ascii();
    let (carrier, token) = match carrier {
        Carrier::XAuthToken => (carrier, text),
        Carrier::Authorization => of_scheme("DPoP", text)
            .map(|token| (Carrier::Dpop, token))
            .or_else(|| of_scheme("Bearer", text).map(|token| (carrier, token)))?,
        _ => (carrier, of_scheme("Bearer", text)?),
    };
    Credential::of(Cow::Borrowed(token), carrier)
}

/// The scheme is case-insensitive (RFC 9110 §11.1).
fn of_scheme<'t>(wanted: &str, text: &'t str) -> Option<&'t str> {
    let (scheme, token) = text.split_once(' ')?;
    let token = token.trim_ascii_start();
    scheme.eq_ignore_ascii_case(wanted).then_some(token)
}

fn in_query(query: &str) -> impl Iterator<Item = Option<Credential<'_>>> {
    let present = query.contains(ACCESS_TOKEN) || query.contains('%');
    let query = if present { query } else { "" };
    form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == ACCESS_TOKEN)
        .map(|(_, token)| Credential::of(token, Carrier::Query))
}

/// Without a way out at the first that is not, many bytes are looked at at once.
fn are_all(text: &str, kind: impl Fn(&u8) -> bool) -> bool {
    text.bytes().fold(true, |all, byte| all & kind(&byte))
}

/// A credential never prints its token.
impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({:?})", self.carrier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn found(uri: &str, headers: &[(&str, &str)]) -> Result<(String, Carrier), AuthError> {
        Credential::find(&head(uri, headers)).map(|c| (c.token.into_owned(), c.carrier))
    }

    #[test]
    fn each_carrier_is_found() {
        for (uri, headers, carrier) in [
            (
                "/",
                vec![("authorization", "Bearer abc")],
                Carrier::Authorization,
            ),
            (
                "/",
                vec![("authorization", "bEARER  abc")],
                Carrier::Authorization,
            ),
            ("/", vec![("x-auth-token", "abc")], Carrier::XAuthToken),
            (
                "/",
                vec![("authentication", "Bearer abc")],
                Carrier::Authentication,
            ),
            ("/", vec![("x-authenticate", "abc")], Carrier::XAuthenticate),
            ("/?a=b&access_token=abc", vec![], Carrier::Query),
            ("/?%61ccess_token=%61bc", vec![], Carrier::Query),
        ] {
            let (token, found) = found(uri, &headers).unwrap();
            assert_eq!(
                (token.as_str(), found),
                ("abc", carrier),
                "{uri} {headers:?}"
            );
        }
    }

    #[test]
    fn at_13_two_credentials_are_refused() {
        for (uri, headers) in [
            (
                "/",
                vec![("authorization", "Bearer a"), ("x-auth-token", "a")],
            ),
            (
                "/",
                vec![("authorization", "Bearer a"), ("authorization", "Bearer a")],
            ),
            ("/", vec![("x-auth-token", "a"), ("x-auth-token", "a")]),
            ("/", vec![("x-authenticate", "a"), ("x-authenticate", "b")]),
            ("/", vec![("x-authenticate", "a"), ("x-auth-token", "b")]),
            ("/?access_token=a", vec![("authorization", "Bearer a")]),
            ("/?access_token=a&access_token=b", vec![]),
        ] {
            let result = found(uri, &headers);
            assert!(
                matches!(result, Err(AuthError::Ambiguous)),
                "{uri} {headers:?}"
            );
        }
    }

    #[test]
    fn at_24_what_cannot_be_read_is_invalid_not_missing() {
        for header in [
            "Basic YTpi",
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a\tb",
            "DPoP a\tb",
            "abc",
        ] {
            let result = found("/", &[("authorization", header)]);
            assert!(matches!(result, Err(AuthError::Invalid)), "{header}");
        }
        for header in ["", "a b", "a\tb"] {
            let result = found("/", &[("x-auth-token", header)]);
            assert!(matches!(result, Err(AuthError::Invalid)), "{header}");
        }
        for query in ["", "a+b", "a%20b", "a%0d%0ab", "%C3%A9", "%00", "%FF"] {
            let result = found(&format!("/?access_token={query}"), &[]);
            assert!(matches!(result, Err(AuthError::Invalid)), "{query}");
        }
    }

    #[test]
    fn no_credential_is_missing() {
        assert!(matches!(found("/?a=access", &[]), Err(AuthError::Missing)));
    }
}
