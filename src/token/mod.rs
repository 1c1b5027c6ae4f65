//! Tokens: their form, the facts known about them, and what has been revoked.

pub mod cache;
mod facts;
mod feed;
mod follower;
mod form;

pub use cache::FactCache;
pub use facts::{Facts, Subject};
pub use feed::Feed;
pub use follower::Follower;
pub use form::{Class, Mint, Minted, TokenHash, WeakKey};
