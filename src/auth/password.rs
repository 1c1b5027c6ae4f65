//! Passwords: argon2id (RFC 9106) on a bounded number of blocking threads.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::thread::available_parallelism;
use tokio::sync::Semaphore;

/// A longer password is refused before any work is done for it.
pub const LONGEST: usize = 1024;

/// The work of the process: its cores are the same for all who ask.
static WORK: OnceLock<Work> = OnceLock::new();

/// The work that was done since the start.
static DONE: AtomicU64 = AtomicU64::new(0);

/// What an unknown user's password is checked against, so that it costs the same (AT-38).
static NOBODY: LazyLock<String> =
    LazyLock::new(|| hash_now("nobody has this password").unwrap_or_default());

#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("a password must have 1 to {LONGEST} bytes")]
    Length,
    #[error("the password cannot be hashed")]
    Hash,
    #[error("too many passwords are being checked at once: try again in a moment")]
    Busy,
}

/// How much may be done at once, and how much may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The hash is made to be slow: more at once than the cores can do only makes everyone wait. 0 means the cores.
    pub workers: usize,
    /// What comes on top is refused at once, instead of being late for everyone.
    pub queue: usize,
}

struct Work {
    turns: Semaphore,
    waiting: AtomicUsize,
    queue: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            workers: 0,
            queue: 64,
        }
    }
}

/// How many passwords were hashed or checked since the start: each costs a core some 30 ms.
pub fn done() -> u64 {
    DONE.load(Ordering::Relaxed)
}

/// Sets the bounds of the process, once: before anything was hashed.
pub fn bound(bounds: Bounds) {
    WORK.get_or_init(|| Work::new(bounds));
}

/// Hashes a password into a PHC string.
pub async fn hash(password: &str) -> Result<String, PasswordError> {
    if password.is_empty() || password.len() > LONGEST {
        return Err(PasswordError::Length);
    }
    let password = password.to_owned();
    aside(move || hash_now(&password))
        .await?
        .ok_or(PasswordError::Hash)
}

/// Whether the password is that of the hash. Without a hash (no such user) it costs the same and is never right.
///
/// # Errors
/// [`PasswordError::Busy`] when too many wait already; nothing was looked at then.
pub async fn verify(password: &str, hash: Option<&str>) -> Result<bool, PasswordError> {
    if password.is_empty() || password.len() > LONGEST {
        return Ok(false);
    }
    let known = hash.is_some();
    let hash = hash.map(str::to_owned);
    let password = password.to_owned();
    let right = aside(move || verify_now(&password, hash.as_ref().unwrap_or(&NOBODY))).await?;
    Ok(right && known)
}

/// Runs `work` on a blocking thread, when it is its turn.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PasswordError> {
    let turn = WORK.get_or_init(|| Work::new(Bounds::default())).turn();
    let turn = turn.await?;
    DONE.fetch_add(1, Ordering::Relaxed);
    // The turn ends with the work, even when nobody waits for it any more.
    let done = tokio::task::spawn_blocking(move || {
        let result = work();
        drop(turn);
        result
    });
    done.await.map_err(|_| PasswordError::Hash)
}

impl Work {
    fn new(bounds: Bounds) -> Self {
        let cores = || available_parallelism().map_or(2, usize::from);
        let workers = Some(bounds.workers).filter(|workers| *workers > 0);
        Self {
            turns: Semaphore::new(workers.unwrap_or_else(cores)),
            waiting: AtomicUsize::new(0),
            queue: bounds.queue,
        }
    }

    async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, PasswordError> {
        if let Ok(turn) = self.turns.try_acquire() {
            return Ok(turn);
        }
        let place = Place::take(self).ok_or(PasswordError::Busy)?;
        let turn = self.turns.acquire().await;
        drop(place);
        turn.map_err(|_| PasswordError::Hash)
    }
}

/// A place in the queue, given back however the wait ends.
struct Place<'w>(&'w Work);

impl<'w> Place<'w> {
    fn take(work: &'w Work) -> Option<Self> {
        let place = Self(work);
        let before = work.waiting.fetch_add(1, Ordering::Relaxed);
        (before < work.queue).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
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
        assert!(verify("correct horse", Some(&hash)).await.unwrap());
        assert!(!verify("correct horsf", Some(&hash)).await.unwrap());
    }

    #[tokio::test]
    async fn no_user_is_no_login_even_with_the_stand_ins_password() {
        let right = verify("nobody has this password", None).await;
        assert!(!right.unwrap());
    }

    /// Kind, version and costs stand before the salt.
    #[tokio::test]
    async fn at_38_nobodys_password_is_hashed_as_anybodys_is() {
        let costs = |hash: &str| hash.rsplitn(3, '$').nth(2).map(str::to_owned);
        let hash = hash("correct horse").await.unwrap();
        assert_eq!(costs(&NOBODY), costs(&hash));
        assert_eq!(NOBODY.len(), hash.len());
    }

    #[tokio::test]
    async fn the_73rd_byte_counts() {
        let long = "x".repeat(72);
        let hash = hash(&format!("{long}a")).await.unwrap();
        assert!(!verify(&format!("{long}b"), Some(&hash)).await.unwrap());
    }

    #[tokio::test]
    async fn a_password_without_end_is_refused_unhashed() {
        let endless = "x".repeat(LONGEST + 1);
        assert!(matches!(hash(&endless).await, Err(PasswordError::Length)));
    }

    #[tokio::test]
    async fn b09_past_the_queue_the_next_is_refused_until_there_is_room() {
        let work = Work::new(Bounds {
            workers: 1,
            queue: 1,
        });
        let first = work.turn().await.unwrap();
        let mut second = std::pin::pin!(work.turn());
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        assert!(matches!(work.turn().await, Err(PasswordError::Busy)));
        drop(first);
        assert!(second.await.is_ok());
        assert_eq!(work.waiting.load(Ordering::Relaxed), 0);
    }
}
