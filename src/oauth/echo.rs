//! `/test`: stands in for a client that a redirect leads back to, and shows what it got. For demonstrations alone.

use super::pages::{Message, Tone};
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
        return Ok(page::plain(StatusCode::OK, &shown(code, error)));
    }
    let answer = match query.get("access_token")? {
        Some(token) => json!({ "token": token, "expire": query.get("expires_in")? }),
        None => json!({ "code": code }),
    };
    Ok(json(StatusCode::OK, &answer))
}

fn shown<'a>(code: Option<&'a str>, error: Option<&'a str>) -> Message<'a> {
    let (tone, heading, text) = match (code, error) {
        (Some(_), _) => (
            Tone::Notice,
            "Back at the application",
            "It got the code below, and has a minute to exchange it for tokens at /oauth/token.",
        ),
        (None, Some(_)) => (
            Tone::Failure,
            "Back at the application, without access",
            "It was told the reason below.",
        ),
        (None, None) => (
            Tone::Notice,
            "Back at the application",
            "It got no code. A token of the implicit flow stands in the address bar, behind the #.",
        ),
    };
    Message {
        tone,
        heading,
        text,
        code: code.or(error),
        decision: None,
    }
}
