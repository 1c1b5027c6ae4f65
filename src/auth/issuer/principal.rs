//! From what an issuer claims to a principal: whose it is, who it is here, and what it may do.

use super::claims::{ClaimPath, Claims};
use crate::access::Accesses;
use crate::clock::EpochMs;
use crate::storage::external_revocations::Names;
use crate::storage::users::User as UserRow;
use crate::storage::{Store, StoreError, Words};
use crate::token::{External, Facts, Granted, Origin, Subject, TokenHash};
use serde::Deserialize;
use std::collections::BTreeMap;

/// OpenID Connect Core 1.0 §2: characters of a subject.
const LONGEST: usize = 255;

/// Whose users an issuer vouches for.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "a tenant, or { claim = \"…\", map = { value = \"tenant\" } }"
)]
pub enum Tenant {
    Fixed(String),
    /// By a claim; whoever has none of these values is refused.
    Claimed(Claimed),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claimed {
    pub claim: ClaimPath,
    pub map: BTreeMap<String, String>,
}

/// The `[issuer.principal]` section: how claims become a principal.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What names a person or application at the issuer, for ever.
    pub subject: ClaimPath,
    /// Which user of ours it is; without it, it is nobody of ours.
    pub user: Option<User>,
    /// Where its scope is.
    pub scope: ClaimPath,
    /// What of the scope is a policy here; the rest is nothing.
    pub policies: Policies,
}

impl Settings {
    /// Keys and what is wrong with them.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let policies = self.policies.all();
        if policies.is_empty() || policies.iter().any(|name| name.is_empty()) {
            let message =
                "say which policies it may give: without any, nobody of it may do anything";
            return vec![("principal.policies", message.to_owned())];
        }
        Vec::new()
    }
}

/// How a user of ours is found.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum User {
    /// The claim is the name of a user of the tenant.
    Claim(ClaimPath),
    /// Whoever linked their account at this `[[provider]]` on their account page.
    Linked(String),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "a list of policies, or { scope = \"policy …\" }"
)]
pub enum Policies {
    /// Of the same name.
    Same(Vec<String>),
    /// A word of the scope stands for policies, with spaces between.
    Mapped(BTreeMap<String, String>),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            subject: ClaimPath::new("sub"),
            user: None,
            scope: ClaimPath::new("scope"),
            policies: Policies::Same(Vec::new()),
        }
    }
}

/// What a verifier found out about a credential besides its claims.
#[derive(Debug)]
pub struct Verified {
    /// Its `iss`, by which accounts are linked.
    pub iss: String,
    /// The application that it was given to.
    pub client: Option<String>,
    /// What names it in logs; it opens nothing.
    pub id: String,
    /// What ends together, if the issuer says so.
    pub session: Option<String>,
    /// When it was, if that is known: what administration ended until then ended it, too.
    pub issued_at: Option<EpochMs>,
    pub expires_at: EpochMs,
    pub jkt: Option<String>,
    /// What the issuer itself grants, if it has accesses of its own.
    pub granted: Option<Granted>,
}

/// Makes principals of one issuer's claims.
pub struct Principals {
    /// The issuer's name in the configuration.
    pub issuer: String,
    pub tenant: Tenant,
    pub settings: Settings,
    pub store: Store,
}

impl Principals {
    /// Who it is; `None` for whom nobody here answers to.
    pub async fn facts(
        &self,
        claims: &Claims,
        verified: Verified,
        token: &str,
    ) -> Result<Option<Facts>, StoreError> {
        let Some(tenant) = self.tenant(claims).await? else {
            return Ok(None);
        };
        let Some(there) = self.subject_there(claims) else {
            return Ok(None);
        };
        let token = TokenHash::of_external(&self.issuer, token);
        if self.has_ended(there, token, &verified).await? {
            return Ok(None);
        }
        let found = self.subject(claims, there, &tenant, &verified.iss).await?;
        let Some((subject, name)) = found else {
            return Ok(None);
        };
        let origin = Origin::new(&self.issuer, there, token, verified.granted);
        let policies = self
            .settings
            .policies
            .of(&claims.words(&self.settings.scope));
        let policies = self.store.policies_of(&policies).await?;
        let names: Vec<_> = policies.iter().map(|policy| policy.name.as_str()).collect();
        let accesses = policies.iter().flat_map(|policy| &policy.accesses.0);
        Ok(Some(Facts {
            subject,
            name,
            tenant,
            client: self.named(verified.client.as_deref().unwrap_or_default()),
            family: self.named(verified.session.as_deref().unwrap_or(&verified.id)),
            token_id: verified.id,
            grant: None,
            scope: names.join(" "),
            accesses: Accesses::parse(accesses),
            switches: Words::default(),
            sunset_at: None,
            expires_at: verified.expires_at,
            jkt: verified.jkt.map(String::into_boxed_str),
            origin: Some(Box::new(origin)),
            position: 0.into(),
        }))
    }

    /// A name that is this issuer's, and can be none of ours: those have no colon.
    fn named(&self, name: &str) -> String {
        External::new(&self.issuer, name).as_str().to_owned()
    }

    async fn tenant(&self, claims: &Claims) -> Result<Option<String>, StoreError> {
        let Some(id) = self.tenant.of(claims) else {
            return Ok(None);
        };
        let tenant = self.store.tenant(id).await?;
        let live = tenant.filter(|tenant| tenant.disabled_at.is_none());
        Ok(live.map(|tenant| tenant.id))
    }

    /// Whether administration has ended it, whatever its issuer says.
    async fn has_ended(
        &self,
        subject: &str,
        token: TokenHash,
        verified: &Verified,
    ) -> Result<bool, StoreError> {
        let token = token.to_string();
        let names = Names {
            issuer: &self.issuer,
            token: &token,
            session: verified.session.as_deref(),
            subject,
        };
        let ended_at = self.store.external_revocation(names).await?;
        Ok(ended_at.is_some_and(|at| verified.issued_at.is_none_or(|issued| issued <= at)))
    }

    fn subject_there<'c>(&self, claims: &'c Claims) -> Option<&'c str> {
        let subject = claims.at(&self.settings.subject)?.as_str()?;
        is_subject(subject).then_some(subject)
    }

    /// The subject, and its name.
    async fn subject(
        &self,
        claims: &Claims,
        subject: &str,
        tenant: &str,
        iss: &str,
    ) -> Result<Option<(Subject, String)>, StoreError> {
        let user = match &self.settings.user {
            None => {
                let external = External::new(&self.issuer, subject);
                return Ok(Some((Subject::External(external), subject.to_owned())));
            }
            Some(User::Claim(claim)) => match claims.at(claim).and_then(|claim| claim.as_str()) {
                Some(name) => self.store.user_named(tenant, name).await?,
                None => None,
            },
            Some(User::Linked(provider)) => self.linked(provider, iss, subject).await?,
        };
        let ours = user.filter(|user| user.disabled_at.is_none() && user.tenant_id == tenant);
        Ok(ours.map(|user| (Subject::User(user.id), user.username)))
    }

    async fn linked(
        &self,
        provider: &str,
        iss: &str,
        subject: &str,
    ) -> Result<Option<UserRow>, StoreError> {
        let Some(identity) = self.store.identity(provider, iss, subject).await? else {
            return Ok(None);
        };
        self.store.user(&identity.user_id).await
    }
}

impl Tenant {
    fn of(&self, claims: &Claims) -> Option<&str> {
        match self {
            Self::Fixed(id) => Some(id),
            Self::Claimed(Claimed { claim, map }) => {
                let value = claims.at(claim)?.as_str()?;
                map.get(value).map(String::as_str)
            }
        }
    }

    /// All that it can be.
    pub fn all(&self) -> Vec<&str> {
        match self {
            Self::Fixed(id) => vec![id],
            Self::Claimed(Claimed { map, .. }) => map.values().map(String::as_str).collect(),
        }
    }
}

impl Policies {
    /// Those that a scope stands for.
    fn of(&self, scope: &[&str]) -> Words {
        match self {
            Self::Same(names) => {
                let known = names.iter().map(String::as_str);
                known.filter(|name| scope.contains(name)).collect()
            }
            Self::Mapped(map) => {
                let known = map
                    .iter()
                    .filter(|(word, _)| scope.contains(&word.as_str()));
                known
                    .flat_map(|(_, policies)| policies.split(' '))
                    .collect()
            }
        }
    }

    /// The words of a scope that stand for any.
    pub fn words(&self) -> Vec<&str> {
        match self {
            Self::Same(names) => names.iter().map(String::as_str).collect(),
            Self::Mapped(map) => map.keys().map(String::as_str).collect(),
        }
    }

    /// All that there can be.
    pub fn all(&self) -> Vec<&str> {
        match self {
            Self::Same(names) => names.iter().map(String::as_str).collect(),
            Self::Mapped(map) => map
                .values()
                .flat_map(|policies| policies.split(' '))
                .collect(),
        }
    }
}

fn is_subject(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && !text.contains(char::is_control)
}
