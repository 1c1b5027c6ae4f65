//! What names and texts an administrator may give.

use crate::error::{Error, Result};
use crate::number::Region;
use crate::storage::lines::Line;
use jiff::tz::TimeZone;

/// The short name of a tenant or a client: it stands in paths, in logs and in HTTP Basic, so it needs no escapes.
pub(super) fn short_name(what: &str, name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let good = (1..=64).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('.');
    must(good, || {
        format!(
            "{what} has 1 to 64 characters out of a-z, A-Z, 0-9, `.`, `_` and `-`, and begins with no `.`"
        )
    })
}

/// AT-35: a bounded length. Blanks at either end would make two names look the same.
pub(super) fn username(name: &str) -> Result<()> {
    let good = is_text(name, 128) && name.trim() == name;
    must(good, || {
        "a username has 1 to 128 characters, no control characters, and no blanks at its ends"
            .to_owned()
    })
}

/// A text for people, such as a display name.
pub(super) fn label(what: &str, text: &str) -> Result<()> {
    must(is_text(text, 200), || {
        format!("{what} has 1 to 200 characters and no control characters")
    })
}

/// An extension and a device are visible ASCII, since they go to telephone systems as they are.
pub(super) fn line(line: &Line) -> Result<()> {
    visible("a line", &line.line)?;
    let device = line.device.as_deref();
    device.map_or(Ok(()), |device| visible("a device", device))?;
    line.caller_id.as_deref().map_or(Ok(()), caller_id)
}

fn visible(what: &str, text: &str) -> Result<()> {
    let good = (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    must(good, || {
        format!("{what} has 1 to 128 visible ASCII characters")
    })
}

fn caller_id(number: &str) -> Result<()> {
    let digits = number.strip_prefix('+').unwrap_or_default();
    let good = (7..=15).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0');
    must(good, || {
        "a caller id is a number in international form, such as `+390501234567`".to_owned()
    })
}

/// RFC 6749 §3.3: a policy's name is a scope token.
pub(super) fn policy_name(name: &str) -> Result<()> {
    let token = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    let good = (1..=128).contains(&name.len()) && name.bytes().all(token);
    must(good, || {
        "a policy's name has 1 to 128 visible ASCII characters without `\"` and `\\` (RFC 6749 §3.3)"
            .to_owned()
    })
}

pub(super) fn access(access: &str) -> Result<()> {
    must(is_text(access, 256), || {
        "an access has 1 to 256 characters and no control characters, such as `calls.create`"
            .to_owned()
    })
}

pub(super) fn region(region: &str) -> Result<()> {
    let parsed: Result<Region, _> = region.parse();
    let reason = |error| Error::BadRequest(format!("the region `{region}` is {error}"));
    parsed.map(|_| ()).map_err(reason)
}

/// By an IANA name.
pub(super) fn time_zone(name: &str) -> Result<()> {
    must(TimeZone::get(name).is_ok(), || {
        format!("there is no time zone `{name}`: write it as `Europe/Rome`")
    })
}

fn is_text(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.chars().count())
        && !text.chars().any(char::is_control)
        && !text.trim().is_empty()
}

fn must(good: bool, rule: impl FnOnce() -> String) -> Result<()> {
    good.then_some(()).ok_or_else(|| Error::BadRequest(rule()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_needs_no_escapes_anywhere() {
        for name in ["acme", "acme.example", "123456", "A_b-c"] {
            assert!(short_name("a tenant", name).is_ok(), "{name}");
        }
        let long = "x".repeat(65);
        for name in [
            "", ".", "..", ".hidden", "a b", "a/b", "a:b", "\u{e9}", &long,
        ] {
            assert!(short_name("a tenant", name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_username_is_what_people_are_called() {
        for name in ["ann", "ann@acme.example", "Jos\u{e9} Mar\u{ed}a"] {
            assert!(username(name).is_ok(), "{name}");
        }
        let long = "x".repeat(129);
        for name in ["", " ", " ann", "ann ", "a\nb", "a\0b", "a\u{85}b", &long] {
            assert!(username(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_policy_name_is_a_scope_token() {
        for name in ["call", "calls:read", "https://example.com/scope"] {
            assert!(policy_name(name).is_ok(), "{name}");
        }
        for name in ["", "two words", "quo\"te", "back\\slash", "\u{e9}"] {
            assert!(policy_name(name).is_err(), "{name}");
        }
    }
}
