//! The corpus of the fuzz targets, with all that they ever found, as ordinary tests (docs/testing.md).

#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "for libFuzzer it is a library")]
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use targets::TARGETS;

/// In bytes: what is in the tree is to be read in a moment, by people too.
const LARGEST_CORPUS: usize = 300 * 1024;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Says which input failed, before the check says why.
fn holds(target: &str) {
    let (_, check) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let folder = corpus().join(target);
    let inputs = names(&folder);
    assert!(inputs.len() >= 10, "{target} has hardly a corpus");
    for name in inputs {
        let input = fs::read(folder.join(&name)).unwrap();
        let outcome = std::panic::catch_unwind(|| check(&input));
        assert!(outcome.is_ok(), "{target}/{name} fails, see above");
    }
}

#[test]
fn access_patterns_hold_for_their_corpus() {
    holds("acl");
}

#[test]
fn credentials_hold_for_their_corpus() {
    holds("credential");
}

#[test]
fn kalliope_headers_hold_for_their_corpus() {
    holds("digest");
}

#[test]
fn signed_tokens_hold_for_their_corpus() {
    holds("jwt");
}

#[test]
fn paths_hold_for_their_corpus() {
    holds("path");
}

#[test]
fn the_call_apis_bodies_hold_for_their_corpus() {
    holds("wire");
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&corpus()), targets);
}

#[test]
fn the_corpus_stays_small() {
    let folders = names(&corpus()).into_iter().map(|name| corpus().join(name));
    let inputs = folders.flat_map(|folder| {
        let names = names(&folder).into_iter();
        names.map(move |name| fs::metadata(folder.join(name)).unwrap().len())
    });
    let size: u64 = inputs.sum();
    assert!(size < LARGEST_CORPUS as u64, "{size} bytes");
}
