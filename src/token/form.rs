//! The form of tokens: a class prefix, 192 random bits and a tag that refuses garbage without I/O.

use super::jwt;
use crate::secret::{self, Secret};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// What a token is for. The prefix keeps one class from serving as another and lets secret scanners find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Access,
    Refresh,
    Code,
    DeviceCode,
    Session,
    ClientSecret,
    /// The reference to a pushed authorization request (RFC 9126).
    PushedRequest,
}

impl Class {
    /// Whether a text looks like a token of this class. Only a [`Mint`] knows whether it is one.
    pub fn is_form_of(self, text: &str) -> bool {
        let encoded = text.strip_prefix(self.prefix());
        encoded.is_some_and(|encoded| encoded.len() == ENCODED)
    }

    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Access => "cg_at_",
            Self::Refresh => "cg_rt_",
            Self::Code => "cg_ac_",
            Self::DeviceCode => "cg_dc_",
            Self::Session => "cg_se_",
            Self::ClientSecret => "cg_cs_",
            Self::PushedRequest => "cg_pr_",
        }
    }
}

/// SHA-256 of a token: all that is ever stored of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    pub fn of(token: &str) -> Self {
        Self(secret::sha256(token.as_bytes()))
    }

    /// What administration names a token of another issuer by, whoever verifies it in what way. A JWT is named by what is
    /// signed: of one signature there may be several spellings.
    pub fn of_external(issuer: &str, token: &str) -> Self {
        let is_uuid = token.len() == UUID && uuid::Uuid::parse_str(token).is_ok();
        let token = match token.rsplit_once('.') {
            Some((signed, _)) if jwt::is_jwt(token) => signed.to_owned(),
            _ if is_uuid => token.to_ascii_lowercase(),
            _ => token.to_owned(),
        };
        // No token and no name of an issuer has a line break.
        Self(secret::sha256(format!("\n{issuer}\n{token}").as_bytes()))
    }

    /// Reads what `Display` wrote.
    pub fn from_text(text: &str) -> Option<Self> {
        Some(Self(secret::decode(text)?.try_into().ok()?))
    }
}

/// Names a verifier of others' credentials in the cache (AT-05).
#[derive(Debug, Clone, Copy)]
pub struct Verifier([u8; 32]);

impl Verifier {
    /// `digest` is of all that its judgement depends on.
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The name in the cache of a credential that this verifier judges: no other verifier's, and no token's of ours.
    pub fn hash(&self, credential: &str) -> TokenHash {
        // No token begins with a zero, and a digest has one length.
        let named = [&[0], self.0.as_slice(), credential.as_bytes()];
        TokenHash(secret::sha256_of(&named))
    }
}

/// Base64url, as in the store.
impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&secret::encode(&self.0))
    }
}

/// A token just made: shown once, stored as its hash.
#[derive(Debug)]
pub struct Minted {
    pub token: Secret,
    pub hash: TokenHash,
}

/// Makes tokens and recognises its own, by a key that all gateways of an installation share.
#[derive(Clone)]
pub struct Mint {
    keyed: Hmac<Sha256>,
}

/// Letters of a UUID.
const UUID: usize = 36;

const RANDOM: usize = 24;
const TAG: usize = 8;
const ENCODED: usize = (RANDOM + TAG).div_ceil(3) * 4 - 1;

impl Mint {
    /// # Errors
    /// A key shorter than 32 characters is refused.
    pub fn new(key: &Secret) -> Result<Self, WeakKey> {
        if key.expose().len() < WeakKey::LEAST {
            return Err(WeakKey);
        }
        let keyed = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).map_err(|_| WeakKey)?;
        Ok(Self { keyed })
    }

    /// A new token of `class`.
    pub fn mint(&self, class: Class) -> Minted {
        self.assemble(class, &secret::random())
    }

    /// The token of `class` that follows the refresh token `presented`: always the same, so that it can be given again
    /// without being kept, and known to nobody who has not both `presented` and the key.
    pub fn successor(&self, class: Class, presented: &str) -> Minted {
        let mut random = [0; RANDOM];
        let digest = self.digest("successor", &[class.prefix(), presented]);
        random.copy_from_slice(digest.split_at(RANDOM).0);
        self.assemble(class, &random)
    }

    /// The id of the access token that follows the refresh token `presented`, whatever form that token has.
    pub fn successor_id(&self, presented: &str) -> String {
        let digest = self.digest("successor id", &[presented]);
        let number = digest.iter().take(16);
        let number = number.fold(0, |number, byte| number << 8 | u128::from(*byte));
        let id = uuid::Builder::from_u128(number).with_version(uuid::Version::Random);
        id.with_variant(uuid::Variant::RFC4122)
            .into_uuid()
            .to_string()
    }

    fn assemble(&self, class: Class, random: &[u8; RANDOM]) -> Minted {
        let bytes = [random.as_slice(), &self.tag(class, random)].concat();
        let token = format!("{}{}", class.prefix(), secret::encode(&bytes));
        Minted {
            hash: TokenHash::of(&token),
            token: Secret::new(token),
        }
    }

    /// The hash of a token that this installation made, of this class; `None` for anything else.
    pub fn recognise(&self, class: Class, token: &str) -> Option<TokenHash> {
        let encoded = token.strip_prefix(class.prefix())?;
        if encoded.len() != ENCODED {
            return None;
        }
        let bytes = decode(encoded)?;
        let (random, tag) = bytes.split_at(RANDOM);
        (self.tag(class, random) == tag).then(|| TokenHash::of(token))
    }

    /// A keyed digest of `parts` for other uses of the key, such as CSRF tokens; `purpose` keeps them apart.
    pub fn digest(&self, purpose: &str, parts: &[&str]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        for part in std::iter::once(&purpose).chain(parts) {
            // Lengths keep ("ab", "c") apart from ("a", "bc").
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    // The tag is no secret and protects nothing but the store's time: a plain comparison will do.
    fn tag(&self, class: Class, random: &[u8]) -> [u8; TAG] {
        let mut mac = self.keyed.clone();
        mac.update(class.prefix().as_bytes());
        mac.update(random);
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        let mut tag = [0; TAG];
        tag.copy_from_slice(full.split_at(TAG).0);
        tag
    }
}

impl fmt::Debug for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mint")
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "the key is too short: give at least {} characters, such as `openssl rand -base64 32` prints",
    Self::LEAST
)]
pub struct WeakKey;

impl WeakKey {
    const LEAST: usize = 32;
}

fn decode(encoded: &str) -> Option<[u8; RANDOM + TAG]> {
    use base64::Engine;
    let mut bytes = [0; RANDOM + TAG];
    let length = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode_slice(encoded, &mut bytes)
        .ok()?;
    (length == bytes.len()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mint() -> Mint {
        Mint::new(&Secret::new("k".repeat(32))).unwrap()
    }

    #[test]
    fn a_minted_token_is_recognised_by_its_hash() {
        let mint = mint();
        let minted = mint.mint(Class::Access);
        let found = mint.recognise(Class::Access, minted.token.expose());
        assert_eq!(found, Some(minted.hash));
    }

    #[test]
    fn a_refresh_token_is_no_access_token() {
        let mint = mint();
        let refresh = mint.mint(Class::Refresh);
        let forged = refresh.token.expose().replace("cg_rt_", "cg_at_");
        assert_eq!(mint.recognise(Class::Access, refresh.token.expose()), None);
        assert_eq!(mint.recognise(Class::Access, &forged), None);
    }

    #[test]
    fn a_refresh_token_has_one_successor_of_each_class() {
        let mint = mint();
        let first = mint.mint(Class::Refresh);
        let first = first.token.expose();
        for class in [Class::Access, Class::Refresh] {
            let (once, again) = (mint.successor(class, first), mint.successor(class, first));
            assert_eq!(once.token, again.token);
            let known = mint.recognise(class, once.token.expose());
            assert_eq!(known, Some(once.hash));
            let next = mint.successor(class, once.token.expose());
            assert_ne!(next.token, once.token);
        }
        let random = |class| {
            let token = mint.successor(class, first).token;
            token.expose().split_at(class.prefix().len()).1.to_owned()
        };
        assert_ne!(random(Class::Access), random(Class::Refresh));
        assert_eq!(mint.successor_id(first), mint.successor_id(first));
    }

    #[test]
    fn a_token_of_another_installation_is_refused() {
        let other = Mint::new(&Secret::new("x".repeat(32))).unwrap();
        let token = other.mint(Class::Access).token;
        assert_eq!(mint().recognise(Class::Access, token.expose()), None);
    }

    #[test]
    fn a_changed_or_cut_token_is_refused() {
        let mint = mint();
        let minted = mint.mint(Class::Access);
        let token = minted.token.expose();
        let cut = token.get(..token.len() - 1).unwrap();
        assert_eq!(mint.recognise(Class::Access, cut), None);
        let swapped = token.replace(|c: char| c == token.chars().nth(10).unwrap(), "-");
        assert_eq!(mint.recognise(Class::Access, &swapped), None);
    }

    #[test]
    fn parts_of_a_digest_do_not_run_together() {
        let mint = mint();
        assert_ne!(
            mint.digest("p", &["ab", "c"]),
            mint.digest("p", &["a", "bc"])
        );
        assert_ne!(mint.digest("p", &["a"]), mint.digest("q", &["a"]));
    }
}
