//! What clients see of a call, with its times written out.

use super::Rendering;
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

/// One call, as far as its client may know it.
#[derive(Debug, Clone, Copy)]
pub struct CallView<'a> {
    /// The `token_call` that names the call.
    pub token: &'a str,
    pub number: &'a str,
    pub started_at: Timestamp,
    /// None while the call goes on.
    pub ended_at: Option<Timestamp>,
    /// Such as `reserved`, `active`, `ended`, `unknown`.
    pub state: &'static str,
    pub username: Option<&'a str>,
}

/// The member `info`. Clients of 2012 know the first five, in this order.
#[derive(Serialize)]
pub(super) struct Info<'a> {
    pub(super) duration: String,
    pub(super) start: String,
    pub(super) token: &'a str,
    pub(super) end: String,
    pub(super) number: &'a str,
    pub(super) state: &'static str,
    /// RFC 3339, as is `ended_at`.
    pub(super) started_at: String,
    pub(super) ended_at: Option<String>,
    pub(super) duration_seconds: i64,
}

impl<'a> Info<'a> {
    pub(super) fn of(call: &CallView<'a>, rendering: &Rendering<'_>) -> Self {
        let until = call.ended_at.unwrap_or(rendering.now);
        // Whole seconds on both sides, so that the duration is the difference of the dates shown. Never below zero:
        // another gateway's clock may be ahead.
        let seconds = (until.as_second() - call.started_at.as_second()).max(0);
        let end = call.ended_at.map(|at| date(at, rendering.zone));
        Self {
            duration: duration(seconds),
            start: date(call.started_at, rendering.zone),
            token: call.token,
            end: end.unwrap_or_else(|| "Call Ongoing".to_owned()),
            number: call.number,
            state: call.state,
            started_at: call.started_at.to_string(),
            ended_at: call.ended_at.map(|at| at.to_string()),
            duration_seconds: seconds,
        }
    }
}

/// Day first, as in `22/11/2026 03:39:33`, in the zone's local time.
fn date(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone())
        .strftime("%d/%m/%Y %H:%M:%S")
        .to_string()
}

/// `0:00:02`, `1 day, 0:00:05`: what Python prints for a `timedelta`.
fn duration(seconds: i64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60);
    match days {
        0 => clock,
        1 => format!("1 day, {clock}"),
        _ => format!("{days} days, {clock}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::*;

    #[test]
    fn durations_are_written_as_python_does() {
        for (seconds, text) in [
            (0, "0:00:00"),
            (2, "0:00:02"),
            (3_599, "0:59:59"),
            (36_000, "10:00:00"),
            (86_399, "23:59:59"),
            (86_405, "1 day, 0:00:05"),
            (176_400, "2 days, 1:00:00"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn dates_are_in_the_local_time_of_the_zone() {
        let at = "2026-11-22T23:39:33.999Z".parse().unwrap();
        assert_eq!(
            date(at, &TimeZone::fixed(jiff::tz::offset(1))),
            "23/11/2026 00:39:33"
        );
        assert_eq!(date(at, &TimeZone::UTC), "22/11/2026 23:39:33");
    }

    #[test]
    fn a_call_that_a_faster_clock_began_has_lasted_no_time() {
        let call = CallView {
            token: "t",
            number: "201",
            started_at: Timestamp::from_second(100).unwrap(),
            ended_at: None,
            state: "active",
            username: None,
        };
        let now = Timestamp::from_second(90).unwrap();
        let info = Info::of(
            &call,
            &Rendering {
                format: Format::Json,
                zone: &TimeZone::UTC,
                now,
            },
        );
        assert_eq!(
            (info.duration.as_str(), info.duration_seconds),
            ("0:00:00", 0)
        );
    }
}
