//! The operations token: it opens the administration API, and nothing on the public listener.

use super::{
    AuthError, Authenticator, CacheState, Carrier, Credential, Glance, Principal, Verdict,
};
use crate::access::Accesses;
use crate::clock::EpochMs;
use crate::secret::Secret;
use crate::storage::Words;
use crate::token::{Facts, Subject};
use async_trait::async_trait;
use std::sync::Arc;

pub struct OperatorToken {
    token: Secret,
    facts: Arc<Facts>,
}

impl OperatorToken {
    pub fn new(token: Secret) -> Self {
        let facts = Facts {
            subject: Subject::Operator,
            name: "operator".to_owned(),
            tenant: String::new(),
            client: String::new(),
            token_id: "operator".to_owned(),
            grant: None,
            family: String::new(),
            scope: String::new(),
            accesses: Accesses::parse(["admin.#"]),
            switches: Words::default(),
            sunset_at: None,
            expires_at: EpochMs::MAX,
            jkt: None,
            origin: None,
            position: 0.into(),
        };
        Self {
            token,
            facts: Arc::new(facts),
        }
    }
}

#[async_trait]
impl Authenticator for OperatorToken {
    fn glance(&self, credential: &Credential<'_>, _: EpochMs) -> Glance {
        Glance::Verdict(self.judge(credential))
    }

    async fn verify(&self, credential: &Credential<'_>, _: EpochMs) -> Option<Verdict> {
        Some(self.judge(credential))
    }
}

impl OperatorToken {
    /// Whether it is the operator's.
    pub fn judge(&self, credential: &Credential<'_>) -> Verdict {
        let carried = matches!(
            credential.carrier,
            Carrier::Authorization | Carrier::XAuthToken
        );
        let result = if carried && self.token.matches(&credential.token) {
            Ok(Principal::new(Arc::clone(&self.facts)))
        } else {
            Err(AuthError::Invalid)
        };
        (CacheState::None, result)
    }
}
