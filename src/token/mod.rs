//! Tokens: their form, the facts known about them, and what has been revoked.

pub mod cache;
mod facts;
mod feed;
mod follower;
mod form;
pub mod jwk;
pub mod jws;
pub mod jwt;
mod keyring;
mod origin;
mod position;
mod signing;
mod watch;

pub use cache::FactCache;
pub use facts::{External, Facts, Subject};
pub use feed::Feed;
pub use follower::Follower;
pub use form::{Class, Mint, Minted, TokenHash, Verifier, WeakKey};
pub use keyring::{Key, KeyError, KeyPolicy, KeyState, Keyring};
pub use origin::{Granted, Origin};
pub use position::Known;
pub use signing::Algorithm;
pub use watch::Watch;
