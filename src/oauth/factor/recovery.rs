//! Recovery codes: ten at a time, each good once, shown once.

use crate::oauth::Oauth;
use crate::secret;
use crate::storage::factors::Proof;
use std::fmt;

/// Codes just made.
pub(in crate::oauth) struct Codes(Vec<String>);

const COUNT: usize = 10;
/// 60 bits.
const LENGTH: usize = 12;
const GROUP: usize = 4;
/// Without letters that look like digits or like one another.
const LETTERS: &str = "0123456789abcdefghjkmnpqrstvwxyz";

impl Codes {
    pub(in crate::oauth) fn generate() -> Self {
        Self((0..COUNT).map(|_| code()).collect())
    }

    /// In groups, to be kept by the user.
    pub(in crate::oauth) fn shown(&self) -> Vec<String> {
        self.0.iter().map(|code| grouped(code)).collect()
    }

    pub(in crate::oauth) fn hashes(&self, oauth: &Oauth, user: &str) -> Vec<String> {
        self.0.iter().map(|code| hash(oauth, user, code)).collect()
    }
}

impl fmt::Debug for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What a code would prove, if it is one of the user's: that shows when it is spent. `None` for what is no code at all.
pub(super) fn proof(oauth: &Oauth, user: &str, typed: &str) -> Option<Proof> {
    let code = read(typed)?;
    Some(Proof::RecoveryCode(hash(oauth, user, &code)))
}

/// Keyed, as 60 bits alone could be searched.
fn hash(oauth: &Oauth, user: &str, code: &str) -> String {
    secret::encode(&oauth.mint.digest("recovery code", &[user, code]))
}

fn code() -> String {
    let letters: Vec<char> = LETTERS.chars().collect();
    let pick = |byte: &u8| letters.get(usize::from(*byte) % letters.len());
    secret::random::<LENGTH>().iter().filter_map(pick).collect()
}

fn grouped(code: &str) -> String {
    let letters: Vec<char> = code.chars().collect();
    let groups: Vec<String> = letters
        .chunks(GROUP)
        .map(|group| group.iter().collect())
        .collect();
    groups.join("-")
}

/// As it was made, from what a person copied from paper.
fn read(typed: &str) -> Option<String> {
    let read: String = typed
        .chars()
        .filter(|letter| !letter.is_whitespace() && *letter != '-')
        .map(|letter| match letter.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            letter => letter,
        })
        .collect();
    let is_code =
        read.chars().count() == LENGTH && read.chars().all(|letter| LETTERS.contains(letter));
    is_code.then_some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_by_the_ten_in_groups_and_no_two_are_alike() {
        let mut shown = Codes::generate().shown();
        for code in &shown {
            assert_eq!(code.len(), 14, "{code}");
            assert_eq!(code.matches('-').count(), 2, "{code}");
        }
        shown.sort();
        shown.dedup();
        assert_eq!(shown.len(), COUNT);
    }

    #[test]
    fn a_code_is_read_as_a_person_copies_it() {
        for typed in [
            "0123-4567-89ab",
            "0123456789ab",
            " OI23 4567 89AB ",
            "ol23-4567-89ab",
        ] {
            assert_eq!(read(typed).as_deref(), Some("0123456789ab"), "{typed}");
        }
        for wrong in [
            "",
            "0123-4567-89a",
            "0123-4567-89abc",
            "0123-4567-89au",
            "0123-4567-89aß",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn codes_do_not_print_themselves() {
        assert_eq!(format!("{:?}", Codes::generate()), "***");
    }
}
