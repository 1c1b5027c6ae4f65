//! What the fuzz targets check. libFuzzer feeds it with what it invents, the tests with the committed corpus.
//!
//! Each module has one function `check`, which panics when an input shows that something does not hold.

pub mod acl;
pub mod credential;
pub mod digest;
pub mod jwt;
pub mod path;
pub mod wire;

pub type Check = fn(&[u8]);

/// The targets, by the names of their folders in the corpus.
pub const TARGETS: [(&str, Check); 6] = [
    ("acl", acl::check),
    ("credential", credential::check),
    ("digest", digest::check),
    ("jwt", jwt::check),
    ("path", path::check),
    ("wire", wire::check),
];
