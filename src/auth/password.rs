//! Passwords: argon2id (RFC 9106) on a bounded number of blocking threads.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use std::sync::LazyLock;
use tokio::sync::Semaphore;

/// A longer password is refused before any work is done for it.
pub const LONGEST: usize = 1024;

/// Work at once. The hash is made to be slow: more than the cores can do only makes everyone wait.
static WORK: Semaphore = Semaphore::const_new(2);

/// What an unknown user's password is checked against, so that it costs the same (AT-38).
static NOBODY: LazyLock<String> =
    LazyLock::new(|| hash_now("nobody has this password").unwrap_or_default());

#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("a password must have 1 to {LONGEST} bytes")]
    Length,
    #[error("the password cannot be hashed")]
    Hash,
}

/// Hashes a password into a PHC string.
pub async fn hash(password: &str) -> Result<String, PasswordError> {
    if password.is_empty() || password.len() > LONGEST {
        return Err(PasswordError::Length);
    }
    let password = password.to_owned();
    aside(move || hash_now(&password))
        .await
        .flatten()
        .ok_or(PasswordError::Hash)
}

/// Whether the password is that of the hash. Without a hash (no such user) it costs the same and is never right.
pub async fn verify(password: &str, hash: Option<&str>) -> bool {
    if password.is_empty() || password.len() > LONGEST {
        return false;
    }
    let known = hash.is_some();
    let hash = hash.map(str::to_owned);
    let password = password.to_owned();
    let right = aside(move || verify_now(&password, hash.as_ref().unwrap_or(&NOBODY))).await;
    right == Some(true) && known
}

/// Runs `work` on a blocking thread, when it is its turn.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let _turn = WORK.acquire().await.ok()?;
    tokio::task::spawn_blocking(work).await.ok()
}

fn hash_now(password: &str) -> Option<String> {
    Some(
        argon2()?
            .hash_password(password.as_bytes())
            .ok()?
            .to_string(),
    )
}

fn verify_now(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return false;
    };
    // The parameters are those of the hash.
    Argon2::default()
        .verify_password(password.as_bytes(), &hash)
        .is_ok()
}

/// 19 MiB, two passes, one lane: the first recommendation of OWASP's password storage cheat sheet for argon2id.
fn argon2() -> Option<Argon2<'static>> {
    let params = Params::new(19 * 1024, 2, 1, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_is_right() {
        let hash = hash("correct horse").await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert!(verify("correct horse", Some(&hash)).await);
        assert!(!verify("correct horsf", Some(&hash)).await);
    }

    #[tokio::test]
    async fn no_user_is_no_login_even_with_the_stand_ins_password() {
        assert!(!verify("nobody has this password", None).await);
    }

    #[tokio::test]
    async fn the_73rd_byte_counts() {
        let long = "x".repeat(72);
        let hash = hash(&format!("{long}a")).await.unwrap();
        assert!(!verify(&format!("{long}b"), Some(&hash)).await);
    }

    #[tokio::test]
    async fn a_password_without_end_is_refused_unhashed() {
        let endless = "x".repeat(LONGEST + 1);
        assert!(matches!(hash(&endless).await, Err(PasswordError::Length)));
    }
}
