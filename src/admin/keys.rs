//! Signing keys: list them, make the next one, end one.

use super::{Administration, view};
use crate::acl::Permit;
use crate::error::Result;
use crate::token::{Key, KeyState};
use serde::{Deserialize, Serialize};

/// A key as it is shown: its public half is at `/.well-known/jwks.json`, its private half nowhere.
#[derive(Debug, Serialize)]
pub struct KeyView {
    kid: String,
    algorithm: String,
    state: KeyState,
    created_at: String,
    signs_at: String,
    retired_at: Option<String>,
}

/// How keys are rotated.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// The next key signs now, and not only once it has been published for long enough.
    pub at_once: bool,
}

impl KeyView {
    fn of(key: &Key, state: KeyState) -> Self {
        let row = key.row();
        Self {
            kid: row.kid.clone(),
            algorithm: row.algorithm.clone(),
            state,
            created_at: view::time(row.created_at),
            signs_at: view::time(row.signs_at),
            retired_at: row.retired_at.map(view::time),
        }
    }
}

impl Administration {
    /// All keys, oldest first.
    pub async fn keys(&self) -> Result<Vec<KeyView>> {
        let keys = self.keys.all().await?;
        Ok(keys
            .iter()
            .map(|(key, state)| KeyView::of(key, *state))
            .collect())
    }

    /// Makes the next key, and shows all.
    pub async fn rotate_keys(&self, by: &Permit, rotation: Rotation) -> Result<Vec<KeyView>> {
        self.keys.rotate(rotation.at_once).await?;
        self.done(
            by,
            "key.rotate",
            if rotation.at_once { "at once" } else { "next" },
        )
        .await?;
        self.keys().await
    }

    /// Ends a key, as one that has leaked, with all tokens that it signed; says how many those were.
    pub async fn retire_key(&self, by: &Permit, kid: &str) -> Result<u64> {
        let ended = self.keys.retire(kid).await?;
        self.done(by, "key.retire", kid).await?;
        Ok(ended)
    }
}
