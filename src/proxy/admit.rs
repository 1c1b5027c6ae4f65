//! Letting a request in: its frame is sound and its path canonical, or it is refused before anything reads it.

use super::body::Body;
use super::frame::{self, Answer, FrameError, Limits};
use super::path::{CanonicalPath, PathError};
use super::watch;
use crate::error::Error;
use pingora::proxy::Session;

/// Why a request is not let in, and whether its connection can go on.
pub(super) struct Refusal {
    pub(super) error: Error,
    pub(super) closes: bool,
}

/// Checks the request, puts its canonical path in place of the one received, and tells the body to expect.
pub(super) fn admit(session: &mut Session) -> Result<Body, Refusal> {
    if session.as_http1().is_some() {
        watch::next()?;
    }
    let header = session.req_header();
    let body = frame::check(header, header.raw_path(), Limits::default())?;
    let replacement = CanonicalPath::parse(header.uri.path())?.replacement(&header.uri)?;
    // In absolute-form, what was received would go upstream whole (RFC 9112 §3.2.2).
    let absolute = !header.raw_path().starts_with(b"/");
    let unchanged = absolute.then(|| header.uri.clone());
    if let Some(uri) = replacement.or(unchanged) {
        session.req_header_mut().set_uri(uri);
    }
    Ok(body)
}

impl From<FrameError> for Refusal {
    fn from(cause: FrameError) -> Self {
        let error = match cause.answer() {
            Answer::Malformed => Error::BadRequest(cause.to_string()),
            Answer::MethodNotAllowed => {
                Error::MethodNotAllowed("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS".to_owned())
            }
            Answer::HeadTooLarge => Error::HeadTooLarge,
            Answer::VersionNotSupported => Error::VersionNotSupported,
        };
        Self {
            error,
            closes: cause.closes_connection(),
        }
    }
}

impl From<PathError> for Refusal {
    fn from(cause: PathError) -> Self {
        Self {
            error: Error::BadRequest(cause.to_string()),
            closes: false,
        }
    }
}
