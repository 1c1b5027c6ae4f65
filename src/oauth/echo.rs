//! `/test`: stands in for a client that a redirect leads back to, and shows what it got. For demonstrations alone.

use super::pages::{Message, Tone};
use super::texts::Texts;
use super::wanted::{self, Wanted};
use super::{authorize, page};
use crate::error::Result;
use crate::http::{Response, json};
use http::StatusCode;
use http::request::Parts;
use serde_json::json;

pub(super) async fn get(head: Parts) -> Result<Response> {
    let query = authorize::query(&head)?;
    let (code, error) = (query.get("code")?, query.get("error")?);
    if wanted::of(&head.headers) == Some(Wanted::Html) {
        return Ok(page_for(&head, code, error));
    }
    let answer = match query.get("access_token")? {
        Some(token) => json!({ "token": token, "expire": query.get("expires_in")? }),
        None => json!({ "code": code }),
    };
    Ok(json(StatusCode::OK, &answer))
}

/// What a person sees at the application.
fn page_for(head: &Parts, code: Option<&str>, error: Option<&str>) -> Response {
    let (tone, heading, text) = match (code, error) {
        (Some(_), _) => (Tone::Notice, "echo-back", "echo-code"),
        (None, Some(_)) => (Tone::Failure, "echo-refused", "echo-reason"),
        (None, None) => (Tone::Notice, "echo-back", "echo-nothing"),
    };
    let texts = Texts::of(head);
    let message = Message {
        texts,
        tone,
        heading: &texts.get(heading),
        text: &texts.get(text),
        code: code.or(error),
        detail: None,
        decision: None,
    };
    page::plain(StatusCode::OK, &message)
}
