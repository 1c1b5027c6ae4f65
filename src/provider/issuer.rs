//! Who an issuer is: the very text of the configuration, or one of Microsoft's many, which differ in a directory's id.

/// Stands for the id of a directory in Microsoft's metadata: `https://login.microsoftonline.com/{tenantid}/v2.0`.
pub(super) const DIRECTORY: &str = "{tenantid}";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Issuer {
    Exact(String),
    OfDirectory {
        before: String,
        after: String,
        /// Those that may be; none means all.
        directories: Vec<String>,
    },
}

impl Issuer {
    pub(super) fn new(text: &str, directories: &[String]) -> Self {
        match text.split_once(DIRECTORY) {
            None => Self::Exact(text.to_owned()),
            Some((before, after)) => Self::OfDirectory {
                before: before.to_owned(),
                after: after.to_owned(),
                directories: directories.to_vec(),
            },
        }
    }

    /// Whether `iss` is this issuer, of whichever directory that may be. Compared as texts (RFC 9207 §2.4): another slash
    /// is another issuer.
    pub(super) fn may_be(&self, iss: &str) -> bool {
        match self {
            Self::Exact(issuer) => iss == issuer,
            Self::OfDirectory { .. } => self.directory(iss).is_some(),
        }
    }

    /// Whether `iss` is this issuer, of the directory that the token says that it is from.
    pub(super) fn is(&self, iss: &str, directory: Option<&str>) -> bool {
        match self {
            Self::Exact(_) => self.may_be(iss),
            Self::OfDirectory { .. } => {
                directory.is_some_and(|named| self.directory(iss) == Some(named))
            }
        }
    }

    fn directory<'i>(&self, iss: &'i str) -> Option<&'i str> {
        let Self::OfDirectory {
            before,
            after,
            directories,
        } = self
        else {
            return None;
        };
        let directory = iss.strip_prefix(before.as_str())?;
        let directory = directory.strip_suffix(after.as_str())?;
        // An id has no slash, so nothing else of the address can stand in its place.
        uuid::Uuid::try_parse(directory).ok()?;
        let may = directories.is_empty() || directories.iter().any(|id| id == directory);
        may.then_some(directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    const OTHER: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

    fn of(directory: &str) -> String {
        format!("https://login.microsoftonline.com/{directory}/v2.0")
    }

    #[test]
    fn q04_a_template_is_filled_by_the_directory_of_the_token_alone() {
        let issuer = Issuer::new(&of(DIRECTORY), &[]);
        assert!(issuer.is(&of(ONE), Some(ONE)));
        assert!(!issuer.is(&of(ONE), Some(OTHER)));
        assert!(!issuer.is(&of(ONE), None));
        assert!(!issuer.is(&of(DIRECTORY), Some(DIRECTORY)));
        assert!(!issuer.is(&of("evil/x"), Some("evil/x")));
        assert!(!issuer.is("https://evil.example/v2.0", Some(ONE)));
    }

    #[test]
    fn q04_a_directory_that_is_not_listed_is_another_issuer() {
        let issuer = Issuer::new(&of(DIRECTORY), &[ONE.to_owned()]);
        assert!(issuer.is(&of(ONE), Some(ONE)));
        assert!(!issuer.is(&of(OTHER), Some(OTHER)));
        assert!(!issuer.may_be(&of(OTHER)));
    }

    #[test]
    fn an_exact_issuer_is_compared_letter_by_letter() {
        let issuer = Issuer::new("https://idp.example", &[]);
        assert!(issuer.is("https://idp.example", None));
        for other in ["https://idp.example/", "https://IdP.example", ""] {
            assert!(!issuer.may_be(other), "{other}");
        }
    }
}
