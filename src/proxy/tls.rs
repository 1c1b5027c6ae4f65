//! The listener's certificate, read anew on reload while connections go on.

use super::Tls;
use arc_swap::ArcSwap;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::Arc;

/// Answers every handshake with the certificate that was read last.
#[derive(Debug)]
pub struct Certificate(ArcSwap<CertifiedKey>);

#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("`{path}` cannot be used: {reason}")]
    File { path: String, reason: String },
}

impl Certificate {
    pub fn load(tls: &Tls) -> Result<Self, CertificateError> {
        Ok(Self(ArcSwap::from_pointee(read(tls)?)))
    }

    /// Handshakes from now on get what the files hold now; on an error, what they got before.
    pub fn reload(&self, tls: &Tls) -> Result<(), CertificateError> {
        self.0.store(Arc::new(read(tls)?));
        Ok(())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

fn read(tls: &Tls) -> Result<CertifiedKey, CertificateError> {
    let unusable =
        |path: &std::path::Path, reason: &dyn std::fmt::Display| CertificateError::File {
            path: path.display().to_string(),
            reason: reason.to_string(),
        };
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(&tls.certificate).and_then(Iterator::collect);
    let chain = chain.map_err(|error| unusable(&tls.certificate, &error))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| unusable(&tls.key, &error))?;
    let key = any_supported_type(&key).map_err(|error| unusable(&tls.key, &error))?;
    let certified = CertifiedKey::new(chain, key);
    // A key that is another certificate's would fail every handshake.
    certified
        .keys_match()
        .map_err(|error| unusable(&tls.key, &error))?;
    Ok(certified)
}
