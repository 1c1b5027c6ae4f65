//! The order in which this process comes to know of revocations, and up to where in it facts are known to hold.

use std::sync::atomic::{AtomicU64, Ordering};

/// An atomic number: the real one, or in tests that of `loom`, which tries all that other threads may see of it.
pub(super) trait Number {
    fn load(&self, ordering: Ordering) -> u64;
    fn store(&self, number: u64, ordering: Ordering);
    fn fetch_max(&self, number: u64, ordering: Ordering) -> u64;
}

impl Number for AtomicU64 {
    fn load(&self, ordering: Ordering) -> u64 {
        self.load(ordering)
    }

    fn store(&self, number: u64, ordering: Ordering) {
        self.store(number, ordering);
    }

    fn fetch_max(&self, number: u64, ordering: Ordering) -> u64 {
        self.fetch_max(number, ordering)
    }
}

/// How far a feed of revocations has come.
#[derive(Debug, Default)]
pub(super) struct Position<N = AtomicU64>(N);

/// Up to which position facts are known to hold; at first, that of the feed *before* they were read.
#[derive(Debug, Default)]
pub struct Known<N = AtomicU64>(N);

impl<N: Number> Position<N> {
    pub(super) fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Records a revocation at the position after `last`, of which there is one, behind a lock.
    ///
    /// The entry first, the position after it: who sees the position finds the entry.
    pub(super) fn advance(&self, last: &mut u64, record: impl FnOnce(u64)) {
        *last += 1;
        record(*last);
        self.0.store(*last, Ordering::Release);
    }

    /// Whether facts still hold, where `revoked_since` tells what was recorded after a position. Facts that do are
    /// known to hold up to here, so that the next to ask need not look again.
    pub(super) fn upholds(
        &self,
        known: &Known<N>,
        revoked_since: impl FnOnce(u64) -> bool,
    ) -> bool {
        let since = known.0.load(Ordering::Relaxed);
        let here = self.now();
        if since == here {
            return true;
        }
        if revoked_since(since) {
            return false;
        }
        // What is recorded meanwhile comes after `here`, and is looked at the next time.
        known.0.fetch_max(here, Ordering::Relaxed);
        true
    }
}

impl From<u64> for Known {
    fn from(position: u64) -> Self {
        Self(position.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loom::sync::atomic::AtomicU64 as Number64;
    use loom::sync::{Arc, Mutex};
    use loom::thread;

    impl Number for Number64 {
        fn load(&self, ordering: Ordering) -> u64 {
            self.load(ordering)
        }

        fn store(&self, number: u64, ordering: Ordering) {
            self.store(number, ordering);
        }

        fn fetch_max(&self, number: u64, ordering: Ordering) -> u64 {
            self.fetch_max(number, ordering)
        }
    }

    /// A store with one token, the feed, and the cache.
    struct Scene {
        revoked: Mutex<bool>,
        position: Position<Number64>,
        last: Mutex<u64>,
        /// Where the token's revocation is recorded. Relaxed: a map may promise no more.
        entry: Number64,
        cached: Mutex<Option<Arc<Known<Number64>>>>,
    }

    impl Scene {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                revoked: Mutex::new(false),
                position: Position(Number64::new(0)),
                last: Mutex::new(0),
                entry: Number64::new(0),
                cached: Mutex::new(None),
            })
        }

        /// As of a user, of whose tokens none is removed: hits alone must see it.
        fn revoke(&self) {
            *self.revoked.lock().unwrap() = true;
            self.record(|next| self.entry.store(next, Ordering::Relaxed));
        }

        fn revoke_and_remove(&self) {
            self.revoke();
            *self.cached.lock().unwrap() = None;
        }

        fn revoke_another(&self) {
            self.record(|_| ());
        }

        fn record(&self, record: impl FnOnce(u64)) {
            self.position
                .advance(&mut self.last.lock().unwrap(), record);
        }

        fn fill(&self) {
            let position = self.position.now();
            let is_known = !*self.revoked.lock().unwrap();
            if is_known {
                self.put(position);
            }
        }

        fn fill_in_the_wrong_order(&self) {
            let is_known = !*self.revoked.lock().unwrap();
            if is_known {
                self.put(self.position.now());
            }
        }

        fn put(&self, position: u64) {
            let known = Arc::new(Known(Number64::new(position)));
            *self.cached.lock().unwrap() = Some(Arc::clone(&known));
            if !self.upholds(&known) {
                *self.cached.lock().unwrap() = None;
            }
        }

        /// Whether a request is let in without a look into the store.
        fn hit(&self) -> bool {
            let known = self.cached.lock().unwrap().clone();
            known.is_some_and(|known| self.upholds(&known))
        }

        fn upholds(&self, known: &Known<Number64>) -> bool {
            let revoked_since = |since| self.entry.load(Ordering::Relaxed) > since;
            self.position.upholds(known, revoked_since)
        }
    }

    /// Runs these and a revocation side by side in every way that there is; once it is over, nobody is let in.
    fn explore(revoke: fn(&Scene), beside: &'static [fn(&Scene)]) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(move || {
            let scene = Scene::new();
            let threads: Vec<_> = beside
                .iter()
                .map(|act| {
                    let scene = Arc::clone(&scene);
                    thread::spawn(move || act(&scene))
                })
                .collect();
            revoke(&scene);
            assert!(!scene.hit(), "let in after the revocation");
            for thread in threads {
                thread.join().unwrap();
            }
            assert!(!scene.hit(), "let in after all");
        });
    }

    fn hit(scene: &Scene) {
        scene.hit();
    }

    #[test]
    fn no_fill_outlives_a_revocation_in_any_order_of_memory() {
        let ways: [fn(&Scene); 2] = [Scene::revoke, Scene::revoke_and_remove];
        for revoke in ways {
            explore(revoke, &[Scene::fill]);
            explore(revoke, &[Scene::fill, hit]);
            explore(revoke, &[Scene::fill, Scene::revoke_another]);
        }
    }

    #[test]
    fn no_hit_outlives_a_revocation_in_any_order_of_memory() {
        explore(
            |scene| {
                scene.put(0);
                scene.revoke();
            },
            &[hit, hit],
        );
    }

    #[test]
    #[should_panic(expected = "let in")]
    fn a_position_that_is_read_after_the_store_is_found_out() {
        explore(Scene::revoke_and_remove, &[Scene::fill_in_the_wrong_order]);
    }

    #[test]
    #[should_panic(expected = "let in")]
    fn a_position_that_is_told_before_the_entry_is_found_out() {
        explore(
            |scene| {
                scene.put(0);
                scene.position.advance(&mut 0, |_| ());
                scene.entry.store(1, Ordering::Relaxed);
            },
            &[hit],
        );
    }
}
