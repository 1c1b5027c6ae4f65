//! Proof key for code exchange (RFC 7636), with S256 alone.

use crate::secret;
use subtle::ConstantTimeEq;

/// The only transformation there is; `plain` protects nothing (RFC 9700 §2.1.1).
pub(super) const METHOD: &str = "S256";

/// Whether a text has the form of a challenge: a SHA-256 in base64url.
pub(super) fn is_challenge(text: &str) -> bool {
    text.len() == 43 && secret::decode(text).is_some_and(|hash| hash.len() == 32)
}

/// RFC 7636 §4.1: 43 to 128 unreserved characters.
pub(super) fn is_verifier(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

/// What is sent ahead of a verifier.
pub(super) fn challenge(verifier: &str) -> String {
    secret::encode(&secret::sha256(verifier.as_bytes()))
}

/// Whether `verifier` is what the challenge was made of.
pub(super) fn proves(verifier: &str, sent: &str) -> bool {
    let made = challenge(verifier);
    is_verifier(verifier) && bool::from(made.as_bytes().ct_eq(sent.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn e06_the_vector_of_rfc_7636_appendix_b_is_accepted() {
        assert!(is_challenge(CHALLENGE));
        assert!(proves(VERIFIER, CHALLENGE));
    }

    #[test]
    fn another_verifier_proves_nothing() {
        assert!(!proves(&VERIFIER.replace('d', "e"), CHALLENGE));
    }

    #[test]
    fn e05_a_verifier_has_43_to_128_unreserved_characters() {
        assert!(is_verifier(&"a".repeat(43)) && is_verifier(&"~".repeat(128)));
        for wrong in [42, 129] {
            assert!(!is_verifier(&"a".repeat(wrong)));
        }
        for wrong in ["=", "+", "/", "é"] {
            assert!(
                !is_verifier(&format!("{}{wrong}", "a".repeat(43))),
                "{wrong}"
            );
        }
    }
}
