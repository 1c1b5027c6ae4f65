//! Proofs of possession at the endpoints for clients (RFC 9449 §5, §10): which key what is issued will be bound to.

use super::Oauth;
use super::errors::ClientError;
use super::parameters::Parameters;
use crate::auth::dpop::{DPOP, DPOP_NONCE, ProofError};
use crate::http::Response;
use crate::storage::clients::Client;
use axum::response::IntoResponse;
use http::request::Parts;

impl Oauth {
    /// The key that tokens of this request are to be bound to; none when the client proves none and need not.
    pub(super) async fn proved_key(
        &self,
        head: &Parts,
        client: &Client,
    ) -> Result<Option<String>, ClientError> {
        let key = self.offered_key(head).await?;
        // RFC 9449 §5.2
        if key.is_none() && client.dpop_bound.0 {
            return Err(ProofError::Missing.into());
        }
        Ok(key)
    }

    /// The key of a pushed request (RFC 9449 §10.1): that of its proof, if there is one, which is then as if it had been
    /// named.
    pub(super) async fn with_offered_key(
        &self,
        head: &Parts,
        form: Parameters,
    ) -> Result<Parameters, ClientError> {
        let Some(key) = self.offered_key(head).await? else {
            return Ok(form);
        };
        match form.get("dpop_jkt")? {
            Some(named) if named != key => Err(ProofError::OtherKey.into()),
            Some(_) => Ok(form),
            None => Ok(form.with("dpop_jkt", &key)),
        }
    }

    async fn offered_key(&self, head: &Parts) -> Result<Option<String>, ClientError> {
        match self.proofs.check(head, None, self.clock.now()).await {
            Ok(key) => Ok(Some(key)),
            Err(ProofError::Missing) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The answer, with a nonce for the next proof (RFC 9449 §8.2) for whoever makes proofs.
    pub(super) fn with_nonce<T: IntoResponse>(
        &self,
        is_proving: bool,
        outcome: Result<T, ClientError>,
    ) -> Response {
        let is_proving = is_proving || matches!(outcome, Err(ClientError::Proof(_)));
        let mut response = outcome.into_response();
        if is_proving {
            let nonce = self.proofs.nonce(self.clock.now());
            response.headers_mut().insert(DPOP_NONCE, nonce);
        }
        response
    }
}

pub(super) fn is_proving(head: &Parts) -> bool {
    head.headers.contains_key(DPOP)
}

/// Whether whoever sent a code or a refresh token has the key that it is `bound` to.
pub(super) fn must_prove(bound: Option<&str>, proved: Option<&str>) -> Result<(), ClientError> {
    match (bound, proved) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(ProofError::Missing.into()),
        (Some(bound), Some(proved)) if bound == proved => Ok(()),
        (Some(_), Some(_)) => Err(ClientError::InvalidGrant(
            "the code or token is bound to another key",
        )),
    }
}
