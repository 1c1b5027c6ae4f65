//! docs/oauth.md says of each row of the checklist which tests show it, and stays true.

#![expect(
    clippy::panic,
    reason = "a test that cannot go on should say where it stopped"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Why a row, or a part of it, has no test yet.
const REASON: &str = "left out: ";

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of the document, each with what stands in its last column.
fn rows(document: &str) -> Vec<(&str, &str)> {
    let mut rows = Vec::new();
    for line in document.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        if let ["", id, _, shown, ""] = cells[..]
            && is_id(id)
        {
            rows.push((id, shown));
        }
    }
    rows
}

fn is_id(text: &str) -> bool {
    text.len() == 3
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.chars().skip(1).all(|digit| digit.is_ascii_digit())
}

/// The tests named in a cell, each a file of the sources and a function.
fn tests(cell: &str) -> impl Iterator<Item = (String, &str)> {
    let named = cell.split('`').skip(1).step_by(2);
    named.filter_map(|name| {
        let (file, function) = name.split_once("::")?;
        let folder = if file.starts_with("src/") {
            ""
        } else {
            "tests/it/"
        };
        Some((format!("{folder}{file}.rs"), function))
    })
}

#[test]
fn every_row_of_the_checklist_is_in_the_document_once() {
    let (vectors, document) = (read("tests/vectors/oauth.tsv"), read("docs/oauth.md"));
    let wanted: Vec<_> = vectors
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next())
        .collect();
    assert_eq!(wanted.len(), 193);
    let told: Vec<_> = rows(&document).into_iter().map(|(id, _)| id).collect();
    assert_eq!(told, wanted);
}

#[test]
fn every_row_names_a_test_or_says_why_it_has_none() {
    let document = read("docs/oauth.md");
    for (id, cell) in rows(&document) {
        let shown = tests(cell).next().is_some() || cell.contains(REASON);
        assert!(shown && !cell.contains("pending"), "{id}: {cell}");
    }
}

#[test]
fn every_test_that_is_named_exists() {
    let document = read("docs/oauth.md");
    let mut sources = BTreeMap::new();
    for (id, cell) in rows(&document) {
        for (file, function) in tests(cell) {
            let source = sources.entry(file.clone()).or_insert_with(|| read(&file));
            assert!(
                is_test(source, function),
                "{id}: there is no test `{function}` in {file}"
            );
        }
    }
}

/// Whether the function is there and is run as a test.
fn is_test(source: &str, function: &str) -> bool {
    let head = format!("fn {function}(");
    let Some((before, _)) = source.split_once(&head) else {
        return false;
    };
    let before = before.trim_end().trim_end_matches("async").trim_end();
    let mut lines = before.lines().rev().take_while(|line| !line.is_empty());
    lines.any(|line| line.trim() == "#[test]" || line.contains("::test"))
}
