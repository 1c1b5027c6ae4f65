//! Behaviour tests, all in one binary so that they link once.

#![expect(
    clippy::disallowed_methods,
    clippy::format_collect,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where it stopped, and its tasks end with it"
)]

mod account;
mod account_factors;
mod admin;
mod admin_calls;
mod admin_clients;
mod admin_users;
mod admission;
mod admission_model;
mod audit;
mod authenticator;
mod backend;
mod bearer;
mod brand;
mod cache;
mod call;
mod call_wire;
mod cli;
mod configuration;
mod dialling;
mod digest;
mod dpop;
mod endings;
mod external;
mod external_account;
mod external_keys;
mod external_tokens;
mod fuzz;
mod grants;
mod harness;
mod idp;
mod interleavings;
mod issuer;
mod issuer_revocation;
mod metrics;
mod mixing;
mod oauth;
mod oauth_assertion;
mod oauth_authorize;
mod oauth_device;
mod oauth_dpop;
mod oauth_factor;
mod oauth_grant;
mod oauth_introspect;
mod oauth_jwt;
mod oauth_login;
mod oauth_par;
mod oauth_passkey;
mod oauth_refresh;
mod oauth_token;
mod openapi;
mod process;
mod pruning;
mod revocation;
mod rows;
mod upstream_credentials;
mod vault;
