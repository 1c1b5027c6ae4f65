//! Call admission under load, and across kill −9.

use super::wire::Wire;
use super::{Gate, form};
use callgate::clock::Clock;
use callgate::storage::calls::Call;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Barrier;

#[tokio::test]
async fn s2_of_64_calls_at_once_exactly_as_many_are_placed_as_the_limit_allows() {
    const CLIENTS: usize = 64;
    for (limit, rounds) in [(1, 70), (3, 70), (7, 60)] {
        let gate = Arc::new(Gate::start(&format!("[calls]\nlimit = {limit}\n")).await);
        let ann = gate.token("ann", &["calls.#"]).await;
        let start = Arc::new(Barrier::new(CLIENTS));
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            let mut wire = gate.wire().await;
            let (ann, start) = (ann.clone(), Arc::clone(&start));
            clients.push(tokio::spawn(async move {
                let mut placed = Vec::new();
                for _ in 0..rounds {
                    start.wait().await;
                    let call = place(&mut wire, &ann).await;
                    placed.push(call.is_some());
                    // Calls of this round end once all have been placed.
                    start.wait().await;
                    if let Some(call) = call {
                        stop(&mut wire, &ann, &call).await;
                    }
                }
                placed
            }));
        }
        let mut placed = vec![0; rounds];
        for client in clients {
            for (round, was_placed) in client.await.unwrap().into_iter().enumerate() {
                placed[round] += usize::from(was_placed);
            }
        }
        assert_eq!(placed, vec![limit; rounds], "limit {limit}");
    }
}

/// What a caller was told.
#[derive(Default)]
struct Told {
    placed: Vec<String>,
    ended: Vec<String>,
}

#[tokio::test]
async fn s8_kill_9_loses_no_call_that_was_acknowledged_and_keeps_every_limit() {
    const CALLERS: usize = 20;
    const LIMIT: usize = 3;
    let mut gate = Gate::start(&format!("[calls]\nlimit = {LIMIT}\n")).await;
    let placed = Arc::new(AtomicUsize::new(0));
    let mut tokens = Vec::new();
    for caller in 0..CALLERS {
        let name = format!("caller{caller}");
        gate.store
            .create_user(crate::harness::person(&name))
            .await
            .unwrap();
        tokens.push(gate.token(&name, &["calls.#"]).await);
    }

    let mut callers = Vec::new();
    for token in tokens.clone() {
        let wire = gate.wire().await;
        callers.push(tokio::spawn(call_until_killed(
            wire,
            token,
            Arc::clone(&placed),
        )));
    }
    let enough = || placed.load(Ordering::Relaxed) >= 1000;
    super::eventually(enough, || format!("{placed:?}")).await;
    gate.kill();
    let mut told = Vec::new();
    for caller in callers {
        told.push(caller.await.unwrap());
    }
    gate.restart().await;

    let calls = all_calls(&gate).await;
    for caller in &told {
        for call in &caller.placed {
            assert!(calls.contains_key(call), "{call} is lost");
        }
        for call in &caller.ended {
            let ended = calls.get(call).and_then(|call| call.ended_at);
            assert!(ended.is_some(), "{call} lives again");
        }
    }
    for caller in 0..CALLERS {
        let owner = format!("user:id-of-caller{caller}");
        let most = most_at_once(calls.values().filter(|call| call.owner == owner));
        assert!(most <= LIMIT, "{owner} had {most} calls at once");
    }
    // Limits are enforced at once, and slots that were taken can be given back.
    for (token, told) in tokens.iter().zip(&told) {
        let mut wire = gate.wire().await;
        for call in &told.placed {
            stop(&mut wire, token, call).await;
        }
    }
    let (mut live, now) = (0, Clock::system().now());
    for (caller, token) in tokens.iter().enumerate() {
        let owner = format!("user:id-of-caller{caller}");
        // Calls whose 201 was never heard.
        let held = gate.store.live_calls(&owner, now).await.unwrap().len();
        let mut wire = gate.wire().await;
        for _ in held..LIMIT {
            assert!(place(&mut wire, token).await.is_some(), "{owner}");
        }
        assert_eq!(place(&mut wire, token).await, None, "{owner}");
        live += held;
    }
    assert!(live <= CALLERS, "{live} calls were not acknowledged");
}

/// Places calls and ends every other, until the connection breaks.
async fn call_until_killed(mut wire: Wire, token: String, placed: Arc<AtomicUsize>) -> Told {
    let mut told = Told::default();
    loop {
        wire.send(&form(
            "POST",
            "/rest/call",
            &token,
            "number=%2B390501234567",
        ))
        .await;
        let answer = wire.answer().await;
        match answer.status() {
            201 => {
                placed.fetch_add(1, Ordering::Relaxed);
                told.placed.push(call_of(answer.header("location")));
            }
            409 => {}
            _ => return told,
        }
        let live = told.placed.len() - told.ended.len();
        if live < 3 {
            continue;
        }
        let call = told.placed[told.ended.len()].clone();
        let put = form("PUT", "/rest/call", &token, &format!("token_call={call}"));
        wire.send(&put).await;
        if wire.answer().await.status() != 200 {
            return told;
        }
        told.ended.push(call);
    }
}

/// The new call, or `None` when the limit was reached.
async fn place(wire: &mut Wire, token: &str) -> Option<String> {
    wire.send(&form("POST", "/rest/call", token, "number=%2B390501234567"))
        .await;
    let answer = wire.answer().await;
    match answer.status() {
        201 => Some(call_of(answer.header("location"))),
        409 => None,
        _ => panic!("{answer:?}"),
    }
}

async fn stop(wire: &mut Wire, token: &str, call: &str) {
    let put = form("PUT", "/rest/call", token, &format!("token_call={call}"));
    wire.send(&put).await;
    let answer = wire.answer().await;
    assert_eq!(answer.status(), 200, "{answer:?}");
}

fn call_of(location: &str) -> String {
    let (_, call) = location.split_once("token_call=").unwrap();
    call.to_owned()
}

async fn all_calls(gate: &Gate) -> BTreeMap<String, Call> {
    let calls: Vec<Call> = sqlx::query_as("SELECT * FROM calls")
        .fetch_all(gate.store.readers())
        .await
        .unwrap();
    calls
        .into_iter()
        .map(|call| (call.id.clone(), call))
        .collect()
}

/// The most calls that held a slot at one time. One that ends in the millisecond in which another begins made room.
fn most_at_once<'c>(calls: impl Iterator<Item = &'c Call>) -> usize {
    let mut events = Vec::new();
    for call in calls {
        events.push((call.reserved_at, 1));
        events.extend(call.ended_at.map(|at| (at, -1)));
    }
    events.sort_unstable();
    let (mut now, mut most) = (0_isize, 0);
    for (_, change) in events {
        now += change;
        most = most.max(now);
    }
    most.unsigned_abs()
}
