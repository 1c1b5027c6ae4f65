//! Kalliope's way to authenticate a request: the digest in the header `X-authenticate`, both to verify and to sign.
//!
//! The algorithm alone, without a store and without a clock; who may log in by it is `auth`'s business.

mod account;
mod digest;
mod header;
mod salt;
#[cfg(test)]
mod vectors;
mod window;

pub use account::Account;
pub use digest::{Digest, DigestPassword, NotHex};
pub use header::{FormError, Header, X_AUTHENTICATE, domain, username};
pub use salt::{Salt, SaltError};
pub use window::{Timeliness, Window};
