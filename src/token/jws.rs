//! A signed document in its compact form (RFC 7515 §3.1): taken apart, its signature verified, and only then read.

use super::jwk::Key;
use crate::secret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt;

/// A longer one is refused unread.
pub const LONGEST: usize = 16 * 1024;

/// RFC 8725 §3.1: what a signature may be made with. Nothing that a public key could be a secret for, and not `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    /// Ed25519
    EdDsa,
}

/// What clients may sign with: asymmetric, and in common use. `Ed25519` is the other name of `EdDSA`.
pub const OFFERED: [&str; 5] = ["ES256", "EdDSA", "Ed25519", "RS256", "PS256"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    #[error("it is not a signed document in compact form")]
    Form,
    #[error("it is signed with an algorithm that is not allowed")]
    Algorithm,
    #[error("it has extensions that must be understood, and are not")]
    Critical,
    #[error("its signature is not right")]
    Signature,
    #[error("its content cannot be read")]
    Content,
}

impl Algorithm {
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name, by which RFC 9864 §2.2 calls it too.
    pub fn named(name: &str) -> Option<Self> {
        let name = if name == "Ed25519" { "EdDSA" } else { name };
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A document that anybody may have made.
#[derive(Debug)]
pub struct Unverified<'t> {
    pub algorithm: Algorithm,
    /// Names the key.
    pub kid: Option<String>,
    typ: Option<String>,
    header: Vec<u8>,
    /// `header.payload`
    signed: &'t str,
    payload: &'t str,
    signature: Vec<u8>,
}

/// A document that the holder of the key made.
#[derive(Debug)]
pub struct Verified {
    /// What it says it is, without `application/`, in small letters.
    pub typ: Option<String>,
    payload: Vec<u8>,
}

/// `jku`, `x5u`, `jwk` and `x5c` are not even read (RFC 8725 §3.10): keys come from the configuration.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<serde_json::Value>,
}

impl<'t> Unverified<'t> {
    pub fn parse(text: &'t str) -> Result<Self, JwsError> {
        if text.len() > LONGEST {
            return Err(JwsError::Form);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(JwsError::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(JwsError::Form)?;
        if payload.contains('.') {
            return Err(JwsError::Form);
        }
        let text = secret::decode(header).ok_or(JwsError::Form)?;
        let header: Header = serde_json::from_slice(&text).map_err(|_| JwsError::Form)?;
        // RFC 7515 §4.1.11: no extension is understood here, so none may be critical.
        if header.crit.is_some() {
            return Err(JwsError::Critical);
        }
        Ok(Self {
            algorithm: Algorithm::named(&header.alg).ok_or(JwsError::Algorithm)?,
            kid: header.kid,
            typ: header.typ,
            header: text,
            signed,
            payload,
            signature: secret::decode(signature).ok_or(JwsError::Form)?,
        })
    }

    /// What it says it is, letter by letter.
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// What else its header says, for the documents that bring their own key.
    pub fn header<H: DeserializeOwned>(&self) -> Result<H, JwsError> {
        serde_json::from_slice(&self.header).map_err(|_| JwsError::Form)
    }

    /// Its claims before anybody has signed them: good for finding the key, and for nothing else.
    pub fn unverified_claims<C: DeserializeOwned>(&self) -> Result<C, JwsError> {
        let payload = secret::decode(self.payload).ok_or(JwsError::Form)?;
        serde_json::from_slice(&payload).map_err(|_| JwsError::Content)
    }

    /// The document, if the holder of `key` signed it with an algorithm of that key.
    pub fn verify(self, key: &Key) -> Result<Verified, JwsError> {
        if !key.takes(self.algorithm) {
            return Err(JwsError::Algorithm);
        }
        if !key.verifies(self.algorithm, self.signed.as_bytes(), &self.signature) {
            return Err(JwsError::Signature);
        }
        Ok(Verified {
            typ: self.typ.as_deref().map(plain_type),
            payload: secret::decode(self.payload).ok_or(JwsError::Form)?,
        })
    }
}

impl Verified {
    /// Its claims; a claim that is there twice is an error where `C` is a struct.
    pub fn claims<C: DeserializeOwned>(&self) -> Result<C, JwsError> {
        serde_json::from_slice(&self.payload).map_err(|_| JwsError::Content)
    }
}

/// Whether a text has the form: whether it is a document at all is for its signature to say.
pub fn is_compact(token: &str) -> bool {
    token.len() <= LONGEST && token.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// Who is said to have issued the token: good for finding who can verify that, and for nothing else. `None` for what is
/// no JWT, or names nobody, or two.
pub fn claimed_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        iss: String,
    }
    if !is_compact(token) {
        return None;
    }
    let payload = token.split('.').nth(1)?;
    let claims: Claims = serde_json::from_slice(&secret::decode(payload)?).ok()?;
    Some(claims.iss)
}

/// Whether clients may sign with it.
pub fn is_offered(wanted: Algorithm) -> bool {
    OFFERED
        .iter()
        .any(|name| Algorithm::named(name) == Some(wanted))
}

/// RFC 7515 §4.1.9: `application/` may be left out.
pub fn plain_type(typ: &str) -> String {
    let typ = typ.to_ascii_lowercase();
    typ.strip_prefix("application/").unwrap_or(&typ).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str) -> Result<(), JwsError> {
        let text = format!("{}.e30.AAAA", secret::encode(header.as_bytes()));
        Unverified::parse(&text).map(drop)
    }

    #[test]
    fn m01_none_is_no_algorithm_however_it_is_written() {
        for alg in ["none", "None", "nOnE", "", "HS256", "HS512", "ES256K"] {
            let header = format!(r#"{{"alg":"{alg}"}}"#);
            assert_eq!(parse(&header), Err(JwsError::Algorithm), "{alg}");
        }
        assert_eq!(parse(r#"{"alg":"ES256"}"#), Ok(()));
    }

    #[test]
    fn m10_what_must_be_understood_and_is_not_is_refused() {
        let crit = r#"{"alg":"ES256","crit":["b64"],"b64":false}"#;
        assert_eq!(parse(crit), Err(JwsError::Critical));
        assert_eq!(Unverified::parse("a.b.c.d.e").unwrap_err(), JwsError::Form);
        assert_eq!(
            Unverified::parse(r#"{"payload":"e30"}"#).unwrap_err(),
            JwsError::Form
        );
    }

    #[test]
    fn m13_what_is_endless_nested_or_doubled_is_refused() {
        let long = "a".repeat(LONGEST + 1);
        assert_eq!(Unverified::parse(&long).unwrap_err(), JwsError::Form);
        let nested = format!(r#"{{"alg":"ES256","x":{}}}"#, "[".repeat(5000));
        assert_eq!(parse(&nested), Err(JwsError::Form));
        assert_eq!(
            parse(r#"{"alg":"ES256","alg":"none"}"#),
            Err(JwsError::Form)
        );
    }
}
