//! Requests that the gateway answers itself, read from and written to Pingora.

use crate::error::Error;
use crate::http::Response;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT};
use http::request::Parts;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use std::time::Duration;

/// A body this small is read and forgotten when its request is refused, so that the connection can stay.
const DRAINED: u64 = 64 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// The head as the gateway takes it.
pub(super) fn head(session: &Session) -> Parts {
    let received = session.req_header();
    let mut request = http::Request::new(());
    *request.method_mut() = received.method.clone();
    *request.uri_mut() = received.uri.clone();
    *request.version_mut() = received.version;
    *request.headers_mut() = received.headers.clone();
    request.into_parts().0
}

/// The whole body, unless it is larger than `limit` bytes. Whoever cannot send it has failed, not we.
pub(super) async fn body(
    session: &mut Session,
    limit: u64,
) -> pingora::Result<Result<Bytes, Error>> {
    if announced(session).is_some_and(|length| length > limit) {
        return Ok(Err(Error::BodyTooLarge { limit }));
    }
    say_continue(session).await?;
    let mut body = BytesMut::new();
    while let Some(chunk) = session
        .read_request_body()
        .await
        .map_err(pingora::Error::into_down)?
    {
        if (body.len() + chunk.len()) as u64 > limit {
            return Ok(Err(Error::BodyTooLarge { limit }));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Ok(body.freeze()))
}

/// The body's length as the head announces it.
pub(super) fn announced(session: &Session) -> Option<u64> {
    session
        .req_header()
        .headers
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// Pingora leaves `100 Continue` to us, and forgets to keep the connection when it is sent.
pub(super) async fn say_continue(session: &mut Session) -> pingora::Result<()> {
    let expected = session.req_header().headers.get(EXPECT);
    if !expected.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Ok(());
    }
    let keepalive = session.get_keepalive();
    session
        .write_continue_response()
        .await
        .map_err(pingora::Error::into_down)?;
    session.set_keepalive(keepalive);
    Ok(())
}

/// Reads what little is left of a refused request, so that the next one on the connection is read rightly. What
/// is larger, or slow, or was not asked for, ends the connection instead: Pingora closes it with the answer.
pub(super) async fn drain(session: &mut Session) {
    let awaited = session.req_header().headers.contains_key(EXPECT);
    if awaited || announced(session).is_some_and(|length| length > DRAINED) {
        return;
    }
    let read = async {
        let mut left = DRAINED;
        while let Ok(Some(chunk)) = session.read_request_body().await {
            left = left.saturating_sub(chunk.len() as u64);
            if left == 0 {
                break;
            }
        }
    };
    // Whether it was in time shows in what Pingora does next.
    tokio::time::timeout(DRAIN_TIME, read)
        .await
        .unwrap_or_default();
}

/// Writes a whole response. One without a known length is sent as it comes.
pub(super) async fn write(session: &mut Session, response: Response) -> pingora::Result<()> {
    let (head, mut body) = response.into_parts();
    let mut header = ResponseHeader::build(head.status, Some(head.headers.len() + 1))?;
    for (name, value) in &head.headers {
        header.append_header(name, value)?;
    }
    let length = http_body::Body::size_hint(&body).exact();
    let bodiless = is_bodiless(head.status);
    if let Some(length) = length.filter(|_| !bodiless && !head.headers.contains_key(CONTENT_LENGTH))
    {
        header.insert_header(CONTENT_LENGTH, length)?;
    }
    let silent = bodiless || length == Some(0) || session.req_header().method == Method::HEAD;
    session
        .write_response_header(Box::new(header), silent)
        .await?;
    if silent {
        return Ok(());
    }
    while let Some(frame) = body.frame().await {
        let Some(chunk) = frame.ok().and_then(|frame| frame.into_data().ok()) else {
            continue;
        };
        let end = http_body::Body::is_end_stream(&body);
        session.write_response_body(Some(chunk), end).await?;
        if end {
            return Ok(());
        }
    }
    session.write_response_body(None, true).await
}

/// RFC 9110 §6.4.1.
pub(super) const fn is_bodiless(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}
