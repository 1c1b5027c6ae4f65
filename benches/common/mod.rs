//! A store with people and tokens in it, for the benchmarks.

use callgate::clock::Clock;
use callgate::config::Config;
use callgate::metrics::Metrics;
use callgate::storage::Store;
use callgate::storage::clients::Client;
use callgate::storage::policies::Accesses;
use callgate::storage::tenants::Tenant;
use callgate::storage::tokens::Token;
use callgate::storage::users::User;
use callgate::token::{Class, Mint};
use futures_util::future::join_all;
use std::path::Path;

/// A configuration whose store is in `folder`, with `more` TOML.
pub(crate) fn config_text(folder: &Path, more: &str) -> String {
    format!(
        "operations.token = 'the-operator'\ntokens.key = '0123456789abcdef0123456789abcdef'\n\
         store.url = 'sqlite:{}'\nserver.upgrade_socket = '{}'\n{more}",
        folder.join("callgate.db").display(),
        folder.join("upgrade.sock").display(),
    )
}

/// Makes the store, with a token for each of `users` users.
pub(crate) async fn seed(config: &Config, users: usize) -> (Store, Vec<String>) {
    let now = Clock::system().now();
    let store = Store::migrate(&config.store, &Metrics::new())
        .await
        .unwrap();
    let mint = Mint::new(&config.tokens.key).unwrap();
    store.create_tenant(tenant(now)).await.unwrap();
    store.create_client(client(now)).await.unwrap();
    let mut tokens = Vec::with_capacity(users);
    let numbers: Vec<_> = (0..users).collect();
    // Written side by side, they share commits.
    for numbers in numbers.chunks(256) {
        let people = numbers
            .iter()
            .map(|number| person(&store, &mint, *number, now));
        tokens.extend(join_all(people).await);
    }
    (store, tokens)
}

/// A user and a token of theirs.
async fn person(store: &Store, mint: &Mint, number: usize, now: i64) -> String {
    store.create_user(user(number, now)).await.unwrap();
    let minted = mint.mint(Class::Access);
    let token = token(number, minted.hash.to_string(), now);
    store.create_tokens(vec![token]).await.unwrap();
    minted.token.expose().to_owned()
}

fn tenant(now: i64) -> Tenant {
    Tenant {
        id: "acme".to_owned(),
        name: "Acme".to_owned(),
        region: "IT".to_owned(),
        call_limit: None,
        backend: None,
        created_at: now,
        time_zone: None,
        disabled_at: None,
    }
}

fn user(number: usize, now: i64) -> User {
    User {
        id: format!("00000000-0000-4000-8000-{number:012}"),
        tenant_id: "acme".to_owned(),
        username: format!("user{number}"),
        display_name: String::new(),
        password_hash: None,
        call_limit: None,
        backend: None,
        created_at: now,
        disabled_at: None,
    }
}

fn client(now: i64) -> Client {
    Client {
        id: "crm".to_owned(),
        tenant_id: "acme".to_owned(),
        name: "CRM".to_owned(),
        created_at: now,
        ..Client::default()
    }
}

pub(crate) fn token(number: usize, hash: String, now: i64) -> Token {
    Token {
        hash,
        id: uuid::Uuid::new_v4().to_string(),
        class: "access".to_owned(),
        family_id: uuid::Uuid::new_v4().to_string(),
        tenant_id: "acme".to_owned(),
        client_id: "crm".to_owned(),
        user_id: Some(format!("00000000-0000-4000-8000-{number:012}")),
        scope: "call".to_owned().into(),
        accesses: Accesses(
            ["calls.#", "pbx.#", "auth.users.me.#"]
                .map(str::to_owned)
                .to_vec(),
        ),
        created_at: now,
        expires_at: now + 12 * 3_600_000,
        ..Token::default()
    }
}
