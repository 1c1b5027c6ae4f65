//! What the PBX tells of calls: its event notifications ("Notifica eventi"), in the template of docs/kalliope.md.

use super::click::is_id;
use super::numbers::{self, Numbers};
use super::settings::Fault;
use crate::backend::{CallEvent, Direction, EventKind, NotTaken, Notification};
use crate::clock::EpochMs;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use serde::Deserialize;
use zeroize::Zeroizing;

/// Bytes of a notification. One has some hundred.
const LARGEST: usize = 16 * 1024;
/// Characters of the reason of an end.
const LONGEST_REASON: usize = 64;
const SHORTEST_SECRET: usize = 16;

/// `[backend.hook]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The last part of the hook's path.
    secret: Secret,
    /// What the PBX logs in with (Basic), besides.
    username: Option<String>,
    password: Option<Secret>,
}

impl Settings {
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut check = |key, right: bool, message: &str| {
            if !right {
                faults.push((key, message.to_owned()));
            }
        };
        let is_segment = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        let secret = self.secret.expose();
        check(
            "hook.secret",
            secret.len() >= SHORTEST_SECRET && secret.bytes().all(is_segment),
            "at least 16 letters, digits, `-` and `_`: whoever knows it can end calls (openssl rand -hex 24)",
        );
        check(
            "hook.password",
            self.username.is_some() == self.password.is_some(),
            "give both `username` and `password`, or neither",
        );
        let username = self.username.as_deref().unwrap_or("-");
        check(
            "hook.username",
            !username.is_empty() && !username.contains(':'),
            "a name without a colon (RFC 7617 §2)",
        );
        faults
    }
}

/// Takes notifications of whoever knows the secret, and the password if there is one.
pub(super) struct Hook {
    secret: Secret,
    authorization: Option<Secret>,
}

impl Hook {
    pub(super) fn new(settings: Settings) -> Self {
        let authorization = settings.username.zip(settings.password);
        let authorization = authorization.map(|(username, password)| {
            let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
            Secret::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
        });
        Self {
            secret: settings.secret,
            authorization,
        }
    }

    /// What a notification says, of which most say nothing here.
    pub(super) fn hear(
        &self,
        notification: &Notification<'_>,
        numbers: &Numbers,
        now: EpochMs,
    ) -> Result<Option<CallEvent>, NotTaken> {
        self.admit(notification)?;
        if notification.body.len() > LARGEST {
            return Err(malformed("it is too large"));
        }
        read(notification.body, numbers, now)
    }

    fn admit(&self, notification: &Notification<'_>) -> Result<(), NotTaken> {
        if !self.secret.matches(notification.secret) {
            return Err(NotTaken::NoHook);
        }
        let Some(expected) = &self.authorization else {
            return Ok(());
        };
        let mut values = notification.head.headers.get_all(AUTHORIZATION).iter();
        let presented = values.next().and_then(|value| value.to_str().ok());
        let is_right = presented.is_some_and(|presented| expected.matches(presented));
        if !is_right || values.next().is_some() {
            return Err(NotTaken::Forged);
        }
        Ok(())
    }
}

/// The name first: what other events have is nobody's concern here.
#[derive(Deserialize)]
struct Named {
    event: String,
}

#[derive(Deserialize)]
struct Told {
    params: Parameters,
}

/// No public text says which parameters there are: these three are inferred, and further ones tolerated.
#[derive(Deserialize)]
struct Parameters {
    uniqueid: String,
    caller_num: Option<String>,
    called_num: Option<String>,
    reason: Option<String>,
}

fn read(body: &[u8], numbers: &Numbers, now: EpochMs) -> Result<Option<CallEvent>, NotTaken> {
    let Named { event } = parsed(body)?;
    let is_of_call = matches!(event.as_str(), "pbx.call.start" | "pbx.call.end");
    if !is_of_call && event != "pbx.extension.answercall" {
        return Ok(None);
    }
    let Told { params } = parsed(body)?;
    if !is_id(&params.uniqueid) {
        return Err(malformed("`uniqueid` is no id"));
    }
    let kind = match event.as_str() {
        "pbx.call.start" => EventKind::Ringing,
        "pbx.call.end" => EventKind::Ended {
            cause: params.reason.as_deref().map(shown),
        },
        _ => EventKind::Answered,
    };
    // The parties of an extension's event may be others than those of the call: it counts by its id alone.
    let parties = if is_of_call {
        parties(&params, numbers)
    } else {
        Parties::default()
    };
    Ok(Some(CallEvent {
        backend_call_id: params.uniqueid,
        kind,
        at: now,
        direction: parties.direction,
        line: parties.line,
        number: parties.number,
    }))
}

#[derive(Default)]
struct Parties {
    direction: Option<Direction>,
    line: Option<String>,
    number: Option<String>,
}

/// Whose call it is: of the caller, unless that is somebody outside who calls an extension.
fn parties(params: &Parameters, numbers: &Numbers) -> Parties {
    let number = |told: &Option<String>| told.clone().filter(|n| numbers::is_dialled(n));
    let (from, to) = (number(&params.caller_num), number(&params.called_num));
    match (from, to) {
        (Some(from), Some(to)) if !numbers::is_short(&from) && numbers::is_short(&to) => Parties {
            direction: Some(Direction::In),
            number: numbers.caller(&from),
            line: Some(to),
        },
        (from, to) => Parties {
            direction: from.as_ref().map(|_| Direction::Out),
            line: from,
            number: to.and_then(|to| numbers.callee(&to)),
        },
    }
}

fn parsed<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, NotTaken> {
    // serde's own words may repeat what was sent.
    serde_json::from_slice(body).map_err(|error| {
        malformed(match error.classify() {
            serde_json::error::Category::Data => "it is not of the documented template",
            _ => "it is no JSON",
        })
    })
}

fn malformed(why: &str) -> NotTaken {
    NotTaken::Malformed(why.to_owned())
}

/// A reason as it may stand in our records.
pub(super) fn shown(reason: &str) -> String {
    let visible = reason.chars().filter(|c| !c.is_control());
    visible.take(LONGEST_REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(event: &str, params: &str) -> String {
        format!(r#"{{"event":"{event}","id":"7","timestamp":"1511212918","params":{params}}}"#)
    }

    fn heard(text: &str) -> Result<Option<CallEvent>, NotTaken> {
        let numbers = "form = 'international'\noutside_prefix = '0'";
        read(text.as_bytes(), &toml::from_str(numbers).unwrap(), 5)
    }

    const PARAMS: &str = r#"{"reason":"CANCELED","queue_id":"1","uniqueid":"1511212918.0","called_num":"000390501234567","caller_num":"103","more":{"x":[1]}}"#;

    #[test]
    fn a_call_begins_and_ends() {
        let begun = heard(&told("pbx.call.start", PARAMS)).unwrap().unwrap();
        let expected = CallEvent {
            backend_call_id: "1511212918.0".to_owned(),
            kind: EventKind::Ringing,
            at: 5,
            direction: Some(Direction::Out),
            line: Some("103".to_owned()),
            number: Some("+390501234567".to_owned()),
        };
        assert_eq!(begun, expected);
        let ended = heard(&told("pbx.call.end", PARAMS)).unwrap().unwrap();
        let cause = Some("CANCELED".to_owned());
        assert_eq!(ended.kind, EventKind::Ended { cause });
        assert_eq!((ended.line, ended.number), (begun.line, begun.number));
    }

    #[test]
    fn a_call_from_outside_is_of_the_extension_that_it_rings() {
        let params = r#"{"uniqueid":"1.0","caller_num":"00390501234567","called_num":"103"}"#;
        let event = heard(&told("pbx.call.start", params)).unwrap().unwrap();
        assert_eq!(event.direction, Some(Direction::In));
        assert_eq!(event.line.as_deref(), Some("103"));
        assert_eq!(event.number.as_deref(), Some("+390501234567"));
    }

    #[test]
    fn an_answer_counts_by_its_id_alone() {
        let event = heard(&told("pbx.extension.answercall", PARAMS));
        let event = event.unwrap().unwrap();
        assert_eq!(event.kind, EventKind::Answered);
        assert_eq!((event.line, event.number), (None, None));
    }

    #[test]
    fn that_an_extension_missed_a_call_does_not_end_it() {
        // It may go on to the next of a group, or where it is forwarded.
        for event in [
            "pbx.extension.missedcall",
            "pbx.extension.failedcall",
            "pbx.account.startcall",
            "pbx.something.new",
        ] {
            for params in [PARAMS, "null", "[]"] {
                assert!(heard(&told(event, params)).unwrap().is_none(), "{event}");
            }
        }
    }

    #[test]
    fn what_is_not_of_the_template_is_refused_and_not_repeated() {
        let end = |params: &str| told("pbx.call.end", params);
        for text in [
            String::new(),
            "[]".to_owned(),
            r#"{"params":{}}"#.to_owned(),
            end("{}"),
            end("null"),
            end(r#"{"uniqueid":1511212918.0}"#),
            end(r#"{"uniqueid":""}"#),
            end(r#"{"uniqueid":"a b"}"#),
            end(&format!(r#"{{"uniqueid":"{}"}}"#, "1".repeat(129))),
            end(r#"{"uniqueid":"1.0","uniqueid":"2.0"}"#),
            end(r#"{"uniqueid":"1.0","caller_num":7}"#),
            format!("{}x", end(PARAMS)),
            end(PARAMS).replace("CANCELED", "a\nb"),
        ] {
            let error = heard(&text).unwrap_err();
            assert!(matches!(error, NotTaken::Malformed(_)), "{text}");
            assert!(!error.to_string().contains("1511212918"), "{error}");
        }
    }

    #[test]
    fn numbers_that_are_none_are_left_out() {
        let params = r#"{"uniqueid":"1.0","caller_num":"anonymous","called_num":"<script>"}"#;
        let event = heard(&told("pbx.call.end", params)).unwrap().unwrap();
        assert_eq!((event.line, event.number), (None, None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..300)) {
            drop(read(&body, &Numbers::default(), 0));
        }

        #[test]
        fn a_reason_is_short_and_has_no_controls(reason in "\\PC{0,100}|[\\x00-\\x7f]{0,100}") {
            let shown = shown(&reason);
            prop_assert!(shown.chars().count() <= LONGEST_REASON);
            prop_assert!(!shown.chars().any(char::is_control));
        }
    }
}
