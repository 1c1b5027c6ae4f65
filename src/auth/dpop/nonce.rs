//! Nonces for proofs (RFC 9449 §8), without memory: the time, and a tag by the key that all gateways share.

use crate::clock::EpochMs;
use crate::secret;
use crate::token::Mint;
use subtle::ConstantTimeEq;

#[derive(Debug)]
pub(super) struct Nonces(Mint);

const TIME: usize = 8;
const TAG: usize = 16;

/// How long a nonce is good. A client gets the next one with the answer that refuses the old.
const LIFETIME: EpochMs = 5 * 60 * 1000;

impl Nonces {
    pub(super) fn new(mint: Mint) -> Self {
        Self(mint)
    }

    /// base64url(time ‖ tag)
    pub(super) fn make(&self, now: EpochMs) -> String {
        let time = now.to_be_bytes();
        secret::encode(&[time.as_slice(), &self.tag(now)].concat())
    }

    /// When a nonce was made, if it was made here and is still good.
    pub(super) fn made_at(&self, nonce: &str, now: EpochMs) -> Option<EpochMs> {
        let bytes = secret::decode(nonce)?;
        let (time, tag) = bytes.split_at_checked(TIME)?;
        let time = EpochMs::from_be_bytes(time.try_into().ok()?);
        let ours = bool::from(self.tag(time).as_slice().ct_eq(tag));
        let lives = time <= now && now.saturating_sub(time) < LIFETIME;
        (ours && lives).then_some(time)
    }

    fn tag(&self, time: EpochMs) -> [u8; TAG] {
        let digest = self.0.digest("dpop nonce", &[&time.to_string()]);
        let mut tag = [0; TAG];
        tag.copy_from_slice(digest.split_at(TAG).0);
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn nonces(key: &str) -> Nonces {
        Nonces::new(Mint::new(&Secret::new(key.repeat(32))).unwrap())
    }

    #[test]
    fn a_nonce_is_good_for_five_minutes_where_it_was_made() {
        let ours = nonces("k");
        let nonce = ours.make(1_000);
        assert_eq!(ours.made_at(&nonce, 1_000), Some(1_000));
        assert_eq!(ours.made_at(&nonce, 300_999), Some(1_000));
        assert_eq!(ours.made_at(&nonce, 301_000), None);
        assert_eq!(ours.made_at(&nonce, 999), None);
        assert_eq!(nonces("x").made_at(&nonce, 1_000), None);
    }

    #[test]
    fn what_is_no_nonce_is_refused() {
        let ours = nonces("k");
        let nonce = ours.make(1_000);
        for wrong in [
            "",
            "AAAA",
            "=",
            nonce.get(1..).unwrap(),
            &format!("{nonce}AAAA"),
            "é",
        ] {
            assert_eq!(ours.made_at(wrong, 1_000), None, "{wrong}");
        }
    }
}
