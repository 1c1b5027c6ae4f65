//! A secret of the configuration that is read again while it is used: whoever renews its file need not ask for a reload.

use crate::clock::EpochMs;
use crate::secret::{Secret, SecretError};
use serde::{Deserialize, Deserializer, de};
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// How often a file is looked at, at the most; in milliseconds.
const PACE: EpochMs = 1000;
/// How long a request waits for a look at it; then the secret that is known goes on.
const PATIENCE: Duration = Duration::from_secs(1);

/// A secret as the configuration names it.
#[derive(Debug, Clone)]
pub struct Setting {
    secret: Secret,
    /// `file:PATH`, if it is in one.
    file: Option<Arc<str>>,
}

impl Setting {
    /// The text as it was when the configuration was read.
    pub(super) fn expose(&self) -> &str {
        self.secret.expose()
    }
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let secret = Secret::resolve(&text).map_err(de::Error::custom)?;
        let file = text.starts_with("file:").then(|| text.as_str().into());
        Ok(Self { secret, file })
    }
}

/// The secret, as it is now.
#[derive(Debug, Clone)]
pub(super) struct Renewed(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: Option<Arc<str>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    secret: Secret,
    looked_at: Option<EpochMs>,
    /// A look that hangs is not joined by others.
    is_looking: bool,
    seen: Option<Stamp>,
    has_failed: bool,
}

/// What changes when a file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl From<&Setting> for Renewed {
    fn from(setting: &Setting) -> Self {
        let state = State {
            secret: setting.secret.clone(),
            looked_at: None,
            is_looking: false,
            seen: None,
            has_failed: false,
        };
        Self(Arc::new(Inner {
            file: setting.file.clone(),
            state: Mutex::new(state),
        }))
    }
}

impl Renewed {
    /// The secret. Its file is looked at first, if it is time.
    pub(super) async fn current(&self, now: EpochMs) -> Secret {
        if let Some(file) = self.0.file_to_look_at(now) {
            let inner = Arc::clone(&self.0);
            let look = tokio::task::spawn_blocking(move || inner.look(&file));
            // What does not come in time comes for the next request.
            drop(timeout(PATIENCE, look).await);
        }
        self.0.state().secret.clone()
    }

    /// Has the file looked at for the next request, however lately that was done.
    pub(super) fn look_again(&self) {
        self.0.state().looked_at = None;
    }
}

impl Inner {
    fn file_to_look_at(&self, now: EpochMs) -> Option<Arc<str>> {
        let file = self.file.as_ref()?;
        let mut state = self.state();
        let is_time = state
            .looked_at
            .is_none_or(|at| now >= at.saturating_add(PACE));
        if !is_time || state.is_looking {
            return None;
        }
        state.looked_at = Some(now);
        state.is_looking = true;
        Some(Arc::clone(file))
    }

    fn look(&self, file: &str) {
        let seen = self.state().seen;
        let found = read(file, seen);
        let mut state = self.state();
        state.is_looking = false;
        match found {
            Ok(Some((secret, stamp))) => {
                state.has_failed = false;
                state.secret = secret;
                state.seen = Some(stamp);
            }
            // Told once, not with each look.
            Err(error) if !state.has_failed => {
                state.has_failed = true;
                tracing::warn!(%error, "a secret cannot be read again: the former one goes on");
            }
            Ok(None) | Err(_) => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The content, unless the file is as it was `seen`.
fn read(file: &str, seen: Option<Stamp>) -> Result<Option<(Secret, Stamp)>, SecretError> {
    let path = file.strip_prefix("file:").unwrap_or(file);
    let unreadable = |source| SecretError::File {
        path: path.to_owned(),
        source,
    };
    // The stamp first: what is written after it shows at the next look.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    let stamp = Stamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        length: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    };
    if seen == Some(stamp) {
        return Ok(None);
    }
    Ok(Some((Secret::resolve(file)?, stamp)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn of(setting: &str) -> Renewed {
        let setting: Setting = serde_json::from_value(setting.into()).unwrap();
        Renewed::from(&setting)
    }

    fn of_file(path: &Path) -> Renewed {
        of(&format!("file:{}", path.display()))
    }

    async fn text(secret: &Renewed, now: EpochMs) -> String {
        secret.current(now).await.expose().to_owned()
    }

    #[tokio::test]
    async fn a_file_that_was_replaced_counts_within_a_second() {
        let folder = tempfile::tempdir().unwrap();
        let (path, next) = (folder.path().join("token"), folder.path().join("next"));
        std::fs::write(&path, "first\n").unwrap();
        let secret = of_file(&path);
        assert_eq!(text(&secret, 0).await, "first");
        std::fs::write(&next, "other\n").unwrap();
        std::fs::rename(&next, &path).unwrap();
        assert_eq!(text(&secret, 999).await, "first");
        assert_eq!(text(&secret, 1000).await, "other");
    }

    #[tokio::test]
    async fn a_file_that_is_gone_or_empty_changes_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "first").unwrap();
        let secret = of_file(file.path());
        std::fs::write(file.path(), "").unwrap();
        assert_eq!(text(&secret, 0).await, "first");
        std::fs::remove_file(file.path()).unwrap();
        assert_eq!(text(&secret, 1000).await, "first");
        std::fs::write(file.path(), "second").unwrap();
        assert_eq!(text(&secret, 2000).await, "second");
    }

    #[tokio::test]
    async fn who_was_refused_looks_at_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "first").unwrap();
        let secret = of_file(file.path());
        assert_eq!(text(&secret, 0).await, "first");
        std::fs::write(file.path(), "second").unwrap();
        secret.look_again();
        assert_eq!(text(&secret, 1).await, "second");
    }

    #[tokio::test]
    async fn a_secret_that_is_in_no_file_stays() {
        assert_eq!(text(&of("plain"), 0).await, "plain");
        assert!(!format!("{:?}", of("plain")).contains("plain"));
    }
}
