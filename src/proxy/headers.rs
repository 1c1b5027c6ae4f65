//! The headers that go upstream: what the allow-list lets through, and what the gateway says
//! itself.
//!
//! In Pingora's `upstream_request_filter`, where `upstream` began as a copy of the client's head:
//!
//! ```ignore
//! let received: &Parts = session.req_header();
//! for name in allow_list.dropped(received) {
//!     upstream.remove_header(name);
//! }
//! for (name, value) in headers::added(received, &hop, identity.as_ref()) {
//!     upstream.insert_header(name, value)?;
//! }
//! ```

use super::forwarded::Hop;
use super::identity::Identity;
use super::names;
use http::header::{SEC_WEBSOCKET_KEY, TE, UPGRADE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Version};

/// The client's headers that an upstream sees.
///
/// Always: those of [`is_ordinary`]. `Connection` and `Upgrade` of a WebSocket handshake alone,
/// `TE` for trailers alone. By configuration: any other, but none that tells who asks or frames the
/// message.
///
/// Not `Referer`, which carries the address of a page with whatever its query held. Not `Expect`:
/// the gateway itself asks for the body. Not `Forwarded` and `Via`: `X-Forwarded-*` says the same
/// once.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowList<'a> {
    extra: &'a [HeaderName],
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllowListError {
    #[error("`{0}` is not a header name")]
    Malformed(String),
    #[error("`{0}` tells who asks or frames the message, and is never passed on")]
    Reserved(String),
}

/// The names of headers that a route lets through besides the ordinary ones.
pub fn passable<S: AsRef<str>>(names: &[S]) -> Result<Vec<HeaderName>, AllowListError> {
    names.iter().map(|name| check(name.as_ref())).collect()
}

/// Whether a header may carry a credential of ours: it has no other meaning, and the identity headers are not touched.
pub fn carries_credentials(name: &HeaderName) -> bool {
    let name = name.as_str();
    let is_of_credentials = ["authorization", "authentication", "x-auth"]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    !is_ordinary(name)
        && !names::is_framing(name)
        && (is_of_credentials || !names::is_identity(name))
}

impl<'a> AllowList<'a> {
    /// The ordinary headers and the `extra` ones, which [`passable`] has seen.
    pub fn with(extra: &'a [HeaderName]) -> Self {
        Self { extra }
    }

    /// The names of the received headers that must not go upstream, each once.
    pub fn dropped<'h>(self, head: &'h Parts) -> impl Iterator<Item = &'h HeaderName>
    where
        'a: 'h,
    {
        head.headers
            .keys()
            .filter(move |name| !self.passes(name, head))
    }

    fn passes(self, name: &HeaderName, head: &Parts) -> bool {
        is_ordinary(name.as_str())
            || match name.as_str() {
                "connection" | "upgrade" => is_websocket_handshake(head),
                "te" => has_one(head, &TE, "trailers"),
                _ => self.extra.contains(name),
            }
    }
}

/// The headers to set upstream, in place of any that the request has under these names. A public
/// route has no identity.
pub fn added(
    head: &Parts,
    hop: &Hop<'_>,
    identity: Option<&Identity<'_>>,
) -> impl Iterator<Item = (&'static str, HeaderValue)> {
    hop.headers(head)
        .chain(identity.into_iter().flat_map(Identity::headers))
}

fn check(name: &str) -> Result<HeaderName, AllowListError> {
    let malformed = |_| AllowListError::Malformed(name.to_owned());
    let header: HeaderName = name.parse().map_err(malformed)?;
    if names::is_identity(header.as_str()) || names::is_framing(header.as_str()) {
        return Err(AllowListError::Reserved(name.to_owned()));
    }
    Ok(header)
}

/// What describes the message, its caching, its tracing: nothing that tells who sent it.
fn is_ordinary(name: &str) -> bool {
    matches!(
        name,
        "accept"
            | "accept-charset"
            | "accept-encoding"
            | "accept-language"
            | "access-control-request-headers"
            | "access-control-request-method"
            | "cache-control"
            | "content-disposition"
            | "content-encoding"
            | "content-language"
            | "content-length"
            | "content-location"
            | "content-md5"
            | "content-range"
            | "content-type"
            | "date"
            | "host"
            | "idempotency-key"
            | "if-match"
            | "if-modified-since"
            | "if-none-match"
            | "if-range"
            | "if-unmodified-since"
            | "last-event-id"
            | "origin"
            | "pragma"
            | "prefer"
            | "range"
            | "sec-websocket-extensions"
            | "sec-websocket-key"
            | "sec-websocket-protocol"
            | "sec-websocket-version"
            | "traceparent"
            | "tracestate"
            | "user-agent"
            | "x-request-id"
    )
}

/// RFC 6455 §4.1. An `Upgrade` to anything else is no business of an upstream.
pub(super) fn is_websocket_handshake(head: &Parts) -> bool {
    head.version == Version::HTTP_11
        && head.method == Method::GET
        && head.headers.contains_key(SEC_WEBSOCKET_KEY)
        && has_one(head, &UPGRADE, "websocket")
}

fn has_one(head: &Parts, name: &HeaderName, expected: &str) -> bool {
    let mut values = head.headers.get_all(name).iter();
    let first = values.next().filter(|_| values.next().is_none());
    first.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(expected.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use proptest::prelude::*;

    const ANN: Identity<'_> = Identity {
        user: Some("ann"),
        external: None,
        tenant: "acme",
        client: None,
        access: "calls.create",
    };

    fn head(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder()
            .uri("/")
            .header("host", "gate.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    /// What an upstream receives.
    fn upstream(
        allow_list: AllowList<'_>,
        head: &Parts,
        identity: Option<&Identity<'_>>,
    ) -> HeaderMap {
        let hop = Hop {
            peer: [203, 0, 113, 9].into(),
            https: true,
            trusted: &[],
        };
        let mut headers = head.headers.clone();
        for name in allow_list.dropped(head) {
            headers.remove(name);
        }
        for (name, value) in added(head, &hop, identity) {
            headers.insert(name.parse::<HeaderName>().unwrap(), value);
        }
        headers
    }

    fn names_upstream(received: &[(&str, &str)]) -> Vec<String> {
        let headers = upstream(AllowList::default(), &head(received), None);
        let mut names: Vec<_> = headers.keys().map(ToString::to_string).collect();
        names.sort();
        names
    }

    /// What every upstream receives.
    const ALWAYS: [&str; 4] = [
        "host",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    ];

    #[test]
    fn ordinary_headers_go_upstream_unchanged() {
        let received = head(&[
            ("accept", "a"),
            ("accept", "b"),
            ("If-None-Match", "\"x\""),
            ("traceparent", "00-1"),
        ]);
        let sent = upstream(AllowList::default(), &received, None);
        for name in ["accept", "if-none-match", "traceparent", "host"] {
            let values =
                |headers: &HeaderMap| headers.get_all(name).iter().cloned().collect::<Vec<_>>();
            assert_eq!(values(&sent), values(&received.headers), "{name}");
        }
    }

    #[test]
    fn at_12_an_identity_header_that_is_not_ours_does_not_go_upstream() {
        let received = head(&[
            ("x-callgate-client", "evil"),
            ("x-callgate-user", "root"),
            ("x-callgate-user", "root"),
        ]);
        let sent = upstream(AllowList::default(), &received, Some(&ANN));
        assert_eq!(sent.get("x-callgate-client"), None);
        assert_eq!(
            sent.get_all("x-callgate-user").iter().collect::<Vec<_>>(),
            ["ann"]
        );
    }

    #[test]
    fn at_12_a_public_route_tells_no_identity() {
        assert_eq!(
            names_upstream(&[("x-callgate-user", "root"), ("x-callgate-tenant", "a")]),
            ALWAYS
        );
    }

    #[test]
    fn at_14_claims_of_origin_do_not_go_upstream() {
        let claims = [
            ("forwarded", "for=1.1.1.1"),
            ("via", "1.1 a"),
            ("x-real-ip", "1.1.1.1"),
            ("x-forwarded-port", "1"),
            ("x-forwarded-user", "root"),
            ("x-forwarded-for", "1.1.1.1"),
        ];
        assert_eq!(names_upstream(&claims), ALWAYS);
        let sent = upstream(AllowList::default(), &head(&claims), None);
        assert_eq!(sent.get("x-forwarded-for").unwrap(), "203.0.113.9");
    }

    #[test]
    fn at_16_internal_headers_from_outside_do_not_go_upstream() {
        assert_eq!(
            names_upstream(&[("X-Callgate-Anything", "a"), ("x-callgate-trace", "a")]),
            ALWAYS
        );
    }

    #[test]
    fn at_18_a_nominated_identity_header_still_goes_upstream() {
        let received = head(&[("connection", "x-callgate-user, x-callgate-tenant")]);
        let sent = upstream(AllowList::default(), &received, Some(&ANN));
        assert_eq!(sent.get("x-callgate-user").unwrap(), "ann");
        assert_eq!(sent.get("connection"), None);
    }

    #[test]
    fn at_19_no_credential_goes_upstream() {
        let credentials = [
            ("authorization", "Bearer secret"),
            ("authentication", "secret"),
            ("x-auth-token", "secret"),
            ("x-authenticate", "RestApiUsernameToken secret"),
            ("dpop", "secret"),
            ("proxy-authorization", "Basic secret"),
            ("cookie", "session=secret"),
            ("cookie", "other=secret"),
            ("referer", "https://crm.example/?access_token=secret"),
        ];
        assert_eq!(names_upstream(&credentials), ALWAYS);
    }

    #[test]
    fn at_19_a_header_that_nobody_listed_does_not_go_upstream() {
        assert_eq!(
            names_upstream(&[
                ("x-anything", "a"),
                ("expect", "100-continue"),
                ("trailer", "a")
            ]),
            ALWAYS
        );
    }

    #[test]
    fn at_19_a_header_of_the_route_goes_upstream() {
        let extra = passable(&["Wazo-Tenant"]).unwrap();
        let allow_list = AllowList::with(&extra);
        let received = head(&[
            ("wazo-tenant", "t"),
            ("wazo_tenant", "u"),
            ("wazo-session-uuid", "v"),
        ]);
        let sent = upstream(allow_list, &received, None);
        assert_eq!(sent.get("wazo-tenant").unwrap(), "t");
        assert!(!sent.contains_key("wazo_tenant") && !sent.contains_key("wazo-session-uuid"));
    }

    #[test]
    fn at_19_a_route_cannot_list_a_credential_or_an_identity() {
        for name in [
            "Cookie",
            "authorization",
            "X-Auth-Token",
            "authentication",
            "X-authenticate",
            "DPoP",
            "proxy-authorization",
            "X-Callgate-User",
            "x_auth_token",
            "x-forwarded-for",
            "x-real-ip",
            "transfer-encoding",
            "Connection",
            "x-http-method-override",
        ] {
            let refused = passable(&[name]).unwrap_err();
            assert_eq!(refused, AllowListError::Reserved(name.to_owned()));
        }
        assert!(matches!(
            passable(&["a b"]),
            Err(AllowListError::Malformed(_))
        ));
    }

    #[test]
    fn a_credential_of_ours_has_a_header_of_its_own() {
        let may = |name: &'static str| carries_credentials(&HeaderName::from_static(name));
        for name in [
            "authorization",
            "x-auth-token",
            "x-authenticate",
            "x-api-key",
        ] {
            assert!(may(name), "{name}");
        }
        for name in [
            "host",
            "connection",
            "content-type",
            "accept",
            "cookie",
            "x-callgate-user",
            "x-forwarded-for",
            "via",
            "transfer-encoding",
        ] {
            assert!(!may(name), "{name}");
        }
    }

    #[test]
    fn at_02_only_a_websocket_handshake_is_an_upgrade() {
        let upgrades = |upgrade: &str, key: &str| {
            names_upstream(&[("connection", "upgrade"), ("upgrade", upgrade), (key, "a")])
                .iter()
                .any(|name| name == "upgrade" || name == "connection")
        };
        assert!(upgrades("WebSocket", "sec-websocket-key"));
        assert!(!upgrades("h2c", "sec-websocket-key"));
        assert!(!upgrades("websocket, h2c", "sec-websocket-key"));
        assert!(!upgrades("websocket", "http2-settings"));
    }

    #[test]
    fn trailers_are_all_that_te_may_ask_for() {
        assert!(names_upstream(&[("te", "trailers")]).contains(&"te".to_owned()));
        assert_eq!(names_upstream(&[("te", "gzip")]), ALWAYS);
        assert_eq!(
            names_upstream(&[("te", "trailers"), ("te", "gzip")]),
            ALWAYS
        );
    }

    proptest! {
        #[test]
        fn at_19_no_reserved_name_goes_upstream_in_any_spelling(
            name in "(x[-_.])?(auth|callgate|forwarded|remote)[-_.a-z]{0,8}",
        ) {
            let sent = names_upstream(&[(&name, "a")]);
            prop_assert_eq!(sent, ALWAYS);
        }
    }
}
