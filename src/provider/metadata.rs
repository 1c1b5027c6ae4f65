//! What an OpenID provider says of itself (OpenID Connect Discovery 1.0 §3, RFC 8414).

use crate::http::client::may_lead_to;
use crate::http::client_form::ClientAuthentication;
use crate::token::jws::Algorithm;
use bytes::Bytes;
use serde::Deserialize;

#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) authorization: String,
    pub(super) token: String,
    pub(super) keys_at: String,
    /// RFC 9207 §3: its answers say whose they are.
    pub(super) announces_iss: bool,
    /// What its ID tokens may be signed with.
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) authentication: ClientAuthentication,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl Metadata {
    /// Reads the document of `issuer`, as the configuration writes it.
    pub(super) fn read(issuer: &str, document: &Bytes) -> Result<Self, String> {
        let document: Document =
            serde_json::from_slice(document).map_err(|error| error.to_string())?;
        // RFC 8414 §3.3: otherwise one provider could pass for another.
        if document.issuer != issuer {
            return Err(format!(
                "the metadata is that of the issuer `{}`, not of `{issuer}`",
                document.issuer
            ));
        }
        for address in [
            &document.authorization_endpoint,
            &document.token_endpoint,
            &document.jwks_uri,
        ] {
            check(issuer, address)?;
        }
        Ok(Self {
            announces_iss: document.authorization_response_iss_parameter_supported,
            algorithms: algorithms(document.id_token_signing_alg_values_supported.as_deref()),
            authentication: authentication(document.token_endpoint_auth_methods_supported),
            authorization: document.authorization_endpoint,
            token: document.token_endpoint,
            keys_at: document.jwks_uri,
        })
    }
}

fn check(issuer: &str, address: &str) -> Result<(), String> {
    if may_lead_to(issuer, address) {
        return Ok(());
    }
    Err(format!("its endpoint `{address}` may not be used"))
}

/// Those that it names of ours; RS256 if it names none (Core 1.0 §2).
fn algorithms(named: Option<&[String]>) -> Vec<Algorithm> {
    let Some(named) = named else {
        return vec![Algorithm::Rs256];
    };
    let known = named.iter().filter_map(|name| Algorithm::named(name));
    known.collect()
}

/// Core 1.0 §9: Basic, unless only something else is taken.
fn authentication(named: Option<Vec<String>>) -> ClientAuthentication {
    match named {
        Some(named) if !named.iter().any(|method| method == "client_secret_basic") => {
            ClientAuthentication::Form
        }
        _ => ClientAuthentication::Basic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn document() -> Value {
        json!({
            "issuer": "https://idp.example",
            "authorization_endpoint": "https://idp.example/authorize",
            "token_endpoint": "https://idp.example/token",
            "jwks_uri": "https://idp.example/keys",
        })
    }

    fn read(document: &Value) -> Result<Metadata, String> {
        Metadata::read("https://idp.example", &Bytes::from(document.to_string()))
    }

    fn with(name: &str, value: Value) -> Result<Metadata, String> {
        let mut document = document();
        document[name] = value;
        read(&document)
    }

    #[test]
    fn q08_the_metadata_of_another_issuer_is_refused() {
        assert!(read(&document()).is_ok());
        for other in [
            "https://idp.example/",
            "https://IDP.example",
            "https://evil.example",
        ] {
            let error = with("issuer", json!(other)).unwrap_err();
            assert!(error.contains(other), "{error}");
        }
    }

    #[test]
    fn an_endpoint_in_here_or_in_clear_is_refused() {
        for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
            for address in [
                "http://127.0.0.1/admin",
                "http://idp.example/x",
                "file:///etc/passwd",
                "https://idp.example/x#y",
                "",
            ] {
                assert!(with(name, json!(address)).is_err(), "{name} {address}");
            }
        }
    }

    #[test]
    fn no_algorithm_is_taken_from_the_provider_that_is_not_ours() {
        let named = json!(["none", "HS256", "ES256", "RS256"]);
        let known = with("id_token_signing_alg_values_supported", named).unwrap();
        assert_eq!(known.algorithms, [Algorithm::Es256, Algorithm::Rs256]);
        assert_eq!(read(&document()).unwrap().algorithms, [Algorithm::Rs256]);
    }
}
