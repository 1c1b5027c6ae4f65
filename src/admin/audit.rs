//! The audit log as an administrator reads it: newest first, page by page.

use super::{Administration, view};
use crate::clock::EpochMs;
use crate::error::{Error, Result};
use crate::storage::audit::{Event, Record, Search};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which entries are wanted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditFilter {
    /// By id, or as `TENANT/USERNAME`.
    pub user: Option<String>,
    pub client: Option<String>,
    pub tenant: Option<String>,
    pub event: Option<Event>,
    /// RFC 3339, both ends included.
    pub since: Option<String>,
    pub until: Option<String>,
    /// `next` of the page before.
    pub cursor: Option<i64>,
    /// Entries a page; 100 if left out, 1000 at the most.
    pub limit: Option<i64>,
}

#[derive(Debug, Serialize)]
pub struct AuditPage {
    pub items: Vec<AuditView>,
    /// The `cursor` of the page after, if there is one.
    pub next: Option<i64>,
}

/// An entry as it is shown.
#[derive(Debug, Serialize)]
pub struct AuditView {
    id: i64,
    at: String,
    event: String,
    tenant: Option<String>,
    user: Option<String>,
    client: Option<String>,
    address: Option<String>,
    detail: Value,
}

impl From<Record> for AuditView {
    fn from(record: Record) -> Self {
        Self {
            id: record.id,
            at: view::time(record.at),
            event: record.event,
            tenant: record.tenant_id,
            user: record.user_id,
            client: record.client_id,
            address: record.address,
            detail: serde_json::from_str(&record.detail).unwrap_or_default(),
        }
    }
}

const USUAL: i64 = 100;
const MOST: i64 = 1000;

impl Administration {
    pub async fn audit_log(&self, filter: AuditFilter) -> Result<AuditPage> {
        let user = match filter.user {
            Some(named) => Some(self.user_id(&named).await?),
            None => None,
        };
        let limit = filter.limit.unwrap_or(USUAL).clamp(1, MOST);
        let search = Search {
            user,
            client: filter.client,
            tenant: filter.tenant,
            event: filter.event,
            since: time("since", filter.since.as_deref())?,
            until: time("until", filter.until.as_deref())?,
            before: filter.cursor,
            // One more than is shown tells whether there are more.
            limit: limit + 1,
        };
        let records = self.store.audit_log(&search).await?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let last = records.get(..shown).and_then(|page| page.last());
        Ok(AuditPage {
            next: last
                .filter(|_| records.len() > shown)
                .map(|record| record.id),
            items: records.into_iter().take(shown).map(Into::into).collect(),
        })
    }
}

/// A time that a request names.
pub(super) fn time(name: &str, text: Option<&str>) -> Result<Option<EpochMs>> {
    let Some(text) = text else { return Ok(None) };
    let wrong = |_| Error::BadRequest(format!("`{name}` is no time such as 2026-11-22T02:39:33Z"));
    let time: Timestamp = text.parse().map_err(wrong)?;
    Ok(Some(time.as_millisecond()))
}
