//! `GET /.well-known/oauth-authorization-server` (RFC 8414): what this server can do, no more and no less.

use super::{Oauth, assertion, device, jwks, pkce};
use crate::auth::dpop;
use crate::error::Result;
use crate::http::{Response, json};
use crate::token::jws;
use axum::extract::State;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use serde_json::json;
use std::sync::Arc;

pub(super) const PATH: &str = "/.well-known/oauth-authorization-server";
/// RFC 8414 §5: clients that know `OpenID` Connect's discovery alone look there. No ID token comes of it.
pub(super) const OPENID_PATH: &str = "/.well-known/openid-configuration";

pub(super) async fn get(State(oauth): State<Arc<Oauth>>) -> Result<Response> {
    let origin = &oauth.origin;
    // The implicit flow is there only while a client has its switch.
    let now = oauth.clock.now();
    let implicit = oauth.store.is_switch_used("implicit", now).await?;
    let with = |always: &[&'static str], more: &'static str| -> Vec<&'static str> {
        always
            .iter()
            .copied()
            .chain(implicit.then_some(more))
            .collect()
    };
    let authentication = [
        "client_secret_basic",
        "client_secret_post",
        assertion::METHOD,
        "none",
    ];
    let with_device = |always: Vec<&'static str>| -> Vec<&'static str> {
        let device = oauth.settings.device.then_some(device::GRANT_TYPE);
        always.into_iter().chain(device).collect()
    };
    let policies = oauth.store.policies().await?;
    let scopes: Vec<_> = policies.iter().map(|policy| &policy.name).collect();
    let mut document = json!({
        "issuer": origin,
        "scopes_supported": scopes,
        "authorization_endpoint": format!("{origin}/oauth/authorize"),
        "token_endpoint": format!("{origin}/oauth/token"),
        "jwks_uri": format!("{origin}{}", jwks::PATH),
        "revocation_endpoint": format!("{origin}/oauth/revoke"),
        "introspection_endpoint": format!("{origin}/oauth/introspect"),
        "pushed_authorization_request_endpoint": format!("{origin}/oauth/par"),
        "require_pushed_authorization_requests": oauth.settings.require_pushed_authorization_requests,
        "dpop_signing_alg_values_supported": dpop::ALGORITHMS,
        "response_types_supported": with(&["code"], "token"),
        "response_modes_supported": with(&["query"], "fragment"),
        "grant_types_supported": with_device(with(&["authorization_code", "client_credentials", "refresh_token"], "implicit")),
        "code_challenge_methods_supported": [pkce::METHOD],
        "token_endpoint_auth_methods_supported": authentication,
        "revocation_endpoint_auth_methods_supported": authentication,
        // Whoever asks about tokens proves who they are: no public client.
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", assertion::METHOD],
        "token_endpoint_auth_signing_alg_values_supported": jws::OFFERED,
        "revocation_endpoint_auth_signing_alg_values_supported": jws::OFFERED,
        "introspection_endpoint_auth_signing_alg_values_supported": jws::OFFERED,
        "authorization_response_iss_parameter_supported": true,
    });
    if oauth.settings.device
        && let Some(members) = document.as_object_mut()
    {
        let endpoint = format!("{origin}/oauth/device_authorization");
        members.insert("device_authorization_endpoint".to_owned(), endpoint.into());
    }
    let mut response = json(StatusCode::OK, &document);
    let minutes = HeaderValue::from_static("public, max-age=300");
    response.headers_mut().insert(CACHE_CONTROL, minutes);
    Ok(response)
}
