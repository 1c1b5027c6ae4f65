//! Placing a call: one signed request, which is sent once. A digest is good once, and a second request a second call.

use super::numbers::{self, Numbers};
use super::settings::{ClickToCall, Config};
use crate::backend::registry::Means;
use crate::backend::{BackendError, Originate, Placed, Refusal};
use crate::http::client::{Client, ClientError};
use crate::token::Subject;
use crate::upstream_auth::Credentials;
use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Characters of an id: Asterisk's have about 20.
const LONGEST_ID: usize = 128;

pub(super) struct Dialler {
    origin: String,
    credential: String,
    request: ClickToCall,
    client: Client,
    credentials: Arc<Credentials>,
}

/// An answer from which nobody can tell whether it dials.
#[derive(Debug, thiserror::Error)]
#[error("it answers {0}")]
struct Unclear(StatusCode);

impl Dialler {
    pub(super) fn new(config: &Config, means: &Means) -> Result<Self, ClientError> {
        Ok(Self {
            origin: config.url.trim_end_matches('/').to_owned(),
            credential: config.credential.clone(),
            request: config.click.clone(),
            client: means.client()?,
            credentials: Arc::clone(&means.credentials),
        })
    }

    pub(super) async fn place(
        &self,
        call: &Originate,
        numbers: &Numbers,
    ) -> Result<Placed, BackendError> {
        let mut request = self.request(call, numbers)?;
        let subject = subject(&call.owner);
        let signer = self
            .credentials
            .sign(&self.credential, &subject, request.headers_mut())
            .await?;
        let answer = self.client.send(request).await?;
        // Also of a refusal: it says what time it is there.
        let heard = signer.hear(answer.status(), answer.headers()).await;
        if heard.is_err() {
            return Err(refused(
                Refusal::Credential,
                "it does not take the gateway's credential",
            ));
        }
        self.understood(&answer)
    }

    fn request(&self, call: &Originate, numbers: &Numbers) -> Result<Request<Bytes>, BackendError> {
        let source = call.line.as_ref().map(|line| line.extension.as_str());
        let source = source.filter(|extension| numbers::is_dialled(extension));
        let Some(source) = source else {
            return Err(refused(
                Refusal::Unknown,
                "your line is no extension of it: ask your administrator",
            ));
        };
        let dest = numbers.dialled(&call.callee);
        let dest = dest.ok_or_else(|| refused(Refusal::Unknown, "it cannot dial this number"))?;
        let path = self.request.path(&dest, source);
        Request::builder()
            .method(Method::from(self.request.method))
            .uri(format!("{}{path}", self.origin))
            .header(ACCEPT, "application/json")
            // One that is kept may be closed just when it is used: then nobody could say whether it rings.
            .header(CONNECTION, "close")
            .body(Bytes::new())
            .map_err(|_| BackendError::refused("its address cannot be asked"))
    }

    fn understood(&self, answer: &Response<Bytes>) -> Result<Placed, BackendError> {
        let status = answer.status();
        if self.request.is_success(status.as_u16()) {
            let backend_call_id = self.call_id(answer.body());
            return Ok(Placed { backend_call_id });
        }
        let (why, reason) = match status {
            StatusCode::BAD_REQUEST => (Refusal::Unknown, "it cannot dial this number"),
            StatusCode::NOT_FOUND => (Refusal::Unknown, "it knows no such number or line"),
            StatusCode::FORBIDDEN => (Refusal::Forbidden, "this is not allowed there"),
            StatusCode::TOO_MANY_REQUESTS => {
                let retry_after = retry_after(answer);
                (Refusal::Rate { retry_after }, "it takes no more for now")
            }
            _ if status.is_client_error() => (Refusal::Other, "it refuses the request"),
            // It may have dialled before it failed.
            _ => return Err(BackendError::Unknown(Box::new(Unclear(status)))),
        };
        Err(refused(why, reason))
    }

    /// It dials: an answer without the id that it should have makes no failure of that.
    fn call_id(&self, body: &Bytes) -> Option<String> {
        let pointer = self.request.call_id.as_deref()?;
        let answer: Option<Value> = serde_json::from_slice(body).ok();
        let id = answer.as_ref().and_then(|answer| answer.pointer(pointer));
        let id = id.and_then(Value::as_str).filter(|id| is_id(id));
        if id.is_none() {
            tracing::warn!(
                pointer,
                "a placed call's id is not where the configuration says"
            );
        }
        id.map(str::to_owned)
    }
}

/// What can be an id: it is compared, kept, and sent back.
pub(super) fn is_id(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Whose own credential it is, if it is users' own. Nobody else has one.
fn subject(owner: &str) -> Subject {
    match owner.strip_prefix("user:") {
        Some(id) => Subject::User(id.to_owned()),
        None => Subject::Client(owner.to_owned()),
    }
}

fn refused(why: Refusal, reason: &str) -> BackendError {
    BackendError::Refused {
        why,
        reason: reason.to_owned(),
    }
}

/// RFC 9110 §10.2.3, in seconds; a date is left to whoever asks again.
fn retry_after(answer: &Response<Bytes>) -> Option<Duration> {
    let value = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
    value.parse().ok().map(Duration::from_secs)
}
