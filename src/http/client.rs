//! The one way out: requests of our own to other servers, bounded in time and in size.

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode, Uri};
pub use reqwest::Upgraded;
use reqwest::redirect::Policy;
use serde::Deserialize;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes that an answer may have.
pub const LARGEST: usize = 512 * 1024;

/// The `[outbound]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Authorities that may vouch for servers, besides the system's: PEM.
    pub ca: Option<PathBuf>,
    /// How long a request may take in all.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ca: None,
            timeout: Duration::from_secs(10),
        }
    }
}

impl Settings {
    /// Why the authorities cannot be used, if they cannot.
    pub fn fault(&self) -> Option<ClientError> {
        self.ca.as_deref().and_then(|path| authorities(path).err())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the authorities in `{path}` cannot be used: {reason}")]
    Authorities { path: PathBuf, reason: String },
    #[error("requests to other servers cannot be made: {0}")]
    Library(#[source] reqwest::Error),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// SSRF: nothing in clear, but to an address of this machine that was written as one.
    #[error("`{0}` is not asked: only https, and http to a literal loopback address, are")]
    Address(String),
    /// It was not sent.
    #[error("the server cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// It may have been sent, and done.
    #[error("the server did not answer in time")]
    Late,
    /// It may have been sent, and done.
    #[error("the exchange broke off")]
    Broken(#[source] reqwest::Error),
    #[error("the answer is larger than {LARGEST} bytes")]
    TooLarge,
    #[error("the server does not switch protocols: it answers {0}")]
    NotSwitched(StatusCode),
}

impl OutboundError {
    /// Whether the server cannot have seen the request.
    pub const fn is_unsent(&self) -> bool {
        matches!(self, Self::Address(_) | Self::Unreachable(_))
    }
}

/// Sends requests; clones share its connections. It follows no redirect: that would lead to where nobody allowed.
#[derive(Debug, Clone)]
pub struct Client {
    library: reqwest::Client,
    timeout: Duration,
}

impl Client {
    pub fn new(settings: &Settings) -> Result<Self, ClientError> {
        let more = settings.ca.as_deref().map(authorities).transpose()?;
        let library = reqwest::Client::builder()
            .redirect(Policy::none())
            .referer(false)
            // An upgrade needs it, and what tests run is what serves.
            .http1_only()
            .connect_timeout(settings.timeout)
            .user_agent(concat!("callgate/", env!("CARGO_PKG_VERSION")))
            .tls_certs_merge(more.unwrap_or_default())
            .build()
            .map_err(ClientError::Library)?;
        Ok(Self {
            library,
            timeout: settings.timeout,
        })
    }

    /// Sends a request and returns the whole answer, whatever its status.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, OutboundError> {
        if !may_be_asked(request.uri()) {
            return Err(OutboundError::Address(request.uri().to_string()));
        }
        let answer = tokio::time::timeout(self.timeout, self.exchange(request)).await;
        answer.unwrap_or(Err(OutboundError::Late))
    }

    /// Sends a request that asks for another protocol, and returns the connection once the server has switched
    /// (RFC 9110 §7.8).
    pub async fn switch(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Upgraded>, OutboundError> {
        if !may_be_asked(request.uri()) {
            return Err(OutboundError::Address(request.uri().to_string()));
        }
        let switched = tokio::time::timeout(self.timeout, self.upgrade(request)).await;
        switched.unwrap_or(Err(OutboundError::Late))
    }

    async fn upgrade(&self, request: Request<Bytes>) -> Result<Response<Upgraded>, OutboundError> {
        let request = reqwest::Request::try_from(request).map_err(sort)?;
        let mut answer = self.library.execute(request).await.map_err(sort)?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(OutboundError::NotSwitched(answer.status()));
        }
        let headers = std::mem::take(answer.headers_mut());
        let mut switched = Response::new(answer.upgrade().await.map_err(sort)?);
        *switched.headers_mut() = headers;
        Ok(switched)
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, OutboundError> {
        let request = reqwest::Request::try_from(request).map_err(sort)?;
        let mut answer = self.library.execute(request).await.map_err(sort)?;
        let mut body = BytesMut::new();
        while let Some(piece) = answer.chunk().await.map_err(sort)? {
            if body.len() + piece.len() > LARGEST {
                return Err(OutboundError::TooLarge);
            }
            body.extend_from_slice(&piece);
        }
        let mut whole = Response::new(body.freeze());
        *whole.status_mut() = answer.status();
        std::mem::swap(whole.headers_mut(), answer.headers_mut());
        Ok(whole)
    }
}

/// Whether requests may go there.
pub fn may_be_asked(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => is_loopback(host),
        _ => false,
    }
}

/// Whether a document that came from `from` may name `address` as one to ask: a server out there leads nobody, and us least
/// of all, to an address in here.
pub fn may_lead_to(from: &str, address: &str) -> bool {
    let uri: Option<Uri> = address.parse().ok();
    let may = uri.is_some_and(|uri| {
        may_be_asked(&uri) && (uri.scheme_str() == Some("https") || from.starts_with("http://"))
    });
    may && !address.contains('#')
}

fn is_loopback(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    literal
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_loopback())
}

fn sort(error: reqwest::Error) -> OutboundError {
    // Addresses may hold what no log should.
    let error = error.without_url();
    if error.is_connect() || error.is_builder() {
        return OutboundError::Unreachable(error);
    }
    if error.is_timeout() {
        return OutboundError::Late;
    }
    OutboundError::Broken(error)
}

fn authorities(path: &Path) -> Result<Vec<reqwest::Certificate>, ClientError> {
    let unusable = |reason: String| ClientError::Authorities {
        path: path.to_owned(),
        reason,
    };
    let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let found = reqwest::Certificate::from_pem_bundle(&pem);
    let found = found.map_err(|error| unusable(error.to_string()))?;
    if found.is_empty() {
        return Err(unusable("there is no certificate in it".to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_asked() {
        for (uri, may) in [
            ("https://idp.example/keys", true),
            ("http://127.0.0.1:8000/", true),
            ("http://[::1]:8000/", true),
            ("http://idp.example/", false),
            ("http://localhost/", false),
            ("http://169.254.169.254/latest/meta-data", false),
            ("http://127.0.0.1.evil.example/", false),
            ("ftp://127.0.0.1/", false),
            ("/keys", false),
        ] {
            assert_eq!(may_be_asked(&uri.parse().unwrap()), may, "{uri}");
        }
    }

    #[test]
    fn authorities_that_are_none_are_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "no certificate").unwrap();
        for path in [file.path(), Path::new("/no/such/file")] {
            let settings = Settings {
                ca: Some(path.to_owned()),
                ..Settings::default()
            };
            let fault = settings.fault().unwrap().to_string();
            assert!(fault.contains(&path.display().to_string()), "{fault}");
        }
    }
}
