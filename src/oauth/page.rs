//! Pages on the wire: what a browser is told so that nobody frames, keeps or leaks them (RFC 9700 §4.16).

use crate::http::{Response, response};
use askama::Template;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, VARY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// A page that leads nowhere.
pub(super) fn plain(status: StatusCode, page: &impl Template) -> Response {
    leading_to("", status, page)
}

/// A page whose forms end at `destination`, a source of a content security policy.
///
/// Browsers follow a form's redirects by `form-action` as well, so the client's origin must be named.
pub(super) fn leading_to(destination: &str, status: StatusCode, page: &impl Template) -> Response {
    let html = page.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a page cannot be rendered");
        String::new()
    });
    let mut response = response(status, "text/html; charset=utf-8", html);
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self' {destination}; \
         frame-ancestors 'none'; base-uri 'none'"
    );
    guard(response.headers_mut());
    let language = HeaderValue::from_static("accept-language");
    response.headers_mut().insert(VARY, language);
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Lets a page run scripts of ours, which passkeys need. No other page runs any.
pub(super) fn allow_script(headers: &mut HeaderMap) {
    let policy = headers.get(CONTENT_SECURITY_POLICY);
    let policy = policy.and_then(|policy| policy.to_str().ok());
    let wider = format!("{}; script-src 'self'", policy.unwrap_or_default());
    if let Ok(wider) = HeaderValue::from_str(&wider) {
        headers.insert(CONTENT_SECURITY_POLICY, wider);
    }
}

/// What every answer to a browser says, pages and redirects alike.
pub(super) fn guard(headers: &mut HeaderMap) {
    let fixed: [(HeaderName, &'static str); 4] = [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// RFC 6797: this host is to be asked over TLS alone.
pub(super) fn strict_transport(headers: &mut HeaderMap) {
    let year = HeaderValue::from_static("max-age=31536000");
    headers.insert(STRICT_TRANSPORT_SECURITY, year);
}
