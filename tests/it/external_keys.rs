//! The keys of a provider: rows M04 to M06, for us as its client.

use crate::harness::TestGateway;
use crate::idp::Idp;
use callgate::auth::jwks::{Jwks, KeyError};
use callgate::http::client::{Client, LARGEST, Settings};
use callgate::http::remote::Fetching;
use callgate::token::jws::Algorithm;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// Keys of a provider, and a gateway whose clock they go by.
async fn keys() -> (TestGateway, Idp, Arc<Jwks>) {
    let (gateway, idp) = (TestGateway::start().await, Idp::start().await);
    let settings = Settings {
        timeout: Duration::from_secs(2),
        ..Settings::default()
    };
    let fetching = Fetching {
        client: Client::new(&settings).unwrap(),
        clock: gateway.clock.clone(),
        runtime: Handle::current(),
    };
    let keys = Jwks::new(format!("{}/keys", idp.issuer()), fetching);
    (gateway, idp, Arc::new(keys))
}

async fn find(keys: &Jwks, kid: &str) -> Result<(), KeyError> {
    keys.key(Some(kid), Algorithm::Es256).await.map(drop)
}

#[tokio::test]
async fn m04_unknown_names_make_one_fetch_in_a_while() {
    let (gateway, idp, keys) = keys().await;
    assert_eq!(find(&keys, "key-1").await, Ok(()));
    gateway.advance(Duration::from_secs(11)).await;
    let asking = (0..1000).map(|number| {
        let keys = Arc::clone(&keys);
        tokio::spawn(async move { find(&keys, &format!("invented-{number}")).await })
    });
    for task in asking.collect::<Vec<_>>() {
        assert_eq!(task.await.unwrap(), Err(KeyError::Unknown));
    }
    assert_eq!(idp.times("/keys"), 2);
    assert_eq!(find(&keys, "key-1").await, Ok(()));
    assert_eq!(idp.times("/keys"), 2);
}

#[tokio::test]
async fn m05_a_new_key_is_found_by_one_fetch() {
    let (gateway, idp, keys) = keys().await;
    assert_eq!(find(&keys, "key-1").await, Ok(()));
    idp.rotate_keys();
    gateway.advance(Duration::from_secs(11)).await;
    assert_eq!(find(&keys, "key-2").await, Ok(()));
    assert_eq!(idp.times("/keys"), 2);
}

#[tokio::test]
async fn m06_the_last_good_keys_live_on_for_a_day() {
    let (gateway, idp, keys) = keys().await;
    assert_eq!(find(&keys, "key-1").await, Ok(()));
    let endless = format!("{{\"keys\":[],\"x\":\"{}\"}}", "a".repeat(LARGEST));
    for (status, body) in [
        (500, ""),
        (302, ""),
        (200, "no JSON"),
        (200, endless.as_str()),
    ] {
        idp.quirks(|quirks| quirks.keys_answer = Some((status, body.to_owned())));
        gateway.advance(Duration::from_hours(5)).await;
        assert_eq!(find(&keys, "key-1").await, Ok(()), "{status}");
        assert_eq!(
            find(&keys, "other").await,
            Err(KeyError::Unknown),
            "{status}"
        );
    }
    gateway.advance(Duration::from_hours(4)).await;
    assert_eq!(find(&keys, "key-1").await, Err(KeyError::Unavailable));
    idp.quirks(|quirks| quirks.keys_answer = None);
    gateway.advance(Duration::from_secs(11)).await;
    assert_eq!(find(&keys, "key-1").await, Ok(()));
}

#[tokio::test]
async fn m06_without_keys_nobody_is_told_that_a_signature_is_wrong() {
    let (_gateway, idp, keys) = keys().await;
    idp.quirks(|quirks| quirks.keys_answer = Some((500, String::new())));
    for _ in 0..20 {
        assert_eq!(find(&keys, "key-1").await, Err(KeyError::Unavailable));
    }
    assert_eq!(idp.times("/keys"), 1);
}
