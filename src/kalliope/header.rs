//! The value of `X-authenticate`, by the strict grammar: one way to write each request's claim, and no other.

use super::DigestPassword;
use super::digest::{Digest, Input};
use crate::clock::EpochMs;
use http::HeaderName;
use jiff::civil;
use jiff::tz::Offset;
use std::fmt;

pub const X_AUTHENTICATE: HeaderName = HeaderName::from_static("x-authenticate");

pub(super) const SCHEME: &str = "RestApiUsernameToken";

/// In characters.
const LONGEST_USERNAME: usize = 128;
const LONGEST_DOMAIN: usize = 64;
const SHORTEST_NONCE: usize = 8;
const LONGEST_NONCE: usize = 128;
/// Of base64, with its one `=`.
const DIGEST: usize = 44;

/// A header that is well formed. What it claims is still to be verified.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Header<'h> {
    username: &'h str,
    domain: &'h str,
    digest: &'h str,
    nonce: &'h str,
    created: &'h str,
    created_at: EpochMs,
}

/// The part of a header that is not as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    #[error(
        "it is not `{SCHEME} Username=\"…\", Domain=\"…\", Digest=\"…\", Nonce=\"…\", Created=\"…\"`"
    )]
    Scheme,
    #[error(
        "a Username has 1 to {LONGEST_USERNAME} characters, none of them `\"`, `@` or a control character"
    )]
    Username,
    #[error(
        "a Domain has 1 to {LONGEST_DOMAIN} characters, none of them `\"`, `@` or a control character"
    )]
    Domain,
    #[error("a Digest is the base64 of 32 bytes")]
    Digest,
    #[error("a Nonce has {SHORTEST_NONCE} to {LONGEST_NONCE} hexadecimal digits")]
    Nonce,
    #[error("Created is a time such as 2016-04-29T15:48:26Z")]
    Created,
}

impl<'h> Header<'h> {
    /// Reads the whole value, from its first to its last character. An empty `Domain` is refused: which domain it means,
    /// no document says.
    pub fn parse(value: &'h str) -> Result<Self, FormError> {
        let mut rest = value.strip_prefix(SCHEME).ok_or(FormError::Scheme)?;
        let mut parameter = |begin: &str| -> Result<&'h str, FormError> {
            let text = rest.strip_prefix(begin).ok_or(FormError::Scheme)?;
            // There are no escapes: the next quote is the end.
            let (found, after) = text.split_once('"').ok_or(FormError::Scheme)?;
            rest = after;
            Ok(found)
        };
        let username = parameter(" Username=\"")?;
        let domain = parameter(", Domain=\"")?;
        let digest = parameter(", Digest=\"")?;
        let nonce = parameter(", Nonce=\"")?;
        let created = parameter(", Created=\"")?;
        if !rest.is_empty() {
            return Err(FormError::Scheme);
        }
        self::username(username)?;
        self::domain(domain)?;
        must(is_digest(digest), FormError::Digest)?;
        must(is_nonce(nonce), FormError::Nonce)?;
        Ok(Self {
            username,
            domain,
            digest,
            nonce,
            created,
            created_at: time(created).ok_or(FormError::Created)?,
        })
    }

    pub const fn username(&self) -> &'h str {
        self.username
    }

    pub const fn domain(&self) -> &'h str {
        self.domain
    }

    pub const fn nonce(&self) -> &'h str {
        self.nonce
    }

    /// When its maker says that it was made.
    pub const fn created(&self) -> EpochMs {
        self.created_at
    }

    /// Whether this `digestPassword` made it. That says nothing of whose it is: it must have been looked up by exactly
    /// this domain and this user name (AT-42).
    pub fn is_signed_by(&self, password: &DigestPassword) -> bool {
        let input = Input {
            nonce: self.nonce,
            username: self.username,
            domain: self.domain,
            created: self.created,
        };
        Digest::of(password, input).matches(self.digest)
    }
}

/// It is a credential: it never prints what it holds.
impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Header(***)")
    }
}

/// Checks a name that is to stand in the header as the user's.
pub fn username(text: &str) -> Result<(), FormError> {
    must(is_name(text, LONGEST_USERNAME), FormError::Username)
}

/// Checks a name that is to stand in the header as the domain's.
pub fn domain(text: &str) -> Result<(), FormError> {
    must(is_name(text, LONGEST_DOMAIN), FormError::Domain)
}

fn is_name(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.chars().count())
        && !text
            .chars()
            .any(|c| matches!(c, '"' | '@') || c.is_control())
}

fn is_digest(text: &str) -> bool {
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    text.len() == DIGEST
        && text
            .strip_suffix('=')
            .is_some_and(|text| text.bytes().all(base64))
}

fn is_nonce(text: &str) -> bool {
    (SHORTEST_NONCE..=LONGEST_NONCE).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `YYYY-MM-DDThh:mm:ssZ`, of a day and a second that there are.
fn time(text: &str) -> Option<EpochMs> {
    let bytes = text.as_bytes();
    let form = b"dddd-dd-ddTdd:dd:ddZ";
    let fits = |(byte, wanted): (&u8, &u8)| match wanted {
        b'd' => byte.is_ascii_digit(),
        other => byte == other,
    };
    if bytes.len() != form.len() || !bytes.iter().zip(form).all(fits) {
        return None;
    }
    let year = text.get(..4)?.parse().ok()?;
    let two = |at: usize| text.get(at..at + 2)?.parse::<i8>().ok();
    let (month, day) = (two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    let time = civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    Some(Offset::UTC.to_timestamp(time).ok()?.as_millisecond())
}

fn must(good: bool, error: FormError) -> Result<(), FormError> {
    good.then_some(()).ok_or(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex::Regex;

    const GOOD: &str = concat!(
        "RestApiUsernameToken Username=\"admin\", Domain=\"default\", ",
        "Digest=\"+PJg7Tb3v98XnL6iJVv+v5hwhYjdzQ2tIWxvJB2cE40=\", ",
        "Nonce=\"bfb79078ff44c35714af28b7412a702b\", Created=\"2016-04-29T15:48:26Z\""
    );

    fn with(part: &str, other: &str) -> Result<(), FormError> {
        assert!(GOOD.contains(part), "{part}");
        Header::parse(&GOOD.replace(part, other)).map(|_| ())
    }

    #[test]
    fn a_header_that_is_well_formed_is_read() {
        let header = Header::parse(GOOD).unwrap();
        assert_eq!((header.username(), header.domain()), ("admin", "default"));
        assert_eq!(header.nonce(), "bfb79078ff44c35714af28b7412a702b");
        assert_eq!(header.created(), 1_461_944_906_000);
        assert_eq!(format!("{header:?}"), "Header(***)");
    }

    #[test]
    fn at_42_nothing_but_the_one_form_is_read() {
        for (part, other) in [
            ("RestApiUsernameToken", "restapiusernametoken"),
            ("RestApiUsernameToken ", "RestApiUsernameToken  "),
            ("RestApiUsernameToken ", " RestApiUsernameToken "),
            ("\", Domain", "\",Domain"),
            ("\", Domain", "\",  Domain"),
            ("\", Domain", "\" , Domain"),
            ("Domain=", "domain="),
            ("Domain=\"", "Domain= \""),
            ("Domain=\"default\"", "Domain=default"),
            ("Domain=\"default\"", "Domain='default'"),
            ("Created=", "Nonce=\"deadbeef\", Created="),
            ("26Z\"", "26Z\" "),
            ("26Z\"", "26Z\", "),
            ("26Z\"", "26Z"),
            ("26Z\"", "26Z\"\""),
        ] {
            assert_eq!(with(part, other), Err(FormError::Scheme), "{other}");
        }
        let swapped = "Domain=\"default\", Username=\"admin\"";
        let usual = "Username=\"admin\", Domain=\"default\"";
        assert_eq!(with(usual, swapped), Err(FormError::Scheme));
    }

    #[test]
    fn names_have_bounds() {
        let (longest, longer) = ("ü".repeat(128), "ü".repeat(129));
        assert_eq!(with("admin", &longest), Ok(()));
        for wrong in ["", "a@b", "a\tb", "a\u{85}b", longer.as_str()] {
            assert_eq!(with("admin", wrong), Err(FormError::Username), "{wrong:?}");
        }
        assert_eq!(with("default", &"x".repeat(64)), Ok(()));
        for wrong in ["", "a@b", "a\u{7f}b", "x".repeat(65).as_str()] {
            assert_eq!(with("default", wrong), Err(FormError::Domain), "{wrong:?}");
        }
    }

    #[test]
    fn a_digest_is_44_characters_of_padded_base64() {
        let digest = "+PJg7Tb3v98XnL6iJVv+v5hwhYjdzQ2tIWxvJB2cE40=";
        for wrong in [
            "",
            "+PJg7Tb3v98XnL6iJVv+v5hwhYjdzQ2tIWxvJB2cE40",
            "+PJg7Tb3v98XnL6iJVv+v5hwhYjdzQ2tIWxvJB2cE4==",
            "-PJg7Tb3v98XnL6iJVv_v5hwhYjdzQ2tIWxvJB2cE40=",
            "+PJg7Tb3v98XnL6iJVv+v5hwhYjdzQ2tIWxvJB2cE40=\n",
        ] {
            assert_eq!(with(digest, wrong), Err(FormError::Digest), "{wrong}");
        }
    }

    #[test]
    fn a_nonce_is_8_to_128_hexadecimal_digits() {
        let nonce = "bfb79078ff44c35714af28b7412a702b";
        for right in ["deadbeef", "DEADBEEF", "f".repeat(128).as_str()] {
            assert_eq!(with(nonce, right), Ok(()), "{right}");
        }
        for wrong in ["", "deadbee", "deadbeeg", "f".repeat(129).as_str()] {
            assert_eq!(with(nonce, wrong), Err(FormError::Nonce), "{wrong}");
        }
    }

    #[test]
    fn created_is_a_second_that_there_was() {
        let created = "2016-04-29T15:48:26Z";
        for right in ["2016-02-29T00:00:00Z", "2016-12-31T23:59:59Z"] {
            assert_eq!(with(created, right), Ok(()), "{right}");
        }
        for wrong in [
            "",
            "2015-02-29T00:00:00Z",
            "2016-04-31T00:00:00Z",
            "2016-04-29T24:00:00Z",
            "2016-12-31T23:59:60Z",
            "2016-04-29T15:48:26z",
            "2016-04-29 15:48:26Z",
            "2016-04-29T15:48:26+00:00",
            "2016-04-29T15:48:26.0Z",
            "2016-4-29T15:48:26Z",
            "+016-04-29T15:48:26Z",
            "2016-04-29T15:48:2\u{0666}Z",
        ] {
            assert_eq!(with(created, wrong), Err(FormError::Created), "{wrong}");
        }
    }

    /// The expression that the vendor's manual links, anchored.
    fn vendors() -> Regex {
        Regex::new(
            r#"^RestApiUsernameToken Username="([^"@]+)", Domain="([^"@]+){0,1}", Digest="([^"]+)", Nonce="([^"]+)", Created="(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z)"$"#,
        )
        .unwrap()
    }

    /// Mostly what fits a parameter, so that whole headers are read often, and now and then anything.
    fn mostly(fitting: &'static str) -> impl Strategy<Value = String> {
        prop_oneof![
            9 => fitting,
            1 => "\\PC{0,12}",
            1 => Just("a\", Domain=\"b".to_owned()),
        ]
    }

    proptest! {
        #[test]
        fn what_is_read_the_vendor_reads_in_the_same_way(
            username in mostly("[^\"@\\p{Cc}]{1,130}"),
            domain in mostly("[^\"@\\p{Cc}]{0,66}"),
            digest in mostly("[A-Za-z0-9+/]{43}="),
            nonce in mostly("[0-9a-fA-F]{7,129}"),
            created in mostly("[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z"),
            tail in "|[ ,\"]{0,1}",
        ) {
            let text = format!(
                "RestApiUsernameToken Username=\"{username}\", Domain=\"{domain}\", Digest=\"{digest}\", Nonce=\"{nonce}\", Created=\"{created}\"{tail}"
            );
            if let Ok(header) = Header::parse(&text) {
                let vendors = vendors();
                let read = vendors.captures(&text).unwrap();
                prop_assert_eq!(&read[1], header.username());
                prop_assert_eq!(&read[2], header.domain());
                prop_assert_eq!(&read[4], header.nonce());
            }
        }

        #[test]
        fn no_change_of_one_character_is_read_as_the_same(at in 0..GOOD.len(), by in any::<char>()) {
            let mut text = GOOD.to_owned();
            text.replace_range(at..=at, by.encode_utf8(&mut [0; 4]));
            let same = Header::parse(&text) == Header::parse(GOOD);
            prop_assert_eq!(same, text == GOOD);
        }

        #[test]
        fn nothing_panics_and_noise_is_refused(text in ".{0,300}") {
            let read = Header::parse(&text);
            prop_assert!(read.is_err() || vendors().is_match(&text));
        }
    }
}
