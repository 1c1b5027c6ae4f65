//! One credential: where what it presents comes from.

use super::header;
use super::service_user::ServiceUser;
use super::setting::Renewed;
use super::settings::{Kind, Of, Spec};
use super::signer::{Presented, Signer};
use super::skew::Skew;
use super::wallet::Wallet;
use super::{Cause, CredentialError, Means, OwnSecret, Result};
use crate::clock::{Clock, EpochMs};
use crate::kalliope::{Account, X_AUTHENTICATE};
use crate::metrics::CredentialMetrics;
use crate::provider::{ProviderTokens, TokensError};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::fmt;
use std::sync::Arc;

pub(super) struct Credential {
    pub(super) name: String,
    header: HeaderName,
    source: Source,
    clock: Clock,
    metrics: CredentialMetrics,
    skew: Skew,
}

/// Where it comes from.
enum Source {
    Basic {
        username: String,
        password: Renewed,
    },
    Bearer(Renewed),
    Digest(ServiceUser),
    /// Of the user, from the store.
    Own(Arc<Wallet>),
    /// Of the user, from a provider.
    Provider {
        name: String,
        tokens: Arc<ProviderTokens>,
    },
}

impl Credential {
    /// `None` when the configuration is at fault.
    pub(super) fn new(spec: &Spec, means: &Means, wallet: &Arc<Wallet>) -> Option<Self> {
        let source = match (spec.kind, spec.of()) {
            (Kind::Provider, _) => Source::Provider {
                name: spec.provider.clone()?,
                tokens: Arc::clone(&means.provider_tokens),
            },
            (Kind::Digest, Of::Service) => {
                Source::Digest(ServiceUser::new(spec, means.fetching.as_ref())?)
            }
            (_, Of::User) => Source::Own(Arc::clone(wallet)),
            (Kind::Basic, Of::Service) => Source::Basic {
                username: spec.username.clone()?,
                password: Renewed::from(spec.password.as_ref()?),
            },
            (Kind::Bearer, Of::Service) => Source::Bearer(Renewed::from(spec.token.as_ref()?)),
        };
        let metrics = means.metrics.credential(&spec.name);
        Some(Self {
            name: spec.name.clone(),
            header: spec.header_name()?,
            source,
            clock: means.clock.clone(),
            skew: Skew::new(metrics.clone()),
            metrics,
        })
    }

    pub(super) async fn prepare(this: &Arc<Self>, user: Option<&str>) -> Result<Signer> {
        let presented = this.find(user).await;
        let result = presented
            .as_ref()
            .map_or_else(CredentialError::result, |_| "presented");
        this.count(result);
        Ok(Signer::new(Arc::clone(this), user, presented?))
    }

    async fn find(&self, user: Option<&str>) -> Result<Presented> {
        let now = self.clock.now();
        let value = match &self.source {
            Source::Basic { username, password } => {
                header::basic(username, &password.current(now).await)
            }
            Source::Bearer(token) => header::token(&self.header, &token.current(now).await),
            Source::Digest(user) => {
                let account = user.account(now).await;
                return account
                    .map(Presented::Digest)
                    .map_err(|cause| self.unavailable(cause));
            }
            Source::Own(wallet) => {
                let user = user.ok_or(CredentialError::NoUser)?;
                return self.presented_of(&*self.own(wallet, user).await?);
            }
            Source::Provider { name, tokens } => {
                let user = user.ok_or(CredentialError::NoUser)?;
                let token = tokens.access(user, name).await;
                let token = token.map_err(|error| self.without_token(name, error))?;
                let value = header::token(&self.header, &token);
                return self.fixed(value, Some(token));
            }
        };
        self.fixed(value, None)
    }

    async fn own(&self, wallet: &Arc<Wallet>, user: &str) -> Result<Arc<OwnSecret>> {
        let found = wallet.secret(user, &self.name).await;
        let found = found.map_err(|error| self.unavailable(Cause::Store(error)))?;
        found.ok_or_else(|| CredentialError::Missing(self.name.clone()))
    }

    fn presented_of(&self, secret: &OwnSecret) -> Result<Presented> {
        let value = match secret {
            OwnSecret::Basic { username, password } => header::basic(username, password),
            OwnSecret::Bearer { token } => header::token(&self.header, token),
            OwnSecret::Digest(account) => return Ok(Presented::Digest(account.clone())),
        };
        self.fixed(value, None)
    }

    fn fixed(
        &self,
        value: Option<HeaderValue>,
        token: Option<crate::secret::Secret>,
    ) -> Result<Presented> {
        let value = value.ok_or_else(|| self.unavailable(Cause::Form))?;
        let header = self.header.clone();
        Ok(Presented::Fixed {
            header,
            value,
            token,
        })
    }

    fn without_token(&self, provider: &str, error: TokensError) -> CredentialError {
        match error {
            TokensError::None => CredentialError::NotLinked(provider.to_owned()),
            TokensError::LoginAgain => CredentialError::LoginAgain(provider.to_owned()),
            TokensError::Unavailable => self.unavailable(Cause::Provider),
            TokensError::Store(error) => self.unavailable(Cause::Store(error)),
        }
    }

    fn unavailable(&self, cause: Cause) -> CredentialError {
        CredentialError::Unavailable {
            name: self.name.clone(),
            cause,
        }
    }

    /// The upstream does not take what it was presented: the next request looks for something newer.
    pub(super) async fn refused(&self, user: Option<&str>, presented: &Presented) {
        match (&self.source, user, presented) {
            (
                Source::Basic {
                    password: secret, ..
                }
                | Source::Bearer(secret),
                _,
                _,
            ) => {
                secret.look_again();
            }
            (Source::Digest(user), _, _) => user.look_again(),
            (Source::Own(wallet), Some(user), _) => wallet.forget(user, &self.name),
            (
                Source::Provider { name, tokens },
                Some(user),
                Presented::Fixed {
                    token: Some(token), ..
                },
            ) => tokens.refused(user, name, token).await,
            _ => {}
        }
    }

    /// Counts how an upstream took what it was presented.
    pub(super) fn count_refusal(&self, status: StatusCode) {
        match status {
            StatusCode::FORBIDDEN => self.count("forbidden"),
            _ => self.count("refused"),
        }
    }

    fn count(&self, result: &str) {
        self.metrics.count(result);
    }

    pub(super) fn now(&self) -> EpochMs {
        self.clock.now()
    }

    /// A digest that counts there when it is `now` here.
    pub(super) fn digest(&self, account: &Account, now: EpochMs) -> Result<HeaderValue> {
        let digest = account.sign(self.skew.there(now));
        digest.map_err(|_| self.unavailable(Cause::Form))
    }

    /// Hears in an answer what time it is there, if that matters.
    pub(super) fn hear_time(&self, headers: &HeaderMap, sent_at: EpochMs) {
        if self.header == X_AUTHENTICATE {
            self.skew.hear(headers, sent_at, self.now());
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({})", self.name)
    }
}
