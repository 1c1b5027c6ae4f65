//! Redirect URIs: which one a request may name, and what is shown and allowed of it.

use crate::storage::Words;
use url::{Host, Url};

/// Whether `asked` is one of the registered URIs, character for character (RFC 9700 §2.1).
///
/// Of a loopback literal the port is free: a native application learns its port only when it runs (RFC 8252 §7.3).
pub(super) fn is_registered(registered: &Words, asked: &str) -> bool {
    registered
        .iter()
        .any(|known| known == asked || is_same_loopback(known, asked))
}

fn is_same_loopback(known: &str, asked: &str) -> bool {
    let known = without_port(known);
    known.is_some() && known == without_port(asked)
}

/// A URI of a loopback literal, in two parts around its port.
fn without_port(uri: &str) -> Option<(&'static str, &str)> {
    let (host, rest) = ["http://127.0.0.1", "http://[::1]"]
        .into_iter()
        .find_map(|host| Some((host, uri.strip_prefix(host)?)))?;
    let rest = match rest.strip_prefix(':') {
        Some(rest) => after_port(rest)?,
        None => rest,
    };
    let ends_authority = rest.is_empty() || rest.starts_with('/') || rest.starts_with('?');
    ends_authority.then_some((host, rest))
}

fn after_port(text: &str) -> Option<&str> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (port, rest) = text.split_at_checked(digits)?;
    port.parse::<u16>().ok().map(|_| rest)
}

/// Whether a token may be put into this URI's fragment: only over TLS, or on the user's own machine.
pub(super) fn is_protected(uri: &str) -> bool {
    let Ok(uri) = Url::parse(uri) else {
        return false;
    };
    let local = match uri.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    uri.scheme() == "https" || (uri.scheme() == "http" && local)
}

/// What a person is shown of it: host and port as ASCII, or the scheme of a URI without a host.
pub(super) fn shown(uri: &str) -> String {
    let Ok(uri) = Url::parse(uri) else {
        return String::new();
    };
    match (uri.host_str(), uri.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => uri.scheme().to_owned(),
    }
}

/// Its origin as a source of a content security policy; the scheme where there is no origin that one can write.
pub(super) fn as_source(uri: &str) -> String {
    let Ok(uri) = Url::parse(uri) else {
        return String::new();
    };
    match uri.host() {
        // CSP has no syntax for the literal of an IPv6 address.
        Some(Host::Domain(_) | Host::Ipv4(_)) if uri.origin().is_tuple() => {
            uri.origin().ascii_serialization()
        }
        _ => format!("{}:", uri.scheme()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registered() -> Words {
        Words::parse("https://crm.example/cb http://127.0.0.1/cb http://[::1]/cb")
    }

    #[test]
    fn a05_of_a_loopback_literal_only_the_port_is_free() {
        for right in [
            "http://127.0.0.1:51004/cb",
            "http://[::1]:51004/cb",
            "http://127.0.0.1/cb",
        ] {
            assert!(is_registered(&registered(), right), "{right}");
        }
        for wrong in [
            "http://127.0.0.1:51004/other",
            "http://localhost:51004/cb",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:80@evil.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.2:51004/cb",
            "https://127.0.0.1:51004/cb",
            "https://crm.example:51004/cb",
        ] {
            assert!(!is_registered(&registered(), wrong), "{wrong}");
        }
    }

    #[test]
    fn a_host_is_shown_as_ascii() {
        assert_eq!(shown("https://crm.example/cb"), "crm.example");
        assert_eq!(
            shown("https://crм.example:8443/cb"),
            "xn--cr-9lc.example:8443"
        );
        assert_eq!(shown("com.example.app:/cb"), "com.example.app");
    }

    #[test]
    fn a_policy_names_the_origin_or_the_scheme() {
        assert_eq!(as_source("https://crm.example/cb"), "https://crm.example");
        assert_eq!(
            as_source("http://127.0.0.1:5000/cb"),
            "http://127.0.0.1:5000"
        );
        assert_eq!(as_source("http://[::1]:5000/cb"), "http:");
        assert_eq!(as_source("com.example.app:/cb"), "com.example.app:");
    }

    #[test]
    fn a_token_goes_only_where_nobody_listens() {
        assert!(is_protected("https://crm.example/cb"));
        assert!(is_protected("http://localhost:8888/test"));
        assert!(!is_protected("http://crm.example/cb"));
        assert!(!is_protected("com.example.app:/cb"));
    }
}
