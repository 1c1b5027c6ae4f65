//! How often a known token asks for memory. A program of its own: whoever counts that replaces the allocator of all of it.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where it stopped"
)]

#[path = "../benches/hit/scene.rs"]
mod scene;

use callgate::clock::Clock;
use scene::Scene;
use tokio::runtime::Runtime;

const TOKENS: usize = 200;

/// How often a decision about a request of this kind asks for memory.
fn allocations(scene: &Scene, name: &str) -> u64 {
    let (gateway, now) = (&scene.version.edge.gateway, Clock::system().now());
    let asked = scene.heads(name).iter().map(|head| {
        let counted = allocation_counter::measure(|| {
            let decision = scene::decide(gateway, head, now);
            assert!(decision.verdict.is_ok());
        });
        counted.count_total
    });
    // Now and then the cache puts itself in order, at the cost of whoever asks it then.
    asked.min().unwrap()
}

#[test]
fn a_known_token_is_decided_on_without_asking_for_memory() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
    let scene = runtime.block_on(Scene::set(folder.path(), TOKENS));
    for (name, expected) in [
        ("public route", 0),
        ("all tokens", 0),
        ("100 JWTs of ours", 0),
        // Whose it is, is read from its claims: the claims, and the issuer's name.
        ("100 JWTs of others", 2),
    ] {
        assert_eq!(allocations(&scene, name), expected, "{name}");
    }
}
