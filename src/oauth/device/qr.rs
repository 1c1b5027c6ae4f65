//! `GET /device/qr.svg`: a picture of `verification_uri_complete`, for a device to show.
//!
//! It is drawn of any code that reads as one: nobody learns here which codes there are.

use super::UserCode;
use crate::error::{Error, Result};
use crate::http::{Response, response};
use crate::oauth::parameters::encode;
use crate::oauth::throttling::address;
use crate::oauth::{Oauth, authorize, page};
use axum::extract::State;
use http::header::CONTENT_SECURITY_POLICY;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use qrcode::render::svg::Color;
use qrcode::{EcLevel, QrCode};
use std::sync::Arc;

/// Pixels, unless whoever shows it says otherwise.
const WIDTH: u32 = 240;

pub(super) async fn get(State(oauth): State<Arc<Oauth>>, head: Parts) -> Result<Response> {
    let query = authorize::query(&head)?;
    let code = UserCode::parse(query.get("user_code")?.unwrap_or_default());
    let code = code.ok_or_else(|| Error::BadRequest("the user_code is no code".to_owned()))?;
    let now = oauth.clock.now();
    oauth.attempts.drawing(&address(&head), now)?;
    let query = encode(&[("user_code", code.to_string().as_bytes())]);
    let picture = draw(&format!("{}/device?{query}", oauth.origin))?;
    let mut response = response(StatusCode::OK, "image/svg+xml", picture);
    page::guard(response.headers_mut());
    // A picture that somebody opens as a page does nothing.
    response.headers_mut().insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
    if oauth.is_secure() {
        page::strict_transport(response.headers_mut());
    }
    Ok(response)
}

/// Black on white with its quiet zone, in light and dark alike: that is what cameras read.
fn draw(address: &str) -> Result<String> {
    let code = QrCode::with_error_correction_level(address, EcLevel::M);
    let code = code.map_err(|_| Error::Internal)?;
    Ok(code
        .render::<Color<'_>>()
        .min_dimensions(WIDTH, WIDTH)
        .build())
}
