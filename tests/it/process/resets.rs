//! Floods of HTTP/2 frames that cost the sender nothing: what they cost the gateway and those behind it is bounded.

use super::frames::{
    DATA, END_STREAM, Frames, PRIORITY, RST_STREAM, WINDOW_UPDATE, frame, headers, request,
};
use super::upstream::Upstream;
use super::{Gate, get};
use callgate::clock::Clock;
use std::fs;
use std::time::{Duration, Instant};

/// What makes a stream end before its answer.
#[derive(Debug, Clone, Copy)]
enum Break {
    /// The client says so (CVE-2023-44487).
    Reset,
    /// The server must, as the client broke a rule of the stream's (CVE-2025-8671).
    ZeroWindow,
    Overflow,
    DataAfterEnd,
    ShortPriority,
}

impl Break {
    fn frame(self, stream: u32) -> Vec<u8> {
        match self {
            Self::Reset => frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()),
            Self::ZeroWindow => frame(WINDOW_UPDATE, 0, stream, &0_u32.to_be_bytes()),
            Self::Overflow => frame(WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes()),
            Self::DataAfterEnd => frame(DATA, 0, stream, b"more"),
            Self::ShortPriority => frame(PRIORITY, 0, stream, &[0]),
        }
    }
}

const BREAKS: [Break; 5] = [
    Break::Reset,
    Break::ZeroWindow,
    Break::Overflow,
    Break::DataAfterEnd,
    Break::ShortPriority,
];

fn memory(gate: &Gate) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gate.process.0.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

/// Requests that the upstream is at work on are broken off, over and over.
#[tokio::test]
async fn at_08_work_that_nobody_waits_for_is_bounded_upstream() {
    const AT_A_TIME: usize = 25;
    let upstream = Upstream::start().await;
    let mut gate = Gate::start(&upstream.routes()).await;
    let bearer = format!("Bearer {}", gate.token("ann", &["#"]).await);
    let asking = request("GET", "/pbx/never", &[("authorization", &bearer)]);
    let mut other = Frames::connect(gate.edge).await;
    for kind in BREAKS {
        let before = upstream.heard().len();
        let mut flood = Frames::connect(gate.edge).await;
        for round in 1..=40 {
            let streams: Vec<_> = (0..AT_A_TIME).map(|_| flood.stream()).collect();
            for stream in &streams {
                flood.send(&headers(*stream, END_STREAM, &asking)).await;
            }
            let at_work = tokio::select! {
                () = upstream.hears(|heard| heard.len() >= before + round * AT_A_TIME) => true,
                _ = flood.closes() => false,
            };
            if !at_work {
                break;
            }
            for stream in streams {
                flood.send(&kind.frame(stream)).await;
            }
            // Everybody else is served.
            let answer = other.ask(&request("GET", "/nowhere", &[])).await;
            assert_eq!(answer.status(), 404, "{kind:?}");
        }
        assert!(flood.closes().await, "{kind:?}: it goes on");
        let heard = upstream.heard().len() - before;
        assert!(heard <= 200, "{kind:?}: {heard} requests came upstream");
    }
    // Nothing is left of them: with one under way, it would take the grace of five seconds.
    let begun = Instant::now();
    gate.signal("TERM");
    gate.end().await;
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
}

/// As many frames as a client can send without looking up.
#[tokio::test]
async fn at_08_a_flood_of_streams_ends_its_connection_and_leaves_no_memory() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let bearer = format!("Bearer {}", gate.token("ann", &["#"]).await);
    let asking = request("GET", "/pbx/a", &[("authorization", &bearer)]);
    let mut filled = 0;
    for round in 0..6 {
        for kind in BREAKS {
            let before = upstream.heard().len();
            let mut flood = Frames::connect(gate.edge).await;
            for _ in 0..20 {
                let mut bytes = Vec::new();
                for _ in 0..100 {
                    let stream = flood.stream();
                    bytes.extend(headers(stream, END_STREAM, &asking));
                    bytes.extend(kind.frame(stream));
                }
                flood.send(&bytes).await;
            }
            assert!(flood.closes().await, "{kind:?}: it goes on");
            let heard = upstream.heard().len() - before;
            assert!(heard <= 200, "{kind:?}: {heard} requests came upstream");
            assert_eq!(gate.ask(&get("/open/a", "x")).await.status(), 200);
        }
        match round {
            1 => filled = memory(&gate),
            5 => {
                let more = memory(&gate).saturating_sub(filled);
                assert!(more < 20_000, "{more} kB more after 40,000 more streams");
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn at_08_calls_that_are_broken_off_leak_no_lease() {
    const LIMIT: usize = 3;
    let mut gate = Gate::start(&format!("[calls]\nlimit = {LIMIT}\n")).await;
    let ann = gate.token("ann", &["calls.#"]).await;
    let bearer = format!("Bearer {ann}");
    let number = "number=%2B390501234567";
    let placing = request(
        "POST",
        "/rest/call",
        &[
            ("authorization", &bearer),
            ("content-type", "application/x-www-form-urlencoded"),
        ],
    );
    for kind in BREAKS {
        let mut flood = Frames::connect(gate.edge).await;
        for _ in 0..50 {
            let stream = flood.stream();
            let call = [
                headers(stream, 0, &placing),
                frame(DATA, END_STREAM, stream, number.as_bytes()),
            ];
            flood.send(&call.concat()).await;
            flood.send(&kind.frame(stream)).await;
        }
        flood.ask(&request("GET", "/nowhere", &[])).await;
    }
    // What was begun is done to its end, whoever waits for it (S5).
    gate.signal("TERM");
    gate.end().await;
    let log = gate.access_log();
    let asked = log
        .lines()
        .filter(|line| line.contains("/rest/call"))
        .count();
    assert!(asked > 10, "few requests came so far: {asked}");
    let now = Clock::system().now();
    let live = gate.store.live_calls("user:id-of-ann", now).await.unwrap();
    assert!(live.len() <= LIMIT, "{} calls are live", live.len());
    assert!(live.iter().all(|call| call.state() == "active"), "{live:?}");
    gate.restart().await;
    for call in &live {
        let end = format!("token_call={}", call.id);
        let ended = gate
            .ask(&super::form("PUT", "/rest/call", &ann, &end))
            .await;
        assert_eq!(ended.status(), 200, "{ended:?}");
    }
    for _ in 0..LIMIT {
        let placed = gate
            .ask(&super::form("POST", "/rest/call", &ann, number))
            .await;
        assert_eq!(placed.status(), 201, "{}", placed.text());
    }
    let more = gate
        .ask(&super::form("POST", "/rest/call", &ann, number))
        .await;
    assert_eq!(more.status(), 409, "{more:?}");
}

/// Who breaks off a request now and then, and waits for the others, may go on.
#[tokio::test]
async fn at_08_a_client_that_changes_its_mind_is_served() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let bearer = format!("Bearer {}", gate.token("ann", &["#"]).await);
    let mut client = Frames::connect(gate.edge).await;
    for round in 1..=150 {
        let stream = client.stream();
        let asking = request("GET", "/pbx/never", &[("authorization", &bearer)]);
        client.send(&headers(stream, END_STREAM, &asking)).await;
        upstream.hears(|heard| heard.len() >= 2 * round - 1).await;
        client.send(&Break::Reset.frame(stream)).await;
        let answer = client
            .ask(&request("GET", "/pbx/a", &[("authorization", &bearer)]))
            .await;
        assert_eq!(answer.status(), 200, "round {round}");
    }
}
