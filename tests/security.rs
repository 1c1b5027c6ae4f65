//! docs/security.md says of each attack where it ends and which tests show it, and stays true.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where it stopped"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The rows, by their numbers. Those from 70 on are about overload.
const ROWS: [std::ops::RangeInclusive<u32>; 4] = [1..=8, 10..=25, 30..=38, 40..=43];
const OVERLOAD: u32 = 70;

fn read(path: &str) -> String {
    let path = Path::new(ROOT).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands in backticks.
fn named(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The rows of the document: number, where it ends, tests.
fn rows(document: &str) -> Vec<(u32, &str, &str)> {
    let mut rows = Vec::new();
    for line in document.lines() {
        let cells: Vec<_> = line.split(" | ").collect();
        if let [row, _, ends, tests] = cells[..]
            && let Some(number) = row.strip_prefix("| AT-")
        {
            rows.push((number.parse().unwrap(), ends, tests));
        }
    }
    rows
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The name by which the document calls a file.
fn called(path: &Path) -> String {
    let path = path.strip_prefix(ROOT).unwrap().with_extension("");
    let path = path.display().to_string();
    path.strip_prefix("tests/it/").unwrap_or(&path).to_owned()
}

/// The numbers in the name of a test: 4 and 22 of `at_04_at_22_real_servers_hear_…`.
fn numbers(name: &str) -> impl Iterator<Item = u32> {
    let words = name.split('_').collect::<Vec<_>>();
    let pairs: Vec<_> = words.windows(2).map(<[&str]>::to_vec).collect();
    pairs.into_iter().filter_map(|pair| match pair[..] {
        ["at", number] if number.len() == 2 => number.parse().ok(),
        _ => None,
    })
}

/// For each row the files that have tests with its number.
fn tests() -> BTreeMap<u32, BTreeSet<String>> {
    let mut all = Vec::new();
    for folder in ["src", "tests/it", "fuzz/src"] {
        files(&Path::new(ROOT).join(folder), &mut all);
    }
    let mut tests = BTreeMap::<_, BTreeSet<_>>::new();
    for path in all {
        let text = fs::read_to_string(&path).unwrap();
        for (before, name) in functions(&text) {
            let is_test = before.contains("test]") || before.contains("proptest!");
            for number in numbers(name).filter(|_| is_test) {
                tests.entry(number).or_default().insert(called(&path));
            }
        }
    }
    tests
}

/// The functions of a file, each with the lines right before it.
fn functions(text: &str) -> impl Iterator<Item = (String, &str)> {
    let lines: Vec<_> = text.lines().collect();
    let found = lines.clone().into_iter().enumerate();
    found.filter_map(move |(at, line)| {
        let (_, name) = line.split_once("fn ")?;
        let name = name.split(['(', '<']).next()?;
        Some((lines.get(at.saturating_sub(3)..at)?.join("\n"), name))
    })
}

#[test]
fn every_row_is_there_once_and_no_other() {
    let document = read("docs/security.md");
    let told: Vec<_> = rows(&document).into_iter().map(|(row, ..)| row).collect();
    let wanted: Vec<_> = ROWS.into_iter().flatten().collect();
    assert_eq!(told, wanted);
}

#[test]
fn every_row_names_exactly_the_files_that_have_its_tests() {
    let (document, mut tests) = (read("docs/security.md"), tests());
    for (row, _, told) in rows(&document) {
        let there = tests.remove(&row).unwrap_or_default();
        assert!(!there.is_empty(), "AT-{row:02} has no test");
        let told: BTreeSet<_> = named(told).map(str::to_owned).collect();
        assert_eq!(told, there, "AT-{row:02}");
    }
    tests.retain(|row, _| *row < OVERLOAD);
    assert!(tests.is_empty(), "no such rows: {tests:?}");
}

#[test]
fn every_function_in_which_an_attack_ends_is_there() {
    let document = read("docs/security.md");
    for (row, ends, _) in rows(&document) {
        assert!(named(ends).next().is_some(), "AT-{row:02} ends nowhere");
        for place in named(ends) {
            let (file, function) = place.rsplit_once("::").unwrap_or((place, ""));
            let text = read(&format!("src/{file}.rs"));
            let shipped = text.split("#[cfg(test)]").next().unwrap();
            let found = functions(shipped).any(|(_, name)| name == function);
            assert!(
                found,
                "AT-{row:02}: no function {function} in src/{file}.rs"
            );
        }
    }
}

/// AT-38: what compares secrets takes as long wherever they differ (`Secret::matches`, `ct_eq`).
#[test]
fn no_secret_is_compared_with_an_equals_sign() {
    let mut all = Vec::new();
    files(&Path::new(ROOT).join("src"), &mut all);
    for path in all {
        let text = fs::read_to_string(&path).unwrap();
        let shipped = text.split("#[cfg(test)]").next().unwrap();
        let compares = |line: &&str| {
            [" == ", " != ", ".eq("]
                .iter()
                .any(|sign| line.contains(sign))
        };
        let mut found = shipped.lines().filter(compares);
        let found = found.find(|line| line.contains("expose()"));
        assert_eq!(found, None, "{}", path.display());
    }
}
