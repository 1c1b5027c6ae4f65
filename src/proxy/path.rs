//! The canonical path: one spelling for the decision and for what is forwarded.

use http::Uri;
use http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::fmt::{self, Display};

/// The longest path that is served, in bytes as received.
pub const MAX_LENGTH: usize = 2048;

/// A path that gateway and upstream cannot read differently.
///
/// It begins with `/`, has no empty and no dot segment, no parameter and no escaped delimiter; what
/// need not be escaped is not, other escapes are upper case (RFC 3986 §6.2.2) and spell UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CanonicalPath<'r>(Cow<'r, str>);

/// Why a path has no canonical form. The request is malformed; its connection may live on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("the path is longer than {MAX_LENGTH} bytes")]
    TooLong,
    #[error("the path does not begin with a slash")]
    NotAbsolute,
    #[error("the path has a character that must be percent-encoded")]
    Character,
    #[error("the path has an empty segment")]
    EmptySegment,
    #[error("the path has a dot segment")]
    DotSegment,
    #[error("the path has a malformed percent-encoding")]
    Escape,
    #[error("the path has an encoded delimiter or control character")]
    EscapedDelimiter,
    #[error("the path is percent-encoded twice")]
    EscapedTwice,
    #[error("the path is not UTF-8")]
    NotUtf8,
}

impl<'r> CanonicalPath<'r> {
    /// The canonical form of a path as received, without its query; a path without escapes is
    /// borrowed.
    pub fn parse(received: &'r str) -> Result<Self, PathError> {
        check_length(received)?;
        check_characters(received)?;
        check_segments(received)?;
        if !received.contains('%') {
            return Ok(Self(Cow::Borrowed(received)));
        }
        let canonical = unescape_unreserved(received)?;
        check_encoding(&canonical)?;
        Ok(Self(Cow::Owned(canonical)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Detaches the path from the request that it came with.
    pub fn into_owned(self) -> CanonicalPath<'static> {
        CanonicalPath(Cow::Owned(self.0.into_owned()))
    }

    /// What to forward in place of `received`, whose path this is the canonical form of: the same
    /// authority and query. `None` if nothing changes.
    ///
    /// A target in absolute-form must be replaced whatever this says (RFC 9112 §3.2.2).
    pub fn replacement(&self, received: &Uri) -> Result<Option<Uri>, PathError> {
        if received.path() == self.as_str() {
            return Ok(None);
        }
        let target = match received.query() {
            Some(query) => format!("{self}?{query}"),
            None => self.as_str().to_owned(),
        };
        let mut parts = received.clone().into_parts();
        let target = PathAndQuery::try_from(target).map_err(|_| PathError::Character)?;
        parts.path_and_query = Some(target);
        Uri::from_parts(parts)
            .map(Some)
            .map_err(|_| PathError::Character)
    }
}

impl Display for CanonicalPath<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

fn check_length(path: &str) -> Result<(), PathError> {
    if path.len() > MAX_LENGTH {
        return Err(PathError::TooLong);
    }
    if !path.starts_with('/') {
        return Err(PathError::NotAbsolute);
    }
    Ok(())
}

fn check_characters(path: &str) -> Result<(), PathError> {
    let is_clean = path
        .bytes()
        .all(|byte| is_segment_character(byte) || matches!(byte, b'/' | b'%'));
    is_clean.then_some(()).ok_or(PathError::Character)
}

/// RFC 3986 §3.3 `pchar` but for `;`, whose parameters some upstreams cut off before they match a
/// path.
fn is_segment_character(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@'
        )
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn check_segments(path: &str) -> Result<(), PathError> {
    if path.contains("//") {
        return Err(PathError::EmptySegment);
    }
    // An escaped dot is refused as such, so that the segments as received tell.
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(PathError::DotSegment);
    }
    Ok(())
}

fn unescape_unreserved(received: &str) -> Result<String, PathError> {
    let mut canonical = String::with_capacity(received.len());
    let mut rest = received;
    while let Some((clean, escaped)) = rest.split_once('%') {
        let octet = octet(escaped).ok_or(PathError::Escape)?;
        rest = escaped.get(2..).unwrap_or_default();
        canonical.push_str(clean);
        push_octet(&mut canonical, octet)?;
    }
    canonical.push_str(rest);
    Ok(canonical)
}

/// Some upstreams decode twice, and some take an overlong form of a slash (`%C0%AF`) for a slash.
fn check_encoding(canonical: &str) -> Result<(), PathError> {
    if canonical
        .split("%25")
        .skip(1)
        .any(|rest| octet(rest).is_some())
    {
        return Err(PathError::EscapedTwice);
    }
    percent_decode_str(canonical)
        .decode_utf8()
        .map(|_| ())
        .map_err(|_| PathError::NotUtf8)
}

/// The octet that the first two characters spell in hexadecimal.
fn octet(escaped: &str) -> Option<u8> {
    let digits = escaped.get(..2)?;
    // `from_str_radix` takes a sign as well.
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u8::from_str_radix(digits, 16).ok()
}

fn push_octet(canonical: &mut String, octet: u8) -> Result<(), PathError> {
    match octet {
        b'/' | b'\\' | b';' | b'?' | b'#' | b'.' => return Err(PathError::EscapedDelimiter),
        octet if octet.is_ascii_control() => return Err(PathError::EscapedDelimiter),
        octet if is_unreserved(octet) => canonical.push(char::from(octet)),
        octet => canonical.push_str(percent_encoding::percent_encode_byte(octet)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(path: &str) -> Result<String, PathError> {
        CanonicalPath::parse(path).map(|path| path.to_string())
    }

    #[test]
    fn a_clean_path_is_borrowed() {
        for path in [
            "/",
            "/rest/call",
            "/a/b/",
            "/.well-known/x",
            "/a...b/...",
            "/user@example:1",
        ] {
            let parsed = CanonicalPath::parse(path).unwrap();
            assert!(
                matches!(parsed.0, Cow::Borrowed(same) if same == path),
                "{path}"
            );
        }
    }

    #[test]
    fn what_need_not_be_escaped_is_not() {
        assert_eq!(canonical("/%72est/c%61ll%7e").unwrap(), "/rest/call~");
    }

    #[test]
    fn other_escapes_are_upper_case() {
        assert_eq!(
            canonical("/caf%c3%a9%20%2b%26").unwrap(),
            "/caf%C3%A9%20%2B%26"
        );
    }

    #[test]
    fn at_21_a_fragment_is_refused_raw_and_escaped() {
        assert_eq!(canonical("/admin#/../public"), Err(PathError::Character));
        assert_eq!(canonical("/admin%23"), Err(PathError::EscapedDelimiter));
    }

    #[test]
    fn at_22_an_escaped_delimiter_is_refused() {
        for path in [
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a%5Cb",
            "/a%00",
            "/a%3bx",
            "/a%3Bx",
            "/a%3fb",
            "/a%3F",
            "/%2e",
            "/%2e%2e/b",
            "/.%2E/b",
            "/a%2ejson",
            "/a%0d%0a",
            "/a%7f",
        ] {
            assert_eq!(canonical(path), Err(PathError::EscapedDelimiter), "{path}");
        }
    }

    #[test]
    fn at_22_a_dot_segment_is_refused() {
        for path in ["/.", "/..", "/a/../b", "/a/./b", "/a/..", "/a/."] {
            assert_eq!(canonical(path), Err(PathError::DotSegment), "{path}");
        }
    }

    #[test]
    fn at_22_an_empty_segment_is_refused() {
        for path in ["//", "//evil.example/a", "/a//b", "/a//"] {
            assert_eq!(canonical(path), Err(PathError::EmptySegment), "{path}");
        }
    }

    #[test]
    fn at_22_parameters_and_backslashes_are_refused() {
        for path in ["/a;b", "/a;/b", "/..;/b", "/a\\b", "/a\\..\\b", "/a?b"] {
            assert_eq!(canonical(path), Err(PathError::Character), "{path}");
        }
    }

    #[test]
    fn at_22_double_and_overlong_encodings_are_refused() {
        assert_eq!(canonical("/a%252fb"), Err(PathError::EscapedTwice));
        assert_eq!(canonical("/%252e%252e/b"), Err(PathError::EscapedTwice));
        assert_eq!(canonical("/%25%32f"), Err(PathError::EscapedTwice));
        assert_eq!(canonical("/a%c0%afb"), Err(PathError::NotUtf8));
        assert_eq!(canonical("/100%25").unwrap(), "/100%25");
    }

    #[test]
    fn at_22_bad_escapes_are_refused() {
        for path in ["/%", "/%2", "/%zz", "/%+1", "/a%2", "/%u002e"] {
            assert_eq!(canonical(path), Err(PathError::Escape), "{path}");
        }
    }

    #[test]
    fn at_22_control_and_non_ascii_characters_are_refused() {
        for path in [
            "/a\0",
            "/a\r\nb",
            "/a b",
            "/a\u{7f}",
            "/é",
            "/\u{fffd}",
            "/\u{ff0e}\u{ff0e}/",
            "/<\">",
        ] {
            assert_eq!(canonical(path), Err(PathError::Character), "{path:?}");
        }
    }

    #[test]
    fn a_path_is_absolute_and_not_too_long() {
        for path in ["", "*", "a", "http://a/"] {
            assert_eq!(canonical(path), Err(PathError::NotAbsolute), "{path}");
        }
        let longest = format!("/{}", "a".repeat(MAX_LENGTH - 1));
        assert_eq!(canonical(&longest).unwrap(), longest);
        assert_eq!(canonical(&format!("{longest}a")), Err(PathError::TooLong));
    }

    #[test]
    fn what_is_forwarded_is_the_canonical_path_with_authority_and_query_kept() {
        let received: Uri = "https://gate.example/c%61ll?a=%2e".parse().unwrap();
        let path = CanonicalPath::parse(received.path()).unwrap();
        let forwarded = path.replacement(&received).unwrap().unwrap();
        assert_eq!(forwarded.to_string(), "https://gate.example/call?a=%2e");
    }

    #[test]
    fn a_canonical_path_needs_no_replacement() {
        let received: Uri = "/call?a=%2e".parse().unwrap();
        let path = CanonicalPath::parse(received.path()).unwrap();
        assert_eq!(path.replacement(&received), Ok(None));
    }

    /// Mostly what is interesting in a path, else anything.
    fn paths() -> impl Strategy<Value = String> {
        prop_oneof![
            "/([a-z.~%;/\\\\]|%[0-9a-fA-F]{2}|%[64][0-9a-f]){0,12}",
            "/(%c3%a9|%7e|%4[1-9a-f]|[a-z/]|%20|%25){0,12}",
            "/.{0,12}",
        ]
    }

    proptest! {
        #[test]
        fn at_22_a_canonical_path_is_its_own_canonical_form(path in paths()) {
            if let Ok(once) = canonical(&path) {
                prop_assert_eq!(canonical(&once), Ok(once));
            }
        }

        #[test]
        fn at_22_a_canonical_path_decodes_to_what_was_received(path in paths()) {
            if let Ok(canonical) = canonical(&path) {
                let decode = |text: &str| percent_decode_str(text).collect::<Vec<_>>();
                prop_assert_eq!(decode(&canonical), decode(&path));
            }
        }

        #[test]
        fn at_22_a_decoded_path_has_the_segments_of_the_canonical_one(path in paths()) {
            if let Ok(canonical) = canonical(&path) {
                let decoded = percent_decode_str(&canonical).decode_utf8().unwrap();
                let same = decoded.split('/').count() == canonical.split('/').count();
                prop_assert!(same && !decoded.contains("/../") && !decoded.contains(['\\', ';', '#', '?', '\0']));
            }
        }
    }
}
