//! The import rules of docs/architecture.md, read from the sources.

#[path = "architecture/paths.rs"]
mod paths;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use Layer::{Apart, Ordered};
use paths::{imports, names, tokens};

/// The modules, lowest first. A module imports only from its left; those of one layer that stand
/// `Apart` never import one another.
const LAYERS: &[Layer] = &[
    Ordered(&[
        "clock", "secret", "sealer", "kalliope", "access", "number", "metrics", "http",
    ]),
    Ordered(&["storage"]),
    Ordered(&["token", "replay", "throttle"]),
    Ordered(&["auth"]),
    Ordered(&["provider"]),
    Ordered(&["upstream_auth"]),
    Ordered(&["acl"]),
    Ordered(&["backend"]),
    Ordered(&["admission"]),
    Ordered(&["dialling"]),
    Ordered(&["cdr"]),
    Ordered(&["error"]),
    Ordered(&["route"]),
    Ordered(&["openapi"]),
    Ordered(&["call"]),
    Apart(&["oauth", "accent", "admin", "operations", "console", "salt"]),
    Ordered(&["gateway"]),
    Ordered(&["proxy"]),
    Ordered(&["config"]),
    Ordered(&["app"]),
    Ordered(&["server"]),
    Ordered(&["cli"]),
];

/// Libraries, with their companions (`sqlx_…`), and the only places that name them, so that they
/// can be replaced there.
const FENCES: &[(&str, &[&str])] = &[
    ("pingora", &["proxy", "server"]),
    ("sqlx", &["storage", "admission", "replay", "token"]),
    ("redis", &["admission/redis", "replay/redis", "token/redis"]),
    ("prometheus", &["metrics"]),
    ("reqwest", &["http/client"]),
    ("hyper", &["http/client"]),
    ("webauthn_rs", &["oauth/factor/passkey"]),
    ("totp_rs", &["oauth/factor/totp"]),
];

/// The crate's roots name every module, and no module imports them.
const ROOTS: &[&str] = &["lib", "main"];

/// In lines, before the tests.
const LONGEST_FILE: usize = 400;

enum Layer {
    Ordered(&'static [&'static str]),
    Apart(&'static [&'static str]),
}

#[test]
fn modules_import_only_from_their_left() -> io::Result<()> {
    none(sources()?.iter().flat_map(wrong_imports));
    Ok(())
}

#[test]
fn every_module_has_its_place() -> io::Result<()> {
    let placed = |module: &str| ROOTS.contains(&module) || place(module).is_some();
    let strays = sources()?
        .into_iter()
        .filter(|source| !placed(source.module()));
    none(strays.map(|source| format!("{}: its module is missing from LAYERS", source.name)));
    Ok(())
}

#[test]
fn libraries_stay_behind_their_fence() -> io::Result<()> {
    none(sources()?.iter().flat_map(fences_crossed));
    Ok(())
}

#[test]
fn every_file_says_what_it_is_for() -> io::Result<()> {
    let silent = sources()?
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "));
    none(silent.map(|source| format!("{}: its first line is no `//! `", source.name)));
    Ok(())
}

#[test]
fn files_stay_short() -> io::Result<()> {
    let long = sources()?
        .into_iter()
        .filter(|source| source.lines() > LONGEST_FILE);
    none(long.map(|source| format!("{}: {} lines before its tests", source.name, source.lines())));
    Ok(())
}

/// All findings in one failure, so that they can be mended in one go.
fn none(findings: impl Iterator<Item = String>) {
    let findings: Vec<String> = findings.collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

// --- the rules ---

fn wrong_imports(source: &Source) -> Vec<String> {
    let module = source.module();
    if ROOTS.contains(&module) {
        return Vec::new();
    }
    let imports = imports(&tokens(&source.text), source.depth());
    let wrong = imports
        .into_iter()
        .filter(|import| !may_import(module, import));
    wrong
        .map(|import| {
            format!(
                "{}: `{module}` imports `{import}`, which is not to its left",
                source.name
            )
        })
        .collect()
}

fn may_import(module: &str, import: &str) -> bool {
    let (Some(from), Some(to)) = (place(module), place(import)) else {
        return false;
    };
    module == import || to.0 < from.0 || (to < from && matches!(LAYERS.get(to.0), Some(Ordered(_))))
}

/// The module's layer, and its place within.
fn place(module: &str) -> Option<(usize, usize)> {
    LAYERS
        .iter()
        .enumerate()
        .find_map(|(layer, Ordered(modules) | Apart(modules))| {
            let at = modules.iter().position(|name| *name == module)?;
            Some((layer, at))
        })
}

fn fences_crossed(source: &Source) -> Vec<String> {
    let tokens = tokens(&source.text);
    let outside = |homes: &[&str]| !homes.iter().any(|home| source.is_within(home));
    let crossed = FENCES
        .iter()
        .filter(|(library, homes)| outside(homes) && names(&tokens, library));
    crossed
        .map(|(library, homes)| {
            format!(
                "{}: names `{library}`, which belongs to {homes:?}",
                source.name
            )
        })
        .collect()
}

// --- the sources ---

struct Source {
    /// Its path below `src`, without `.rs`, such as `call/api`.
    name: String,
    text: String,
}

impl Source {
    fn read(folder: &Path, path: &Path) -> io::Result<Self> {
        let name = path
            .strip_prefix(folder)
            .map_err(io::Error::other)?
            .with_extension("");
        let name = name.to_string_lossy().replace('\\', "/");
        let name = name.strip_suffix("/mod").unwrap_or(&name).to_owned();
        Ok(Self {
            name,
            text: fs::read_to_string(path)?,
        })
    }

    /// The top-level module that it is part of.
    fn module(&self) -> &str {
        self.name.split('/').next().unwrap_or(&self.name)
    }

    /// How many `super` lead to the crate's root.
    fn depth(&self) -> usize {
        self.name.split('/').count()
    }

    fn is_within(&self, home: &str) -> bool {
        self.name
            .strip_prefix(home)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn lines(&self) -> usize {
        let before = self.text.split("#[cfg(test)]\nmod ").next();
        before.unwrap_or_default().lines().count()
    }
}

fn sources() -> io::Result<Vec<Source>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = files(&folder)?;
    files
        .iter()
        .map(|path| Source::read(&folder, path))
        .collect()
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

// --- the rules can fail ---

fn imports_wrongly(name: &str, text: &str) -> bool {
    !wrong_imports(&source(name, text)).is_empty()
}

fn crosses_a_fence(name: &str, text: &str) -> bool {
    !fences_crossed(&source(name, text)).is_empty()
}

fn source(name: &str, text: &str) -> Source {
    Source {
        name: name.to_owned(),
        text: text.to_owned(),
    }
}

#[test]
fn an_import_from_the_right_is_found() {
    assert!(imports_wrongly("acl", "use crate::call::Originate;"));
    assert!(imports_wrongly("http/client", "crate::storage::open()"));
    assert!(imports_wrongly("clock", "use crate::metrics;"));
    assert!(imports_wrongly("acl", "use crate::unheard_of;"));
}

#[test]
fn an_import_from_the_left_or_from_itself_is_fine() {
    let fine = "use crate::auth::Principal; use crate::metrics; use crate::call::wire;";
    assert!(!imports_wrongly("call/api", fine));
    assert!(!imports_wrongly("metrics", "use crate::clock;"));
    assert!(!imports_wrongly("main", "use crate::cli;"));
}

#[test]
fn modules_that_stand_apart_never_import_one_another() {
    assert!(imports_wrongly("console", "use crate::admin::Change;"));
    assert!(imports_wrongly("admin", "use crate::console::page;"));
}

#[test]
fn a_library_outside_its_fence_is_found() {
    assert!(crosses_a_fence("call/api", "#[derive(sqlx::FromRow)]"));
    assert!(crosses_a_fence("gateway", "use pingora_core::Error;"));
    assert!(crosses_a_fence("http", "use reqwest;"));
}

#[test]
fn a_library_behind_its_fence_is_fine() {
    assert!(!crosses_a_fence("storage/users", "use sqlx::Row;"));
    assert!(!crosses_a_fence("http/client", "use reqwest::Client;"));
}

#[test]
fn another_thing_of_a_librarys_name_is_fine() {
    assert!(!crosses_a_fence(
        "acl",
        "let sqlx = crate::storage::sqlx::OPEN;"
    ));
    assert!(!crosses_a_fence(
        "admission",
        "mod redis; const ENGINE: E = redis::ENGINE;"
    ));
}
