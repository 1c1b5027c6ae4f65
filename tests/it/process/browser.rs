//! A person with a real browser, Debian's Chromium, goes through the pages over TLS (tests/clients/pages).

use super::Gate;
use super::clients::{installed, origin, over_tls, root, succeeds};
use crate::harness;
use callgate::storage::clients::Client;
use callgate::storage::tenants::Tenant;
use callgate::storage::users::User;
use std::path::Path;

/// A name, as there are no passkeys for an address (`WebAuthn` §5.1.2).
const HOST: &str = "localhost";
const SETTINGS: &str = "[oauth]\nsecond_factor_of = { strict = 'required' }";

/// Login, consent, denial, back button, double click, two tabs, expired session, device, account, second factor, keyboard, no
/// scripts, three languages, 320 pixels; and pictures of all pages, light and dark, for phone and desktop.
#[tokio::test]
async fn b18_c04_a_person_goes_through_all_pages_with_chromium() {
    for program in ["/usr/bin/chromium", "/usr/bin/chromedriver"] {
        assert!(
            Path::new(program).exists(),
            "{program} is missing: `scripts/setup browser` says how to install it"
        );
    }
    let gate = over_tls(HOST, SETTINGS).await;
    seed(&gate).await;
    let mut python = installed("clients-venv/bin/python");
    python
        .args(["-m", "pages"])
        .current_dir(root().join("tests/clients"))
        .env("CALLGATE_ORIGIN", origin(&gate, HOST))
        .env("CALLGATE_STORE", gate.path("callgate.db"))
        .env("CLIENT_ID", "desk")
        .env("REDIRECT_URI", REDIRECT_URI)
        .env("SCREENSHOTS", root().join("target/screenshots"));
    succeeds(&gate, &mut python);
}

/// Of a program on the person's machine, whose port is free.
const REDIRECT_URI: &str = "http://127.0.0.1/cb";

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Two applications of `acme`; and a tenant with two users, where a password is not enough.
async fn seed(gate: &Gate) {
    let strict = Tenant {
        id: "strict".to_owned(),
        name: "Strict & Sons".to_owned(),
        region: "IT".to_owned(),
        call_limit: None,
        backend: None,
        created_at: harness::NOW,
        time_zone: None,
        disabled_at: None,
    };
    gate.store.create_tenant(strict).await.unwrap();
    for name in ["fay", "gus"] {
        let user = User {
            tenant_id: "strict".to_owned(),
            ..harness::person(name)
        };
        gate.store.create_user(user).await.unwrap();
    }
    for (id, name, tenant) in [
        ("desk", "Acme Desk", "acme"),
        ("office", "Acme Office", "acme"),
        ("strict", "Strict Desk", "strict"),
    ] {
        let client = Client {
            id: id.to_owned(),
            name: name.to_owned(),
            tenant_id: tenant.to_owned(),
            secret_hash: None,
            redirect_uris: REDIRECT_URI.to_owned().into(),
            grant_types: format!("authorization_code refresh_token {DEVICE_CODE}").into(),
            ..harness::crm()
        };
        gate.store.create_client(client).await.unwrap();
    }
}
