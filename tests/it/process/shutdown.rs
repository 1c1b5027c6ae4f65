//! The end of a process, and its hand-over to another.

use super::upstream::Upstream;
use super::wire::Wire;
use super::{Gate, form, get};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[tokio::test]
async fn an_idle_process_ends_at_once() {
    for name in ["TERM", "INT"] {
        let mut gate = Gate::start("").await;
        // An idle connection is no reason to wait.
        let mut wire = gate.wire().await;
        wire.send(&get("/nowhere", "x")).await;
        wire.answer().await;
        let begun = Instant::now();
        gate.signal(name);
        assert_eq!(gate.end().await.code(), Some(0), "{name}");
        assert!(begun.elapsed() < Duration::from_millis(1500), "{name}");
    }
}

#[tokio::test]
async fn requests_under_way_come_to_their_end_and_new_connections_are_refused() {
    for name in ["TERM", "INT"] {
        let upstream = Upstream::start().await;
        let mut gate = Gate::with("grace = '3s'", &upstream.routes()).await;
        let ann = gate.token("ann", &["pbx.#"]).await;
        let mut wire = gate.wire().await;
        wire.send(&get("/pbx/wait", &ann)).await;
        upstream.hears(|heard| heard.len() == 1).await;

        gate.signal(name);
        let begun = Instant::now();
        while Wire::try_connect(gate.edge).await.is_ok() {
            assert!(begun.elapsed() < Duration::from_secs(2), "{name}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        upstream.go_on();
        let answer = wire.answer().await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "heard"));
        assert_eq!(gate.end().await.code(), Some(0), "{name}");
        let log = gate.logged(1).await;
        assert!(log.iter().any(|line| line["route"] == "pbx"), "{log:?}");
    }
}

#[tokio::test]
async fn a_successor_takes_over_without_refusing_a_connection() {
    let upstream = Upstream::start().await;
    let more = format!("[calls]\nlimit = 2\n{}", upstream.routes());
    let mut gate = Gate::with("grace = '1s'", &more).await;
    let ann = gate.token("ann", &["calls.#"]).await;
    let call = form("POST", "/rest/call", &ann, "number=%2B390501234567");
    assert_eq!(gate.ask(&call).await.status(), 201);
    let (stop, answered) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let placed = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (edge, list, call) = (gate.edge, get("/rest/call", &ann), call.clone());
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            let placed = Arc::clone(&placed);
            tokio::spawn(async move {
                let mut failed = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    match fresh(edge, &list).await {
                        Ok(200) => {
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        other => failed.push(other),
                    }
                    match fresh(edge, &call).await {
                        Ok(201) => {
                            placed.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(409) => {}
                        other => failed.push(other),
                    }
                }
                failed
            })
        })
        .collect();

    let mut successor = gate.successor();
    gate.signal("QUIT");
    assert_eq!(gate.end().await.code(), Some(0));
    let before = answered.load(Ordering::Relaxed);
    super::eventually(
        || answered.load(Ordering::Relaxed) > before + 100,
        || gate.stderr(),
    )
    .await;
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        assert_eq!(client.await.unwrap(), []);
    }
    assert!(before > 100, "{before}");

    // The limit held across both, and the calls that the first process admitted count at the second.
    assert_eq!(placed.load(Ordering::Relaxed), 1);
    assert_eq!(gate.ask(&call).await.status(), 409);
    successor.signal("TERM");
    assert_eq!(successor.end().await.code(), Some(0));
}

/// The status of the answer on a new connection.
async fn fresh(edge: std::net::SocketAddr, request: &str) -> Result<u16, String> {
    let wire = Wire::try_connect(edge).await;
    let mut wire = wire.map_err(|error| error.to_string())?;
    wire.send(request).await;
    Ok(wire.answer().await.status())
}
