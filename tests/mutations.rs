//! What tests/mutations takes out: each patch still applies, names tests that are there, and is written down in docs/security.md.
//!
//! That its tests fail without the fix is for `make mutations` to show.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where it stopped"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A patch, with what its head says.
struct Removal {
    name: String,
    text: String,
    fails: BTreeSet<String>,
}

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(ROOT).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn removals() -> Vec<Removal> {
    let folder = Path::new(ROOT).join("tests/mutations");
    let patches = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut removals: Vec<_> = patches.map(|path| removal(&path)).collect();
    removals.sort_by(|one, other| one.name.cmp(&other.name));
    removals
}

fn removal(path: &Path) -> Removal {
    let (name, text) = (path.file_stem().unwrap(), read(path));
    let fails = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("fails: "));
    let fails = fails.unwrap_or_else(|| panic!("{}: its first line names tests", path.display()));
    Removal {
        name: name.display().to_string(),
        fails: fails.split_whitespace().map(str::to_owned).collect(),
        text,
    }
}

/// The lines that a patch expects to be there, hunk by hunk, each with its file.
fn expected(patch: &str) -> Vec<(String, String)> {
    let (mut file, mut hunks) = (String::new(), Vec::<(String, String)>::new());
    for line in patch.lines().skip_while(|line| !line.starts_with("--- ")) {
        if let Some(named) = line.strip_prefix("--- a/") {
            named.clone_into(&mut file);
        } else if line.starts_with("@@ ") {
            hunks.push((file.clone(), String::new()));
        } else if let Some((_, old)) = hunks.last_mut()
            && let Some(kept) = line.strip_prefix([' ', '-'])
        {
            old.push_str(kept);
            old.push('\n');
        }
    }
    hunks
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_patch_still_applies_and_in_one_place_only() {
    for removal in removals() {
        let hunks = expected(&removal.text);
        assert!(!hunks.is_empty(), "{} changes nothing", removal.name);
        for (file, old) in hunks {
            let places = read(&file).matches(&old).count();
            assert_eq!(
                places, 1,
                "{}: {file} has no such lines:\n{old}",
                removal.name
            );
        }
    }
}

#[test]
fn every_patch_names_tests_that_are_there() {
    let mut files = Vec::new();
    for folder in ["src", "tests/it"] {
        sources(&Path::new(ROOT).join(folder), &mut files);
    }
    let text: String = files.iter().map(read).collect();
    for removal in removals() {
        let of_a_row = removal.fails.iter().any(|test| test.contains("at_"));
        assert!(of_a_row, "{}: no test of a row", removal.name);
        for test in &removal.fails {
            let there = text.contains(&format!("fn {test}("));
            assert!(there, "{}: there is no test {test}", removal.name);
        }
    }
}

#[test]
fn every_patch_is_written_down_with_its_tests() {
    let document = read("docs/security.md");
    let mut told: Vec<_> = document
        .lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(|line| {
            line.split(" | ")
                .map(str::to_owned)
                .collect::<Vec<_>>()
                .try_into()
                .ok()
        })
        .map(|[name, _, tests, _]: [String; 4]| {
            let named = tests.split('`').skip(1).step_by(2).map(str::to_owned);
            (
                name.replace(['|', '`', ' '], ""),
                named.collect::<BTreeSet<_>>(),
            )
        })
        .collect();
    told.sort();
    let there: Vec<_> = removals()
        .into_iter()
        .map(|removal| (removal.name, removal.fails))
        .collect();
    assert_eq!(told, there);
}
