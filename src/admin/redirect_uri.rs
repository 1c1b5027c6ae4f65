//! Redirect URIs that a client may register (RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §2.6).

use std::net::{Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

const LONGEST: usize = 2000;

/// Why a redirect URI is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    #[error("it must have at most {LONGEST} characters")]
    TooLong,
    #[error("it must be visible ASCII: no blanks, no backslashes, no `*`")]
    Characters,
    #[error("it must be absolute, such as https://app.example/callback")]
    NotAbsolute,
    #[error("it must have no fragment")]
    Fragment,
    #[error("it must name no user and no password")]
    Credentials,
    #[error("http is for loopback addresses only: use https")]
    PlainHttp,
    #[error("a private scheme must contain a dot, such as com.example.app:/callback")]
    Scheme,
}

/// Checks a redirect URI that is to be registered. It is compared as it stands, so it is not normalised.
pub fn check(text: &str) -> Result<(), RedirectUriError> {
    use RedirectUriError as Wrong;
    if text.len() > LONGEST {
        return Err(Wrong::TooLong);
    }
    if !text.bytes().all(is_plain) {
        return Err(Wrong::Characters);
    }
    // Before it is parsed: an empty fragment is one, too.
    if text.contains('#') {
        return Err(Wrong::Fragment);
    }
    let uri = Url::parse(text).map_err(|_| Wrong::NotAbsolute)?;
    if !uri.username().is_empty() || uri.password().is_some() {
        return Err(Wrong::Credentials);
    }
    match uri.scheme() {
        "https" | "http" if !has_authority(text) => Err(Wrong::NotAbsolute),
        "https" => Ok(()),
        "http" if is_loopback(&uri) => Ok(()),
        "http" => Err(Wrong::PlainHttp),
        // RFC 8252 §7.1: a scheme of one's own is a domain name in reverse; `javascript` and `data` have no dot.
        scheme if scheme.contains('.') => Ok(()),
        _ => Err(Wrong::Scheme),
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'*' | b'"' | b'<' | b'>' | b'`')
}

/// The parser mends `https:app.example` and `https:///app.example`; what is registered must need no mending.
fn has_authority(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(_, rest)| !rest.starts_with('/') && !rest.is_empty())
}

/// RFC 8252 §7.3; `localhost` besides, since the applications of old use it.
fn is_loopback(uri: &Url) -> bool {
    match uri.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address == Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address == Ipv6Addr::LOCALHOST,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_loopback_and_private_schemes_are_taken() {
        for uri in [
            "https://app.example/cb",
            "https://app.example:8443/cb?tenant=acme",
            "http://localhost:8888/test",
            "http://127.0.0.1/cb",
            "http://[::1]:8080/cb",
            "com.example.app:/cb",
        ] {
            assert_eq!(check(uri), Ok(()), "{uri}");
        }
    }

    #[test]
    fn every_other_form_is_refused_for_its_reason() {
        use RedirectUriError::{
            Characters, Credentials, Fragment, NotAbsolute, PlainHttp, Scheme, TooLong,
        };
        for (uri, reason) in [
            ("http://app.example/cb", PlainHttp),
            ("http://localhost.evil.example/cb", PlainHttp),
            ("http://127.0.0.1.evil.example/", PlainHttp),
            ("https://app.example/cb#x", Fragment),
            ("https://app.example/cb#", Fragment),
            ("https://*.example/cb", Characters),
            ("https://app.example/a b", Characters),
            ("https://app.example\\@evil.example/", Characters),
            ("https://app.example/\u{e9}", Characters),
            ("https://app.example@evil.example/", Credentials),
            ("/cb", NotAbsolute),
            ("app.example/cb", NotAbsolute),
            ("https:app.example/cb", NotAbsolute),
            ("https:///app.example/cb", NotAbsolute),
            ("https://", NotAbsolute),
            ("", NotAbsolute),
            ("javascript:alert(1)", Scheme),
            ("data:text/html,x", Scheme),
            ("myapp:/cb", Scheme),
            (
                &format!("https://app.example/{}", "x".repeat(LONGEST)),
                TooLong,
            ),
        ] {
            assert_eq!(check(uri), Err(reason), "{uri}");
        }
    }
}
