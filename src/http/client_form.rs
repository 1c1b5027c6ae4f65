//! A form that we post to another authorization server, and how we prove ourselves as its client (RFC 6749 §2.3.1).

use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use serde::Deserialize;
use zeroize::Zeroizing;

/// How a client's secret is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuthentication {
    #[default]
    Basic,
    Form,
}

/// Who we are there. Without a secret, we are a public client.
#[derive(Debug, Clone, Copy)]
pub struct ClientOf<'a> {
    pub id: &'a str,
    pub secret: Option<&'a Secret>,
    pub authentication: ClientAuthentication,
}

impl ClientOf<'_> {
    /// The request with this form.
    ///
    /// # Errors
    /// When `endpoint` is no address.
    pub fn post(
        &self,
        endpoint: &str,
        form: &[(&str, &str)],
    ) -> Result<Request<Bytes>, http::Error> {
        let mut request = Request::post(endpoint)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        match (self.secret, self.authentication) {
            (Some(secret), ClientAuthentication::Basic) => {
                request = request.header(AUTHORIZATION, basic(self.id, secret));
            }
            (Some(secret), ClientAuthentication::Form) => {
                body.append_pair("client_id", self.id);
                body.append_pair("client_secret", secret.expose());
            }
            (None, _) => {
                body.append_pair("client_id", self.id);
            }
        }
        request.body(Bytes::from(body.finish()))
    }
}

/// RFC 6749 §2.3.1: both are form-encoded before they are joined.
fn basic(id: &str, secret: &Secret) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let joined = Zeroizing::new(format!("{}:{}", encode(id), encode(secret.expose())));
    format!("Basic {}", STANDARD.encode(joined.as_bytes()))
}
