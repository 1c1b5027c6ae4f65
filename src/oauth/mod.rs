//! The authorization server (OAuth 2.0, RFC 6749 and RFC 9700): one endpoint a file.

mod account;
mod assertion;
mod assets;
mod attempt;
mod audit;
mod authorize;
mod brand;
mod client;
mod client_credentials;
mod cors;
mod csrf;
mod destination;
mod device;
mod documents;
mod dpop;
mod echo;
mod errors;
mod exchange;
mod external;
mod factor;
mod grant;
mod introspect;
mod issue;
mod jwks;
mod jwt;
mod known_browser;
mod language;
mod legacy;
mod login;
mod logout;
mod metadata;
mod page;
mod pages;
mod par;
mod parameters;
mod pkce;
mod provenance;
mod pushed;
mod redirect;
mod redirect_uri;
mod refresh;
mod request;
mod revoke;
mod scope;
mod session;
mod settings;
mod texts;
mod throttling;
mod token;
mod wanted;

pub use errors::dialect;
pub use legacy::warn_of_switches;
pub use settings::Settings;
pub use throttling::Attempts;

use crate::auth::dpop::Proofs;
use crate::clock::Clock;
use crate::error::Result;
use crate::http::Response;
use crate::metrics::Metrics;
use crate::provider::{ProviderTokens, Providers};
use crate::route::Endpoints;
use crate::sealer::Sealer;
use crate::storage::Store;
use crate::storage::Words;
use crate::storage::clients::Client;
use crate::storage::tenants::Tenant;
use crate::token::{Follower, Keyring, Mint};
use askama::Template;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, options, post};
use http::{HeaderMap, Method, StatusCode};
use request::AuthorizationRequest;
use std::sync::Arc;
use wanted::Wanted;

/// Logs users in, asks them, and issues, renews and revokes tokens.
pub struct Oauth {
    pub store: Store,
    pub mint: Mint,
    pub sealer: Sealer,
    /// What signs JWT access tokens.
    pub keys: Arc<Keyring>,
    pub follower: Arc<Follower>,
    pub clock: Clock,
    pub metrics: Metrics,
    pub settings: Settings,
    pub proofs: Arc<Proofs>,
    /// The failed attempts of late; one for the process.
    pub attempts: Arc<Attempts>,
    /// Where one may log in instead, and what they gave us.
    pub providers: Arc<Providers>,
    pub provider_tokens: Arc<ProviderTokens>,
    /// The configured public origin, such as `https://calls.example`, which is also the issuer (RFC 8414 §2): never
    /// the `Host` of a request.
    pub origin: String,
}

/// All of them are public: they see themselves to who asks.
pub fn endpoints(oauth: &Arc<Oauth>) -> Endpoints {
    let bind = |handlers: MethodRouter<Arc<Oauth>>| handlers.with_state(Arc::clone(oauth));
    // For programs in a browser as well.
    let open = |handlers: MethodRouter<Arc<Oauth>>| {
        bind(handlers.route_layer(from_fn_with_state(Arc::clone(oauth), cors::tell)))
    };
    let echo = if oauth.settings.echo_client {
        Endpoints::default().public(Method::GET, "/test", get(echo::get))
    } else {
        Endpoints::default()
    };
    let preflights = [
        "/oauth/token",
        "/oauth/revoke",
        metadata::PATH,
        metadata::OPENID_PATH,
        jwks::PATH,
    ]
    .into_iter()
    .fold(Endpoints::default(), |all, path| {
        all.public(Method::OPTIONS, path, bind(options(cors::preflight)))
    });
    echo.and(preflights)
        .and(external::endpoints(oauth))
        .and(device::endpoints(oauth))
        .public(Method::GET, "/oauth/authorize", bind(get(authorize::get)))
        .public(Method::GET, "/oauth/auth", bind(get(authorize::get)))
        .public(Method::GET, "/auth/login", bind(get(login::get)))
        .public(Method::POST, "/auth/login", bind(post(login::post)))
        .public(Method::GET, "/auth/factor", bind(get(factor::get)))
        .public(Method::POST, "/auth/factor", bind(post(factor::post)))
        .public(Method::GET, "/auth/grant", bind(get(grant::get)))
        .public(Method::POST, "/auth/grant", bind(post(grant::post)))
        .public(Method::GET, "/auth/logout", bind(get(logout::get)))
        .public(Method::POST, "/auth/logout", bind(post(logout::post)))
        .public(Method::POST, "/oauth/token", open(post(token::post)))
        .public(Method::GET, "/oauth/token", open(get(token::get)))
        .public(Method::POST, "/oauth/revoke", open(post(revoke::post)))
        .public(
            Method::POST,
            "/oauth/introspect",
            bind(post(introspect::post)),
        )
        .public(Method::POST, "/oauth/par", bind(post(par::post)))
        .public(Method::GET, metadata::PATH, open(get(metadata::get)))
        .public(Method::GET, jwks::PATH, open(get(jwks::get)))
        .public(Method::GET, metadata::OPENID_PATH, open(get(metadata::get)))
        .and(account::endpoints(oauth))
        .public(Method::GET, brand::PATH, bind(get(brand::get)))
        .public(Method::GET, "/assets/callgate.css", get(assets::style))
        .public(Method::GET, "/assets/passkey.js", get(assets::script))
        .public(Method::GET, "/favicon.ico", get(assets::mark))
}

impl Oauth {
    /// A client that is enabled, with the switches that it still has, and its tenant, which is enabled too.
    async fn enabled_client(&self, id: &str) -> Result<Option<(Client, Tenant)>> {
        let client = self.store.client(id).await?;
        let client = client.filter(|client| client.disabled_at.is_none());
        // Looked for in any case: nobody should tell by the time which clients there are.
        let tenant = client.as_ref().map_or("", |client| &client.tenant_id);
        let tenant = self.store.tenant(tenant).await?;
        let tenant = tenant.filter(|tenant| tenant.disabled_at.is_none());
        let Some((mut client, tenant)) = client.zip(tenant) else {
            return Ok(None);
        };
        if client.has_sunset(self.clock.now()) {
            client.switches = Words::default();
        }
        Ok(Some((client, tenant)))
    }

    fn is_secure(&self) -> bool {
        self.origin.starts_with("https://")
    }

    /// A page whose forms end here, or at `source` if that names another place.
    fn page(&self, status: StatusCode, source: &str, page: &impl Template) -> Response {
        let mut response = page::leading_to(source, status, page);
        if self.is_secure() {
            page::strict_transport(response.headers_mut());
        }
        response
    }

    /// A page, unless something else is asked for; the clients of 2012 take JSON for granted.
    fn wanted(&self, headers: &HeaderMap, request: &AuthorizationRequest) -> Wanted {
        wanted::of(headers).unwrap_or_else(|| {
            if !request.client.switches.contains("json_ui") {
                return Wanted::Html;
            }
            self.metrics.legacy_used("json_ui");
            legacy::note(&request.client, "json_ui");
            Wanted::Json
        })
    }
}
