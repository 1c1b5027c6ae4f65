//! The canonical path: what a naive reading of its rules makes of a path, or refused; and what is decided on is forwarded.

use callgate::proxy::path::{CanonicalPath, MAX_LENGTH};
use http::Uri;

/// A request target: a path, perhaps with a query.
pub fn check(data: &[u8]) {
    let Ok(target) = std::str::from_utf8(data) else {
        return;
    };
    let path = target.split('?').next().unwrap_or_default();
    check_form(path);
    if let Ok(received) = target.parse::<Uri>() {
        check_forwarded(&received);
    }
}

fn check_form(path: &str) {
    let parsed = CanonicalPath::parse(path);
    let canonical = parsed.as_ref().ok().map(CanonicalPath::as_str);
    assert_eq!(canonical, naive(path).as_deref(), "{path:?}: {parsed:?}");
    let Some(canonical) = canonical else {
        return;
    };
    assert_eq!(
        CanonicalPath::parse(canonical)
            .as_ref()
            .map(CanonicalPath::as_str),
        Ok(canonical)
    );
    // Whoever decodes it, once or as often as they like, finds the same segments.
    let mut decoded = canonical.to_owned();
    for _ in 0..3 {
        let bytes = percent_encoding::percent_decode_str(&decoded);
        decoded = bytes.decode_utf8().unwrap().into_owned();
        let count = |text: &str| text.split('/').count();
        assert_eq!(count(&decoded), count(canonical), "{path:?}");
        let mut segments = decoded.split('/').skip(1);
        assert!(segments.all(|segment| segment != "." && segment != ".."));
        assert!(!decoded.contains("//"));
        assert!(!decoded.contains(['\\', ';', '?', '#', '\0', '\r', '\n']));
    }
}

fn check_forwarded(received: &Uri) {
    let Ok(path) = CanonicalPath::parse(received.path()) else {
        return;
    };
    let forwarded = match path.replacement(received) {
        Ok(None) => received.clone(),
        Ok(Some(replacement)) => replacement,
        Err(error) => panic!("{received} has a canonical path that is no URI: {error}"),
    };
    assert_eq!(forwarded.path(), path.as_str());
    assert_eq!(forwarded.query(), received.query());
    assert_eq!(forwarded.authority(), received.authority());
    let sent = forwarded.path_and_query().map(ToString::to_string);
    let again: Uri = sent.unwrap_or_default().parse().unwrap();
    assert_eq!(again.path(), path.as_str());
}

/// Each octet is decoded once. An octet that was escaped and means something in a path is refused; so is what is not
/// an octet of a path.
fn naive(path: &str) -> Option<String> {
    if path.len() > MAX_LENGTH || !path.starts_with('/') {
        return None;
    }
    let (mut canonical, mut decoded) = (String::new(), Vec::new());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let octet = match byte {
            b'%' => {
                let (high, low) = (hex(bytes.next()?)?, hex(bytes.next()?)?);
                let octet = high * 16 + low;
                let refused = octet < 32 || octet == 127 || b"/\\;?#.".contains(&octet);
                if refused {
                    return None;
                }
                octet
            }
            byte if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,=:@".contains(&byte) => byte,
            _ => return None,
        };
        let is_plain = octet.is_ascii_alphanumeric() || b"-._~".contains(&octet);
        if byte != b'%' || is_plain {
            canonical.push(char::from(octet));
        } else {
            canonical.extend(['%', digit(octet >> 4), digit(octet & 15)]);
        }
        decoded.push(octet);
    }
    let decoded = String::from_utf8(decoded).ok()?;
    let segments: Vec<_> = decoded.split('/').skip(1).collect();
    let (_, before_last) = segments.split_last()?;
    let is_hollow =
        before_last.contains(&"") || segments.contains(&".") || segments.contains(&"..");
    (!is_hollow && !is_escaped(&decoded)).then_some(canonical)
}

/// Whether there is something left to decode.
fn is_escaped(decoded: &str) -> bool {
    let bytes = decoded.as_bytes();
    bytes.windows(3).any(|three| {
        three[0] == b'%' && three[1].is_ascii_hexdigit() && three[2].is_ascii_hexdigit()
    })
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

fn digit(value: u8) -> char {
    let digit = char::from_digit(u32::from(value), 16).unwrap();
    digit.to_ascii_uppercase()
}
