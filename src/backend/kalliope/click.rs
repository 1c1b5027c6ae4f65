//! Placing a call: one signed request, which is sent once. A digest is good once, and a second request a second call.

use super::numbers::{self, Numbers};
use super::settings::{ClickToCall, Config};
use crate::backend::http::{Answer, Api};
use crate::backend::registry::Means;
use crate::backend::{BackendError, Originate, Placed, Refusal};
use crate::clock::Clock;
use crate::http::client::ClientError;
use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Method, Request, StatusCode};
use serde_json::Value;

/// Characters of an id: Asterisk's have about 20.
const LONGEST_ID: usize = 128;

pub(super) struct Dialler {
    api: Api,
    request: ClickToCall,
    clock: Clock,
}

impl Dialler {
    pub(super) fn new(config: &Config, means: &Means) -> Result<Self, ClientError> {
        Ok(Self {
            api: Api::new(&config.url, &config.credential, means)?,
            request: config.click.clone(),
            clock: means.clock.clone(),
        })
    }

    pub(super) async fn place(
        &self,
        call: &Originate,
        numbers: &Numbers,
    ) -> Result<Placed, BackendError> {
        let request = self.request(call, numbers)?;
        let answer = self.api.send(&call.owner, request).await?;
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
        let method = Method::from(self.request.method);
        let path = self.request.path(&dest, source);
        let mut request = self.api.request(method, &path)?;
        // One that is kept may be closed just when it is used: then nobody could say whether it rings.
        let headers = request.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        Ok(request)
    }

    fn understood(&self, answer: &Answer) -> Result<Placed, BackendError> {
        let status = answer.status;
        if self.request.is_success(status.as_u16()) {
            let backend_call_id = self.call_id(&answer.body);
            return Ok(Placed { backend_call_id });
        }
        let (why, reason) = match status {
            StatusCode::BAD_REQUEST => (Refusal::Unknown, "it cannot dial this number"),
            StatusCode::NOT_FOUND => (Refusal::Unknown, "it knows no such number or line"),
            StatusCode::FORBIDDEN => (Refusal::Forbidden, "this is not allowed there"),
            StatusCode::TOO_MANY_REQUESTS => {
                let retry_after = answer.retry_after(self.clock.now());
                (Refusal::Rate { retry_after }, "it takes no more for now")
            }
            // Whoever stands between may have waited in vain.
            StatusCode::REQUEST_TIMEOUT => return Err(answer.unexpected()),
            _ if status.is_client_error() => (Refusal::Other, "it refuses the request"),
            // It may have dialled before it failed.
            _ => return Err(answer.unexpected()),
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

fn refused(why: Refusal, reason: &str) -> BackendError {
    BackendError::Refused {
        why,
        reason: reason.to_owned(),
    }
}
