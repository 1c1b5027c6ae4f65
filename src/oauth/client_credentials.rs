//! The grant `client_credentials` (RFC 6749 §4.4): a client acts for itself.

use super::errors::ClientError;
use super::issue::{Answer, Basis, Outcome};
use super::parameters::Parameters;
use super::{Oauth, scope};
use crate::storage::audit::Event;
use crate::storage::clients::Client;
use http::request::Parts;

pub(super) async fn token(
    oauth: &Oauth,
    head: &Parts,
    client: &Client,
    form: &Parameters,
    key: Option<&str>,
) -> Outcome {
    // RFC 6749 §4.4: only for clients that can prove who they are.
    if client.is_public() {
        return Err(ClientError::UnauthorizedClient);
    }
    let scope = scope::allowed(client, form.get("scope")?).ok_or(ClientError::InvalidScope)?;
    let basis = Basis {
        tenant: client.tenant_id.clone(),
        client: client.id.clone(),
        user: None,
        family: uuid::Uuid::new_v4().to_string(),
        grant: None,
        jkt: None,
        refresh_jkt: None,
    };
    let basis = basis.bound_to(client, key);
    let access = oauth
        .access_token(client, &basis, &scope, oauth.settings.access_lifetime)
        .await?;
    let answer = Answer::new(&access, None);
    let entry = basis.named_in(oauth.entry(Event::TokenIssued, head));
    oauth.store.issue_tokens(vec![access.row], entry).await?;
    Ok(answer)
}
