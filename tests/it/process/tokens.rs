//! Tokens across kill −9: none that was acknowledged is lost, none that was used comes back.

use super::wire::{Message, Wire};
use super::{Gate, eventually, form};
use crate::harness::CRM_SECRET;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use callgate::clock::Clock;
use callgate::storage::tokens::Token;
use callgate::token::Class;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a client was given, refresh by refresh.
struct Given {
    access: Vec<String>,
    refresh: Vec<String>,
}

#[tokio::test]
async fn o06_kill_9_amid_issuing_loses_no_token_that_was_acknowledged_and_revives_none() {
    const CLIENTS: usize = 10;
    let mut gate = Gate::start("").await;
    let issued = Arc::new(AtomicUsize::new(0));
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let (wire, first) = (gate.wire().await, first_token(&gate, number).await);
        let issued = Arc::clone(&issued);
        clients.push(tokio::spawn(refresh_until_killed(wire, first, issued)));
    }
    let enough = || issued.load(Ordering::Relaxed) >= 200;
    eventually(enough, || format!("{issued:?}")).await;
    gate.kill();
    let mut all = Vec::new();
    for client in clients {
        all.push(client.await.unwrap());
    }
    gate.restart().await;

    let sound = sqlx::query_scalar::<_, String>("PRAGMA integrity_check");
    assert_eq!(sound.fetch_one(gate.store.readers()).await.unwrap(), "ok");
    for given in all {
        let mut wire = gate.wire().await;
        for access in &given.access {
            wire.send(&form("GET", "/rest/call", access, "")).await;
            assert_eq!(wire.answer().await.status(), 204);
        }
        let [.., before, last] = given.refresh.as_slice() else {
            panic!("too few were issued");
        };
        // Whether or not its use was committed, the last one that was heard of goes on: within the grace.
        let next = refresh(&mut wire, last).await;
        assert_eq!(next.status(), 200, "{}", next.text());
        let reused = refresh(&mut wire, before).await;
        assert_eq!(reused.status(), 400, "{}", reused.text());
        assert_eq!(reused.json()["error"], "invalid_grant");
    }
}

async fn first_token(gate: &Gate, number: usize) -> String {
    let minted = gate.mint.mint(Class::Refresh);
    let now = Clock::system().now();
    let row = Token {
        hash: minted.hash.to_string(),
        id: format!("first-{number}"),
        class: "refresh".to_owned(),
        family_id: format!("family-{number}"),
        tenant_id: "acme".to_owned(),
        client_id: "crm".to_owned(),
        user_id: Some("id-of-ann".to_owned()),
        scope: "call".to_owned().into(),
        created_at: now,
        expires_at: now + 3_600_000,
        ..Token::default()
    };
    gate.store.create_tokens(vec![row]).await.unwrap();
    minted.token.expose().to_owned()
}

async fn refresh_until_killed(mut wire: Wire, first: String, issued: Arc<AtomicUsize>) -> Given {
    let mut given = Given {
        access: Vec::new(),
        refresh: vec![first],
    };
    while let Some(last) = given.refresh.last() {
        let answer = refresh(&mut wire, last).await;
        if answer.status() != 200 || !answer.whole {
            break;
        }
        issued.fetch_add(1, Ordering::Relaxed);
        let set = answer.json();
        let of = |name: &str| set[name].as_str().unwrap().to_owned();
        given.access.push(of("access_token"));
        given.refresh.push(of("refresh_token"));
    }
    given
}

async fn refresh(wire: &mut Wire, token: &str) -> Message {
    let body = format!("grant_type=refresh_token&refresh_token={token}");
    let client = STANDARD.encode(format!("crm:{CRM_SECRET}"));
    wire.send(&format!(
        "POST /oauth/token HTTP/1.1\r\nHost: gate.example\r\nAuthorization: Basic {client}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await;
    wire.answer().await
}
