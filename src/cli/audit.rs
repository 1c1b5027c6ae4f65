//! `callgate audit`: who did what, when and from where.

use super::Result;
use super::arguments::one_of;
use super::office::Office;
use super::output::Output;
use crate::admin::AuditFilter;
use crate::storage::audit::Event;
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Audit {
    /// Of this user alone, as `TENANT/USERNAME` or by id
    #[arg(long)]
    user: Option<String>,
    #[arg(long)]
    client: Option<String>,
    #[arg(long)]
    tenant: Option<String>,
    /// Such as `login_failed`
    #[arg(long, value_parser = one_of::<Event>)]
    event: Option<Event>,
    /// Such as 2026-11-22T02:39:33Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Where the page before ended
    #[arg(long)]
    cursor: Option<i64>,
    /// Entries at the most
    #[arg(long)]
    limit: Option<i64>,
}

pub(super) async fn run(office: &Office, audit: Audit, output: Output) -> Result {
    let filter = AuditFilter {
        user: audit.user,
        client: audit.client,
        tenant: audit.tenant,
        event: audit.event,
        since: audit.since,
        until: audit.until,
        cursor: audit.cursor,
        limit: audit.limit,
    };
    let page = office.audit_log(filter).await?;
    if output.json {
        return output.one(&page);
    }
    let columns = [
        "at", "event", "tenant", "user", "client", "address", "detail",
    ];
    output.list(&page.items, &columns)?;
    if let Some(next) = page.next {
        output.note(&format!("There is more: --cursor {next}"));
    }
    Ok(())
}
