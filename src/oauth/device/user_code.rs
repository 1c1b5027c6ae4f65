//! The code that a person copies from a device: eight letters, none of which looks like another or makes a word
//! (RFC 8628 §6.1).

use crate::secret;
use std::fmt;

const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

const LENGTH: usize = 8;

/// It is shown as `WDJB-MJHT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::oauth) struct UserCode([u8; LENGTH]);

impl UserCode {
    /// One of 20⁸.
    pub(super) fn generate() -> Self {
        let mut code = [0; LENGTH];
        let mut places = code.iter_mut();
        let mut place = places.next();
        while let Some(letter) = place {
            let [byte] = secret::random();
            // 240 is the largest multiple of 20 in a byte: no letter is likelier than another.
            if byte < 240 {
                *letter = LETTERS.get(usize::from(byte % 20)).copied().unwrap_or(b'B');
                place = places.next();
            } else {
                place = Some(letter);
            }
        }
        Self(code)
    }

    /// Reads what a person typed: in any case, with blanks and dashes wherever they are.
    pub(in crate::oauth) fn parse(typed: &str) -> Option<Self> {
        let letters: Option<Vec<u8>> = typed
            .chars()
            .filter(|letter| !letter.is_whitespace() && !is_dash(*letter))
            .take(LENGTH + 1)
            .map(|letter| u8::try_from(letter.to_ascii_uppercase()).ok())
            .collect();
        let code: [u8; LENGTH] = letters?.try_into().ok()?;
        code.iter()
            .all(|letter| LETTERS.contains(letter))
            .then_some(Self(code))
    }

    /// Without the dash.
    pub(super) fn letters(self) -> String {
        self.0.iter().copied().map(char::from).collect()
    }
}

/// Telephones turn two dashes into one of these.
fn is_dash(letter: char) -> bool {
    matches!(letter, '-' | '_' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = self.letters();
        let (first, second) = letters.split_at(LENGTH / 2);
        write!(f, "{first}-{second}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h05_a_code_is_read_however_it_is_typed() {
        let code = UserCode::parse("WDJB-MJHT").unwrap();
        for typed in [
            "wdjbmjht",
            " Wdjb mjht ",
            "WD-JB-MJ-HT",
            "wdjb\u{2013}mjht",
            "w d j b m j h t",
        ] {
            assert_eq!(UserCode::parse(typed), Some(code), "{typed}");
        }
        for wrong in [
            "",
            "WDJB-MJH",
            "WDJB-MJHTB",
            "WDJB-MJH1",
            "ADJB-MJHT",
            "WDJB.MJHT",
            "ẀDJBMJHT",
        ] {
            assert_eq!(UserCode::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn h01_a_code_has_eight_letters_of_twenty_and_reads_back() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            let code = UserCode::generate();
            assert_eq!(UserCode::parse(&code.to_string()), Some(code));
            seen.extend(code.0);
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), LETTERS);
    }
}
