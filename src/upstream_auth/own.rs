//! Users' own secrets: how they are sealed for the store, and opened for their user alone.

use super::header;
use super::settings::{Kind, Of, Spec};
use crate::auth::digest;
use crate::clock::EpochMs;
use crate::kalliope::Account;
use crate::sealer::{SealError, Sealer};
use crate::secret::Secret;
use crate::storage::digests::DigestOwner;
use crate::storage::user_credentials::UserCredential;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// What a user was given to present. It does not print itself.
#[derive(Debug, Clone)]
pub enum OwnSecret {
    Basic {
        username: String,
        password: Secret,
    },
    Bearer {
        token: Secret,
    },
    /// The user at a Kalliope.
    Digest(Account),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OwnError {
    #[error("the configuration has no [[credential]] of this name that is users' own")]
    Unknown,
    #[error("a user's account at a provider is linked on the account page, not set")]
    Linked,
    #[error(
        "a user's digest is set as such, for logging in by it as well: `callgate user digest set`"
    )]
    Digest,
    #[error("this credential is `username` and `password`")]
    NeedsPassword,
    #[error("this credential is a `token`")]
    NeedsToken,
    #[error("a username has 1 to 256 characters without `:` and control characters")]
    Username,
    #[error("a password has 1 to 8192 bytes without control characters")]
    Password,
    #[error("a token has 1 to 8192 visible ASCII characters")]
    Token,
}

/// As it is sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    secret: Zeroizing<String>,
}

/// Which credentials are users' own, and what seals them.
#[derive(Debug, Clone)]
pub struct Safe {
    own: BTreeMap<String, Own>,
    sealer: Sealer,
}

#[derive(Debug, Clone)]
struct Own {
    kind: Kind,
    /// In place of that of the user's tenant.
    domain: Option<String>,
}

/// What a sealed secret is bound to: moved to another user or another credential, it opens no more.
pub fn purpose(user: &str, name: &str) -> String {
    format!("user-credential\n{name}\n{user}")
}

impl OwnSecret {
    /// What was given for a credential of `kind`.
    ///
    /// # Errors
    /// [`OwnError`] when it is something else, or cannot be presented.
    pub fn new(
        kind: Kind,
        username: Option<String>,
        password: Option<Secret>,
        token: Option<Secret>,
    ) -> Result<Self, OwnError> {
        match (kind, username, password, token) {
            (Kind::Basic, Some(username), Some(password), None) => Self::basic(username, password),
            (Kind::Basic, ..) => Err(OwnError::NeedsPassword),
            (Kind::Bearer, None, None, Some(token)) => Self::bearer(token),
            (Kind::Bearer, ..) => Err(OwnError::NeedsToken),
            (Kind::Digest, ..) => Err(OwnError::Digest),
            (Kind::Provider, ..) => Err(OwnError::Linked),
        }
    }

    fn basic(username: String, password: Secret) -> Result<Self, OwnError> {
        if !header::is_username(&username) {
            return Err(OwnError::Username);
        }
        if !header::is_password(password.expose()) {
            return Err(OwnError::Password);
        }
        Ok(Self::Basic { username, password })
    }

    fn bearer(token: Secret) -> Result<Self, OwnError> {
        if !header::is_token(token.expose()) {
            return Err(OwnError::Token);
        }
        Ok(Self::Bearer { token })
    }

    /// `None` for what is not kept here.
    fn to_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        let (username, secret) = match self {
            Self::Basic { username, password } => (Some(username.clone()), password),
            Self::Bearer { token } => (None, token),
            Self::Digest(_) => return None,
        };
        let secret = Zeroizing::new(secret.expose().to_owned());
        serde_json::to_vec(&Plain { username, secret })
            .ok()
            .map(Zeroizing::new)
    }

    fn from_bytes(kind: Kind, bytes: &[u8]) -> Option<Self> {
        let Plain { username, secret } = serde_json::from_slice(bytes).ok()?;
        let secret = Some(Secret::new(secret.as_str()));
        let (password, token) = match kind {
            Kind::Basic => (secret, None),
            Kind::Bearer | Kind::Digest | Kind::Provider => (None, secret),
        };
        Self::new(kind, username, password, token).ok()
    }
}

impl Safe {
    pub fn new(specs: &[Spec], sealer: Sealer) -> Self {
        let own = specs.iter().filter(|spec| spec.of() == Of::User);
        Self {
            own: own
                .map(|spec| (spec.name.clone(), Own::from(spec)))
                .collect(),
            sealer,
        }
    }

    /// The kind of a credential that is users' own.
    pub fn kind(&self, name: &str) -> Option<Kind> {
        self.own.get(name).map(|own| own.kind)
    }

    /// A secret as it is stored for a user.
    ///
    /// # Errors
    /// [`SealError`] when the library refuses.
    pub fn seal(
        &self,
        user: &str,
        name: &str,
        secret: &OwnSecret,
        now: EpochMs,
    ) -> Result<UserCredential, SealError> {
        let bytes = secret.to_bytes().ok_or(SealError)?;
        let sealed = self.sealer.seal(&purpose(user, name), &bytes)?;
        Ok(UserCredential {
            user_id: user.to_owned(),
            name: name.to_owned(),
            sealed,
            set_at: now,
        })
    }

    /// By what the user signs, if it was sealed for this user and the user has a domain to be known by.
    pub(super) fn open_digest(
        &self,
        user: &str,
        name: &str,
        row: DigestOwner,
    ) -> Option<OwnSecret> {
        let domain = self.own.get(name)?.domain.clone().or(row.domain)?;
        let password = digest::open(&self.sealer, user, &row.sealed)?;
        Account::new(row.username, domain, password)
            .ok()
            .map(OwnSecret::Digest)
    }

    /// What was sealed for the row's user under the row's name, if it is of the kind that the configuration says now.
    pub(super) fn open(&self, row: &UserCredential) -> Option<OwnSecret> {
        let kind = self.kind(&row.name)?;
        let purpose = purpose(&row.user_id, &row.name);
        OwnSecret::from_bytes(kind, &self.sealer.open(&purpose, &row.sealed)?)
    }
}

impl From<&Spec> for Own {
    fn from(spec: &Spec) -> Self {
        Self {
            kind: spec.kind,
            domain: spec.domain.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe(kind: &str) -> Safe {
        let spec = |name| format!("name = '{name}'\nkind = '{kind}'\nof = 'user'");
        let specs = ["pbx", "other"].map(|name| toml::from_str(&spec(name)).unwrap());
        Safe::new(&specs, Sealer::new(&Secret::new("k".repeat(32))).unwrap())
    }

    fn basic() -> OwnSecret {
        let password = Some(Secret::new("planted"));
        OwnSecret::new(Kind::Basic, Some("ann".to_owned()), password, None).unwrap()
    }

    #[test]
    fn a_secret_opens_for_its_user_and_its_credential_alone() {
        let safe = safe("basic");
        let row = safe.seal("id-of-ann", "pbx", &basic(), 0).unwrap();
        assert!(!row.sealed.contains("planted"));
        let Some(OwnSecret::Basic { username, password }) = safe.open(&row) else {
            panic!("it does not open");
        };
        assert_eq!((username.as_str(), password.expose()), ("ann", "planted"));
        let of_bob = UserCredential {
            user_id: "id-of-bob".to_owned(),
            ..row.clone()
        };
        assert!(safe.open(&of_bob).is_none());
        let of_another = UserCredential {
            name: "other".to_owned(),
            ..row
        };
        assert!(safe.open(&of_another).is_none());
    }

    #[test]
    fn what_was_set_for_another_kind_does_not_open() {
        let row = safe("basic").seal("id-of-ann", "pbx", &basic(), 0).unwrap();
        assert!(safe("bearer").open(&row).is_none());
    }

    #[test]
    fn what_is_given_must_fit_the_kind() {
        let given = |kind, username: Option<&str>, password: Option<&str>, token: Option<&str>| {
            let username = username.map(str::to_owned);
            let refused = OwnSecret::new(
                kind,
                username,
                password.map(Secret::new),
                token.map(Secret::new),
            );
            refused.err()
        };
        let (ann, secret) = (Some("ann"), Some("s"));
        assert_eq!(given(Kind::Basic, ann, secret, None), None);
        assert_eq!(
            given(Kind::Basic, ann, None, secret),
            Some(OwnError::NeedsPassword)
        );
        assert_eq!(
            given(Kind::Basic, ann, secret, secret),
            Some(OwnError::NeedsPassword)
        );
        assert_eq!(
            given(Kind::Basic, Some("a:b"), secret, None),
            Some(OwnError::Username)
        );
        assert_eq!(
            given(Kind::Basic, ann, Some(""), None),
            Some(OwnError::Password)
        );
        assert_eq!(given(Kind::Bearer, None, None, secret), None);
        assert_eq!(
            given(Kind::Bearer, ann, None, secret),
            Some(OwnError::NeedsToken)
        );
        assert_eq!(
            given(Kind::Bearer, None, None, Some("a b")),
            Some(OwnError::Token)
        );
        assert_eq!(
            given(Kind::Digest, None, secret, None),
            Some(OwnError::Digest)
        );
        assert_eq!(
            given(Kind::Provider, None, None, secret),
            Some(OwnError::Linked)
        );
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        assert!(!format!("{:?}", basic()).contains("planted"));
    }
}
