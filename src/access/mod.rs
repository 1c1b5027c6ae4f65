//! The permission language: Wazo's accesses.

mod pattern;

pub use pattern::{Accesses, Holder};
