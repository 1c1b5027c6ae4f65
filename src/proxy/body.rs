//! The body that a head announces; tested through [`super::frame::check`].

use super::frame::FrameError;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Version};

/// The body that the head announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// None (HTTP/1).
    Absent,
    /// So many bytes.
    Sized(u64),
    /// As many as come: chunked, or HTTP/2 without a length.
    Unsized,
}

/// RFC 9112 §6.3, where it says that a server may refuse as well as mend.
pub(super) fn announced(head: &Parts) -> Result<Body, FrameError> {
    let length = content_length(&head.headers)?;
    if head.headers.contains_key(TRANSFER_ENCODING) {
        return chunked(head, length);
    }
    Ok(match length {
        Some(length) => Body::Sized(length),
        None if head.version == Version::HTTP_2 => Body::Unsized,
        None => Body::Absent,
    })
}

fn content_length(headers: &HeaderMap) -> Result<Option<u64>, FrameError> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    match (lengths.next(), lengths.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(FrameError::LengthRepeated),
        (Some(length), None) => number(length).map(Some).ok_or(FrameError::LengthMalformed),
    }
}

/// `1*DIGIT` (RFC 9110 §8.6) that fits in 63 bits, as many as any recipient holds.
fn number(value: &HeaderValue) -> Option<u64> {
    let digits = value.to_str().ok()?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i64>().ok()?.try_into().ok()
}

fn chunked(head: &Parts, length: Option<u64>) -> Result<Body, FrameError> {
    if head.version != Version::HTTP_11 {
        return Err(FrameError::EncodingInVersion);
    }
    if length.is_some() {
        return Err(FrameError::LengthWithEncoding);
    }
    let mut encodings = head.headers.get_all(TRANSFER_ENCODING).iter();
    match (encodings.next(), encodings.next()) {
        (Some(encoding), None) if encoding.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            Ok(Body::Unsized)
        }
        _ => Err(FrameError::EncodingUnknown),
    }
}
