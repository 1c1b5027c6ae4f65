//! What a proxied request costs, in CPU time of the proxy's process: bare Pingora, a public route, and a route with a
//! cached bearer among 10,000, to the same upstream, in alternating rounds. Only the ratios carry over.
//!
//! The proxies run on core 0, the upstream and the load (this process) on core 1.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark says what it saw, or where it stopped"
)]

mod bare;
#[path = "../common/mod.rs"]
mod common;
mod load;
mod process;
mod upstream;

use callgate::config::Config;
use process::Process;
use std::net::{SocketAddr, TcpListener};

const TOKENS: usize = 10_000;
const ROUNDS: usize = 9;

/// One contender: where it listens, whose CPU counts, and the requests it gets.
struct Contender {
    name: &'static str,
    address: SocketAddr,
    pid: u32,
    requests: Vec<Vec<u8>>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, listen, upstream, ..] = arguments.as_slice()
        && mode == "--bare"
    {
        return bare::serve(listen, upstream);
    }
    if arguments.iter().any(|argument| argument == "--list") {
        return;
    }
    process::pin_self("1");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run());
}

async fn run() {
    let upstream = upstream::start().await;
    let bare_address = free_address();
    let bare = Process::start(
        std::env::current_exe().unwrap(),
        &["--bare", &bare_address.to_string(), &upstream.to_string()],
    );
    let folder = tempfile::tempdir().unwrap();
    let (edge, operations) = (free_address(), free_address());
    let text = common::config_text(
        folder.path(),
        &format!(
            "server.listen = '{edge}'\nserver.threads = 1\noperations.listen = '{operations}'\nlog.access_file = '/dev/null'\n\
             [[upstream]]\nname = 'u'\npeers = ['{upstream}']\n\
             [[route]]\nname = 'public'\nprefix = '/public'\npublic = true\nupstream = 'u'\n\
             [[route]]\nname = 'pbx'\nprefix = '/pbx'\naccess = 'pbx.read'\nupstream = 'u'\n"
        ),
    );
    let path = folder.path().join("callgate.toml");
    std::fs::write(&path, &text).unwrap();
    let config = Config::parse(&text).unwrap();
    let (store, tokens) = common::seed(&config, TOKENS).await;
    drop(store);
    let callgate = Process::start(
        env!("CARGO_BIN_EXE_callgate").into(),
        &["--config", &path.display().to_string(), "serve"],
    );
    process::wait_for(bare_address).await;
    process::wait_for(edge).await;

    let contenders = [
        Contender {
            name: "bare Pingora",
            address: bare_address,
            pid: bare.pid(),
            requests: vec![load::get("/public/x", None)],
        },
        Contender {
            name: "public route",
            address: edge,
            pid: callgate.pid(),
            requests: vec![load::get("/public/x", None)],
        },
        Contender {
            name: "cached bearer, 10,000 tokens",
            address: edge,
            pid: callgate.pid(),
            requests: tokens
                .iter()
                .map(|token| load::get("/pbx/x", Some(token)))
                .collect(),
        },
    ];
    let mut seen: Vec<Vec<f64>> = contenders.iter().map(|_| Vec::new()).collect();
    // The first round warms caches and connections, and does not count.
    for round in 0..=ROUNDS {
        for (contender, seen) in contenders.iter().zip(&mut seen) {
            let micros = measure(contender).await;
            if round > 0 {
                seen.push(micros);
            }
        }
    }
    report(&contenders, &seen);
}

/// CPU microseconds of the contender's process a request.
async fn measure(contender: &Contender) -> f64 {
    let before = process::cpu_nanos(contender.pid);
    let requests = load::run(contender.address, &contender.requests).await;
    let after = process::cpu_nanos(contender.pid);
    #[expect(clippy::cast_precision_loss, reason = "a figure of three digits")]
    let micros = (after - before) as f64 / requests as f64 / 1000.0;
    micros
}

fn report(contenders: &[Contender], seen: &[Vec<f64>]) {
    println!("CPU microseconds a request: median (least to most) of {ROUNDS} rounds");
    for (contender, seen) in contenders.iter().zip(seen) {
        let (least, median, most) = spread(seen);
        println!(
            "  {:30} {median:6.2} ({least:.2} to {most:.2})",
            contender.name
        );
    }
    // Rounds alternate, so what disturbs one contender disturbs its neighbours: the ratio of a round says more than
    // that of the medians.
    if let [bare, public, bearer] = seen {
        tell("P1: bearer / public route", bearer, public, 1.05);
        tell("P2: bearer / bare Pingora", bearer, bare, 1.15);
    }
}

fn tell(what: &str, over: &[f64], under: &[f64], target: f64) {
    let ratios: Vec<f64> = over
        .iter()
        .zip(under)
        .map(|(over, under)| over / under)
        .collect();
    let (least, median, most) = spread(&ratios);
    println!("{what} = {median:.3} ({least:.3} to {most:.3}), target {target}");
}

/// The least, the median and the most.
fn spread(seen: &[f64]) -> (f64, f64, f64) {
    let mut seen = seen.to_vec();
    seen.sort_by(f64::total_cmp);
    let median = *seen.get(seen.len() / 2).unwrap();
    (*seen.first().unwrap(), median, *seen.last().unwrap())
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}
