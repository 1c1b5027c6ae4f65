//! A request that lasts: whether it would be let in now is asked again from time to time.

use super::Site;
use arc_swap::ArcSwap;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use std::sync::Arc;
use std::time::Duration;

/// How often it is asked; each time is a look into the cache of token facts.
pub(super) const ASKED_EVERY: Duration = Duration::from_secs(5);

/// Who asked for what, once.
#[derive(Clone)]
pub struct Visit {
    site: Arc<ArcSwap<Site>>,
    head: Arc<Parts>,
}

impl Visit {
    pub(super) fn new(site: &Arc<ArcSwap<Site>>, head: Parts) -> Self {
        Self {
            site: Arc::clone(site),
            head: Arc::new(head),
        }
    }

    /// Whether it would be let in now, under the configuration that counts now.
    pub(super) async fn still_may(self) -> bool {
        let site = self.site.load_full();
        site.gateway.still_lets_in(&self.head).await
    }
}

/// Bytes that are passed on before anybody is asked again.
const SHORT: u64 = 1024 * 1024;

/// Whether the message that begins with these headers may last: its body is large, or nobody knows how large.
pub(super) fn may_last(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH).map(HeaderValue::to_str);
    let length = length.and_then(|length| length.ok()?.parse::<u64>().ok());
    length.is_none_or(|length| length > SHORT)
}
