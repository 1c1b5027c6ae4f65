//! How a `digestPassword` lies in the store: sealed for its user.

use crate::kalliope::DigestPassword;
use crate::sealer::{SealError, Sealer};

/// # Errors
/// [`SealError`] when the library refuses.
pub fn seal(sealer: &Sealer, user: &str, password: &DigestPassword) -> Result<String, SealError> {
    sealer.seal(&purpose(user), password.expose().as_bytes())
}

/// `None` for what was not sealed for this user by a holder of this key.
pub fn open(sealer: &Sealer, user: &str, closed: &str) -> Option<DigestPassword> {
    let opened = sealer.open(&purpose(user), closed)?;
    DigestPassword::parse(std::str::from_utf8(&opened).ok()?).ok()
}

fn purpose(user: &str) -> String {
    format!("kalliope digest:{user}")
}
