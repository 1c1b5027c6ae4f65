//! Kalliope's digest (`X-authenticate`), verified here: the telephone system itself is not asked, as that would use the
//! header up.
//!
//! Each request is verified by itself, by what the store says at that moment. Nothing of it is kept but the name of the
//! nonce, and that only of a digest that was right (AT-43).

mod attempts;
mod refusal;
mod seal;
mod settings;

pub use attempts::Attempts;
pub use refusal::DigestRefusal;
pub use seal::{open, seal};
pub use settings::Settings;

use super::vault::SourceError;
use super::{AuthError, Principal};
use crate::access::Accesses;
use crate::clock::EpochMs;
use crate::http::{Arrival, Transport};
use crate::kalliope::{DigestPassword, Header};
use crate::metrics::Metrics;
use crate::replay::{Keeper, Replay, ReplayError};
use crate::sealer::{SealError, Sealer};
use crate::secret::Secret;
use crate::storage::audit::{Entry, Event};
use crate::storage::digests::DigestAccount;
use crate::storage::{Store, StoreError, Words};
use crate::throttle;
use crate::token::{Facts, Subject};
use attempts::Attempt;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Verifies digests.
#[derive(Clone)]
pub struct Digests(Arc<Desk>);

/// What it takes to verify them.
#[derive(Clone)]
pub struct Means {
    pub store: Store,
    pub sealer: Sealer,
    /// The nonces that were used; one for the process.
    pub used: Arc<Replay>,
    /// One for the process.
    pub attempts: Arc<Attempts>,
    pub metrics: Metrics,
    /// What is verified runs here, to its end, whatever becomes of the request.
    pub runtime: Handle,
}

struct Desk {
    means: Means,
    settings: Settings,
    /// What the digest of an unknown user is verified against, so that it costs the same (AT-38).
    nobody: String,
}

/// No user's id.
const NOBODY: &str = "nobody";

impl Digests {
    /// # Errors
    /// [`SealError`] when the library refuses.
    pub fn new(settings: Settings, means: Means) -> Result<Self, SealError> {
        let nobody = seal(&means.sealer, NOBODY, &DigestPassword::generate())?;
        Ok(Self(Arc::new(Desk {
            means,
            settings,
            nobody,
        })))
    }

    /// Verifies the header of one request, and uses it up.
    pub(super) async fn verify(
        &self,
        header: &str,
        arrival: Arrival,
        now: EpochMs,
    ) -> Result<Principal, AuthError> {
        let (desk, header) = (Arc::clone(&self.0), Secret::new(header));
        let task = async move { desk.verify(header.expose(), arrival, now).await };
        let result = self.run(task).await;
        self.0.count(&result);
        result
    }

    /// Whether the header that opened a request that lasts would still be right. It was used up then.
    pub(super) async fn verify_again(&self, header: &str) -> Result<Principal, AuthError> {
        let (desk, header) = (Arc::clone(&self.0), Secret::new(header));
        self.run(async move { desk.verify_again(header.expose()).await })
            .await
    }

    async fn run(
        &self,
        task: impl Future<Output = Result<Principal, AuthError>> + Send + 'static,
    ) -> Result<Principal, AuthError> {
        let ended = self.0.means.runtime.spawn(task).await;
        ended.unwrap_or_else(|_| Err(unavailable(StoreError::Closed)))
    }
}

impl Desk {
    async fn verify(
        &self,
        text: &str,
        arrival: Arrival,
        now: EpochMs,
    ) -> Result<Principal, AuthError> {
        if !self.takes(arrival.transport) {
            return Err(DigestRefusal::Plain.into());
        }
        let header = Header::parse(text).map_err(DigestRefusal::Form)?;
        // Before anybody is looked for, so that it tells nothing of who there is.
        let timely = self.settings.window().check(header.created(), now);
        let timely = timely.ok_or(DigestRefusal::Time)?;
        let source = throttle::source(arrival.client);
        let attempt = Attempt {
            domain: header.domain(),
            username: header.username(),
            source: &source,
        };
        self.may_try(attempt, now)?;
        let account = self.account(&header).await?;
        // Again, as from here on until it is counted there is nothing to wait for: many at once do not pass together.
        self.may_try(attempt, now)?;
        let Some((user, account)) = self.owner(&header, account.as_ref()) else {
            self.means.attempts.count(attempt, now);
            let entry = entry(Event::LoginFailed, account.as_ref(), arrival.client, now);
            self.means.store.audit(entry).await;
            return Err(DigestRefusal::Wrong.into());
        };
        let principal = self.principal(user, account).await?;
        // Last of all: what is not right in every other way is not worth remembering (AT-43).
        let claimed = self.use_up(&header, timely.until, now).await;
        let is_replayed = matches!(claimed, Err(AuthError::Digest(DigestRefusal::Used)));
        if is_replayed && self.means.attempts.is_worth_a_row(&source, now) {
            let entry = entry(Event::DigestReplayed, Some(account), arrival.client, now);
            self.means.store.audit(entry).await;
        }
        claimed.map(|()| principal)
    }

    async fn verify_again(&self, text: &str) -> Result<Principal, AuthError> {
        let header = Header::parse(text).map_err(DigestRefusal::Form)?;
        let account = self.account(&header).await?;
        let owner = self.owner(&header, account.as_ref());
        let (user, account) = owner.ok_or(DigestRefusal::Wrong)?;
        self.principal(user, account).await
    }

    fn takes(&self, transport: Transport) -> bool {
        match transport {
            Transport::Tls | Transport::Local => true,
            Transport::Plain | Transport::PlainToProxy => !self.settings.require_tls,
        }
    }

    fn may_try(&self, attempt: Attempt<'_>, now: EpochMs) -> Result<(), DigestRefusal> {
        let checked = self.means.attempts.check(attempt, now);
        checked.map_err(|limited| DigestRefusal::TooMany(limited.seconds))
    }

    async fn account(&self, header: &Header<'_>) -> Result<Option<DigestAccount>, AuthError> {
        let account = self
            .means
            .store
            .digest_account(header.domain(), header.username());
        account.await.map_err(unavailable)
    }

    fn owner<'a>(
        &self,
        header: &Header<'_>,
        account: Option<&'a DigestAccount>,
    ) -> Option<(&'a str, &'a DigestAccount)> {
        owner(account, &self.nobody, |user, sealed| {
            let password = open(&self.means.sealer, user, sealed);
            if password.is_none() {
                tracing::error!(
                    user,
                    "a digestPassword cannot be opened: is it of another tokens.key?"
                );
            }
            password.is_some_and(|password| header.is_signed_by(&password))
        })
    }

    async fn use_up(
        &self,
        header: &Header<'_>,
        until: EpochMs,
        now: EpochMs,
    ) -> Result<(), AuthError> {
        let name = [
            "kalliope",
            header.domain(),
            header.username(),
            header.nonce(),
        ];
        let claimed = self.means.used.claim(Keeper::Store, &name, until, now);
        claimed.await.map_err(|error| match error {
            ReplayError::Used => DigestRefusal::Used.into(),
            ReplayError::Full => AuthError::Busy,
            ReplayError::Unavailable(cause) => AuthError::Unavailable(SourceError::Store(cause)),
        })
    }

    /// What a login by the digest may do is what its policies say now: there is no token in which it was frozen.
    async fn principal(&self, user: &str, account: &DigestAccount) -> Result<Principal, AuthError> {
        let scope = account.policies();
        let scope = scope.unwrap_or_else(|| self.settings.scope.0.clone());
        let policies = self.means.store.policies_of(&scope).await;
        let policies = policies.map_err(unavailable)?;
        let accesses = policies.into_iter().flat_map(|policy| policy.accesses.0);
        Ok(Principal::new(Arc::new(Facts {
            subject: Subject::User(user.to_owned()),
            tenant: account.tenant_id.clone(),
            name: account.username.clone().unwrap_or_default(),
            client: String::new(),
            token_id: "digest".to_owned(),
            family: String::new(),
            grant: None,
            scope: scope.to_string(),
            accesses: Accesses::parse(accesses),
            switches: Words::default(),
            sunset_at: None,
            expires_at: EpochMs::MAX,
            jkt: None,
            origin: None,
            position: 0.into(),
        })))
    }

    fn count(&self, result: &Result<Principal, AuthError>) {
        self.means.metrics.digest_verified(match result {
            Ok(_) => "ok",
            Err(AuthError::Digest(refusal)) => refusal.as_str(),
            Err(_) => "unavailable",
        });
    }
}

/// The id of the user whose digest it is: `is_signed` says whether it is by what is sealed for a user. Whatever is not known
/// of a user, the same work is done, for nobody (AT-38).
fn owner<'a>(
    account: Option<&'a DigestAccount>,
    nobody: &str,
    is_signed: impl FnOnce(&str, &str) -> bool,
) -> Option<(&'a str, &'a DigestAccount)> {
    let known = account.and_then(DigestAccount::sealed);
    let (user, sealed) = known.unwrap_or((NOBODY, nobody));
    let is_signed = is_signed(user, sealed);
    let (user, _) = known.filter(|_| is_signed)?;
    Some((user, account?))
}

/// A name that nobody has is not written down.
fn entry(
    event: Event,
    account: Option<&DigestAccount>,
    client: Option<IpAddr>,
    now: EpochMs,
) -> Entry {
    let address = client.map(|address| address.to_canonical().to_string());
    let entry = Entry::new(event, now).from(address).with("by", "digest");
    match account {
        Some(account) => entry
            .tenant(&account.tenant_id)
            .user_id(account.user_id.as_deref()),
        None => entry,
    }
}

fn unavailable(error: StoreError) -> AuthError {
    AuthError::Unavailable(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kalliope::Account;
    use crate::storage::Flag;

    fn account(sealed: Option<String>) -> DigestAccount {
        DigestAccount {
            tenant_id: "acme".to_owned(),
            policies: None,
            user_id: Some("ann".to_owned()),
            username: Some("ann".to_owned()),
            enabled: Flag(true),
            sealed,
        }
    }

    #[test]
    fn at_38_whoever_is_not_known_costs_what_a_wrong_digest_costs() {
        let sealer = Sealer::new(&Secret::new("k".repeat(32))).unwrap();
        let seal = |user: &str, password: &DigestPassword| seal(&sealer, user, password).unwrap();
        let (right, wrong) = (DigestPassword::generate(), DigestPassword::generate());
        let nobody = seal(NOBODY, &DigestPassword::generate());
        let known = account(Some(seal("ann", &right)));
        let disabled = DigestAccount {
            enabled: Flag(false),
            ..known.clone()
        };
        let without = account(None);
        let value = Account::new("ann", "default", right).unwrap().sign(0);
        let good = value.unwrap();
        let value = Account::new("ann", "default", wrong).unwrap().sign(0);
        let bad = value.unwrap();
        for (account, value, gets_in) in [
            (Some(&known), &good, true),
            (Some(&known), &bad, false),
            (Some(&disabled), &good, false),
            (Some(&without), &good, false),
            (None, &good, false),
        ] {
            let header = Header::parse(value.to_str().unwrap()).unwrap();
            let mut work = Vec::new();
            let found = owner(account, &nobody, |user, sealed| {
                let password = open(&sealer, user, sealed);
                work.push((sealed.len(), password.is_some()));
                password.is_some_and(|password| header.is_signed_by(&password))
            });
            assert_eq!(found.is_some(), gets_in, "{account:?}");
            // As many letters are opened for whoever it is, and one digest is made of them.
            assert_eq!(work, [(nobody.len(), true)], "{account:?}");
        }
    }
}
