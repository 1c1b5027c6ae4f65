//! `callgate check`: every fault of the configuration and the database, each on a line with its path.

use super::output::{self, Output};
use super::{Result, office};
use crate::auth::issuer;
use crate::config::{Config, ConfigError, Fault};
use crate::storage::{Store, StoreError};
use crate::upstream_auth::{Of, Spec};
use serde_json::json;
use std::path::Path;

pub(super) async fn run(config: &Path, output: Output) -> Result {
    let faults = faults(config).await?;
    if faults.is_empty() {
        return output.done(
            "The configuration and the database are in order.",
            &json!({ "faults": [] }),
        );
    }
    if output.json {
        let faults: Vec<_> = faults
            .iter()
            .map(|fault| json!({ "path": fault.path, "message": fault.message }))
            .collect();
        output.one(&json!({ "faults": faults }))?;
    } else {
        for fault in &faults {
            output::say(fault);
        }
    }
    let what = if faults.len() == 1 { "fault" } else { "faults" };
    Err(format!("{} {what} found", faults.len()).into())
}

async fn faults(path: &Path) -> Result<Vec<Fault>> {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(ConfigError::Faults(faults)) => return Ok(faults),
        Err(unreadable) => return Err(unreadable.into()),
    };
    let services = match office::services(&config).await {
        Ok(services) => services,
        Err(error) => return Ok(vec![fault("store.url".to_owned(), &error)]),
    };
    let known = services.calls(&config)?.backends;
    let known: Vec<_> = known.names().collect();
    let mut faults = stale_names(&services.store, &known).await?;
    faults.extend(useless_credentials(&services.store, &config).await?);
    faults.extend(issuers(&services.store, &config.issuer).await?);
    let scope = &config.digest.scope.0;
    faults.extend(unknown_policies(&services.store, "digest.scope", scope.iter()).await?);
    Ok(faults)
}

/// Secrets of users for what the configuration presents to no upstream.
async fn useless_credentials(store: &Store, config: &Config) -> Result<Vec<Fault>, StoreError> {
    let own = |spec: &&Spec| spec.of() == Of::User;
    let own: Vec<_> = config
        .credential
        .iter()
        .filter(own)
        .map(|spec| &spec.name)
        .collect();
    let mut faults = Vec::new();
    for user in store.users(None).await? {
        for row in store.user_credentials(&user.id).await? {
            if !own.contains(&&row.name) {
                let path = format!("user.{}/{}.credential", user.tenant_id, user.username);
                let name = row.name;
                let message = format!("there is no [[credential]] `{name}` with `of = \"user\"`");
                faults.push(fault(path, &message));
            }
        }
    }
    Ok(faults)
}

/// What the configuration says of other issuers that the store does not know.
async fn issuers(store: &Store, issuers: &[issuer::Spec]) -> Result<Vec<Fault>, StoreError> {
    let mut faults = Vec::new();
    for issuer in issuers {
        let path = format!("issuer.{}", issuer.name());
        for tenant in issuer.tenant().all() {
            if store.tenant(tenant).await?.is_none() {
                let message = format!("there is no tenant `{tenant}`");
                faults.push(fault(format!("{path}.tenant"), &message));
            }
        }
        let (path, policies) = (
            format!("{path}.principal.policies"),
            &issuer.principal().policies,
        );
        faults.extend(unknown_policies(store, &path, policies.all()).await?);
    }
    Ok(faults)
}

/// Those of the policies that the store does not know.
async fn unknown_policies(
    store: &Store,
    path: &str,
    policies: impl IntoIterator<Item = &str>,
) -> Result<Vec<Fault>, StoreError> {
    let mut faults = Vec::new();
    for policy in policies {
        if store.policy(policy).await?.is_none() {
            faults.push(fault(
                path.to_owned(),
                &format!("there is no policy `{policy}`"),
            ));
        }
    }
    Ok(faults)
}

/// Rows that name what is not there any more.
async fn stale_names(store: &Store, backends: &[&str]) -> Result<Vec<Fault>, StoreError> {
    let mut faults = Vec::new();
    let mut named = |path: String, backend: Option<&str>| {
        let Some(backend) = backend.filter(|name| !backends.contains(name)) else {
            return;
        };
        let known = backends.join(", ");
        let message = format!("there is no [[backend]] `{backend}`; there are: {known}");
        faults.push(fault(path, &message));
    };
    for tenant in store.tenants().await? {
        named(
            format!("tenant.{}.backend", tenant.id),
            tenant.backend.as_deref(),
        );
    }
    for user in store.users(None).await? {
        let path = format!("user.{}/{}", user.tenant_id, user.username);
        named(format!("{path}.backend"), user.backend.as_deref());
        for line in store.lines(&format!("user:{}", user.id)).await? {
            named(format!("{path}.line"), Some(&line.backend));
        }
    }
    let clients = store.clients(None).await?;
    for client in &clients {
        for line in store.lines(&format!("client:{}", client.id)).await? {
            named(format!("client.{}.line", client.id), Some(&line.backend));
        }
    }
    for client in &clients {
        let path = format!("client.{}.policies", client.id);
        faults.extend(unknown_policies(store, &path, client.policies.iter()).await?);
    }
    Ok(faults)
}

fn fault(path: String, message: &impl ToString) -> Fault {
    Fault {
        path,
        message: message.to_string(),
    }
}
