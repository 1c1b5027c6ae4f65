//! Behaviour tests, all in one binary so that they link once.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where it stopped"
)]

mod call;
mod harness;
mod process;
