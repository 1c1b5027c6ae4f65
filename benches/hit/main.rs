//! What a known token costs: the decision about a request whose token is in the cache, beside that of a public route.
//!
//! `cargo bench --bench hit` tells times. Instructions, which are steady where times are not, are counted by callgrind, one
//! contender at a time: `make bench-hit` does both.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark says what it saw, or where it stopped"
)]

mod scene;

use callgate::clock::Clock;
use callgate::gateway::Gateway;
use http::request::Parts;
use scene::{Contender, Scene};
use std::hint::black_box;
use tokio::runtime::Runtime;

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TOKENS: usize = 10_000;
const ROUNDS: usize = 15;
const REQUESTS: usize = 200_000;
/// How many requests callgrind counts, and of how many tokens.
const COUNTED: usize = 10_000;
const COUNTED_TOKENS: usize = 1000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == "--list") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let counted = arguments.iter().position(|argument| argument == "--count");
    let users = counted.map_or(TOKENS, |_| COUNTED_TOKENS);
    let scene = runtime.block_on(Scene::set(folder.path(), users));
    let gateway = &scene.version.edge.gateway;
    if let Some(at) = counted {
        let name = arguments.get(at + 1).unwrap();
        // Once over, so that what is done the first time alone is not counted.
        decide(gateway, scene.heads(name), COUNTED);
        return decide_counted(gateway, scene.heads(name));
    }
    for Contender { name, heads } in &scene.contenders {
        let mut seen: Vec<_> = (0..ROUNDS).map(|_| measure(gateway, heads)).collect();
        seen.sort_by(f64::total_cmp);
        let (least, most) = (seen.first().unwrap(), seen.last().unwrap());
        let median = seen.get(ROUNDS / 2).unwrap();
        println!("{name:20} {median:7.1} ns ({least:.1} to {most:.1})");
    }
}

/// Nanoseconds of CPU time a decision.
fn measure(gateway: &Gateway, heads: &[Parts]) -> f64 {
    let before = cpu_nanos();
    decide(gateway, heads, REQUESTS);
    #[expect(clippy::cast_precision_loss, reason = "a figure of few digits")]
    let each = (cpu_nanos() - before) as f64 / REQUESTS as f64;
    each
}

/// The CPU time that this thread has had: what others do on the machine counts less than by the clock.
fn cpu_nanos() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

fn decide(gateway: &Gateway, heads: &[Parts], requests: usize) {
    let now = Clock::system().now();
    for head in heads.iter().cycle().take(requests) {
        let decision = scene::decide(gateway, head, now);
        assert!(black_box(decision).verdict.is_ok());
    }
}

/// Has a name of its own, by which callgrind knows where to count.
#[inline(never)]
fn decide_counted(gateway: &Gateway, heads: &[Parts]) {
    decide(gateway, heads, COUNTED);
}
