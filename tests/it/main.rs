//! Behaviour tests, all in one binary so that they link once.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where it stopped"
)]

mod admission;
mod backend;
mod cache;
mod call;
mod call_wire;
mod harness;
