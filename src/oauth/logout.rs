//! `GET|POST /auth/logout`: ends the session.

use super::destination::Destination;
use super::pages::{Message, Tone};
use super::parameters::Parameters;
use super::request::Stopped;
use super::texts::Texts;
use super::wanted::{self, Wanted};
use super::{Oauth, authorize, documents, page, provenance};
use crate::error::{Error, Result};
use crate::http::Response;
use crate::storage::audit::Event;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use std::sync::Arc;

/// Only what the user does ends a session: no image of another site, no look ahead.
pub(super) async fn get(State(oauth): State<Arc<Oauth>>, head: Parts) -> Result<Response> {
    provenance::of(&oauth, &head.headers)?;
    if provenance::is_prefetch(&head.headers) {
        return Err(Error::Forbidden(
            "a session is not ended ahead of its user".to_owned(),
        ));
    }
    end(&oauth, &head).await?;
    Ok(done(&oauth, &head))
}

/// From the consent page it leads to another login with the same destination.
pub(super) async fn post(State(oauth): State<Arc<Oauth>>, head: Parts, body: Bytes) -> Response {
    let answered = async {
        provenance::of(&oauth, &head.headers)?;
        let query = authorize::query(&head)?;
        if !query.has("client_id") && !query.has("to") {
            end(&oauth, &head).await?;
            return Ok(done(&oauth, &head));
        }
        let sent = query.and(Parameters::form(&head.headers, &body)?);
        let destination = Destination::read(&oauth, &head, &sent).await?;
        if let Some(login) = destination.login(&oauth, &head.headers).await? {
            oauth.consent_number(&login, &destination.query(), &sent)?;
        }
        end(&oauth, &head).await?;
        let mut response = destination.ask_for_login(&oauth)?;
        oauth.drop_session_cookie(&mut response);
        Ok(response)
    };
    answered
        .await
        .unwrap_or_else(|stopped: Stopped| stopped.respond(&oauth))
}

async fn end(oauth: &Oauth, head: &Parts) -> Result<()> {
    if let Some(login) = oauth.any_login(&head.headers).await? {
        let entry = oauth.entry(Event::Logout, head).user(&login.user);
        oauth.store.audit(entry).await;
    }
    oauth.end_session(&head.headers).await
}

fn done(oauth: &Oauth, head: &Parts) -> Response {
    let wanted = wanted::of(&head.headers).unwrap_or(Wanted::Json);
    let texts = Texts::of(head);
    let mut response = match wanted {
        Wanted::Html => page::plain(
            StatusCode::OK,
            &Message {
                texts,
                tone: Tone::Notice,
                heading: &texts.get("logout-title"),
                text: &texts.get("logout-text"),
                code: None,
                detail: None,
                decision: None,
            },
        ),
        other => documents::logged_out(other),
    };
    if oauth.is_secure() {
        page::strict_transport(response.headers_mut());
    }
    oauth.drop_session_cookie(&mut response);
    response
}
