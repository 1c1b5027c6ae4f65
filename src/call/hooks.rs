//! `/hooks/{backend}/{secret}`: where telephone systems tell what happens to calls.
//!
//! Nobody is asked for a token: a backend knows its system by a secret in the path, by a signature, or by both.

use super::Calls;
use crate::backend::{NotTaken, Notification};
use crate::error::{Error, Result};
use crate::http::{Peer, Response};
use crate::route::Endpoints;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use http::Method;
use http::request::Parts;
use std::sync::Arc;

const PATH: &str = "/hooks/{backend}/{secret}";

pub(super) fn endpoints(calls: &Arc<Calls>) -> Endpoints {
    let handlers: MethodRouter = get(hear).post(hear).with_state(Arc::clone(calls));
    Endpoints::default()
        .public(Method::GET, PATH, handlers)
        .also_public(Method::POST, PATH)
}

async fn hear(
    State(calls): State<Arc<Calls>>,
    Path((backend, secret)): Path<(String, String)>,
    head: Parts,
    body: Bytes,
) -> Result<Response> {
    let Peer(peer) = head.extensions.get().copied().unwrap_or(Peer(None));
    let notification = Notification {
        secret: &secret,
        head: &head,
        body: &body,
        peer,
    };
    let hook = calls.backends.get(&backend).ok_or(NotTaken::NoHook)?;
    let notified = hook.notified(&notification).await?;
    for event in notified.events {
        calls.heard(&backend, event).await?;
    }
    Ok(notified.answer.map(Body::from))
}

/// A system that is told of a failure tells again.
impl From<NotTaken> for Error {
    fn from(error: NotTaken) -> Self {
        match error {
            NotTaken::NoHook => Self::NotFound,
            NotTaken::Forged => Self::Forbidden(error.to_string()),
            NotTaken::Malformed(_) => Self::BadRequest(error.to_string()),
        }
    }
}
