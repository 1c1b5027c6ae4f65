//! Whose pages these are: the name and the logo of a tenant, from the configuration.

use super::Oauth;
use crate::error::{Error, Result};
use crate::http::{Response, response};
use crate::secret;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Deserializer, de};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

pub(super) const PATH: &str = "/assets/brand/{tenant}";

/// `[oauth.brand.TENANT]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What people call the tenant.
    pub name: String,
    /// A file: SVG, PNG or JPEG.
    pub logo: Option<Logo>,
}

/// A picture, read when the configuration is.
#[derive(Clone)]
pub struct Logo {
    bytes: Bytes,
    content_type: &'static str,
    /// Tells browsers that another one took its place.
    version: String,
}

/// What pages show of a tenant.
#[derive(Debug, Clone)]
pub(super) struct Brand<'b> {
    pub(super) name: &'b str,
    /// The address of the logo.
    pub(super) logo: Option<String>,
}

/// Bytes: a logo is shown in the height of a line.
const LARGEST: u64 = 256 * 1024;

impl Oauth {
    /// `None` leaves the pages callgate's own.
    pub(super) fn brand(&self, tenant: &str) -> Option<Brand<'_>> {
        let settings = self.settings.brand.get(tenant)?;
        let logo = settings.logo.as_ref();
        Some(Brand {
            name: &settings.name,
            logo: logo.map(|logo| format!("/assets/brand/{tenant}?v={}", logo.version)),
        })
    }
}

/// `GET /assets/brand/TENANT`: the logo.
pub(super) async fn get(
    State(oauth): State<Arc<Oauth>>,
    Path(tenant): Path<String>,
) -> Result<Response> {
    let settings = oauth.settings.brand.get(&tenant);
    let logo = settings.and_then(|settings| settings.logo.as_ref());
    let logo = logo.ok_or(Error::NotFound)?;
    let mut response = response(StatusCode::OK, logo.content_type, logo.bytes.clone());
    let fixed: [(HeaderName, &'static str); 3] = [
        // An SVG may hold scripts: opened by itself it runs none.
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        ),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "public, max-age=86400"),
    ];
    for (name, value) in fixed {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

impl<'de> Deserialize<'de> for Logo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let path = String::deserialize(deserializer)?;
        let read = File::open(&path).and_then(|file| {
            let mut bytes = Vec::new();
            file.take(LARGEST + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        });
        let bytes =
            read.map_err(|error| de::Error::custom(format!("cannot read `{path}`: {error}")))?;
        Self::of(bytes).map_err(|why| de::Error::custom(format!("`{path}` {why}")))
    }
}

impl Logo {
    /// Its type is told by what is in it, never by its name.
    fn of(bytes: Vec<u8>) -> std::result::Result<Self, &'static str> {
        if bytes.len() as u64 > LARGEST {
            return Err("is larger than 256 KiB");
        }
        let content_type = content_type(&bytes).ok_or("is no SVG, PNG or JPEG")?;
        let version = secret::encode(&secret::sha256(&bytes));
        Ok(Self {
            version: version.chars().take(12).collect(),
            bytes: bytes.into(),
            content_type,
        })
    }
}

fn content_type(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some("image/png");
    }
    if bytes.starts_with(b"\xff\xd8\xff") {
        return Some("image/jpeg");
    }
    let text = std::str::from_utf8(bytes)
        .ok()?
        .trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let is_svg = text.starts_with("<svg") || (text.starts_with("<?xml") && text.contains("<svg"));
    is_svg.then_some("image/svg+xml")
}

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logo({}, {} bytes)", self.content_type, self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logo_is_told_by_what_is_in_it() {
        let kind = |bytes: &[u8]| Logo::of(bytes.to_vec()).map(|logo| logo.content_type);
        assert_eq!(kind(b"\x89PNG\r\n\x1a\n..."), Ok("image/png"));
        assert_eq!(kind(b"\xff\xd8\xff\xe0"), Ok("image/jpeg"));
        assert_eq!(
            kind(b"\n<svg xmlns='http://www.w3.org/2000/svg'/>"),
            Ok("image/svg+xml")
        );
        assert_eq!(kind(b"<?xml version='1.0'?><svg/>"), Ok("image/svg+xml"));
        for wrong in [
            b"<html>".as_slice(),
            b"",
            b"GIF89a",
            b"<?xml version='1.0'?><html/>",
        ] {
            assert!(kind(wrong).is_err(), "{wrong:?}");
        }
        let large = [b"<svg>".as_slice(), &vec![b' '; 300 * 1024]].concat();
        assert_eq!(kind(&large), Err("is larger than 256 KiB"));
    }
}
