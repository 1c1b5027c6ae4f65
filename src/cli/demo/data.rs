//! The demo's tenant, people, applications and policy.

use super::super::Failure;
use super::Secrets;
use crate::auth::password;
use crate::clock::{Clock, EpochMs};
use crate::storage::clients::Client;
use crate::storage::policies::{Accesses, Policy};
use crate::storage::tenants::Tenant;
use crate::storage::users::User;
use crate::storage::{Store, StoreError};
use crate::token::TokenHash;

const TENANT: &str = "demo";

/// Verifier and challenge of RFC 7636, Appendix B: a real application makes its own, anew for each login.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Where a person begins to log in.
pub(super) fn login_page(origin: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", "crm")
        .append_pair("redirect_uri", &redirect_uri(origin))
        .append_pair("scope", "call")
        .append_pair("state", "demo")
        .append_pair("code_challenge", CHALLENGE)
        .append_pair("code_challenge_method", "S256")
        .finish();
    format!("{origin}/oauth/authorize?{query}")
}

fn redirect_uri(origin: &str) -> String {
    format!("{origin}/test")
}

/// Makes what is missing; what is there stays as it is.
pub(super) async fn seed(store: &Store, secrets: &Secrets, origin: &str) -> Result<(), Failure> {
    let now = Clock::system().now();
    there_already(store.create_tenant(tenant(now)).await)?;
    if store.policy("call").await?.is_none() {
        store.put_policy(policy(now)).await?;
    }
    for (name, display_name, password) in [
        ("ann", "Ann Archer", &secrets.ann),
        ("bob", "Bob Baker", &secrets.bob),
    ] {
        if store.user_named(TENANT, name).await?.is_none() {
            store
                .create_user(user(
                    name,
                    display_name,
                    password::hash(password).await?,
                    now,
                ))
                .await?;
        }
    }
    there_already(
        store
            .create_client(client("crm", "Demo CRM", &secrets.crm, "", origin, now))
            .await,
    )?;
    let switches =
        "implicit token_get query_token authentication_header json_ui no_pkce scriptable_login";
    there_already(
        store
            .create_client(client(
                "legacy",
                "Desk phone of 2012",
                &secrets.legacy,
                switches,
                origin,
                now,
            ))
            .await,
    )?;
    Ok(())
}

fn there_already(outcome: Result<(), StoreError>) -> Result<(), StoreError> {
    match outcome {
        Err(StoreError::Exists(_)) => Ok(()),
        other => other,
    }
}

fn tenant(now: EpochMs) -> Tenant {
    Tenant {
        id: TENANT.to_owned(),
        name: "Demo".to_owned(),
        region: "IT".to_owned(),
        call_limit: None,
        backend: None,
        time_zone: None,
        created_at: now,
        disabled_at: None,
    }
}

fn policy(now: EpochMs) -> Policy {
    Policy {
        name: "call".to_owned(),
        description: "Place calls from your line, see them and end them.".to_owned(),
        accesses: Accesses(vec!["calls.#".to_owned()]),
        created_at: now,
    }
}

fn user(name: &str, display_name: &str, password_hash: String, now: EpochMs) -> User {
    User {
        id: uuid::Uuid::new_v4().to_string(),
        tenant_id: TENANT.to_owned(),
        username: name.to_owned(),
        display_name: display_name.to_owned(),
        password_hash: Some(password_hash),
        call_limit: None,
        backend: None,
        created_at: now,
        disabled_at: None,
    }
}

fn client(
    id: &str,
    name: &str,
    secret: &str,
    switches: &str,
    origin: &str,
    now: EpochMs,
) -> Client {
    Client {
        id: id.to_owned(),
        tenant_id: TENANT.to_owned(),
        name: name.to_owned(),
        secret_hash: Some(TokenHash::of(secret).to_string()),
        redirect_uris: [redirect_uri(origin)].into_iter().collect(),
        grant_types: ["authorization_code", "client_credentials", "refresh_token"]
            .into_iter()
            .collect(),
        policies: ["call"].into_iter().collect(),
        switches: switches.to_owned().into(),
        created_at: now,
        ..Client::default()
    }
}
