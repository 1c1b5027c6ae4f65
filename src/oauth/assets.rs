//! The style sheet, the mark and the script of passkeys: all that the pages load.

use super::factor::SCRIPT;
use super::pages::STYLE;
use crate::http::{Response, response};
use http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};

const MARK: &str = concat!(
    r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke="#0f766e" stroke-width="3">"##,
    r##"<path d="M3 27V16a13 13 0 0 1 26 0v11"/><path d="M10 27V16a6 6 0 0 1 12 0v11"/>"##,
    r##"<circle cx="16" cy="25.5" r="2.25" fill="#0f766e" stroke="none"/></svg>"##
);

pub(super) async fn style() -> Response {
    kept("text/css; charset=utf-8", STYLE)
}

pub(super) async fn script() -> Response {
    kept("text/javascript; charset=utf-8", SCRIPT)
}

pub(super) async fn mark() -> Response {
    kept("image/svg+xml", MARK)
}

fn kept(content_type: &'static str, text: &'static str) -> Response {
    let mut response = response(StatusCode::OK, content_type, text);
    let headers = response.headers_mut();
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=3600"),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
