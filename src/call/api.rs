//! `/rest/call` over HTTP: POST places a call, PUT ends one, GET shows one or lists them.

use super::end::Where;
use super::wire::{CallView, Fields, Format, Rendered, Rendering, WireError};
use super::{Calls, Intent};
use crate::acl::Permit;
use crate::admission::Lease;
use crate::clock::EpochMs;
use crate::error::{Error, Result};
use crate::http::{AboutCall, Response, empty, no_store, response};
use crate::route::Endpoints;
use axum::extract::State;
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use http::header::LOCATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use std::sync::Arc;

const PATH: &str = "/rest/call";

/// `here`: the slot is free, but the telephone system was not told.
const ENDED: HeaderName = HeaderName::from_static("x-callgate-ended");

pub(super) fn endpoints(calls: &Arc<Calls>) -> Endpoints {
    let handlers: MethodRouter = get(read)
        .post(create)
        .put(stop)
        .with_state(Arc::clone(calls));
    Endpoints::default()
        .on(Method::GET, PATH, "calls.read", handlers)
        .also(Method::POST, PATH, "calls.create")
        .also(Method::PUT, PATH, "calls.update")
}

async fn create(
    State(calls): State<Arc<Calls>>,
    permit: Permit,
    head: Parts,
    body: Bytes,
) -> Result<Response> {
    let fields = Fields::read(&head, &body)?;
    let intent = Intent {
        number: fields.required("number")?.to_owned(),
        idempotency_key: idempotency_key(&head.headers)?,
    };
    let call = calls.originate(&permit, intent).await?;
    Ok(located(StatusCode::CREATED, &calls, call))
}

async fn stop(
    State(calls): State<Arc<Calls>>,
    permit: Permit,
    head: Parts,
    body: Bytes,
) -> Result<Response> {
    let fields = Fields::read(&head, &body)?;
    let (call, ended) = calls
        .hang_up(&permit, fields.required("token_call")?)
        .await?;
    let mut answer = located(StatusCode::OK, &calls, call);
    if ended == Where::Here {
        let here = HeaderValue::from_static("here");
        answer.headers_mut().insert(ENDED, here);
    }
    Ok(answer)
}

async fn read(State(calls): State<Arc<Calls>>, permit: Permit, head: Parts) -> Result<Response> {
    let fields = Fields::read(&head, &[])?;
    let rendering = Rendering {
        format: Format::of(&head.headers),
        zone: &calls.settings.time_zone,
        now: timestamp(calls.clock.now()),
    };
    let principal = permit.principal();
    let Some(token) = fields.get("token_call") else {
        let live = calls.live(principal).await?;
        return Ok(list(&live, &rendering));
    };
    let call = calls.find(principal, token).await?;
    Ok(rendered(
        rendering.call(&view(&call, Some(&principal.name))),
    ))
}

fn list(live: &[Lease], rendering: &Rendering<'_>) -> Response {
    if live.is_empty() {
        return no_store(empty(StatusCode::NO_CONTENT));
    }
    let views: Vec<_> = live.iter().map(|call| view(call, None)).collect();
    rendered(rendering.list(&views))
}

fn view<'c>(call: &'c Lease, username: Option<&'c str>) -> CallView<'c> {
    CallView {
        token: &call.id,
        number: &call.number,
        started_at: timestamp(call.reserved_at),
        ended_at: call.ended_at.map(timestamp),
        state: call.state(),
        username,
    }
}

fn timestamp(at: EpochMs) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn rendered(rendered: Rendered) -> Response {
    no_store(response(
        StatusCode::OK,
        rendered.content_type,
        rendered.body,
    ))
}

fn located(status: StatusCode, calls: &Calls, call: Lease) -> Response {
    let mut response = empty(status);
    if let Ok(location) = HeaderValue::from_str(&calls.location(&call.id)) {
        response.headers_mut().insert(LOCATION, location);
    }
    response.extensions_mut().insert(AboutCall(call.id));
    no_store(response)
}

/// The client's own name for the call (draft-ietf-httpapi-idempotency-key-header).
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default();
    if values.next().is_some() || key.is_empty() || key.len() > 255 {
        return Err(Error::BadRequest(
            "`Idempotency-Key` must be sent once, with 1 to 255 visible ASCII characters"
                .to_owned(),
        ));
    }
    Ok(Some(key.to_owned()))
}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        match error {
            WireError::UnsupportedMediaType => Self::UnsupportedMediaType(error.to_string()),
            other => Self::BadRequest(other.to_string()),
        }
    }
}
