//! A service user at a Kalliope PBX, by whose `digestPassword` requests are signed.

use super::Cause;
use super::setting::Renewed;
use super::settings::Spec;
use crate::clock::EpochMs;
use crate::http::remote::{Fetching, Remote, Terms};
use crate::kalliope::{Account, DigestPassword, Salt};
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

pub(super) struct ServiceUser {
    username: String,
    domain: String,
    password: Password,
}

enum Password {
    /// The `digestPassword` itself.
    Digest(Renewed),
    Salted(Renewed, SaltOf),
}

/// Where the domain's salt is known from.
enum SaltOf {
    Configuration(Salt),
    /// The PBX tells it to whoever asks.
    Pbx(Remote<Salt>),
}

impl ServiceUser {
    /// `None` when the configuration is at fault.
    pub(super) fn new(spec: &Spec, fetching: Option<&Fetching>) -> Option<Self> {
        let domain = spec.domain.clone()?;
        let password = match (&spec.digest_password, &spec.password) {
            (Some(digest), _) => Password::Digest(Renewed::from(digest)),
            (None, password) => {
                let password = Renewed::from(password.as_ref()?);
                Password::Salted(password, SaltOf::new(spec, &domain, fetching)?)
            }
        };
        Some(Self {
            username: spec.username.clone()?,
            domain,
            password,
        })
    }

    /// Who signs, as the secrets are now.
    pub(super) async fn account(&self, now: EpochMs) -> Result<Account, Cause> {
        let password = match &self.password {
            Password::Digest(digest) => {
                let text = digest.current(now).await;
                DigestPassword::parse(text.expose()).map_err(|_| Cause::Form)?
            }
            Password::Salted(password, salt) => {
                let salt = salt.current().await.ok_or(Cause::Salt)?;
                DigestPassword::of(&password.current(now).await, &salt)
            }
        };
        let account = Account::new(&*self.username, &*self.domain, password);
        account.map_err(|_| Cause::Form)
    }

    /// Has secret and salt looked at for the requests that follow: one of them may be another by now.
    pub(super) fn look_again(&self) {
        match &self.password {
            Password::Digest(secret) => secret.look_again(),
            Password::Salted(secret, salt) => {
                secret.look_again();
                if let SaltOf::Pbx(remote) = salt {
                    remote.begin();
                }
            }
        }
    }
}

impl SaltOf {
    fn new(spec: &Spec, domain: &str, fetching: Option<&Fetching>) -> Option<Self> {
        if let Some(salt) = &spec.salt {
            return Salt::parse(salt).ok().map(Self::Configuration);
        }
        let origin = spec.salt_from.as_deref()?.trim_end_matches('/');
        let domain = utf8_percent_encode(domain, NON_ALPHANUMERIC);
        let uri = format!("{origin}/rest/salt/{domain}");
        let remote = Remote::new(uri, Terms::default(), fetching?.clone(), read);
        Some(Self::Pbx(remote))
    }

    async fn current(&self) -> Option<Salt> {
        match self {
            Self::Configuration(salt) => Some(salt.clone()),
            Self::Pbx(remote) => remote.get().await.map(|salt| (*salt).clone()),
        }
    }
}

fn read(answer: &Bytes) -> Result<Salt, String> {
    #[derive(Deserialize)]
    struct Answer {
        salt: String,
    }
    let answer: Answer = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
    Salt::parse(&answer.salt).map_err(|error| error.to_string())
}
