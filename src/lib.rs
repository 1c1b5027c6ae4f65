//! callgate: an authentication gateway in front of the call APIs of telephone systems.
//!
//! The modules are the product's parts, in the order in which they build on each other; a module imports only from
//! those above it (docs/architecture.md, checked by `tests/architecture.rs`).

pub mod access;
pub mod clock;
pub mod http;
pub mod kalliope;
pub mod metrics;
pub mod number;
pub mod sealer;
pub mod secret;

pub mod replay;
pub mod storage;
pub mod throttle;
pub mod token;

pub mod acl;
pub mod auth;
pub mod provider;
pub mod upstream_auth;

pub mod admission;
pub mod backend;
pub mod dialling;

pub mod error;
pub mod route;

pub mod openapi;

pub mod call;

pub mod admin;
pub mod oauth;
pub mod operations;
pub mod salt;

pub mod gateway;
pub mod proxy;

pub mod config;

pub mod app;
pub mod server;

pub mod cli;
