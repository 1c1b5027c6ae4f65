//! The gateway as a Pingora proxy.

mod authority;
mod body;
pub mod forwarded;
pub mod frame;
pub mod headers;
mod identity;
mod names;
pub mod path;
mod raw_head;
mod settings;
pub mod upstream;

pub use settings::{Settings, Tls};
