//! Whom a request is for; tested through [`super::frame::check`].

use super::frame::FrameError;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, Version};

/// One authority, named once or in the same words.
pub(super) fn check(head: &Parts, target: &[u8]) -> Result<(), FrameError> {
    let host = host(&head.headers)?;
    let authority = match head.uri.authority() {
        Some(authority) => Some(authority.as_str().as_bytes()),
        None => absolute_authority(target)?,
    };
    match (authority, host) {
        (Some(authority), _) if !is_host(authority) => Err(FrameError::HostMalformed),
        (Some(authority), Some(host)) if authority.eq_ignore_ascii_case(host) => Ok(()),
        (Some(_), Some(_)) => Err(FrameError::HostDiffers),
        // RFC 9113 §8.3.1: `:authority` is there in place of Host.
        (Some(_), None) if head.version == Version::HTTP_2 => Ok(()),
        (None, None) if head.version == Version::HTTP_10 => Ok(()),
        (_, None) => Err(FrameError::HostMissing),
        (None, Some(_)) => Ok(()),
    }?;
    check_path(head, target)
}

/// Whether `value` is a host and perhaps a port (RFC 9110 §7.2): no user, no list, no path.
pub(super) fn is_host(value: &[u8]) -> bool {
    let (is_named, rest) = match value.strip_prefix(b"[") {
        Some(bracketed) => split(bracketed, |byte| {
            byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
        }),
        None => split(value, |byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
        }),
    };
    let port = match (value.first(), rest) {
        (Some(b'['), [b']', port @ ..]) => port,
        (Some(b'['), _) => return false,
        (_, port) => port,
    };
    let is_port = port.is_empty()
        || port
            .strip_prefix(b":")
            .is_some_and(|port| port.iter().all(u8::is_ascii_digit));
    is_named && is_port
}

/// Whether it begins with such bytes, and what comes after them.
fn split(value: &[u8], belongs: impl Fn(u8) -> bool) -> (bool, &[u8]) {
    let end = value.iter().position(|&byte| !belongs(byte));
    let (name, rest) = value.split_at(end.unwrap_or(value.len()));
    (!name.is_empty(), rest)
}

/// The one Host header, if there is one (RFC 9112 §3.2).
fn host(headers: &HeaderMap) -> Result<Option<&[u8]>, FrameError> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(FrameError::HostRepeated),
        (Some(host), None) if is_host(host.as_bytes()) => Ok(Some(host.as_bytes())),
        (Some(_), None) => Err(FrameError::HostMalformed),
    }
}

/// The authority of a target in absolute-form; `None` of one in origin-form.
fn absolute_authority(target: &[u8]) -> Result<Option<&[u8]>, FrameError> {
    if target.starts_with(b"/") {
        return Ok(None);
    }
    let after_scheme = [b"http://".as_slice(), b"https://"]
        .iter()
        .find_map(|scheme| {
            let (start, rest) = target.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        });
    let mut parts = after_scheme
        .ok_or(FrameError::Target)?
        .split(|&byte| matches!(byte, b'/' | b'?'));
    Ok(parts.next())
}

/// HTTP/2 has its authority apart, so that its path is a path (RFC 9113 §8.3.1).
fn check_path(head: &Parts, target: &[u8]) -> Result<(), FrameError> {
    if head.version == Version::HTTP_2 && !target.starts_with(b"/") {
        return Err(FrameError::Target);
    }
    Ok(())
}
