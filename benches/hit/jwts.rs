//! JWTs for the benchmark: of ours, and of an issuer whose keys it publishes.

use super::common;
use callgate::app::Services;
use callgate::storage::policies::{Accesses, Policy};
use callgate::token::TokenHash;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const ISSUER: &str = "https://idp.example";
const OURS: &str = "https://calls.example";
const TOKENS: usize = 100;

/// Where the issuer publishes its keys.
pub(crate) struct Keys {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
}

pub(crate) async fn keys() -> Keys {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    Keys { address, listener }
}

/// The configuration of the issuer.
pub(crate) fn issuer(keys: SocketAddr) -> String {
    format!(
        "[[issuer]]\nname = 'idp'\nkind = 'jwt'\ntenant = 'acme'\nissuer = '{ISSUER}'\njwks_uri = 'http://{keys}/'\n\
         audience = ['callgate']\nlifetime = '1h'\n[issuer.principal]\npolicies = ['call']\n"
    )
}

impl Keys {
    /// It signs with the key that we sign with.
    pub(crate) async fn publish(self, services: &Services) {
        let policy = Policy {
            name: "call".to_owned(),
            description: String::new(),
            accesses: Accesses(vec!["calls.#".to_owned(), "pbx.#".to_owned()]),
            created_at: 0,
        };
        services.store.put_policy(policy).await.unwrap();
        services.keys.signer().await.unwrap();
        let keys = json!({ "keys": services.keys.published().await.unwrap() }).to_string();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{keys}",
            keys.len()
        );
        tokio::task::spawn(async move {
            while let Ok((mut stream, _)) = self.listener.accept().await {
                let mut request = [0; 4096];
                assert!(stream.read(&mut request).await.unwrap() > 0);
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
    }
}

/// Ours, each with its row, and the other issuer's.
pub(crate) async fn tokens(services: &Services) -> (Vec<String>, Vec<String>) {
    let (key, now) = (services.keys.signer().await.unwrap(), services.clock.now());
    let claims = |issuer: &str, audience: &str, number: usize| -> Value {
        json!({
            "iss": issuer, "sub": format!("user:00000000-0000-4000-8000-{number:012}"), "aud": audience,
            "exp": now / 1000 + 3600, "iat": now / 1000, "jti": format!("{number}"), "client_id": "crm", "scope": "call",
        })
    };
    let signed = |issuer: &str, audience: &str| -> Vec<String> {
        let tokens = (0..TOKENS).map(|number| key.token(&claims(issuer, audience, number)));
        tokens.map(Result::unwrap).collect()
    };
    let own = signed(OURS, OURS);
    let rows = own.iter().enumerate().map(|(number, token)| {
        let hash = TokenHash::of(token).to_string();
        common::token(number, hash, now)
    });
    services.store.create_tokens(rows.collect()).await.unwrap();
    (own, signed(ISSUER, "callgate"))
}
