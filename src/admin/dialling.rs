//! Dialling rules: see, set and remove them, and try a number out.

use super::{Administration, audit, view};
use crate::acl::Permit;
use crate::clock::EpochMs;
use crate::dialling::{Asker, Holder, Pass, Rule, RuleSet};
use crate::error::{Error, Result};
use crate::number::{Country, LineType, Number, Region};
use crate::storage::callers::Caller;
use crate::storage::dialling_rules::DiallingRules;
use crate::token::Subject;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Somebody's rules as they are shown.
#[derive(Debug, Serialize)]
pub struct DiallingView {
    /// `configuration`, `tenant:ID`, `user:ID`, `client:ID` or `policy:NAME`.
    holder: String,
    rules: Value,
    updated_at: Option<String>,
}

/// Who might ring which number, and when: now, if left out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiallingQuestion {
    /// As somebody would dial it.
    pub number: String,
    /// By id, or as `TENANT/USERNAME`.
    pub user: Option<String>,
    /// A client that acts for itself.
    pub client: Option<String>,
    /// Somebody of the tenant who has no rules of their own.
    pub tenant: Option<String>,
    /// What the token would be for.
    #[serde(default)]
    pub policies: Vec<String>,
    /// RFC 3339.
    pub at: Option<String>,
}

/// What would become of the number.
#[derive(Debug, Serialize)]
pub struct DiallingAnswer {
    /// As it would be dialled.
    number: String,
    country: Option<Country>,
    #[serde(rename = "type")]
    line: Option<LineType>,
    emergency: bool,
    /// The moment, as the tenant's clocks show it.
    at: String,
    allowed: bool,
    /// The rule that refuses it.
    rule: Option<String>,
    /// What the caller would be told.
    detail: Option<String>,
    verdicts: Vec<Verdict>,
}

/// What one set of rules says.
#[derive(Debug, Serialize)]
struct Verdict {
    holder: String,
    allowed: bool,
    by: String,
}

impl Verdict {
    fn new(holder: &Holder, verdict: &Result<Pass, Rule>) -> Self {
        Self {
            holder: holder.to_string(),
            allowed: verdict.is_ok(),
            by: match verdict {
                Ok(pass) => pass.to_string(),
                Err(rule) => rule.to_string(),
            },
        }
    }
}

impl From<DiallingRules> for DiallingView {
    fn from(row: DiallingRules) -> Self {
        Self {
            holder: row.holder,
            rules: serde_json::from_str(&row.rules).unwrap_or_default(),
            updated_at: Some(view::time(row.updated_at)),
        }
    }
}

impl Administration {
    /// All rules there are, the configuration's first.
    pub async fn all_dialling(&self) -> Result<Vec<DiallingView>> {
        let configured = DiallingView {
            holder: Holder::Configuration.to_string(),
            rules: value(&self.calls.dialling.settings.rules),
            updated_at: None,
        };
        let stored = self.store.all_dialling_rules().await?.into_iter();
        let all = [configured].into_iter().chain(stored.map(Into::into));
        Ok(all.collect())
    }

    /// # Errors
    /// [`Error::Missing`] when there is no such holder, or it has no rules of its own.
    pub async fn dialling(&self, holder: &Holder) -> Result<DiallingView> {
        self.must_be_there(holder).await?;
        let rules = self.store.dialling_rules(&[holder.to_string()]).await?;
        let rules = rules.into_iter().next();
        Ok(rules.ok_or(Error::Missing("set of dialling rules"))?.into())
    }

    /// Sets the holder's rules, in the place of any other.
    pub async fn set_dialling(
        &self,
        by: &Permit,
        holder: &Holder,
        rules: RuleSet,
    ) -> Result<DiallingView> {
        self.must_be_there(holder).await?;
        if let Some((key, why)) = rules.faults().into_iter().next() {
            return Err(Error::BadRequest(format!("{key}: {why}")));
        }
        let row = DiallingRules {
            holder: holder.to_string(),
            rules: value(&rules).to_string(),
            updated_at: self.clock.now(),
        };
        let (act, _, what) = acts(holder);
        let entry = self.entry(by, act, what).await;
        let entry = entry.with("rules", value(&rules));
        self.store.set_dialling_rules(row.clone(), entry).await?;
        Ok(row.into())
    }

    /// From now on the holder has no rules of its own.
    pub async fn remove_dialling(&self, by: &Permit, holder: &Holder) -> Result<()> {
        self.must_be_there(holder).await?;
        let (_, act, what) = acts(holder);
        let entry = self.entry(by, act, what).await;
        let holder = holder.to_string();
        Ok(self.store.remove_dialling_rules(&holder, entry).await?)
    }

    /// What would become of a call, which is not placed.
    pub async fn try_dialling(&self, question: DiallingQuestion) -> Result<DiallingAnswer> {
        let (subject, tenant, caller) = self.asked_about(&question).await?;
        let region: Region = caller.region.parse().map_err(|_| {
            Error::BadRequest("the tenant has no valid region: set it first".to_owned())
        })?;
        let number = Number::parse(&question.number, &region)
            .map_err(|error| Error::BadRequest(error.to_string()))?;
        let at = audit::time("at", question.at.as_deref())?;
        let scope = question.policies.join(" ");
        let asker = Asker {
            subject: &subject,
            tenant: &tenant,
            time_zone: caller.time_zone.as_deref(),
            scope: &scope,
        };
        let at = at.unwrap_or_else(|| self.clock.now());
        self.answer(asker, &number, at).await
    }

    async fn answer(
        &self,
        asker: Asker<'_>,
        number: &Number,
        at: EpochMs,
    ) -> Result<DiallingAnswer> {
        let judgement = self.calls.dialling.judge(asker, number, at).await?;
        let emergency = self.calls.is_emergency(number);
        let refusal = judgement.refusal().filter(|_| !emergency);
        let verdicts = judgement.verdicts.iter();
        let verdicts = verdicts.map(|(holder, verdict)| Verdict::new(holder, verdict));
        Ok(DiallingAnswer {
            number: number.to_string(),
            country: judgement.class.map(|class| class.country),
            line: judgement.class.map(|class| class.line),
            emergency,
            at: judgement.at.to_string(),
            allowed: refusal.is_none(),
            rule: refusal.as_ref().map(crate::dialling::Refusal::id),
            detail: refusal.map(|refusal| refusal.to_string()),
            verdicts: verdicts.collect(),
        })
    }

    /// Who is asked about, of which tenant, and what our records say of them.
    async fn asked_about(&self, question: &DiallingQuestion) -> Result<(Subject, String, Caller)> {
        let (subject, tenant, caller) = match (&question.user, &question.client, &question.tenant) {
            (Some(user), None, None) => {
                let user = self.user(&self.user_id(user).await?).await?;
                let caller = self.store.user_as_caller(&user.id).await?;
                (Subject::User(user.id), user.tenant, caller)
            }
            (None, Some(client), None) => {
                let client = self.client(client).await?;
                let caller = self.store.client_as_caller(&client.id).await?;
                (Subject::Client(client.id), client.tenant, caller)
            }
            (None, None, Some(tenant)) => {
                let caller = self.store.tenant_as_caller(tenant).await?;
                (Subject::Operator, tenant.clone(), caller)
            }
            _ => {
                let why = "name one: a user, a client or a tenant".to_owned();
                return Err(Error::BadRequest(why));
            }
        };
        Ok((subject, tenant, caller.ok_or(Error::Missing("tenant"))?))
    }

    async fn must_be_there(&self, holder: &Holder) -> Result<()> {
        match holder {
            Holder::Configuration => {
                return Err(Error::BadRequest(
                    "these rules stand in the configuration, under [dialling.rules]".to_owned(),
                ));
            }
            Holder::Tenant(id) => drop(self.tenant(id).await?),
            Holder::User(id) => drop(self.user(id).await?),
            Holder::Client(id) => drop(self.client(id).await?),
            Holder::Policy(name) => drop(self.policy(name).await?),
        }
        Ok(())
    }
}

fn value(rules: &RuleSet) -> Value {
    serde_json::to_value(rules).unwrap_or_default()
}

/// What setting and removing is called in the audit log, and whom it concerns.
fn acts(holder: &Holder) -> (&'static str, &'static str, &str) {
    match holder {
        Holder::Configuration => ("", "", ""),
        Holder::Tenant(id) => ("tenant.dialling.set", "tenant.dialling.remove", id),
        Holder::User(id) => ("user.dialling.set", "user.dialling.remove", id),
        Holder::Client(id) => ("client.dialling.set", "client.dialling.remove", id),
        Holder::Policy(name) => ("policy.dialling.set", "policy.dialling.remove", name),
    }
}
