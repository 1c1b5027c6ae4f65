//! wazo-websocketd, which tells of sessions that end: what was cached of them is forgotten at once.

use super::super::session_key;
use super::utc;
use crate::clock::{Clock, EpochMs};
use crate::http::client::{Client, OutboundError, may_be_asked};
use crate::http::websocket::{Received, WebSocket, WebSocketError};
use crate::metrics::IssuerMetrics;
use crate::secret::Secret;
use crate::storage::revocations::Kind;
use crate::token::{Feed, Watch};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{interval, sleep, timeout};
use zeroize::Zeroizing;

/// `watch` of an `[[issuer]]` of the kind `wazo`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where wazo-websocketd is: `https://pbx.example/api/websocketd/`.
    pub url: String,
    /// A user of the master tenant, which alone hears of all tenants; it needs the accesses `websocketd` and
    /// `events.auth.#`.
    pub login: String,
    pub password: Secret,
    /// How long facts count while nobody tells which sessions end.
    #[serde(default = "unwatched", with = "humantime_serde")]
    pub unwatched_lifetime: Duration,
}

const fn unwatched() -> Duration {
    Duration::from_secs(10)
}

impl Settings {
    pub(super) fn faults(&self) -> Vec<(&'static str, String)> {
        let url = self.url.parse();
        let fits = url.is_ok_and(|uri| may_be_asked(&uri)) && !self.url.contains(['?', '#']);
        let wrong = |message: &str| ("watch", message.to_owned());
        let url =
            (!fits).then(|| wrong("its `url` is an https address without query and fragment"));
        let login = self.login.is_empty() || self.login.contains(':');
        let login = login.then(|| wrong("its `login` is empty, or has a colon"));
        url.into_iter().chain(login).collect()
    }
}

#[derive(Debug, thiserror::Error)]
enum WatchError {
    #[error("the login there failed: {0}")]
    LogIn(#[source] OutboundError),
    #[error("the login there is answered with {0}")]
    Refused(StatusCode),
    #[error("what it answers cannot be read")]
    Unreadable,
    #[error(transparent)]
    Socket(#[from] WebSocketError),
    #[error("it does not answer in time")]
    Late,
    #[error("it is silent")]
    Silent,
}

/// A token of our own there.
struct Pass {
    token: Secret,
    expires_at: EpochMs,
}

#[derive(Deserialize)]
struct LoggedIn {
    data: OwnToken,
}

#[derive(Deserialize)]
struct OwnToken {
    token: String,
    utc_expires_at: String,
}

/// A frame: `{"op":"init","code":0,"data":…}`.
#[derive(Deserialize)]
struct Frame {
    op: String,
    #[serde(default)]
    code: i64,
    #[serde(default)]
    data: Value,
}

const EVENT: &str = "auth_session_deleted";

/// What a daemon asks for, which renews its token in time.
const PASS_SECONDS: u32 = 21_600;

/// For each step until the line stands.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often we ask for a sign of life …
const BEAT: Duration = Duration::from_secs(10);

/// … and how long we do without.
pub(in crate::auth::issuer::remote) const SILENCE: Duration = Duration::from_secs(30);

/// Between attempts, in seconds.
const PAUSES: [u64; 6] = [1, 2, 4, 8, 16, 32];

/// Keeps the line to one wazo-websocketd.
pub(in crate::auth::issuer::remote) struct Watcher {
    pub(in crate::auth::issuer::remote) settings: Settings,
    /// That of wazo-auth.
    pub(in crate::auth::issuer::remote) base: String,
    pub(in crate::auth::issuer::remote) client: Client,
    pub(in crate::auth::issuer::remote) clock: Clock,
    pub(in crate::auth::issuer::remote) feed: Arc<Feed>,
    pub(in crate::auth::issuer::remote) watch: Arc<Watch>,
    pub(in crate::auth::issuer::remote) metrics: IssuerMetrics,
}

impl Watcher {
    /// Listens for as long as this is polled, and begins again whenever the line breaks.
    pub(in crate::auth::issuer::remote) async fn run(self) -> Infallible {
        let mut failures = 0;
        loop {
            let Err(error) = self.listen(&mut failures).await;
            self.watch.lose();
            self.metrics.set_watched(false);
            let pause = PAUSES.get(failures).or(PAUSES.last());
            let pause = pause.copied().unwrap_or_default();
            tracing::warn!(
                issuer = self.metrics.name(),
                error = &error as &dyn std::error::Error,
                pause,
                "sessions that end are not heard of now, so facts count for a shorter time"
            );
            failures += 1;
            sleep(Duration::from_secs(pause)).await;
        }
    }

    async fn listen(&self, failures: &mut usize) -> Result<Infallible, WatchError> {
        let pass = within(self.log_in()).await?;
        let mut socket = within(self.open(&pass)).await?;
        self.watch.begin(self.clock.now());
        self.metrics.set_watched(true);
        *failures = 0;
        tracing::info!(
            issuer = self.metrics.name(),
            "sessions that end are heard of"
        );
        let mut renewal = pin!(self.renew(pass));
        let mut beat = interval(BEAT);
        loop {
            tokio::select! {
                received = socket.receive() => self.hear(received?)?,
                pass = &mut renewal => {
                    let token = json!({ "token": pass.token.expose() });
                    socket.send(frame("token", &token)).await?;
                    renewal.set(self.renew(pass));
                }
                _ = beat.tick() => {
                    if self.watch.is_silent(self.clock.now()) {
                        return Err(WatchError::Silent);
                    }
                    socket.ping().await?;
                }
            }
        }
    }

    /// A token of ours, by `POST /0.1/token`.
    async fn log_in(&self) -> Result<Pass, WatchError> {
        let Settings {
            login, password, ..
        } = &self.settings;
        let pair = Zeroizing::new(format!("{login}:{}", password.expose()));
        let basic = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        let request = Request::post(format!("{}/0.1/token", self.base))
            .header(AUTHORIZATION, basic.as_str())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .body(Bytes::from(
                json!({ "expiration": PASS_SECONDS }).to_string(),
            ))
            .map_err(|_| WatchError::Unreadable)?;
        let answer = self.client.send(request).await;
        let answer = answer.map_err(WatchError::LogIn)?;
        if answer.status() != StatusCode::OK {
            return Err(WatchError::Refused(answer.status()));
        }
        let LoggedIn { data } =
            serde_json::from_slice(answer.body()).map_err(|_| WatchError::Unreadable)?;
        Ok(Pass {
            expires_at: utc(&data.utc_expires_at).ok_or(WatchError::Unreadable)?,
            token: Secret::new(data.token),
        })
    }

    /// The line, once it is sure that from now on every event is sent.
    async fn open(&self, pass: &Pass) -> Result<WebSocket, WatchError> {
        // In a header: an address would be logged.
        let request = Request::get(format!("{}?version=2", self.settings.url))
            .header("x-auth-token", pass.token.expose());
        let mut socket = WebSocket::open(&self.client, request).await?;
        answered(&mut socket, "init").await?;
        let event = json!({ "event_name": EVENT });
        socket.send(frame("subscribe", &event)).await?;
        answered(&mut socket, "subscribe").await?;
        // What comes before the start is not sent, and not kept either.
        socket.send(frame("start", &Value::Null)).await?;
        answered(&mut socket, "start").await?;
        Ok(socket)
    }

    /// The next token, when four fifths of the life of this one are over.
    async fn renew(&self, pass: Pass) -> Pass {
        let left = pass.expires_at.saturating_sub(self.clock.now());
        let wait = u64::try_from(left / 5 * 4).unwrap_or_default();
        sleep(Duration::from_millis(wait).max(BEAT)).await;
        for pause in PAUSES.iter().chain(std::iter::repeat(&32)) {
            match within(self.log_in()).await {
                Ok(pass) => return pass,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(issuer = self.metrics.name(), error, "no new token yet");
                }
            }
            sleep(Duration::from_secs(*pause)).await;
        }
        pass
    }

    fn hear(&self, received: Received) -> Result<(), WatchError> {
        let now = self.clock.now();
        self.watch.heard(now);
        let Received::Text(text) = received else {
            return Ok(());
        };
        let frame = read(&text)?;
        if frame.op != "event" {
            return Ok(());
        }
        let ended = ended_session(&frame.data)?;
        if let Some(session) = ended {
            let key = session_key(self.metrics.name(), session);
            self.feed.record(Kind::Family, &key, now);
        }
        Ok(())
    }
}

/// The session that an event says has ended; `None` for other events. One that cannot be read may have been one that
/// mattered, so the line is of no use.
fn ended_session(event: &Value) -> Result<Option<&str>, WatchError> {
    let name = event.get("name").and_then(Value::as_str);
    if name.ok_or(WatchError::Unreadable)? != EVENT {
        return Ok(None);
    }
    let session = event.pointer("/data/uuid").and_then(Value::as_str);
    session.map(Some).ok_or(WatchError::Unreadable)
}

fn frame(op: &str, data: &Value) -> String {
    match data {
        Value::Null => json!({ "op": op }).to_string(),
        data => json!({ "op": op, "data": data }).to_string(),
    }
}

fn read(text: &str) -> Result<Frame, WatchError> {
    let frame: Frame = serde_json::from_str(text).map_err(|_| WatchError::Unreadable)?;
    match frame.code {
        0 => Ok(frame),
        _ => Err(WatchError::Unreadable),
    }
}

/// Waits for the answer to what was said last.
async fn answered(socket: &mut WebSocket, op: &str) -> Result<(), WatchError> {
    loop {
        let Received::Text(text) = socket.receive().await? else {
            continue;
        };
        let is_answer = read(&text)?.op == op;
        return is_answer.then_some(()).ok_or(WatchError::Unreadable);
    }
}

async fn within<T>(step: impl Future<Output = Result<T, WatchError>>) -> Result<T, WatchError> {
    timeout(PATIENCE, step)
        .await
        .unwrap_or(Err(WatchError::Late))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sessions_that_ended_are_named() {
        let event = json!({ "name": EVENT, "data": { "uuid": "s-1", "user_uuid": "u" } });
        assert_eq!(ended_session(&event).unwrap(), Some("s-1"));
        let other = json!({ "name": "auth_session_created", "data": { "uuid": "s-1" } });
        assert_eq!(ended_session(&other).unwrap(), None);
        for event in [json!({}), json!({ "name": EVENT }), json!("event")] {
            assert!(ended_session(&event).is_err(), "{event}");
        }
    }

    #[test]
    fn a_frame_that_tells_of_a_failure_is_none() {
        assert_eq!(
            read(r#"{"op":"init","code":0,"data":{"version":2}}"#)
                .unwrap()
                .op,
            "init"
        );
        for text in ["", "[]", r#"{"op":"subscribe","code":1}"#, r#"{"code":0}"#] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
