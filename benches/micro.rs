//! What the parts of a request cost: authenticate (hit, miss), the access language, the whole request.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on should say where it stopped"
)]

mod common;

use bytes::Bytes;
use callgate::access::{Accesses, Holder};
use callgate::app::{Services, Version};
use callgate::clock::Clock;
use callgate::config::Config;
use callgate::operations::Reloads;
use callgate::token::TokenHash;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use serde_json::json;
use std::hint::black_box;
use tokio::runtime::Runtime;

const TOKENS: usize = 10_000;

struct Bench {
    services: Services,
    version: Version,
    tokens: Vec<String>,
    runtime: Runtime,
    _folder: tempfile::TempDir,
}

fn bench() -> Bench {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = Config::parse(&common::config_text(folder.path(), "")).unwrap();
    let (services, version, tokens) = runtime.block_on(async {
        let (store, tokens) = common::seed(&config, TOKENS).await;
        let handle = tokio::runtime::Handle::current();
        let services = Services::with(
            store,
            &config,
            Clock::system(),
            Reloads::channel().0,
            handle,
        )
        .await
        .unwrap();
        let version = services.version(config).await.unwrap();
        (services, version, tokens)
    });
    Bench {
        services,
        version,
        tokens,
        runtime,
        _folder: folder,
    }
}

fn request(token: &str) -> http::Request<Bytes> {
    http::Request::get("/rest/call")
        .header("host", "calls.example")
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "application/json")
        .body(Bytes::new())
        .unwrap()
}

fn authenticate(c: &mut Criterion) {
    let bench = bench();
    let heads: Vec<_> = bench
        .tokens
        .iter()
        .map(|token| request(token).into_parts().0)
        .collect();
    let gateway = &bench.version.edge.gateway;
    bench.runtime.block_on(async {
        for head in &heads {
            assert!(gateway.decide(head).await.verdict.is_ok());
        }
    });
    let mut next = heads.iter().cycle();
    c.bench_function("decide, cached, 10,000 tokens", |b| {
        b.iter(|| bench.runtime.block_on(gateway.decide(next.next().unwrap())));
    });
    let one = heads.first().unwrap();
    c.bench_function("decide, cached, one token", |b| {
        b.iter(|| bench.runtime.block_on(gateway.decide(one)));
    });
    let forged = request("cg_at_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
        .into_parts()
        .0;
    c.bench_function("decide, forged token", |b| {
        b.iter(|| bench.runtime.block_on(gateway.decide(&forged)));
    });
    let hashes: Vec<_> = bench
        .tokens
        .iter()
        .map(|token| TokenHash::of(token).to_string())
        .collect();
    let mut missed = heads.iter().zip(hashes).cycle();
    c.bench_function("decide, not cached", |b| {
        b.iter_batched(
            || {
                let (head, hash) = missed.next().unwrap();
                bench.services.cache.remove(&hash);
                head
            },
            |head| bench.runtime.block_on(gateway.decide(head)),
            BatchSize::PerIteration,
        );
    });
}

/// A JWT of a tenth of the people, each with its row.
async fn jwts(services: &Services) -> Vec<String> {
    let key = services.keys.signer().await.unwrap();
    let now = services.clock.now();
    let (mut tokens, mut rows) = (Vec::new(), Vec::new());
    for number in 0..TOKENS / 10 {
        let claims = json!({
            "iss": "https://calls.example", "sub": format!("user:00000000-0000-4000-8000-{number:012}"),
            "aud": "https://calls.example", "exp": now / 1000 + 3600, "iat": now / 1000, "jti": number,
            "client_id": "crm", "scope": "call",
        });
        let token = key.token(&claims).unwrap();
        let hash = TokenHash::of(&token).to_string();
        rows.push(common::token(number, hash, now));
        tokens.push(token);
    }
    services.store.create_tokens(rows).await.unwrap();
    tokens
}

fn authenticate_jwts(c: &mut Criterion) {
    let bench = bench();
    let tokens = bench.runtime.block_on(jwts(&bench.services));
    let heads: Vec<_> = tokens
        .iter()
        .map(|token| request(token).into_parts().0)
        .collect();
    let gateway = &bench.version.edge.gateway;
    bench.runtime.block_on(async {
        for head in &heads {
            assert!(gateway.decide(head).await.verdict.is_ok());
        }
    });
    let mut next = heads.iter().cycle();
    c.bench_function("decide, cached JWT, 1,000 tokens", |b| {
        b.iter(|| bench.runtime.block_on(gateway.decide(next.next().unwrap())));
    });
    let one = heads.first().unwrap();
    c.bench_function("decide, cached JWT, one token", |b| {
        b.iter(|| bench.runtime.block_on(gateway.decide(one)));
    });
    let (message, _) = tokens.first().unwrap().rsplit_once('.').unwrap();
    let (_, signature) = tokens.last().unwrap().rsplit_once('.').unwrap();
    let forged = request(&format!("{message}.{signature}")).into_parts().0;
    c.bench_function("decide, JWT with another's signature", |b| {
        b.iter(|| bench.runtime.block_on(gateway.decide(&forged)));
    });
}

fn whole_request(c: &mut Criterion) {
    let bench = bench();
    let token = bench.tokens.first().unwrap();
    let gateway = &bench.version.edge.gateway;
    c.bench_function("GET /rest/call in process, no calls", |b| {
        b.iter(|| bench.runtime.block_on(gateway.handle(request(token))));
    });
}

fn accesses(c: &mut Criterion) {
    let accesses = Accesses::parse(["calls.#", "pbx.*.read", "auth.users.me.#", "!pbx.admin.#"]);
    let holder = Holder {
        auth_id: "62ffe723-a654-4b97-8fbf-50e44517ef42",
        session: "87dad95b-9960-4611-92f1-5c48bfdd96a5",
    };
    c.bench_function("access granted", |b| {
        b.iter(|| accesses.allow(black_box("calls.create"), &holder));
    });
    c.bench_function("access denied", |b| {
        b.iter(|| accesses.allow(black_box("pbx.admin.extensions.read"), &holder));
    });
}

criterion_group!(
    benches,
    accesses,
    authenticate,
    authenticate_jwts,
    whole_request
);
criterion_main!(benches);
