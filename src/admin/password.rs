//! A password as an administrator gives it.

use crate::error::Result;
use crate::secret::Secret;
use serde::{Deserialize, Deserializer};

/// Taken as it stands: unlike a [`Secret`] of the configuration, it never names a file or a variable.
#[derive(Debug, Clone)]
pub struct Password(Secret);

impl Password {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Secret::new(text))
    }

    /// A password to be shown once.
    pub fn generate() -> Self {
        Self(Secret::generate())
    }

    pub(super) async fn hash(&self) -> Result<String> {
        Ok(crate::auth::password::hash(self.0.expose()).await?)
    }

    pub fn into_secret(self) -> Secret {
        self.0
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_no_path_to_a_file() {
        let password: Password = serde_json::from_str("\"file:/etc/hostname\"").unwrap();
        assert_eq!(password.into_secret().expose(), "file:/etc/hostname");
    }
}
