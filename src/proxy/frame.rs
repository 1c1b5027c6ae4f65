//! The frame of a request: where it ends, whom it is for, and that no header of it can be taken for
//! another.

use super::authority;
use super::body::{self, Body};
use super::names;
use http::header::CONNECTION;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};

/// What a head may measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Header lines.
    pub lines: usize,
    /// Bytes of the target, the names and the values.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lines: 100,
            bytes: 32 * 1024,
        }
    }
}

/// Why a request was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("the HTTP version is not served")]
    Version,
    #[error("the method is not served")]
    Method,
    #[error("the request target is neither a path nor an http URI")]
    Target,
    #[error("the request line is not a method, a target and a version with one space between them")]
    RequestLine,
    #[error("the request target has a fragment")]
    Fragment,
    #[error("a Host header is required")]
    HostMissing,
    #[error("more than one Host header")]
    HostRepeated,
    #[error("the Host header is malformed")]
    HostMalformed,
    #[error("the Host header differs from the authority of the request target")]
    HostDiffers,
    #[error("more than one Content-Length")]
    LengthRepeated,
    #[error("the Content-Length is not a number")]
    LengthMalformed,
    #[error("both Content-Length and Transfer-Encoding")]
    LengthWithEncoding,
    #[error("a Transfer-Encoding other than chunked")]
    EncodingUnknown,
    #[error("a Transfer-Encoding in a version of HTTP without it")]
    EncodingInVersion,
    #[error("a line of the head does not end with CRLF")]
    LineTerminator,
    #[error("a chunk of the body is malformed")]
    Chunk,
    #[error("a header name is malformed")]
    HeaderName,
    #[error("a header name imitates a reserved one")]
    NameImitated,
    #[error("the Connection header names a reserved header")]
    NameNominated,
    #[error("too many header lines")]
    TooManyLines,
    #[error("the head is too large")]
    TooLarge,
}

/// How to answer a request that was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Malformed (400).
    Malformed,
    /// Well-formed, but with a method that no resource here has (405).
    MethodNotAllowed,
    /// Too many or too large headers (431).
    HeadTooLarge,
    /// A version that is not spoken here (505).
    VersionNotSupported,
}

impl FrameError {
    pub fn answer(self) -> Answer {
        match self {
            Self::Version => Answer::VersionNotSupported,
            Self::Method => Answer::MethodNotAllowed,
            Self::TooManyLines | Self::TooLarge => Answer::HeadTooLarge,
            _ => Answer::Malformed,
        }
    }

    /// Whether an HTTP/1 connection must be closed after the answer: it is unsure where the request
    /// ends, or whether somebody in between read the same request. On HTTP/2 a stream ends where it
    /// ends.
    pub fn closes_connection(self) -> bool {
        !matches!(
            self,
            Self::HostMissing | Self::HostMalformed | Self::NameImitated | Self::NameNominated
        )
    }
}

/// Refuses what two recipients may read in two ways, and tells the body to expect. `target` is the
/// request target as received (in Pingora `raw_path()`), which `head.uri` does not keep in full.
///
/// What only the bytes of an HTTP/1 message tell is for [`super::follow`].
pub fn check(head: &Parts, target: &[u8], limits: Limits) -> Result<Body, FrameError> {
    check_size(head, target, limits)?;
    check_version(head.version)?;
    check_method(&head.method)?;
    authority::check(head, target)?;
    check_names(&head.headers)?;
    check_nominations(&head.headers)?;
    body::announced(head)
}

fn check_size(head: &Parts, target: &[u8], limits: Limits) -> Result<(), FrameError> {
    if head.headers.len() > limits.lines {
        return Err(FrameError::TooManyLines);
    }
    let headers: usize = head.headers.iter().map(length).sum();
    if headers + target.len() > limits.bytes {
        return Err(FrameError::TooLarge);
    }
    Ok(())
}

fn length((name, value): (&HeaderName, &HeaderValue)) -> usize {
    name.as_str().len() + value.len()
}

fn check_version(version: Version) -> Result<(), FrameError> {
    match version {
        Version::HTTP_10 | Version::HTTP_11 | Version::HTTP_2 => Ok(()),
        _ => Err(FrameError::Version),
    }
}

fn check_method(method: &Method) -> Result<(), FrameError> {
    match *method {
        Method::CONNECT | Method::TRACE => Err(FrameError::Method),
        _ => Ok(()),
    }
}

fn check_names(headers: &HeaderMap) -> Result<(), FrameError> {
    for name in headers.keys() {
        if name.as_str().is_empty() {
            return Err(FrameError::HeaderName);
        }
        if names::is_imitation(name.as_str()) {
            return Err(FrameError::NameImitated);
        }
    }
    Ok(())
}

/// A proxy removes what `Connection` names (RFC 9110 §7.6.1): not what tells who asks.
fn check_nominations(headers: &HeaderMap) -> Result<(), FrameError> {
    for value in headers.get_all(CONNECTION) {
        let value = value.to_str().map_err(|_| FrameError::NameNominated)?;
        let mut options = value.split(',').map(str::trim);
        if options.any(|option| option.eq_ignore_ascii_case("host") || names::is_identity(option)) {
            return Err(FrameError::NameNominated);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(version: Version, method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder()
            .version(version)
            .method(method)
            .uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn http1(headers: &[(&str, &str)]) -> Result<Body, FrameError> {
        check(
            &head(Version::HTTP_11, "POST", "/", headers),
            b"/",
            Limits::default(),
        )
    }

    fn http1_with_host(header: (&str, &str)) -> Result<Body, FrameError> {
        http1(&[("host", "gate.example"), header])
    }

    fn http1_target(target: &str, host: &str) -> Result<Body, FrameError> {
        let head = head(Version::HTTP_11, "GET", "/", &[("host", host)]);
        check(&head, target.as_bytes(), Limits::default())
    }

    fn http2(uri: &str, headers: &[(&str, &str)]) -> Result<Body, FrameError> {
        check(
            &head(Version::HTTP_2, "POST", uri, headers),
            b"/",
            Limits::default(),
        )
    }

    #[test]
    fn the_body_to_expect_is_told() {
        assert_eq!(http1(&[("host", "a")]), Ok(Body::Absent));
        assert_eq!(
            http1_with_host(("content-length", "042")),
            Ok(Body::Sized(42))
        );
        assert_eq!(
            http1_with_host(("transfer-encoding", "Chunked")),
            Ok(Body::Unsized)
        );
        assert_eq!(http2("https://a/", &[]), Ok(Body::Unsized));
    }

    #[test]
    fn at_04_a_malformed_content_length_is_refused() {
        for length in [
            "+1",
            "-1",
            "1, 1",
            "1,2",
            "",
            " ",
            "0x1",
            "1 1",
            "9223372036854775808",
        ] {
            let refused = http1_with_host(("content-length", length));
            assert_eq!(refused, Err(FrameError::LengthMalformed), "{length:?}");
        }
    }

    #[test]
    fn at_04_two_content_lengths_are_refused_even_if_equal() {
        for second in ["3", "4"] {
            let refused = http1(&[
                ("host", "a"),
                ("content-length", "3"),
                ("content-length", second),
            ]);
            assert_eq!(refused, Err(FrameError::LengthRepeated));
        }
    }

    #[test]
    fn at_04_a_length_with_an_encoding_is_refused() {
        let headers = [
            ("host", "a"),
            ("content-length", "3"),
            ("transfer-encoding", "chunked"),
        ];
        assert_eq!(http1(&headers), Err(FrameError::LengthWithEncoding));
    }

    #[test]
    fn at_04_only_chunked_is_an_encoding() {
        for encoding in [
            "gzip, chunked",
            "chunked, identity",
            "identity",
            "xchunked",
            "chunked;q=1",
            "",
            "chunked,",
        ] {
            let refused = http1_with_host(("transfer-encoding", encoding));
            assert_eq!(refused, Err(FrameError::EncodingUnknown), "{encoding:?}");
        }
        let twice = [
            ("host", "a"),
            ("transfer-encoding", "chunked"),
            ("transfer-encoding", "chunked"),
        ];
        assert_eq!(http1(&twice), Err(FrameError::EncodingUnknown));
    }

    #[test]
    fn at_04_an_encoding_is_refused_where_the_version_has_none() {
        let chunked = [("host", "a"), ("transfer-encoding", "chunked")];
        for version in [Version::HTTP_10, Version::HTTP_2] {
            let head = head(version, "POST", "/", &chunked);
            let refused = check(&head, b"/", Limits::default());
            assert_eq!(refused, Err(FrameError::EncodingInVersion), "{version:?}");
        }
    }

    #[test]
    fn at_04_a_request_of_doubtful_length_ends_its_connection() {
        for error in [
            FrameError::LengthMalformed,
            FrameError::LengthRepeated,
            FrameError::LengthWithEncoding,
            FrameError::EncodingUnknown,
            FrameError::EncodingInVersion,
            FrameError::LineTerminator,
            FrameError::HeaderName,
        ] {
            assert!(error.closes_connection(), "{error}");
            assert_eq!(error.answer(), Answer::Malformed, "{error}");
        }
    }

    #[test]
    fn at_07_http_1_1_has_one_host() {
        assert_eq!(http1(&[]), Err(FrameError::HostMissing));
        assert_eq!(
            http1(&[("host", "a"), ("host", "a")]),
            Err(FrameError::HostRepeated)
        );
        let old = head(Version::HTTP_10, "GET", "/", &[]);
        assert_eq!(check(&old, b"/", Limits::default()), Ok(Body::Absent));
    }

    #[test]
    fn at_07_a_malformed_host_is_refused() {
        for host in [
            "", "user@a", "a, b", "a/b", "a b", "a\\b", "a%2eb", "a?b", "é", ":a", ":80", "a:b",
            "a:80:80", "[::1", "[]", "[::1]a", "[a]b:80", "::1", "a]",
        ] {
            assert_eq!(
                http1(&[("host", host)]),
                Err(FrameError::HostMalformed),
                "{host:?}"
            );
        }
        for host in [
            "a.example:8080",
            "[::1]:80",
            "[::ffff:1.2.3.4]",
            "call_gate",
            "a:",
        ] {
            assert_eq!(http1(&[("host", host)]), Ok(Body::Absent), "{host:?}");
        }
    }

    #[test]
    fn at_07_connect_and_trace_are_refused() {
        for method in ["CONNECT", "TRACE"] {
            let head = head(Version::HTTP_11, method, "/", &[("host", "a")]);
            let refused = check(&head, b"/", Limits::default()).unwrap_err();
            assert_eq!(refused.answer(), Answer::MethodNotAllowed);
        }
    }

    #[test]
    fn at_07_a_target_is_a_path_or_an_http_uri() {
        for target in [
            "*",
            "",
            "a",
            "?a",
            "gate.example:80",
            "ftp://a/",
            "http:/a",
            "%20/a",
            "://a",
            "foo:http://a/",
        ] {
            assert_eq!(
                http1_target(target, "a"),
                Err(FrameError::Target),
                "{target:?}"
            );
        }
    }

    #[test]
    fn at_07_an_absolute_target_names_the_host() {
        for target in [
            "http://a",
            "HTTP://A/b",
            "https://a?b",
            "http://a/b?http://c/",
        ] {
            assert_eq!(http1_target(target, "a"), Ok(Body::Absent), "{target:?}");
        }
        for target in ["http://b/", "http://a.b/", "http://a:81/", "https://b?a"] {
            assert_eq!(
                http1_target(target, "a"),
                Err(FrameError::HostDiffers),
                "{target:?}"
            );
        }
        for target in ["http:///a", "http://u@a/", "http://a\\b/"] {
            assert_eq!(
                http1_target(target, "a"),
                Err(FrameError::HostMalformed),
                "{target:?}"
            );
        }
    }

    #[test]
    fn at_07_on_http_2_host_and_authority_agree() {
        assert_eq!(http2("https://a/", &[("host", "a")]), Ok(Body::Unsized));
        assert_eq!(
            http2("https://a/", &[("host", "b")]),
            Err(FrameError::HostDiffers)
        );
        assert_eq!(http2("https://u@a/", &[]), Err(FrameError::HostMalformed));
        assert_eq!(http2("/", &[("host", "a")]), Ok(Body::Unsized));
        assert_eq!(http2("/", &[]), Err(FrameError::HostMissing));
    }

    #[test]
    fn at_07_on_http_2_a_target_is_a_path() {
        let head = head(Version::HTTP_2, "OPTIONS", "https://a/", &[]);
        let refused = check(&head, b"*", Limits::default());
        assert_eq!(refused, Err(FrameError::Target));
    }

    #[test]
    fn at_10_a_name_that_imitates_one_of_ours_is_refused() {
        for name in [
            "X_Forwarded_User",
            "x_auth_token",
            "X_authenticate",
            "x-auth_token",
        ] {
            assert_eq!(
                http1_with_host((name, "a")),
                Err(FrameError::NameImitated),
                "{name}"
            );
        }
    }

    #[test]
    fn at_11_a_dotted_name_that_imitates_one_of_ours_is_refused() {
        let refused = http1_with_host(("X.Authenticated.User", "a"));
        assert_eq!(refused, Err(FrameError::NameImitated));
    }

    #[test]
    fn at_18_connection_names_no_header_of_ours() {
        for options in [
            "X-Auth-User",
            "close, x-callgate-user",
            "Authorization",
            "upgrade,HOST",
            "x_callgate_user",
        ] {
            let refused = http1_with_host(("connection", options));
            assert_eq!(refused, Err(FrameError::NameNominated), "{options}");
        }
        for options in ["close", "keep-alive, Upgrade", "TE, x-hop"] {
            assert_eq!(
                http1_with_host(("connection", options)),
                Ok(Body::Absent),
                "{options}"
            );
        }
    }

    #[test]
    fn a_head_over_the_limit_is_refused() {
        let limits = Limits {
            lines: 2,
            bytes: 20,
        };
        let head = |headers: &[(&str, &str)]| {
            check(
                &head(Version::HTTP_11, "GET", "/", headers),
                b"/12345",
                limits,
            )
        };
        assert_eq!(head(&[("host", "a"), ("x", "12345678")]), Ok(Body::Absent));
        let larger = head(&[("host", "a"), ("x", "123456789")]).unwrap_err();
        let longer = head(&[("host", "a"), ("x", ""), ("x", "")]).unwrap_err();
        assert_eq!(
            (larger, longer),
            (FrameError::TooLarge, FrameError::TooManyLines)
        );
        assert_eq!(larger.answer(), Answer::HeadTooLarge);
        assert_eq!(longer.answer(), Answer::HeadTooLarge);
    }

    #[test]
    fn versions_that_are_not_spoken_are_refused() {
        for version in [Version::HTTP_09, Version::HTTP_3] {
            let head = head(version, "GET", "/", &[("host", "a")]);
            assert_eq!(
                check(&head, b"/", Limits::default()),
                Err(FrameError::Version)
            );
        }
    }
}
