//! Call set-ups a second: 64 at once, each durable (`synchronous = FULL`) before it is answered.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on should say where it stopped"
)]

use callgate::admission::{Admission, Admitted, Application, SqliteAdmission, Terms};
use callgate::clock::Clock;
use callgate::metrics::Metrics;
use callgate::storage::{Settings, Store};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Runtime;

const AT_ONCE: u64 = 64;

fn admit(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        url: format!("sqlite:{}", folder.path().join("store.db").display()),
        ..Settings::default()
    };
    let store = runtime.block_on(Store::migrate(&settings, &Metrics::new()));
    let engine = SqliteAdmission::new(store.unwrap(), Clock::system());
    let count = AtomicU64::new(0);
    let one = || async {
        let admitted = engine.admit(application(count.fetch_add(1, Ordering::Relaxed)));
        assert!(matches!(admitted.await.unwrap(), Admitted::New(_)));
    };
    let mut group = c.benchmark_group("admission/sqlite");
    group.throughput(Throughput::Elements(AT_ONCE));
    group.bench_function("64 at once", |b| {
        b.to_async(&runtime)
            .iter(|| join_all((0..AT_ONCE).map(|_| one())));
    });
    group.finish();
}

/// Each of an owner of its own, so that the limit never counts.
fn application(number: u64) -> Application {
    Application {
        call: format!("call-{number}"),
        tenant: "acme".to_owned(),
        owner: format!("user:{number}"),
        client: "crm".to_owned(),
        backend: "store".to_owned(),
        number: "+390501234567".to_owned(),
        line: None,
        idempotency_key: None,
        limit: 2,
        emergency: false,
        window: 0,
        terms: Terms::until(3_600_000),
    }
}

criterion_group!(benches, admit);
criterion_main!(benches);
