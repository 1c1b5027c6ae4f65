//! One-time passwords (RFC 6238): SHA-1, six digits, 30 seconds, as every authenticator app reads them.

use crate::clock::EpochMs;
use crate::error::{Error, Result};
use crate::oauth::Oauth;
use crate::secret;
use crate::storage::factors::Proof;
use crate::storage::totp::Totp as Row;
use crate::storage::users::User;
use totp_rs::{Builder, Totp};

/// The secret that a user's app shares with us.
pub(in crate::oauth) struct Key(Totp);

impl Key {
    /// A new one, of 160 random bits (RFC 4226 §4, R6).
    pub(in crate::oauth) fn generate() -> Option<Self> {
        Self::of(&secret::random::<20>())
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        Some(Self(Builder::new().with_secret(bytes).build().ok()?))
    }

    /// The time step of a right code. RFC 6238 §5.2: one step of delay, and as much of a clock that is ahead.
    pub(in crate::oauth) fn check(&self, code: &str, now: EpochMs) -> Option<i64> {
        let digits: String = code
            .chars()
            .filter(|letter| !letter.is_whitespace())
            .collect();
        let seconds = u64::try_from(now / 1000).ok()?;
        let step = self.0.check(&digits, seconds)?;
        i64::try_from(step).ok()
    }

    /// Sealed, to be opened for `purpose` alone.
    fn seal(&self, oauth: &Oauth, purpose: &str) -> Result<String> {
        let sealed = oauth.sealer.seal(purpose, self.0.secret().as_bytes());
        sealed.map_err(|_| Error::Internal)
    }

    fn open(oauth: &Oauth, purpose: &str, sealed: &str) -> Option<Self> {
        Self::of(&oauth.sealer.open(purpose, sealed)?)
    }

    /// As a form carries it until a code shows that the app has it.
    pub(in crate::oauth) fn seal_for_setup(&self, oauth: &Oauth, owner: &str) -> Result<String> {
        self.seal(oauth, &format!("totp setup:{owner}"))
    }

    pub(in crate::oauth) fn open_for_setup(
        oauth: &Oauth,
        owner: &str,
        sealed: &str,
    ) -> Option<Self> {
        Self::open(oauth, &format!("totp setup:{owner}"), sealed)
    }

    /// The user's own from now on. `step` is that of the code which showed that the app has it: it is spent.
    pub(in crate::oauth) fn row(&self, oauth: &Oauth, user: &User, step: i64) -> Result<Row> {
        Ok(Row {
            user_id: user.id.clone(),
            secret: self.seal(oauth, &at_rest(&user.id))?,
            last_step: step,
            created_at: oauth.clock.now(),
            last_used_at: None,
        })
    }

    /// What the QR code says. Neither name may have a colon, which parts them.
    pub(in crate::oauth) fn address(&self, issuer: &str, username: &str) -> Option<String> {
        let named = Builder::new()
            .with_secret(self.0.secret().as_bytes())
            .with_issuer(Some(issuer.replace(':', " ")))
            .with_account_name(username.replace(':', " "))
            .build();
        named.ok()?.to_url().ok()
    }

    /// In base32, in groups of four, to be typed.
    pub(in crate::oauth) fn groups(&self) -> String {
        let text = self.0.secret().to_base32();
        let letters: Vec<char> = text.chars().collect();
        let groups: Vec<String> = letters
            .chunks(4)
            .map(|group| group.iter().collect())
            .collect();
        groups.join(" ")
    }
}

/// What a right code of the user proves. Whether it was used before shows when it is spent.
pub(super) async fn verify(oauth: &Oauth, user: &User, code: &str) -> Result<Option<Proof>> {
    let Some(row) = oauth.store.totp(&user.id).await? else {
        return Ok(None);
    };
    let Some(key) = Key::open(oauth, &at_rest(&user.id), &row.secret) else {
        tracing::error!(
            user = user.id,
            "the secret of a one-time password does not open: was tokens.key changed?"
        );
        return Ok(None);
    };
    Ok(key.check(code, oauth.clock.now()).map(Proof::Totp))
}

fn at_rest(user: &str) -> String {
    format!("totp:{user}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use totp_rs::Algorithm;

    const SECRET: &[u8] = b"12345678901234567890";

    /// RFC 6238, appendix B: seconds, and the code of SHA-1 with eight digits.
    const VECTORS: [(u64, &str); 6] = [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ];

    fn key() -> Key {
        Key::of(SECRET).unwrap()
    }

    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        let eight = Builder::new()
            .with_secret(SECRET)
            .with_algorithm(Algorithm::SHA1)
            .with_digits(8)
            .build()
            .unwrap();
        for (seconds, code) in VECTORS {
            assert_eq!(eight.generate(seconds).to_string(), code);
            // Six digits are the last six of eight: both are the same number modulo a power of ten.
            let now = i64::try_from(seconds).unwrap() * 1000;
            let step = i64::try_from(seconds / 30).unwrap();
            assert_eq!(key().check(code.get(2..).unwrap(), now), Some(step));
        }
    }

    #[test]
    fn a_code_is_good_one_step_early_and_one_step_late_and_no_further() {
        let code = "287082";
        for (seconds, right) in [(0, true), (29, true), (59, true), (89, true), (90, false)] {
            assert_eq!(
                key().check(code, seconds * 1000).is_some(),
                right,
                "{seconds}"
            );
        }
    }

    #[test]
    fn blanks_in_a_code_do_not_matter_and_all_else_does() {
        assert_eq!(key().check(" 287 082 ", 59_000), Some(1));
        for wrong in ["", "28708", "2870820", "+87082", "28708a", "٢٨٧٠٨٢"] {
            assert_eq!(key().check(wrong, 59_000), None, "{wrong}");
        }
    }

    #[test]
    fn the_address_names_issuer_and_user() {
        let address = key().address("Acme: Pisa", "ann").unwrap();
        assert_eq!(
            address,
            "otpauth://totp/Acme%20%20Pisa:ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%20%20Pisa"
        );
    }

    #[test]
    fn the_secret_can_be_typed() {
        assert_eq!(key().groups(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
    }
}
