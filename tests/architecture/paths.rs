//! Reads Rust as far as paths need it: what a file imports, which libraries it names.

/// The top-level modules that paths from the crate's root lead to, in a file `depth` modules below
/// that root.
pub(crate) fn imports<'a>(tokens: &[&'a str], depth: usize) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut inline = vec![];
    for (at, token) in tokens.iter().enumerate() {
        let (before, path) = tokens.split_at(at);
        match *token {
            "{" => inline.push(matches!(before, [.., "mod", _])),
            "}" => drop(inline.pop()),
            "crate" | "super" if before.last() != Some(&"::") => {
                let modules = inline.iter().filter(|is_module| **is_module).count();
                found.extend(from_root(path, depth + modules));
            }
            _ => {}
        }
    }
    found
}

/// The first segments of a path, where it starts at the crate's root.
fn from_root<'a>(path: &[&'a str], depth: usize) -> Vec<&'a str> {
    if let ["crate", "::", rest @ ..] = path {
        return heads(rest);
    }
    let climbs = path
        .chunks(2)
        .take_while(|step| *step == ["super", "::"])
        .count();
    match path.get(climbs * 2..) {
        Some(rest) if climbs == depth => heads(rest),
        _ => Vec::new(),
    }
}

/// `a` of `a::b`; `a` and `c` of `{a::b, c::{d, e}}`.
fn heads<'a>(path: &[&'a str]) -> Vec<&'a str> {
    let mut found = Vec::new();
    let (mut depth, mut starts) = (0_usize, true);
    for token in path {
        match *token {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            "," => starts = depth == 1,
            name if starts => {
                found.push(name);
                starts = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

/// Does a path start at `library` or one of its companions? A module of the file's own may bear the
/// same name.
pub(crate) fn names(tokens: &[&str], library: &str) -> bool {
    let is_it = |name: &str| {
        name.strip_prefix(library)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    let own = tokens.windows(2).any(|pair| pair == ["mod", library]);
    let starts = |before: &str, name: &str, after: &str| {
        is_it(name) && before != "::" && (after == "::" || before == "use")
    };
    !own && tokens
        .windows(3)
        .any(|three| matches!(three, [before, name, after] if starts(before, name, after)))
}

/// Names, `::` and single signs; without space, comments and literals.
pub(crate) fn tokens(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (length, is_code) = next_token(rest);
        let (token, tail) = rest.split_at(length);
        if is_code {
            found.push(token);
        }
        rest = tail;
    }
    found
}

/// The length of what `rest` begins with, and whether it is a token.
fn next_token(rest: &str) -> (usize, bool) {
    let mut signs = rest.chars();
    match (signs.next(), signs.next(), signs.next()) {
        (Some('/'), Some('/'), _) => (end(rest, 2, "\n"), false),
        (Some('/'), Some('*'), _) => (end(rest, 2, "*/"), false),
        (Some('"'), ..) => (string_end(rest), false),
        (Some('\''), Some('\\'), _) => (end(rest, 3, "'"), false),
        (Some('\''), Some(sign), Some('\'')) => (2 + sign.len_utf8(), false),
        (Some(':'), Some(':'), _) => (2, true),
        (Some(sign), ..) if is_of_name(sign) => name_end(rest),
        (Some(sign), ..) => (sign.len_utf8(), !sign.is_whitespace()),
        (None, ..) => (0, false),
    }
}

fn name_end(rest: &str) -> (usize, bool) {
    let length = rest.find(|sign| !is_of_name(sign)).unwrap_or(rest.len());
    let (name, tail) = rest.split_at(length);
    let hashes = tail.len() - tail.trim_start_matches('#').len();
    let is_raw_string =
        matches!(name, "r" | "br" | "cr") && tail.trim_start_matches('#').starts_with('"');
    if is_raw_string {
        let close = format!("\"{}", "#".repeat(hashes));
        return (end(rest, length + hashes + 1, &close), false);
    }
    (length, true)
}

fn is_of_name(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

fn string_end(rest: &str) -> usize {
    let mut escaped = false;
    let close = rest.char_indices().skip(1).find(|(_, sign)| {
        let closes = *sign == '"' && !escaped;
        escaped = *sign == '\\' && !escaped;
        closes
    });
    close.map_or(rest.len(), |(at, _)| at + 1)
}

/// Where the first `close` at or after `from` ends; else the end of the text.
fn end(rest: &str, from: usize, close: &str) -> usize {
    let found = rest.get(from..).and_then(|tail| tail.find(close));
    found.map_or(rest.len(), |at| from + at + close.len())
}

mod tests {
    use super::*;

    #[test]
    fn every_branch_of_a_group_is_read() {
        let group = tokens("use crate::{acl::{Permit, Policy}, error, proxy::frame};");
        assert_eq!(imports(&group, 1), ["acl", "error", "proxy"]);
    }

    #[test]
    fn super_reaches_other_modules_only_from_the_root() {
        let text =
            "use super::wire; use super::super::proxy; mod tests { use super::super::oauth; }";
        assert_eq!(imports(&tokens(text), 2), ["proxy"]);
        assert_eq!(
            imports(&tokens("use super::proxy; mod tests { use super::*; }"), 1),
            ["proxy"]
        );
        assert_eq!(
            imports(&tokens("mod tests { use super::super::proxy; }"), 1),
            ["proxy"]
        );
    }

    #[test]
    fn comments_and_literals_import_nothing() {
        let text = r##"
        //! See [`crate::proxy`].
        /* crate::proxy */
        pub(crate) fn f<'a>(c: &'a char) -> [&'a str; 2] { ['"', '\'', '{']; ["\"crate::proxy", r#""crate::proxy"#] }
        use crate::acl;
    "##;
        assert_eq!(imports(&tokens(text), 1), ["acl"]);
    }
}
