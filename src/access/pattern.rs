//! The permission language: does what a principal was granted cover what a route requires?
//!
//! A granted access is a pattern, the required one plain text:
//!
//! | in a pattern | matches |
//! | --- | --- |
//! | `*` | any text without `.` and `#`, also none |
//! | `#` | any text without a line break, also none |
//! | the word `me` | `me` or the holder's id |
//! | the word `my_session` | `my_session` or the holder's session |
//! | the word `edit` | `edit` or `update` |
//! | anything else | itself |
//!
//! A word is all there is between two dots: `me` is one in `users.me.read`, not in `users.me*.read`.
//! A leading `!` makes the pattern a denial, and one denial outweighs all grants.

use std::mem;
use std::ops::Range;

/// The accesses a principal was granted, parsed once.
///
/// The holder is named only when they are checked, so tokens with the same grants can share them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Accesses(Box<[Pattern]>);

impl Accesses {
    /// Never fails: any text is a pattern.
    pub fn parse<S: AsRef<str>>(accesses: impl IntoIterator<Item = S>) -> Self {
        let patterns = accesses
            .into_iter()
            .map(|access| Pattern::parse(access.as_ref()));
        Self(patterns.collect())
    }

    /// The accesses as they were written, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|pattern| &*pattern.text)
    }

    /// Whether a grant matches `required` and no denial does.
    pub fn allow(&self, required: &str, holder: &Holder<'_>) -> bool {
        let matched_by = |denials: bool| {
            let patterns = self.0.iter();
            let mut asked = patterns.filter(|pattern| pattern.is_denial() == denials);
            asked.any(|pattern| pattern.matches(required, holder))
        };
        matched_by(false) && !matched_by(true)
    }

    /// Whether the holder may grant `access` to others. Anybody may add a denial.
    pub fn may_add(&self, access: &str, holder: &Holder<'_>) -> bool {
        // Wildcards in `access` are plain text here: a holder of `foo.*` may not grant `foo.#`.
        access.starts_with('!') || self.allow(access, holder)
    }

    /// Whether the holder may take `access` from others. A denial needs the access that it denies.
    pub fn may_remove(&self, access: &str, holder: &Holder<'_>) -> bool {
        self.allow(without_mark(access), holder)
    }
}

/// Whom the reserved words `me` and `my_session` stand for.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    pub auth_id: &'a str,
    pub session: &'a str,
}

impl<'a> Holder<'a> {
    /// What a reserved word matches besides itself; `None` for every other word.
    fn meaning(&self, word: &str) -> Option<&'a str> {
        match word {
            "me" => Some(self.auth_id),
            "my_session" => Some(self.session),
            "edit" => Some("update"),
            _ => None,
        }
    }
}

const WILDCARDS: [char; 2] = ['*', '#'];

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Pattern {
    text: Box<str>,
    /// The bytes before the first wildcard or reserved word, not counting the `!`.
    head: usize,
}

impl Pattern {
    fn parse(text: &str) -> Self {
        let head = literal_head(without_mark(text));
        Self {
            text: text.into(),
            head,
        }
    }

    fn is_denial(&self) -> bool {
        self.text.starts_with('!')
    }

    fn matches(&self, required: &str, holder: &Holder<'_>) -> bool {
        let pattern = without_mark(&self.text);
        let (head, tail) = pattern.split_at_checked(self.head).unwrap_or(("", pattern));
        let Some(rest) = required.strip_prefix(head) else {
            return false;
        };
        match tail {
            "" => rest.is_empty(),
            "#" => !rest.contains('\n'),
            _ => matches_tail(tail, rest, holder),
        }
    }
}

/// Without its first `!`; a second one is literal.
fn without_mark(access: &str) -> &str {
    access.strip_prefix('!').unwrap_or(access)
}

fn literal_head(pattern: &str) -> usize {
    let anybody = Holder {
        auth_id: "",
        session: "",
    };
    let mut head = 0;
    for word in pattern.split_inclusive('.') {
        if anybody.meaning(word.trim_end_matches('.')).is_some() {
            return head;
        }
        if let Some(wildcard) = word.find(WILDCARDS) {
            return head + wildcard;
        }
        head += word.len();
    }
    head
}

/// Reads the pattern once, keeping every position of the text that it can have reached. Nothing is
/// tried twice: the time is at most pattern × text, however many wildcards there are.
fn matches_tail(pattern: &str, text: &str, holder: &Holder<'_>) -> bool {
    let (mut short, mut long) = ([false; 128], Vec::new());
    let marks = short.get_mut(..=text.len()).unwrap_or_else(|| {
        long.resize(text.len() + 1, false);
        &mut long
    });
    let mut reached = Reached::start(text, marks);
    for word in pattern.split_inclusive('.') {
        reached.pass_word(word, holder);
        if reached.span.is_empty() {
            return false;
        }
    }
    reached.end()
}

/// The positions of a text where the pattern read so far can end.
struct Reached<'a> {
    text: &'a [u8],
    /// One for each position, the end included.
    marks: &'a mut [bool],
    /// Holds every marked position; empty when there is none.
    span: Range<usize>,
}

impl<'a> Reached<'a> {
    fn start(text: &'a str, marks: &'a mut [bool]) -> Self {
        let mut reached = Self {
            text: text.as_bytes(),
            marks,
            span: 0..0,
        };
        reached.mark(0);
        reached
    }

    fn end(&self) -> bool {
        self.marks.last() == Some(&true)
    }

    /// Passes a word of the pattern and the dot behind it, if there is one.
    fn pass_word(&mut self, word: &str, holder: &Holder<'_>) {
        let name = word.trim_end_matches('.');
        let Some(meaning) = holder.meaning(name) else {
            let pieces = word.split_inclusive(WILDCARDS);
            return pieces.for_each(|piece| self.pass_piece(piece));
        };
        self.pass_either(&[name, meaning]);
        if word.ends_with('.') {
            self.pass_either(&["."]);
        }
    }

    /// Passes literal text and the wildcard behind it, if there is one.
    fn pass_piece(&mut self, piece: &str) {
        self.pass_either(&[piece.trim_end_matches(WILDCARDS)]);
        if piece.ends_with('*') {
            self.pass_while(|byte| byte != b'.' && byte != b'#');
        } else if piece.ends_with('#') {
            self.pass_while(|byte| byte != b'\n');
        }
    }

    fn pass_either(&mut self, literals: &[&str]) {
        // Backwards, for marks are set ahead: a new one must not be taken for a start.
        for start in mem::take(&mut self.span).rev() {
            if !self.marks.get_mut(start).is_some_and(mem::take) {
                continue;
            }
            let rest = self.text.get(start..).unwrap_or_default();
            for literal in literals {
                if rest.starts_with(literal.as_bytes()) {
                    self.mark(start + literal.len());
                }
            }
        }
    }

    fn pass_while(&mut self, passes: fn(u8) -> bool) {
        let mut position = self.span.start;
        // The span grows with each mark, up to the end of the text at most.
        while position < self.span.end {
            let next = self.text.get(position).copied();
            if self.marks.get(position) == Some(&true) && next.is_some_and(passes) {
                self.mark(position + 1);
            }
            position += 1;
        }
    }

    fn mark(&mut self, position: usize) {
        let Some(mark) = self.marks.get_mut(position) else {
            return;
        };
        *mark = true;
        self.span = if self.span.is_empty() {
            position..position + 1
        } else {
            self.span.start.min(position)..self.span.end.max(position + 1)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use regex::{Regex, escape};

    const HOLDER: Holder<'static> = Holder {
        auth_id: "alice",
        session: "s-1",
    };

    /// The vectors' lists need no JSON parser: what stands between quotes is an access.
    fn accesses(json: &str) -> Accesses {
        Accesses::parse(json.split('"').skip(1).step_by(2))
    }

    fn matches(pattern: &str, text: &str) -> bool {
        Accesses::parse([pattern]).allow(text, &HOLDER)
    }

    #[test]
    fn every_vector_holds() {
        let rows = include_str!("../../tests/vectors/acl.tsv")
            .lines()
            .filter(|line| !line.starts_with('#'));
        let mut count = 0;
        for row in rows {
            let [op, auth_id, session, json, access, expected, note] =
                row.split('\t').collect::<Vec<_>>()[..]
            else {
                panic!("not seven columns: {row}");
            };
            let holder = Holder { auth_id, session };
            let (held, access) = (accesses(json), access.replace("\\n", "\n"));
            let answer = match op {
                "match" => held.allow(&access, &holder),
                "may_add" => held.may_add(&access, &holder),
                "may_remove" => held.may_remove(&access, &holder),
                _ => panic!("unknown operation: {row}"),
            };
            assert_eq!(answer.to_string(), expected, "{note}: {row}");
            count += 1;
        }
        assert!(count > 40, "only {count} vectors were read");
    }

    #[test]
    fn accesses_come_back_as_written_and_in_order() {
        let written = ["users.me.#", "!!x", "", "#", "!"];
        assert_eq!(Accesses::parse(written).iter().collect::<Vec<_>>(), written);
    }

    #[test]
    fn edit_covers_update_and_not_the_reverse() {
        assert!(matches("users.edit", "users.update"));
        assert!(!matches("users.update", "users.edit"));
        assert!(!matches("users.edited", "users.updated"));
    }

    #[test]
    fn tokens_of_different_holders_share_accesses() {
        let shared = Accesses::parse(["users.me.read"]);
        assert!(shared.allow("users.alice.read", &HOLDER));
        assert!(!shared.allow(
            "users.alice.read",
            &Holder {
                auth_id: "bob",
                ..HOLDER
            }
        ));
    }

    #[test]
    fn anybody_may_add_a_denial() {
        assert!(Accesses::default().may_add("!#", &HOLDER));
    }

    #[test]
    fn a_line_break_stops_one_wildcard_but_not_the_other() {
        assert!(matches("a*b#c", "ab\nbc"));
        assert!(!matches("a#b*c", "a\nbc"));
    }

    #[test]
    fn the_length_of_a_text_does_not_matter() {
        for length in 0..300 {
            let text = "x".repeat(length);
            assert!(matches("*#.*y", &format!("{text}.{text}y")), "{length}");
            assert!(!matches("*#.*y", &format!("{text}.{text}")), "{length}");
        }
    }

    #[test]
    fn many_wildcards_do_not_take_forever() {
        let (pattern, text) = ("#a*a".repeat(20), "a".repeat(10_000));
        assert!(matches(&pattern, &text));
        assert!(!matches(&pattern, &format!("{text}b")));
    }

    /// The same language as regular expressions, as an oracle.
    fn regex(pattern: &str, holder: &Holder<'_>) -> Regex {
        let word = |word: &str| match word {
            "me" => format!("(?:me|{})", escape(holder.auth_id)),
            "my_session" => format!("(?:my_session|{})", escape(holder.session)),
            "edit" => "(?:edit|update)".to_owned(),
            _ => escape(word).replace(r"\*", "[^.#]*").replace(r"\#", ".*"),
        };
        let words: Vec<_> = pattern.split('.').map(word).collect();
        Regex::new(&format!(r"\A{}\z", words.join(r"\."))).unwrap()
    }

    const PIECES: [&str; 19] = [
        ".",
        ".",
        ".",
        "*",
        "*",
        "#",
        "#",
        "a",
        "a",
        "b",
        "é",
        "\n",
        "!",
        "(",
        "-",
        "me",
        "edit",
        "update",
        "my_session",
    ];
    const IDS: [&str; 8] = ["a", "b", "", "é", "a.b", "me.a", "(", "*"];
    const FILLS: [&str; 7] = ["", "a", "b", "a.b", "a\nb", ".", "#"];

    fn text() -> impl Strategy<Value = String> {
        vec(select(&PIECES), 0..10).prop_map(|pieces| pieces.concat())
    }

    fn access() -> impl Strategy<Value = String> {
        (select(&["", "", "!"]), text()).prop_map(|(mark, pattern)| mark.to_owned() + &pattern)
    }

    fn holder() -> impl Strategy<Value = Holder<'static>> {
        (select(&IDS), select(&IDS)).prop_map(|(auth_id, session)| Holder { auth_id, session })
    }

    /// A text that the pattern is likely to match: its special words and wildcards filled in.
    fn required(pattern: String, holder: Holder<'static>) -> impl Strategy<Value = String> {
        vec(select(&FILLS), 10).prop_map(move |fill| {
            let mut fill = fill.into_iter().cycle();
            let words = pattern.split('.').map(|word| match holder.meaning(word) {
                Some(meaning) => meaning.to_owned(),
                None => word
                    .split(WILDCARDS)
                    .collect::<Vec<_>>()
                    .join(fill.next().unwrap_or_default()),
            });
            words.collect::<Vec<_>>().join(".")
        })
    }

    fn pattern_and_required() -> impl Strategy<Value = (String, String, Holder<'static>)> {
        (text(), holder()).prop_flat_map(|(pattern, holder)| {
            let required = prop_oneof![1 => text(), 3 => required(pattern.clone(), holder)];
            (Just(pattern), required, Just(holder))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn a_pattern_matches_what_its_regex_matches(
            (pattern, required, holder) in pattern_and_required(),
        ) {
            let found = Pattern::parse(&format!("!{pattern}"));
            let expected = regex(&pattern, &holder).is_match(&required);
            prop_assert_eq!(found.matches(&required, &holder), expected);
        }

        #[test]
        fn grants_minus_denials_are_allowed(
            held in vec(access(), 0..5), required in text(), holder in holder(),
        ) {
            let mut denied = held.iter().filter_map(|access| access.strip_prefix('!'));
            let mut granted = held.iter().filter(|access| !access.starts_with('!'));
            let matched = |access: &str| regex(access, &holder).is_match(&required);
            let expected = granted.any(|access| matched(access)) && !denied.any(matched);
            prop_assert_eq!(Accesses::parse(&held).allow(&required, &holder), expected);
        }
    }
}
