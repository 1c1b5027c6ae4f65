//! A gateway to send requests to, on a store of its own, without a socket.

use bytes::Bytes;
use callgate::app::{Services, Version};
use callgate::clock::Clock;
use callgate::config::Config;
use callgate::http::{Request, Response};
use callgate::metrics::Metrics;
use callgate::operations::Reloads;
use callgate::secret::Secret;
use callgate::storage::Store;
use callgate::storage::clients::Client;
use callgate::storage::policies::{Accesses, Policy};
use callgate::storage::tenants::Tenant;
use callgate::storage::tokens::Token;
use callgate::storage::users::User;
use callgate::token::{Class, Mint, Subject};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Handle;

/// 2026-11-22T02:39:33Z
pub(crate) const NOW: i64 = 1_795_315_173_000;
pub(crate) const OPERATOR: &str = "operator-token-of-the-tests";
pub(crate) const ORIGIN: &str = "https://calls.example";

pub(crate) struct TestGateway {
    pub(crate) services: Services,
    pub(crate) version: Version,
    pub(crate) clock: Clock,
    _folder: TempDir,
}

/// An answer with its whole body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}

impl TestGateway {
    /// A gateway with tenant `acme` (Italy), users `ann` and `bob` with the password `correct horse`, the
    /// confidential client `crm`, and policies `call` and `pbx`.
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    /// As [`TestGateway::start`], with `more` TOML in the configuration.
    pub(crate) async fn with(more: &str) -> Self {
        Self::at(ORIGIN, more).await
    }

    /// As [`TestGateway::with`], at another public origin.
    pub(crate) async fn at(origin: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("callgate.db");
        let config = format!(
            "operations.token = '{OPERATOR}'\ntokens.key = '0123456789abcdef0123456789abcdef'\n\
             server.public_origin = '{origin}'\nstore.url = 'sqlite:{}'\n{more}",
            database.display()
        );
        let config = Config::parse(&config).unwrap();
        assert_eq!(config.faults(), []);
        let (clock, metrics) = (Clock::manual(NOW), Metrics::new());
        let store = Store::migrate(&config.store, &metrics).await.unwrap();
        seed(&store).await;
        let services = Services::with(
            store,
            &config,
            clock.clone(),
            Reloads::channel().0,
            Handle::current(),
        )
        .await
        .unwrap();
        let version = services.version(config).await.unwrap();
        Self {
            services,
            version,
            clock,
            _folder: folder,
        }
    }

    /// Another gateway on the same store, with nothing else in common but the time.
    pub(crate) async fn beside(&self) -> Self {
        let (reloads, config) = (Reloads::channel().0, self.version.config.clone());
        let (store, clock) = (self.services.store.clone(), self.clock.clone());
        let services = Services::with(store, &config, clock.clone(), reloads, Handle::current());
        let services = services.await.unwrap();
        Self {
            version: services.version(config).await.unwrap(),
            services,
            clock,
            _folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Sends a request to the public listener's gateway.
    pub(crate) async fn edge(&self, request: Request) -> Answer {
        whole(self.version.edge.gateway.handle(request).await).await
    }

    /// Sends a request to the operations listener's gateway.
    pub(crate) async fn operations(&self, request: Request) -> Answer {
        whole(self.version.operations.gateway.handle(request).await).await
    }

    /// An access token of a user or client of `acme` through `crm`, with these accesses, good for an hour.
    pub(crate) async fn token(&self, subject: Subject, accesses: &[&str]) -> Secret {
        let (store, mint) = (&self.services.store, &self.services.mint);
        issue(store, mint, self.clock.now(), "crm", subject, accesses).await
    }

    /// A token of the user `ann` for everything about calls.
    pub(crate) async fn ann(&self) -> Secret {
        self.token(user("ann"), &["calls.#"]).await
    }

    /// Lets time pass, as far as the gateway can tell.
    pub(crate) async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.services.follower.catch_up().await.unwrap();
        self.version.calls.sweep().await.unwrap();
    }
}

/// Puts a new access token of `acme` into the store, good for an hour.
pub(crate) async fn issue(
    store: &Store,
    mint: &Mint,
    now: i64,
    client: &str,
    subject: Subject,
    accesses: &[&str],
) -> Secret {
    let minted = mint.mint(Class::Access);
    let user_id = match &subject {
        Subject::User(id) => Some(id.clone()),
        _ => None,
    };
    let token = Token {
        hash: minted.hash.to_string(),
        id: uuid::Uuid::new_v4().to_string(),
        class: "access".to_owned(),
        family_id: uuid::Uuid::new_v4().to_string(),
        tenant_id: "acme".to_owned(),
        client_id: client.to_owned(),
        user_id,
        scope: "call".to_owned().into(),
        accesses: Accesses(accesses.iter().map(ToString::to_string).collect()),
        created_at: now,
        expires_at: now + 3_600_000,
        ..Token::default()
    };
    store.create_tokens(vec![token]).await.unwrap();
    minted.token
}

/// The user of this name, whose id is `id-of-NAME`.
pub(crate) fn user(name: &str) -> Subject {
    Subject::User(format!("id-of-{name}"))
}

/// A request with a bearer token and a form in its body.
pub(crate) fn form(method: Method, path: &str, token: &Secret, body: &str) -> Request {
    http::Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {}", token.expose()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}

/// A GET with a bearer token.
pub(crate) fn get(path: &str, token: &Secret) -> Request {
    http::Request::get(path)
        .header("authorization", format!("Bearer {}", token.expose()))
        .body(Bytes::new())
        .unwrap()
}

async fn whole(response: Response) -> Answer {
    let (head, body) = response.into_parts();
    Answer {
        status: head.status,
        headers: head.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

pub(crate) async fn seed(store: &Store) {
    let tenant = Tenant {
        id: "acme".to_owned(),
        name: "Acme".to_owned(),
        region: "IT".to_owned(),
        call_limit: None,
        backend: None,
        created_at: NOW,
        time_zone: None,
        disabled_at: None,
    };
    store.create_tenant(tenant).await.unwrap();
    for name in ["ann", "bob"] {
        store.create_user(person(name)).await.unwrap();
    }
    for (name, accesses) in [("call", "calls.#"), ("pbx", "pbx.#")] {
        let policy = Policy {
            name: name.to_owned(),
            description: format!("Use {name}."),
            accesses: Accesses(vec![accesses.to_owned()]),
            created_at: NOW,
        };
        store.put_policy(policy).await.unwrap();
    }
    store.create_client(crm()).await.unwrap();
}

pub(crate) fn person(name: &str) -> User {
    User {
        id: format!("id-of-{name}"),
        tenant_id: "acme".to_owned(),
        username: name.to_owned(),
        display_name: name.to_owned(),
        // `correct horse`, hashed cheaply so that tests are quick.
        password_hash: Some(PASSWORD_HASH.to_owned()),
        call_limit: None,
        backend: None,
        created_at: NOW,
        disabled_at: None,
    }
}

pub(crate) const PASSWORD: &str = "correct horse";
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$rN4sEXnhKfBzEahwQsujzQ$HFcsMGGzoMJykiQUwbusKLUCTFgciMbGc58vqsAm84U";

/// The secret of the client `crm`.
pub(crate) const CRM_SECRET: &str = "cg_cs_secret-of-the-crm";

pub(crate) fn crm() -> Client {
    Client {
        id: "crm".to_owned(),
        tenant_id: "acme".to_owned(),
        name: "Acme CRM".to_owned(),
        secret_hash: Some(callgate::token::TokenHash::of(CRM_SECRET).to_string()),
        redirect_uris: "https://crm.example/cb".to_owned().into(),
        grant_types: "authorization_code client_credentials refresh_token"
            .to_owned()
            .into(),
        policies: "call pbx".to_owned().into(),
        created_at: NOW,
        ..Client::default()
    }
}
