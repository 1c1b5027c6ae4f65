//! Legacy behaviours that an answer came about by, told in it (RFC 9745, RFC 8594).

use crate::clock::EpochMs;
use http::header::{CACHE_CONTROL, REFERRER_POLICY};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use std::cell::Cell;

/// A legacy behaviour that was made use of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Legacy {
    /// The client's switch that allows it.
    pub switch: &'static str,
    /// When it ends, if that is decided.
    pub sunset_at: Option<EpochMs>,
}

/// January 2025, when RFC 9700 was published: none of them should have been relied upon since.
const DEPRECATED: HeaderValue = HeaderValue::from_static("@1735689600");
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

tokio::task_local! {
    static NOTED: Cell<Option<Legacy>>;
}

/// Runs what answers a request, and says which legacy behaviour it noted meanwhile.
pub async fn noting<T>(answering: impl Future<Output = T>) -> (T, Option<Legacy>) {
    let noted = async {
        let answer = answering.await;
        (answer, NOTED.with(Cell::take))
    };
    NOTED.scope(Cell::new(None), noted).await
}

impl Legacy {
    /// Notes it for the answer that is being made.
    pub fn note(self) {
        // Outside of a request there is no answer to tell it in.
        NOTED
            .try_with(|noted| noted.set(Some(self)))
            .unwrap_or_default();
    }

    /// Tells it in an answer.
    pub fn tell(self, headers: &mut HeaderMap) {
        for (name, value) in self.headers() {
            headers.insert(name, value);
        }
    }

    /// What an answer tells of it. A token in an address must get no further (RFC 6750 §2.3).
    pub fn headers(self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let sunset = self.sunset_at.and_then(date);
        let in_address = self.switch == "query_token";
        let kept_back = [
            (CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ];
        std::iter::once((DEPRECATION, DEPRECATED))
            .chain(sunset.map(|date| (SUNSET, date)))
            .chain(kept_back.into_iter().filter(move |_| in_address))
    }
}

/// As HTTP writes dates (RFC 9110 §5.6.7).
fn date(at: EpochMs) -> Option<HeaderValue> {
    let at = Timestamp::from_millisecond(at).ok()?;
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&at);
    HeaderValue::from_str(&date.ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p17_a_sunset_is_an_http_date() {
        let legacy = Legacy {
            switch: "implicit",
            sunset_at: Some(1_814_313_600_000),
        };
        let mut headers = HeaderMap::new();
        legacy.tell(&mut headers);
        assert_eq!(headers[DEPRECATION], "@1735689600");
        assert_eq!(headers[SUNSET], "Wed, 30 Jun 2027 00:00:00 GMT");
        assert_eq!(headers.len(), 2);
    }

    #[tokio::test]
    async fn what_is_noted_belongs_to_its_own_answer() {
        let legacy = Legacy {
            switch: "implicit",
            sunset_at: None,
        };
        let ((), noted) = noting(async { legacy.note() }).await;
        assert_eq!(noted, Some(legacy));
        assert_eq!(noting(async {}).await.1, None);
        legacy.note();
    }
}
