//! What happened lately in somebody's account, from the audit log, in words.

use super::render;
use super::visit::{Visit, time};
use crate::error::Result;
use crate::oauth::Oauth;
use crate::oauth::texts::Texts;
use crate::storage::audit::{Record, Search};
use askama::Template;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Template)]
#[template(path = "account/activity.html")]
struct Section {
    texts: Texts,
    lines: Vec<Line>,
}

/// Things that happened one after the other and look alike are one line.
struct Line {
    /// The text that says it.
    what: &'static str,
    client: Option<String>,
    address: Option<String>,
    /// The time of the last.
    at: String,
    times: u64,
}

/// Lines that are shown at the most, and entries that are looked at for them.
const LINES: usize = 50;
const ENTRIES: i64 = 250;

pub(super) async fn section(oauth: &Oauth, visit: &Visit) -> Result<String> {
    let search = Search {
        user: Some(visit.login.user.id.clone()),
        limit: ENTRIES,
        ..Search::default()
    };
    let records = oauth.store.audit_log(&search).await?;
    let names = names(oauth, &records).await?;
    let mut lines: Vec<Line> = Vec::new();
    for record in records {
        let line = line(record, &names);
        match lines.last_mut().filter(|last| last.is_like(&line)) {
            Some(last) => last.times += 1,
            None => lines.push(line),
        }
    }
    lines.truncate(LINES);
    Ok(render(&Section {
        texts: visit.texts,
        lines,
    }))
}

/// What the applications are called.
async fn names(oauth: &Oauth, records: &[Record]) -> Result<BTreeMap<String, String>> {
    let mut names = BTreeMap::new();
    for id in records
        .iter()
        .filter_map(|record| record.client_id.as_ref())
    {
        if !names.contains_key(id) {
            let client = oauth.store.client(id).await?;
            names.insert(
                id.clone(),
                client.map_or_else(|| id.clone(), |client| client.name),
            );
        }
    }
    Ok(names)
}

impl Line {
    fn is_like(&self, other: &Self) -> bool {
        (self.what, &self.client, &self.address) == (other.what, &other.client, &other.address)
    }
}

fn line(record: Record, names: &BTreeMap<String, String>) -> Line {
    let detail: Value = serde_json::from_str(&record.detail).unwrap_or_default();
    Line {
        what: in_words(&record.event, &detail),
        client: record.client_id.and_then(|id| names.get(&id).cloned()),
        address: record.address,
        at: time(record.at),
        times: 1,
    }
}

fn in_words(event: &str, detail: &Value) -> &'static str {
    match event {
        "login" if detail.get("provider").is_some() => "activity-login-linked",
        "login" => "activity-login",
        "login_failed" if detail.get("page").is_some() => "activity-wrong-here",
        "login_failed" if detail.get("by").is_some() => "activity-wrong-digest",
        "login_failed" => "activity-wrong",
        "digest_replayed" => "activity-digest-replayed",
        "logout" => "activity-logout",
        "session_ended" => "activity-session-ended",
        "password_changed" => "activity-password",
        "factor_failed" => "activity-factor-failed",
        "factor_added" => "activity-factor-added",
        "factor_removed" => "activity-factor-removed",
        "recovery_codes_renewed" => "activity-recovery-codes",
        "consent" if detail.get("allowed") == Some(&Value::Bool(false)) => "activity-refused",
        "consent" => "activity-allowed",
        "token_issued" => "activity-issued",
        "token_refreshed" => "activity-refreshed",
        "token_revoked" | "family_revoked" => "activity-given-up",
        "grant_revoked" if detail.get("family").is_some() => "activity-device-ended",
        "grant_revoked" => "activity-grant-ended",
        "code_reused" | "refresh_token_reused" => "activity-reused",
        "call_ended" => "activity-call-ended",
        "administration" => by_administrator(detail),
        "account_linked" => "activity-linked",
        "account_unlinked" => "activity-unlinked",
        "provider_login_again" => "activity-login-again",
        _ => OTHER,
    }
}

/// For what a later version wrote down.
const OTHER: &str = "activity-other";

fn by_administrator(detail: &Value) -> &'static str {
    match detail.get("act").and_then(Value::as_str) {
        Some("user.create") => "activity-made",
        Some("user.factor_reset") => "activity-factors-reset",
        Some("user.unlink") => "activity-unlinked-there",
        Some("user.log_out") => "activity-signed-out",
        Some("grant.revoke" | "token.revoke_user") => "activity-access-ended",
        _ => "activity-changed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::audit::Event;

    /// What concerns no user.
    const OF_CLIENTS: [&str; 4] = [
        "client_refused",
        "secret_in_url",
        "challenge_reused",
        "switches_changed",
    ];

    #[test]
    fn every_event_of_a_user_has_words() {
        // What serde says when it knows no such event names all.
        let unknown = serde_json::from_value::<Event>("nothing of ours".into());
        let names = unknown.unwrap_err().to_string();
        for name in names.split('`').skip(3).step_by(2) {
            let told = in_words(name, &Value::Null) != OTHER;
            assert_eq!(told, !OF_CLIENTS.contains(&name), "{name}");
        }
    }
}
