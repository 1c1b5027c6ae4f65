//! `/auth/with/{provider}`: to another provider to log in there, or to link an account there, and back.
//!
//! A login that is under way is bound to the browser by a cookie and to the provider by its state, and used once. Nonce
//! and PKCE verifier are derived from both with a key, so that neither is kept anywhere.

mod begin;
mod callback;
mod failure;
mod link;
mod log_in;

pub(super) use begin::{Purpose, begin};

use super::Oauth;
use super::csrf::Form;
use super::destination::Destination;
use super::pages::Other;
use crate::error::{Error, Result};
use crate::provider::{Person, Provider, ProviderError, TokenSet};
use crate::route::Endpoints;
use crate::secret;
use crate::storage::identities::Identity;
use crate::storage::provider_tokens::SealedTokens;
use axum::routing::{get, post};
use http::{HeaderMap, Method};
use std::sync::Arc;

const BEGIN: &str = "/auth/with/{provider}";
const CALLBACK: &str = "/auth/with/{provider}/callback";

pub(super) fn endpoints(oauth: &Arc<Oauth>) -> Endpoints {
    if oauth.providers.is_empty() {
        return Endpoints::default();
    }
    let begin = post(begin::post).with_state(Arc::clone(oauth));
    let callback = get(callback::get).with_state(Arc::clone(oauth));
    Endpoints::default()
        .public(Method::POST, BEGIN, begin)
        .public(Method::GET, CALLBACK, callback)
}

/// What a login elsewhere must bring back, known to this gateway alone.
struct Proofs {
    nonce: String,
    verifier: String,
}

impl Oauth {
    fn provider(&self, name: &str) -> Result<&Arc<Provider>> {
        self.providers.get(name).ok_or(Error::NotFound)
    }

    /// Each provider has its own (RFC 9700 §4.4.2.2): an answer that comes to another's is a mix-up.
    fn callback_of(&self, provider: &Provider) -> String {
        let path = CALLBACK.replace("{provider}", &provider.spec.name);
        format!("{}{path}", self.origin)
    }

    fn proofs(&self, state: &str, browser: &str) -> Proofs {
        let derive = |purpose: &str| secret::encode(&self.mint.digest(purpose, &[state, browser]));
        Proofs {
            nonce: derive("provider nonce"),
            verifier: derive("provider verifier"),
        }
    }

    /// The buttons of a login that leads to `destination`.
    pub(super) fn others(&self, destination: &Destination) -> Vec<Other<'_>> {
        let tenant = destination.tenant().map(|tenant| tenant.id.as_str());
        let offered = self.providers.all();
        let offered = offered.filter(|provider| tenant == Some(&provider.spec.tenant));
        let query = destination.query();
        let button =
            |provider: &'_ Arc<Provider>| format!("/auth/with/{}?{query}", provider.spec.name);
        offered
            .map(|provider| Other {
                action: button(provider),
                name: provider.display_name(),
            })
            .collect()
    }

    /// Where forms end that lead to the providers of a tenant, as sources of a content security policy.
    pub(super) fn provider_sources(&self, tenant: &str) -> String {
        let offered = self.providers.all();
        let offered = offered.filter(|provider| provider.spec.tenant == tenant);
        let origins: Vec<_> = offered.flat_map(|provider| provider.origins()).collect();
        origins.join(" ")
    }

    /// The set as it is stored, if tokens of this provider are kept.
    fn sealed(
        &self,
        provider: &Provider,
        user: &str,
        set: &TokenSet,
    ) -> Result<Option<SealedTokens>> {
        if !provider.spec.keep_tokens {
            return Ok(None);
        }
        let sealed = self.provider_tokens.seal(user, &provider.spec.name, set);
        sealed.map(Some).map_err(|_| Error::Internal)
    }

    fn identity(&self, provider: &Provider, person: &Person, user: &str) -> Identity {
        Identity {
            provider: provider.spec.name.clone(),
            issuer: person.issuer.clone(),
            subject: person.subject.clone(),
            user_id: user.to_owned(),
            linked_at: self.clock.now(),
            last_used_at: None,
        }
    }
}

/// Whether a form of the login page is this browser's.
fn check_login_form(
    oauth: &Oauth,
    headers: &HeaderMap,
    destination: &Destination,
    sent: &super::parameters::Parameters,
) -> Result<()> {
    let (cookie, _) = oauth.form_cookie(headers);
    let form = Form::Login { cookie: &cookie };
    oauth.check_form(form, &destination.query(), sent)
}
