//! Floods of tokens that open nothing, over sockets: they cost the store nothing or one look each, the process no
//! memory, and no good token its place in the cache.

use super::person::at_once;
use super::{Gate, get};
use crate::harness::{issue, user};
use callgate::clock::Clock;
use callgate::token::Class;
use futures_util::future::join_all;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

const CONNECTIONS: usize = 16;
const GOOD: usize = 100;
/// One request in so many brings a good token.
const EVERY: usize = 50;
/// What memory may grow by, in KiB: allocators keep what they once had.
const SLACK: u64 = 8 * 1024;

/// Room for fewer tokens than a flood brings, and good ones that stay for its whole time.
const CACHE: &str = "[cache]\ncapacity = 1000\nnegative_capacity = 1000\nlifetime = '1h'\n";

/// What the operations listener says of the cache and the store.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    hits: u64,
    misses: u64,
    negatives: u64,
    looks: u64,
}

impl Seen {
    async fn at(gate: &Gate) -> Self {
        let text = gate.operate("GET", "/metrics").await.text();
        let count = |line: &str| {
            let found = text.lines().find_map(|found| found.strip_prefix(line));
            found.map_or(0, |count| count.trim().parse().unwrap())
        };
        let lookups = |result| {
            count(&format!(
                "callgate_token_cache_lookups_total{{result=\"{result}\"}}"
            ))
        };
        Self {
            hits: lookups("hit"),
            misses: lookups("miss"),
            negatives: lookups("negative"),
            looks: count("callgate_store_duration_seconds_count{operation=\"token_facts\"}"),
        }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            hits: self.hits - before.hits,
            misses: self.misses - before.misses,
            negatives: self.negatives - before.negatives,
            looks: self.looks - before.looks,
        }
    }
}

/// Resident memory of the program, in KiB.
fn memory(gate: &Gate) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gate.process.0.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse().unwrap()
}

/// Sends a flood with good tokens in between: all of it is refused, all of those are let in.
async fn flood(gate: &Gate, good: &[String], count: usize, bad: impl Fn(usize) -> String) {
    let next = AtomicUsize::new(0);
    let connection = async || {
        let mut wire = gate.wire().await;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let (token, expected) = if number.is_multiple_of(EVERY) {
                (good[number / EVERY % good.len()].clone(), 204)
            } else {
                (bad(number), 401)
            };
            wire.send(&get("/rest/call", &token)).await;
            let answer = wire.answer().await;
            assert_eq!(answer.status(), expected, "{}", answer.text());
        }
    };
    join_all((0..CONNECTIONS).map(|_| connection())).await;
}

async fn good(gate: &Gate) -> Vec<String> {
    join_all((0..GOOD).map(|_| gate.token("ann", &["calls.#"]))).await
}

/// A token like ours, but for its tag.
fn forged(number: usize) -> String {
    format!("cg_at_{number:043}")
}

/// What a flood of tokens that are not ours costs.
async fn a_flood_of_forged_tokens(count: usize) {
    let gate = Gate::start(CACHE).await;
    let good = good(&gate).await;
    flood(&gate, &good, GOOD * EVERY, forged).await;
    let (before, memory_before) = (Seen::at(&gate).await, memory(&gate));
    assert_eq!(before.looks, GOOD as u64);
    flood(&gate, &good, count, forged).await;
    let cost = Seen::at(&gate).await.since(&before);
    let expected = Seen {
        hits: count.div_ceil(EVERY) as u64,
        misses: 0,
        negatives: 0,
        looks: 0,
    };
    assert_eq!(cost, expected);
    let grown = memory(&gate).saturating_sub(memory_before);
    assert!(grown < SLACK, "memory grew by {grown} KiB");
}

/// What a flood of tokens costs that bear our tag, which nobody can make who has not the key, but that the store does
/// not know.
async fn a_flood_of_unknown_tokens(count: usize) {
    let gate = Gate::start(CACHE).await;
    let good = good(&gate).await;
    let unknown = |_| {
        let minted = gate.mint.mint(Class::Access);
        minted.token.expose().to_owned()
    };
    flood(&gate, &good, GOOD * EVERY, unknown).await;
    let (before, memory_before) = (Seen::at(&gate).await, memory(&gate));
    flood(&gate, &good, count, unknown).await;
    let cost = Seen::at(&gate).await.since(&before);
    let (hits, misses) = (count.div_ceil(EVERY), count - count.div_ceil(EVERY));
    let expected = Seen {
        hits: hits as u64,
        misses: misses as u64,
        negatives: 0,
        looks: misses as u64,
    };
    assert_eq!(cost, expected);
    let grown = memory(&gate).saturating_sub(memory_before);
    assert!(grown < SLACK, "memory grew by {grown} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_tokens_that_are_not_ours_cost_no_look_no_memory_and_no_good_token() {
    a_flood_of_forged_tokens(100_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tens_of_thousands_of_unknown_tokens_cost_a_look_each_no_memory_and_no_good_token() {
    a_flood_of_unknown_tokens(30_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: `make floods`"]
async fn a_million_tokens_that_are_not_ours_cost_no_look_no_memory_and_no_good_token() {
    a_flood_of_forged_tokens(1_000_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: `make floods`"]
async fn a_million_unknown_tokens_cost_a_look_each_no_memory_and_no_good_token() {
    a_flood_of_unknown_tokens(1_000_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_512_clients_with_one_token_one_looks_into_the_store_whatever_it_finds() {
    let gate = Gate::start("").await;
    let good = gate.token("ann", &["calls.#"]).await;
    let (hours_ago, ann) = (Clock::system().now() - 7_200_000, user("ann"));
    let expired = issue(&gate.store, &gate.mint, hours_ago, "crm", ann, &["calls.#"]).await;
    let expired = expired.expose().to_owned();
    let unknown = gate.mint.mint(Class::Access).token.expose().to_owned();
    for (token, status) in [(good, 204), (expired, 401), (unknown, 401)] {
        let before = Seen::at(&gate).await;
        let answers = at_once(&gate, vec![get("/rest/call", &token); 512]).await;
        assert!(answers.iter().all(|answer| answer.status == status));
        assert_eq!(Seen::at(&gate).await.since(&before).looks, 1, "{status}");
    }
}
