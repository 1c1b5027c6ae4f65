//! How rows are shown: times in RFC 3339, lines by backend, a secret in its one appearance.

use crate::clock::EpochMs;
use crate::secret::Secret;
use crate::storage::lines::{Line, LineAt};
use jiff::Timestamp;
use serde::Serializer;
use std::collections::BTreeMap;

/// A time such as `2026-11-22T02:39:33Z`.
pub(super) fn time(at: EpochMs) -> String {
    Timestamp::from_millisecond(at)
        .unwrap_or_default()
        .to_string()
}

pub(super) fn lines(lines: Vec<LineAt>) -> BTreeMap<String, Line> {
    let lines = lines.into_iter();
    lines.map(|at| (at.backend, at.line)).collect()
}

/// For the answer to the act that made the secret, and nowhere else.
#[expect(clippy::ref_option, reason = "serde hands the field over so")]
pub(super) fn shown_once<S: Serializer>(
    secret: &Option<Secret>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => serializer.serialize_some(secret.expose()),
        None => serializer.serialize_none(),
    }
}
