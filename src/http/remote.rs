//! A document of another server: fetched once for all who wait, kept, and fetched again with restraint.

use super::client::Client;
use crate::clock::{Clock, EpochMs, millis};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use http::{Request, StatusCode};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;

/// How long a document counts, and how often its server is asked.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Past that it is fetched again, while the old one goes on being used …
    pub fresh: Duration,
    /// … until it is as old as this: a server that is away must not keep what it has withdrawn alive.
    pub stale: Duration,
    /// Between two fetches, whatever came of the first.
    pub cool_down: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            fresh: Duration::from_hours(1),
            stale: Duration::from_hours(24),
            cool_down: Duration::from_secs(10),
        }
    }
}

/// What fetches have in common: the way out, the time, and where they run to their end.
#[derive(Debug, Clone)]
pub struct Fetching {
    pub client: Client,
    pub clock: Clock,
    pub runtime: Handle,
}

/// Makes a value of an answer's body, or says why it cannot.
type Read<T> = Box<dyn Fn(&Bytes) -> Result<T, String> + Send + Sync>;

/// A document at a fixed address.
pub struct Remote<T>(Arc<Inner<T>>);

struct Inner<T> {
    uri: String,
    read: Read<T>,
    terms: Terms,
    fetching: Fetching,
    state: Mutex<State<T>>,
}

struct State<T> {
    kept: Option<(Arc<T>, EpochMs)>,
    tried_at: Option<EpochMs>,
    under_way: Option<Shared<BoxFuture<'static, ()>>>,
}

impl<T: Send + Sync + 'static> Remote<T> {
    /// Nothing is fetched until somebody asks.
    pub fn new(
        uri: String,
        terms: Terms,
        fetching: Fetching,
        read: impl Fn(&Bytes) -> Result<T, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            uri,
            read: Box::new(read),
            terms,
            fetching,
            state: Mutex::new(State {
                kept: None,
                tried_at: None,
                under_way: None,
            }),
        }))
    }

    pub fn uri(&self) -> &str {
        &self.0.uri
    }

    /// The document, if it is here and not too old.
    pub fn kept(&self) -> Option<Arc<T>> {
        let now = self.0.fetching.clock.now();
        let state = self.0.state();
        let (value, fetched_at) = state.kept.as_ref()?;
        let age = now.saturating_sub(*fetched_at);
        (age < millis(self.0.terms.stale)).then(|| Arc::clone(value))
    }

    /// The document. One that is no longer fresh is given at once, and fetched for those who come next.
    pub async fn get(&self) -> Option<Arc<T>> {
        let Some(kept) = self.kept() else {
            self.fetch_again().await;
            return self.kept();
        };
        if !self.is_fresh() {
            self.begin();
        }
        Some(kept)
    }

    /// Fetches the document again, unless that was tried within the cool-down; waits for a fetch that is under way.
    pub async fn fetch_again(&self) {
        if let Some(fetch) = self.join_or_begin() {
            fetch.await;
        }
    }

    /// Goes on with what `other` has fetched: the same document, under other settings.
    pub fn resume(&self, other: &Self) {
        let (kept, tried_at) = {
            let other = other.0.state();
            (other.kept.clone(), other.tried_at)
        };
        if kept.is_some() {
            let mut state = self.0.state();
            (state.kept, state.tried_at) = (kept, tried_at);
        }
    }

    /// Fetches the document ahead of the first who needs it, unless it is here; returns at once.
    pub fn warm_up(&self) {
        if !self.is_fresh() {
            self.begin();
        }
    }

    /// Fetches the document for whoever asks later; returns at once.
    pub fn begin(&self) {
        drop(self.join_or_begin());
    }

    fn is_fresh(&self) -> bool {
        let now = self.0.fetching.clock.now();
        let state = self.0.state();
        let fetched_at = state.kept.as_ref().map(|(_, at)| *at);
        fetched_at.is_some_and(|at| now.saturating_sub(at) < millis(self.0.terms.fresh))
    }

    fn join_or_begin(&self) -> Option<Shared<BoxFuture<'static, ()>>> {
        let now = self.0.fetching.clock.now();
        let mut state = self.0.state();
        if state.under_way.is_some() {
            return state.under_way.clone();
        }
        let again = state.tried_at.map(|at| at + millis(self.0.terms.cool_down));
        if again.is_some_and(|again| now < again) {
            return None;
        }
        state.tried_at = Some(now);
        let inner = Arc::clone(&self.0);
        let task = self.0.fetching.runtime.spawn(async move {
            let fetched = inner.fetch().await;
            let mut state = inner.state();
            state.under_way = None;
            match fetched {
                Ok(value) => state.kept = Some((Arc::new(value), inner.fetching.clock.now())),
                Err(error) => tracing::warn!(uri = inner.uri, error, "cannot be fetched"),
            }
        });
        let inner = Arc::clone(&self.0);
        let fetch = async move {
            if task.await.is_err() {
                // It died without clearing its place.
                inner.state().under_way = None;
            }
        };
        let fetch = fetch.boxed().shared();
        state.under_way = Some(fetch.clone());
        Some(fetch)
    }
}

impl<T> Inner<T> {
    async fn fetch(&self) -> Result<T, String> {
        let request = Request::get(&self.uri)
            .header(http::header::ACCEPT, "application/json")
            .body(Bytes::new())
            .map_err(|error| error.to_string())?;
        let answer = self.fetching.client.send(request).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status() != StatusCode::OK {
            return Err(format!("the status is {}", answer.status()));
        }
        (self.read)(answer.body())
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> std::fmt::Debug for Remote<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Remote({})", self.0.uri)
    }
}
