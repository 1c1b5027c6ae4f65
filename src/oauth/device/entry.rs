//! `GET|POST /device`: where a person types what a device shows (RFC 8628 §3.3).

use super::{UserCode, pages};
use crate::error::Result;
use crate::http::Response;
use crate::oauth::csrf::Form;
use crate::oauth::destination::Destination;
use crate::oauth::parameters::Parameters;
use crate::oauth::texts::Texts;
use crate::oauth::{Oauth, authorize, provenance};
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use std::sync::Arc;

/// What the form is about: nothing yet.
const ABOUT: &str = "device";

/// Of what was typed, enough to see the mistake.
const LONGEST_SHOWN: usize = 32;

/// A code in the address is only filled in: whoever made the address, it is the person who sends it (RFC 8628 §3.3.1).
pub(super) async fn get(State(oauth): State<Arc<Oauth>>, head: Parts) -> Result<Response> {
    let query = authorize::query(&head)?;
    let typed = query.get("user_code")?.unwrap_or_default();
    let code = UserCode::parse(typed).map(|code| code.to_string());
    Ok(page(&oauth, &head, (&code.unwrap_or_default(), false)))
}

pub(super) async fn post(
    State(oauth): State<Arc<Oauth>>,
    head: Parts,
    body: Bytes,
) -> Result<Response> {
    provenance::of(&oauth, &head.headers)?;
    let sent = Parameters::form(&head.headers, &body)?;
    let (cookie, _) = oauth.form_cookie(&head.headers);
    oauth.check_form(Form::DeviceCode { cookie: &cookie }, ABOUT, &sent)?;
    let typed = sent.get("user_code")?.unwrap_or_default();
    if let Some(pending) = oauth.pending_device(&head, typed).await? {
        return Destination::Device(Box::new(pending)).lead_on(&oauth);
    }
    let shown: String = typed.chars().take(LONGEST_SHOWN).collect();
    Ok(page(&oauth, &head, (&shown, true)))
}

fn page(oauth: &Oauth, head: &Parts, (user_code, is_wrong): (&str, bool)) -> Response {
    let (cookie, is_new) = oauth.form_cookie(&head.headers);
    let texts = Texts::of(head);
    let page = pages::Entry {
        texts,
        csrf_token: &oauth.form_token(Form::DeviceCode { cookie: &cookie }, ABOUT),
        user_code,
        error: is_wrong.then(|| texts.get("device-wrong")),
    };
    let status = if is_wrong {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::OK
    };
    let mut response = oauth.page(status, "", &page);
    if is_new {
        oauth.set_form_cookie(&mut response, &cookie);
    }
    response
}
