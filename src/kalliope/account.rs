//! Signing: an account at a telephone system, and the header that lets one request in there.

use super::DigestPassword;
use super::digest::{Digest, Input, hex};
use super::header::{self, FormError};
use crate::clock::EpochMs;
use crate::secret;
use http::HeaderValue;
use jiff::Timestamp;

/// A user at a telephone system, by whom requests are signed. It does not print its `digestPassword`.
#[derive(Debug, Clone)]
pub struct Account {
    username: String,
    domain: String,
    password: DigestPassword,
}

impl Account {
    /// # Errors
    /// [`FormError`] when a name cannot stand in the header.
    pub fn new(
        username: impl Into<String>,
        domain: impl Into<String>,
        password: DigestPassword,
    ) -> Result<Self, FormError> {
        let (username, domain) = (username.into(), domain.into());
        header::username(&username)?;
        header::domain(&domain)?;
        Ok(Self {
            username,
            domain,
            password,
        })
    }

    /// The value of `X-authenticate` for one request that is sent at `now`: each attempt needs one of its own.
    ///
    /// # Errors
    /// [`FormError::Created`] for a time that has no year of four digits.
    pub fn sign(&self, now: EpochMs) -> Result<HeaderValue, FormError> {
        self.sign_with(&hex(&secret::random::<16>()), now)
    }

    pub(super) fn sign_with(&self, nonce: &str, now: EpochMs) -> Result<HeaderValue, FormError> {
        let created = Timestamp::from_millisecond(now).map_err(|_| FormError::Created)?;
        let created = created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let (username, domain) = (&self.username, &self.domain);
        let digest = Digest::of(
            &self.password,
            Input {
                nonce,
                username,
                domain,
                created: &created,
            },
        );
        let text = format!(
            "{} Username=\"{username}\", Domain=\"{domain}\", Digest=\"{}\", Nonce=\"{nonce}\", Created=\"{created}\"",
            header::SCHEME,
            digest.as_str(),
        );
        // What could not stand in a header was refused with the names.
        let mut value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| FormError::Scheme)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Header;
    use super::*;
    use proptest::prelude::*;

    fn password() -> DigestPassword {
        DigestPassword::parse(&"0f".repeat(32)).unwrap()
    }

    #[test]
    fn each_request_is_signed_anew() {
        let account = Account::new("admin", "default", password()).unwrap();
        assert_ne!(account.sign(0).unwrap(), account.sign(0).unwrap());
        let header = account.sign(0).unwrap();
        assert!(header.is_sensitive());
        assert!(!format!("{account:?} {header:?}").contains("0f0f"));
    }

    #[test]
    fn names_that_would_break_the_header_are_refused() {
        for (username, domain) in [
            ("", "default"),
            ("ann@acme", "default"),
            ("a\"b", "default"),
            ("a\r\nb", "default"),
            ("admin", "de\"fault"),
            ("admin", ""),
        ] {
            assert!(
                Account::new(username, domain, password()).is_err(),
                "{username} {domain}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_signed_is_read_and_verified(
            username in "[^\"@\\p{Cc}]{1,128}",
            domain in "[^\"@\\p{Cc}]{1,64}",
            now in 0_i64..253_402_300_800_000,
        ) {
            let account = Account::new(username.clone(), domain.clone(), password()).unwrap();
            let value = account.sign(now).unwrap();
            let header = Header::parse(std::str::from_utf8(value.as_bytes()).unwrap()).unwrap();
            prop_assert_eq!(header.username(), &username);
            prop_assert_eq!(header.domain(), &domain);
            prop_assert_eq!(header.created(), now / 1000 * 1000);
            prop_assert!(header.is_signed_by(&password()));
        }
    }
}
