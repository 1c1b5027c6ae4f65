//! Rows of docs/oauth.md that concern more than one endpoint.

mod abuse;
mod bearer;
mod cors;
mod issuer;
mod legacy;
mod pages;
