//! Access patterns: the matcher, which reads a pattern once, says what the definition says, tried naively.

use callgate::access::{Accesses, Holder};
use std::collections::HashMap;

/// Longer inputs would only make the naive reading slow.
const LONGEST: usize = 512;

/// `AUTH_ID \t SESSION \t REQUIRED \t ACCESS \t ACCESS …`
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let fields: Vec<_> = text.split('\t').collect();
    let [auth_id, session, required, held @ ..] = fields.as_slice() else {
        return;
    };
    if text.len() > LONGEST {
        return;
    }
    let holder = Holder { auth_id, session };
    let accesses = Accesses::parse(held);

    assert_eq!(accesses.iter().collect::<Vec<_>>(), held);
    let allowed = allowed(held, required, &holder);
    assert_eq!(accesses.allow(required, &holder), allowed);
    assert_eq!(
        accesses.may_add(required, &holder),
        allowed || required.starts_with('!')
    );
    let denied = required.strip_prefix('!').unwrap_or(required);
    assert_eq!(
        accesses.may_remove(required, &holder),
        self::allowed(held, denied, &holder)
    );
}

/// A denial that matches outweighs whatever grants.
fn allowed(held: &[&str], required: &str, holder: &Holder<'_>) -> bool {
    let matches = |pattern: &str| Tried::new(pattern, required, holder).matches(0, 0);
    let is_granted = |access: &&str| !access.starts_with('!') && matches(access);
    let is_denied = |access: &&str| access.strip_prefix('!').is_some_and(matches);
    held.iter().any(is_granted) && !held.iter().any(is_denied)
}

/// What a pattern is made of.
enum Element<'p> {
    /// One of these.
    Text(Vec<&'p str>),
    /// `*`
    Word,
    /// `#`
    Rest,
}

/// A pattern against a text: every way is tried, each once.
struct Tried<'p> {
    elements: Vec<Element<'p>>,
    text: Vec<char>,
    known: HashMap<(usize, usize), bool>,
}

impl<'p> Tried<'p> {
    fn new(pattern: &'p str, text: &str, holder: &Holder<'p>) -> Self {
        let mut elements = Vec::new();
        for (position, word) in pattern.split('.').enumerate() {
            if position > 0 {
                elements.push(Element::Text(vec!["."]));
            }
            elements.extend(word_elements(word, holder));
        }
        Self {
            elements,
            text: text.chars().collect(),
            known: HashMap::new(),
        }
    }

    /// Whether the elements from `element` on match all of the text from `start` on.
    fn matches(&mut self, element: usize, start: usize) -> bool {
        if let Some(known) = self.known.get(&(element, start)) {
            return *known;
        }
        let next = self.text.get(start).copied();
        let found = match self.elements.get(element) {
            None => next.is_none(),
            Some(Element::Text(texts)) => {
                let ends: Vec<_> = texts
                    .iter()
                    .filter_map(|text| self.end_of(text, start))
                    .collect();
                ends.into_iter().any(|end| self.matches(element + 1, end))
            }
            Some(Element::Word) => {
                let goes_on = next.is_some_and(|next| next != '.' && next != '#');
                self.matches(element + 1, start) || goes_on && self.matches(element, start + 1)
            }
            Some(Element::Rest) => {
                let goes_on = next.is_some_and(|next| next != '\n');
                self.matches(element + 1, start) || goes_on && self.matches(element, start + 1)
            }
        };
        self.known.insert((element, start), found);
        found
    }

    fn end_of(&self, text: &str, start: usize) -> Option<usize> {
        let text: Vec<_> = text.chars().collect();
        let here = self.text.get(start..start + text.len())?;
        (here == text).then_some(start + text.len())
    }
}

fn word_elements<'p>(word: &'p str, holder: &Holder<'p>) -> Vec<Element<'p>> {
    let reserved = match word {
        "me" => Some(holder.auth_id),
        "my_session" => Some(holder.session),
        "edit" => Some("update"),
        _ => None,
    };
    if let Some(meaning) = reserved {
        return vec![Element::Text(vec![word, meaning])];
    }
    let pieces = word.split_inclusive(['*', '#']);
    pieces
        .flat_map(|piece| {
            let (text, wildcard) = match piece.chars().next_back() {
                Some('*') => (&piece[..piece.len() - 1], Some(Element::Word)),
                Some('#') => (&piece[..piece.len() - 1], Some(Element::Rest)),
                _ => (piece, None),
            };
            [Some(Element::Text(vec![text])), wildcard]
        })
        .flatten()
        .collect()
}
