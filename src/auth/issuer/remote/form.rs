//! Which tokens an issuer is asked about: by their form, never by trial.

use crate::token::jwt;

/// A form that tokens have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// They begin with this.
    Prefix(String),
    /// `8-4-4-4-12` hexadecimal digits, as Wazo's are.
    Uuid,
    /// All that is nobody else's: neither ours, nor a JWT, nor of a form that another issuer has.
    Opaque,
}

/// RFC 6750 §2.1 has no limit; a longer one is refused unread.
const LONGEST: usize = 4096;

/// Shorter ones can be guessed, so they are no tokens.
const SHORTEST: usize = 16;

/// What our own secrets begin with, whatever they are for.
const OURS: &str = "cg_";

/// Access tokens of another installation: ours are told from them by their tag, before anybody is asked.
const THEIRS: &str = "cg_at_";

impl Form {
    pub fn takes(&self, token: &str) -> bool {
        match self {
            Self::Prefix(prefix) => token.starts_with(prefix.as_str()) && is_token(token),
            Self::Uuid => is_uuid(token),
            Self::Opaque => is_token(token) && !token.starts_with(OURS) && !jwt::is_jwt(token),
        }
    }

    /// Whether there is a token that both take, so that nobody could say whose it is. What is left to [`Form::Opaque`]
    /// is nobody else's.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Prefix(one), Self::Prefix(two)) => {
                one.starts_with(two.as_str()) || two.starts_with(one.as_str())
            }
            (Self::Prefix(prefix), Self::Uuid) | (Self::Uuid, Self::Prefix(prefix)) => {
                begins_a_uuid(prefix)
            }
            (Self::Uuid, Self::Uuid) | (Self::Opaque, Self::Opaque) => true,
            (Self::Opaque, _) | (_, Self::Opaque) => false,
        }
    }

    /// Why it cannot be used, if it cannot.
    pub fn fault(&self) -> Option<&'static str> {
        let Self::Prefix(prefix) = self else {
            return None;
        };
        if prefix.len() < 3 || !prefix.bytes().all(is_plain) {
            return Some("a prefix is at least 3 letters, digits, or `-`, `.`, `_`, `~`, `+`, `/`");
        }
        if OURS.starts_with(prefix.as_str())
            || prefix.starts_with(OURS) && !prefix.starts_with(THEIRS)
        {
            return Some(
                "what begins with `cg_` is a secret of ours, but for access tokens of another callgate: `cg_at_`",
            );
        }
        None
    }

    /// Who is asked first: what is left to `Opaque` is found last.
    pub const fn order(&self) -> u8 {
        match self {
            Self::Prefix(_) | Self::Uuid => 0,
            Self::Opaque => 1,
        }
    }
}

/// RFC 6750 §2.1: `b64token`.
fn is_token(text: &str) -> bool {
    (SHORTEST..=LONGEST).contains(&text.len())
        && text.trim_end_matches('=').bytes().all(is_plain)
        && !text.starts_with('=')
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

/// Letters of either case: wazo-auth takes both.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && begins_a_uuid(text)
}

fn begins_a_uuid(text: &str) -> bool {
    let fits = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() <= 36 && text.bytes().enumerate().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "c7cea8b2-aa24-4d47-b259-12db148fa304";

    fn prefix(text: &str) -> Form {
        Form::Prefix(text.to_owned())
    }

    #[test]
    fn at_24_a_uuid_is_nothing_but_a_uuid() {
        assert!(Form::Uuid.takes(UUID) && Form::Uuid.takes(&UUID.to_uppercase()));
        for text in [
            "",
            &UUID.replacen('c', "", 1),
            &format!("{UUID}0"),
            &UUID.replace('-', ""),
            &UUID.replace('-', "/"),
            &UUID.replace("c7", "é"),
            &UUID.replacen('c', "g", 1),
            "c7cea8b2-aa24-4d47-b259-12db148fa30/",
            "../../../../../../users/me/tokens/xx",
        ] {
            assert!(!Form::Uuid.takes(text), "{text}");
        }
    }

    #[test]
    fn what_is_opaque_is_nobody_elses() {
        assert!(Form::Opaque.takes("2YotnFZFEjr1zCsicMWpAA=="));
        for text in [
            "short",
            "cg_at_0123456789abcdef0123456789",
            "aaaaaaaaaa.bbbbbbbbbb.cccccccccc",
            "with blank and more than 16",
            "with\u{e9}accent0123456789",
            &"x".repeat(LONGEST + 1),
        ] {
            assert!(!Form::Opaque.takes(text), "{text}");
        }
    }

    #[test]
    fn two_forms_of_one_token_are_found_out() {
        let forms = [
            (prefix("abc_"), prefix("abd_"), false),
            (prefix("abc_"), prefix("abc_x"), true),
            (prefix("abc"), Form::Uuid, true),
            (prefix("abc_"), Form::Uuid, false),
            (prefix("c7cea8b2-"), Form::Uuid, true),
            (prefix("abc"), Form::Opaque, false),
            (Form::Uuid, Form::Opaque, false),
            (Form::Uuid, Form::Uuid, true),
            (Form::Opaque, Form::Opaque, true),
        ];
        for (one, two, overlap) in forms {
            assert_eq!(one.overlaps(&two), overlap, "{one:?} {two:?}");
            assert_eq!(two.overlaps(&one), overlap, "{two:?} {one:?}");
        }
    }

    #[test]
    fn nobody_else_gets_our_own_tokens() {
        assert!(prefix("cg_").fault().is_some() && prefix("cg_rt_").fault().is_some());
        assert!(prefix("cg_at_").fault().is_none());
        assert!(prefix("ab").fault().is_some());
        assert!(prefix("a b").fault().is_some());
        assert!(prefix("ory_at_").fault().is_none());
    }
}
