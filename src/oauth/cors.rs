//! Which other sites may ask from a browser (Fetch §3.2): those of public clients, and only for what programs ask
//! for (RFC 9700 §2.6). The pages for people have nothing of this.

use super::{Oauth, redirect_uri};
use crate::error::Result;
use crate::http::{Response, empty};
use axum::extract::{Request, State};
use axum::middleware::Next;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::sync::Arc;

/// Answers what a browser asks ahead. Who may not is told nothing, and asks no further.
pub(super) async fn preflight(State(oauth): State<Arc<Oauth>>, head: Parts) -> Result<Response> {
    let mut response = empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed(&oauth, &head.headers).await? {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.extend(fixed([
            (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
            (
                ACCESS_CONTROL_ALLOW_HEADERS,
                "Authorization, Content-Type, DPoP",
            ),
            (ACCESS_CONTROL_MAX_AGE, "600"),
        ]));
    }
    Ok(response)
}

/// Lets the site that asked read the answer, if it may. Without credentials: cookies count for nothing here.
pub(super) async fn tell(
    State(oauth): State<Arc<Oauth>>,
    request: Request,
    next: Next,
) -> Result<Response> {
    let origin = allowed(&oauth, request.headers()).await?;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.extend(fixed([(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            "WWW-Authenticate, Retry-After, DPoP-Nonce, Deprecation, Sunset",
        )]));
    }
    Ok(response)
}

/// The origin that asks, if a public client has a redirect URI there.
async fn allowed(oauth: &Oauth, headers: &HeaderMap) -> Result<Option<HeaderValue>> {
    let Some(value) = headers.get(ORIGIN) else {
        return Ok(None);
    };
    let Some(origin) = value.to_str().ok().filter(|origin| is_web_origin(origin)) else {
        return Ok(None);
    };
    let clients = oauth.store.clients_at(origin).await?;
    let known = clients.iter().any(|client| {
        let mut uris = client.redirect_uris.iter();
        client.is_public() && uris.any(|uri| redirect_uri::as_source(uri) == origin)
    });
    Ok(known.then(|| value.clone()))
}

/// Neither `null`, nor anything that means something in a search.
fn is_web_origin(origin: &str) -> bool {
    let host = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    host.is_some_and(|host| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
        !host.is_empty() && host.len() <= 260 && host.bytes().all(plain)
    })
}

fn fixed<const N: usize>(
    headers: [(HeaderName, &'static str); N],
) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    headers
        .into_iter()
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
}
