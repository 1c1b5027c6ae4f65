//! Header names that the gateway gives a meaning to, and names that imitate them.
//!
//! CGI, WSGI and their heirs read `X_Auth_Token`, `X.Auth.Token` and `X-Auth-Token` as one
//! variable. A name that becomes one of ours that way would be something else to the gateway than
//! to the upstream.

/// Who asks, with what credential, from where, and what for: never taken from a client on its way
/// upstream.
const IDENTITY: [&str; 13] = [
    "cookie",
    "dpop",
    "forwarded",
    "remote-user",
    "via",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-uri",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
    "x-user",
];

const IDENTITY_PREFIXES: [&str; 7] = [
    "authentication",
    "authorization",
    "proxy-auth",
    "x-auth",
    "x-callgate-",
    "x-forwarded-",
    "x-remote-",
];

/// Where a message ends and what becomes of its connection.
const FRAMING: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether `name`, read as leniently as any upstream may, tells who asks or carries a credential.
pub(super) fn is_identity(name: &str) -> bool {
    is_one_of(&IDENTITY, name)
        || IDENTITY_PREFIXES
            .iter()
            .any(|prefix| folded(name).take(prefix.len()).eq(prefix.bytes()))
}

/// Whether `name`, read as leniently as any upstream may, frames the message.
pub(super) fn is_framing(name: &str) -> bool {
    is_one_of(&FRAMING, name)
}

/// Whether `name` is none of our names but would be read as one.
pub(super) fn is_imitation(name: &str) -> bool {
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    !is_plain && (is_identity(name) || is_framing(name))
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names
        .iter()
        .any(|candidate| folded(name).eq(candidate.bytes()))
}

fn folded(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().map(|byte| match byte {
        byte if byte.is_ascii_alphanumeric() => byte.to_ascii_lowercase(),
        _ => b'-',
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn at_10_underscores_in_any_place_and_case_are_an_imitation() {
        for name in [
            "X_Forwarded_User",
            "x_auth_token",
            "X_authenticate",
            "x-auth_token",
            "X_Callgate-User",
            "AUTHORIZATION_",
            "Transfer_Encoding",
            "Content_Length",
        ] {
            assert!(is_imitation(name), "{name}");
        }
    }

    #[test]
    fn at_11_dots_and_other_token_characters_are_an_imitation() {
        for name in [
            "X.Authenticated.User",
            "x.auth-token",
            "x~callgate~user",
            "x-real.ip",
        ] {
            assert!(is_imitation(name), "{name}");
        }
    }

    #[test]
    fn the_names_themselves_are_no_imitation() {
        for name in [
            "X-Auth-Token",
            "X-authenticate",
            "authorization",
            "Content-Length",
        ] {
            assert!(!is_imitation(name), "{name}");
        }
    }

    #[test]
    fn a_foreign_name_may_have_underscores_and_dots() {
        for name in ["my_header", "x_request_id", "accept.version"] {
            assert!(!is_imitation(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn at_10_every_mix_is_an_imitation_or_the_name_itself(
            separators in "[-_.]{2}",
            upper in proptest::collection::vec(any::<bool>(), 12),
        ) {
            let mut separators = separators.chars();
            let name: String = "x-auth-token"
                .chars()
                .map(|letter| if letter == '-' { separators.next().unwrap_or('-') } else { letter })
                .zip(upper)
                .map(|(letter, upper)| if upper { letter.to_ascii_uppercase() } else { letter })
                .collect();
            let is_itself = name.eq_ignore_ascii_case("x-auth-token");
            prop_assert_eq!(is_imitation(&name), !is_itself);
        }
    }
}
