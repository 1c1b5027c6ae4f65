//! `POST /auth/with/{provider}`: to the provider, with what must come back.

use super::super::parameters::Parameters;
use super::super::request::Stopped;
use super::super::throttling::address;
use super::super::{Oauth, authorize, pkce, provenance, redirect};
use super::failure::Failure;
use super::{Destination, check_login_form};
use crate::clock::millis;
use crate::error::{Error, Result};
use crate::http::Response;
use crate::provider::{Asking, Provider};
use crate::secret;
use crate::storage::provider_logins::ProviderLogin;
use crate::token::TokenHash;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::request::Parts;
use std::sync::Arc;
use std::time::Duration;

/// How long somebody may take to log in there.
const LIFETIME: Duration = Duration::from_mins(10);

/// What a login elsewhere is for.
#[derive(Debug, Clone)]
pub(in crate::oauth) enum Purpose {
    /// To log in here, and go on to a destination, as a query.
    LogIn { destination: String },
    /// To link the account there to the user of this session.
    Link { user: String, session: String },
}

pub(super) async fn post(
    State(oauth): State<Arc<Oauth>>,
    Path(name): Path<String>,
    head: Parts,
    body: Bytes,
) -> Response {
    let answered = async {
        provenance::of(&oauth, &head.headers)?;
        let provider = oauth.provider(&name)?;
        let sent = authorize::query(&head)?.and(Parameters::form(&head.headers, &body)?);
        let destination = Destination::read(&oauth, &head, &sent).await?;
        check_login_form(&oauth, &head.headers, &destination, &sent)?;
        let tenant = destination.tenant().map(|tenant| tenant.id.as_str());
        if tenant != Some(provider.spec.tenant.as_str()) {
            return Err(Error::NotFound.into());
        }
        let destination = destination.query();
        let purpose = Purpose::LogIn { destination };
        Ok(begin(&oauth, &head, provider, purpose).await?)
    };
    answered
        .await
        .unwrap_or_else(|stopped: Stopped| stopped.respond(&oauth))
}

/// Leads the browser to the provider.
pub(in crate::oauth) async fn begin(
    oauth: &Oauth,
    head: &Parts,
    provider: &Provider,
    purpose: Purpose,
) -> Result<Response> {
    let now = oauth.clock.now();
    oauth.attempts.log_in_elsewhere(&address(head), now)?;
    let state = secret::encode(&secret::random::<24>());
    let (browser, is_new) = oauth.provider_cookie(&head.headers);
    let proofs = oauth.proofs(&state, &browser);
    let asking = Asking {
        redirect_uri: &oauth.callback_of(provider),
        state: &state,
        nonce: &proofs.nonce,
        challenge: &pkce::challenge(&proofs.verifier),
    };
    let location = match provider.authorization_request(asking).await {
        Ok(location) => location,
        Err(error) => return Ok(Failure::from(error).respond(oauth, head, provider).await),
    };
    let mut login = ProviderLogin {
        hash: TokenHash::of(&state).to_string(),
        browser: TokenHash::of(&browser).to_string(),
        provider: provider.spec.name.clone(),
        destination: String::new(),
        user_id: None,
        session: None,
        created_at: now,
        expires_at: now.saturating_add(millis(LIFETIME)),
    };
    match purpose {
        Purpose::LogIn { destination } => login.destination = destination,
        Purpose::Link { user, session } => {
            (login.user_id, login.session) = (Some(user), Some(session));
        }
    }
    oauth.store.begin_provider_login(login).await?;
    let mut response = redirect::see_other(oauth, &location)?;
    if is_new {
        oauth.set_provider_cookie(&mut response, &browser);
    }
    Ok(response)
}
