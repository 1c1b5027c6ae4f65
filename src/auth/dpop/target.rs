//! Where a proof is for: its `htu` and the address of the request, in one spelling (RFC 9449 §4.3, RFC 3986 §6.2).

use std::borrow::Cow;
use url::Url;

/// The configured public origin: never the `Host` of a request.
#[derive(Debug)]
pub(super) struct Origin(Option<url::Origin>);

impl Origin {
    /// One that cannot be read leads nowhere.
    pub(super) fn new(configured: &str) -> Self {
        let url = Url::parse(configured).ok();
        Self(url.map(|url| url.origin()).filter(url::Origin::is_tuple))
    }

    /// Whether `htu` is the address of `path` here. Queries and fragments do not count.
    pub(super) fn leads(&self, htu: &str, path: &str) -> bool {
        let Ok(named) = Url::parse(htu) else {
            return false;
        };
        let plain = named.username().is_empty() && named.password().is_none();
        plain && Some(named.origin()) == self.0 && normal(named.path()) == normal(path)
    }
}

/// Escapes of what need not be escaped are undone, all others are in capitals (RFC 3986 §6.2.2).
fn normal(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut normal = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((clean, escaped)) = rest.split_once('%') {
        normal.push_str(clean);
        let digits = escaped.get(..2).unwrap_or_default();
        match u8::from_str_radix(digits, 16) {
            Ok(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                normal.push(char::from(byte));
            }
            _ => {
                normal.push('%');
                normal.push_str(&digits.to_ascii_uppercase());
            }
        }
        rest = escaped.get(digits.len()..).unwrap_or_default();
    }
    normal.push_str(rest);
    Cow::Owned(normal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_address_has_many_spellings() {
        let origin = Origin::new("https://calls.example");
        for same in [
            "https://calls.example/a~b/c%C3%A4",
            "HTTPS://Calls.Example:443/a%7Eb/c%c3%a4",
            "https://calls.example/x/../a~b/c%C3%A4?query#fragment",
        ] {
            assert!(origin.leads(same, "/a~b/c%C3%A4"), "{same}");
        }
        for other in [
            "http://calls.example/a~b/c%C3%A4",
            "https://calls.example:8443/a~b/c%C3%A4",
            "https://calls.example/a~b/c%C3%A4/",
            "https://calls.example/A~b/c%C3%A4",
            "https://calls.example.evil.example/a~b/c%C3%A4",
            "https://calls.example@evil.example/a~b/c%C3%A4",
            "https://ann@calls.example/a~b/c%C3%A4",
            "/a~b/c%C3%A4",
            "",
        ] {
            assert!(!origin.leads(other, "/a~b/c%C3%A4"), "{other}");
        }
        assert!(origin.leads("https://calls.example", "/"));
        assert!(!Origin::new("nonsense").leads("nonsense", "/"));
    }

    #[test]
    fn an_encoded_slash_is_no_slash() {
        let origin = Origin::new("https://calls.example");
        assert!(!origin.leads("https://calls.example/a%2Fb", "/a/b"));
    }

    proptest! {
        #[test]
        fn no_address_panics(htu in "\\PC{0,60}|https://calls.example/[%0-9a-zé/]{0,30}", path in "/[%0-9a-zé]{0,30}") {
            Origin::new("https://calls.example").leads(&htu, &path);
        }

        #[test]
        fn a_path_leads_to_itself(path in "(/[a-zA-Z0-9_~!$&'()*+,=:@-]{1,10}){1,5}") {
            let origin = Origin::new("https://calls.example");
            let htu = format!("https://calls.example{path}?a=b");
            prop_assert!(origin.leads(&htu, &path));
        }
    }
}
