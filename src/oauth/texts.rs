//! The words of the pages, in the reader's language (Fluent; `texts/*.ftl`).

use super::language::Language;
use askama::filters::{Html, Safe, escape};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use http::request::Parts;
use std::borrow::Borrow;
use std::fmt::Display;
use std::sync::LazyLock;

/// The words in one language. Templates have them as `texts`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Texts(Language);

type Bundle = FluentBundle<FluentResource>;

static BUNDLES: LazyLock<[Bundle; 3]> = LazyLock::new(|| Language::ALL.map(bundle));

const fn source(language: Language) -> &'static str {
    match language {
        Language::English => include_str!("texts/en.ftl"),
        Language::German => include_str!("texts/de.ftl"),
        Language::Italian => include_str!("texts/it.ftl"),
    }
}

impl Texts {
    /// Those for who sent this request.
    pub(super) fn of(head: &Parts) -> Self {
        Self(Language::of(head))
    }

    pub(super) fn tag(self) -> &'static str {
        self.0.tag()
    }

    /// The message of this id.
    pub(super) fn get(self, id: &str) -> String {
        self.format(id, None)
    }

    /// A message with one argument, as HTML: the value is escaped and stands in a `bdi` of its own.
    pub(super) fn with(self, id: &str, name: &str, value: impl Display) -> Safe<String> {
        self.marked(id, &[(name, &value)])
    }

    /// As [`Texts::with`], with two arguments.
    pub(super) fn with_two(
        self,
        id: &str,
        name: &str,
        value: impl Display,
        other: &str,
        second: impl Display,
    ) -> Safe<String> {
        self.marked(id, &[(name, &value), (other, &second)])
    }

    /// A message with one argument, as plain text.
    pub(super) fn plain(self, id: &str, name: &str, value: &str) -> String {
        let mut arguments = FluentArgs::new();
        arguments.set(name.to_owned(), value.to_owned());
        self.format(id, Some(&arguments))
    }

    /// As [`Texts::plain`], with two arguments.
    pub(super) fn plain_two(
        self,
        id: &str,
        name: &str,
        value: impl Display,
        other: &str,
        second: impl Display,
    ) -> String {
        let mut arguments = FluentArgs::new();
        arguments.set(name.to_owned(), value.to_string());
        arguments.set(other.to_owned(), second.to_string());
        self.format(id, Some(&arguments))
    }

    /// A message about a number of things, its argument `count`.
    pub(super) fn counted(self, id: &str, count: impl Borrow<u64>) -> String {
        let mut arguments = FluentArgs::new();
        arguments.set("count", *count.borrow());
        self.format(id, Some(&arguments))
    }

    /// A length of time in its largest unit that is not zero.
    pub(super) fn duration(self, seconds: u64) -> String {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        match seconds {
            DAY.. => self.counted("days", seconds / DAY),
            HOUR.. => self.counted("hours", seconds / HOUR),
            MINUTE.. => self.counted("minutes", seconds.div_ceil(MINUTE)),
            _ => self.counted("seconds", seconds),
        }
    }

    /// Escapes the whole message with marks where the values go, then puts them there.
    fn marked(self, id: &str, values: &[(&str, &dyn Display)]) -> Safe<String> {
        let mut arguments = FluentArgs::new();
        for (place, (name, _)) in values.iter().enumerate() {
            arguments.set((*name).to_owned(), mark(place));
        }
        let mut html = escaped(&self.format(id, Some(&arguments)));
        for (place, (_, value)) in values.iter().enumerate() {
            let value = escaped(&value.to_string());
            html = html.replace(&mark(place), &format!("<bdi class=\"name\">{value}</bdi>"));
        }
        Safe(html)
    }

    fn format(self, id: &str, arguments: Option<&FluentArgs<'_>>) -> String {
        let pattern = self
            .bundle()
            .and_then(|bundle| Some((bundle, bundle.get_message(id)?.value()?)));
        let Some((bundle, pattern)) = pattern else {
            return id.to_owned();
        };
        // A test sees to it that all languages have all messages with the same arguments.
        bundle
            .format_pattern(pattern, arguments, &mut Vec::new())
            .into_owned()
    }

    fn bundle(self) -> Option<&'static Bundle> {
        let place = Language::ALL.iter().position(|known| *known == self.0)?;
        BUNDLES.get(place)
    }
}

/// No text has these: they are control characters of Unicode's private use.
fn mark(place: usize) -> String {
    format!("\u{e000}{place}\u{e001}")
}

fn escaped(text: &str) -> String {
    match escape(text, Html) {
        Ok(Safe(escaped)) => escaped.to_string(),
        Err(never) => match never {},
    }
}

fn bundle(language: Language) -> Bundle {
    let tag = language.tag().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    // `bdi` keeps directions apart.
    bundle.set_use_isolating(false);
    // What could be read of a text with a mistake is used; a test finds the mistake.
    let resource = FluentResource::try_new(source(language).to_owned());
    bundle.add_resource_overriding(resource.unwrap_or_else(|(partly, _)| partly));
    bundle
}

#[cfg(test)]
mod tests {
    use super::*;
    use fluent_bundle::FluentResource;
    use regex::Regex;
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    const GERMAN: Texts = Texts(Language::German);

    /// The messages of a language, each with the arguments that it takes.
    fn messages(language: Language) -> BTreeMap<String, BTreeSet<String>> {
        let text = source(language);
        assert!(
            FluentResource::try_new(text.to_owned()).is_ok(),
            "{language:?}"
        );
        let argument = Regex::new(r"\{ *\$(\w+)").unwrap();
        let message = Regex::new(r"(?m)^([a-z0-9-]+) =((?:.*)(?:\n[ }].*)*)").unwrap();
        message
            .captures_iter(text)
            .map(|found| {
                let arguments = argument.captures_iter(&found[2]).map(|a| a[1].to_owned());
                (found[1].to_owned(), arguments.collect())
            })
            .collect()
    }

    /// All sources that may name a message, without their tests.
    fn sources(folder: &Path) -> String {
        let entries = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        entries
            .map(|path| match path.extension().and_then(|end| end.to_str()) {
                None if path.is_dir() => sources(&path),
                Some("html") => read(&path),
                Some("rs") => read(&path).split("#[cfg(test)]").next().unwrap().to_owned(),
                _ => String::new(),
            })
            .collect()
    }

    fn of_this_module() -> String {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/oauth"))
    }

    #[test]
    fn all_languages_say_the_same() {
        let english = messages(Language::English);
        assert!(english.len() > 20);
        for language in Language::ALL {
            assert_eq!(messages(language), english, "{language:?}");
        }
    }

    /// What begins as a message does, wherever it stands, is one: ids are also kept in tables.
    #[test]
    fn every_message_that_is_named_is_there() {
        let english = messages(Language::English);
        let families: BTreeSet<_> = english
            .keys()
            .filter_map(|id| id.split_once('-'))
            .map(|(family, _)| family)
            .collect();
        let literal = Regex::new(r#""(([a-z]+)-[a-z0-9-]+)""#).unwrap();
        let sources = of_this_module();
        let missing: BTreeSet<_> = literal
            .captures_iter(&sources)
            .filter(|found| families.contains(&found[2]) && !english.contains_key(&found[1]))
            .map(|found| found[1].to_owned())
            .filter(|id| !ELEMENTS.contains(&id.as_str()))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    /// Ids of elements in the pages, which look like those of messages.
    const ELEMENTS: [&str; 4] = [
        "login-error",
        "factor-error",
        "password-error",
        "password-heading",
    ];

    #[test]
    fn every_message_is_asked_for_with_its_arguments() {
        let english = messages(Language::English);
        let sources = of_this_module();
        let name = r#"\s*"(\w+)",[^"]*?"#;
        for (methods, arguments) in [
            ("get", String::new()),
            ("counted", String::new()),
            ("with|plain", format!(",{name}")),
            ("with_two|plain_two", format!(",{name},{name}")),
        ] {
            let call = format!(r#"texts\s*\.(?:{methods})\(\s*"([a-z0-9-]+)"{arguments}"#);
            for found in Regex::new(&call).unwrap().captures_iter(&sources) {
                let mut given: BTreeSet<_> = found
                    .iter()
                    .skip(2)
                    .flatten()
                    .map(|name| name.as_str().to_owned())
                    .collect();
                if methods == "counted" {
                    given.insert("count".to_owned());
                }
                assert_eq!(english.get(&found[1]), Some(&given), "{}", &found[0]);
            }
        }
    }

    #[test]
    fn every_message_is_used() {
        let sources = of_this_module();
        let used = |id: &String| {
            // The texts of errors are named after their headings.
            let heading = id.strip_suffix("-text").unwrap_or(id);
            [id, heading]
                .iter()
                .any(|id| sources.contains(&format!("\"{id}\"")))
        };
        let unused: Vec<_> = messages(Language::English)
            .into_keys()
            .filter(|id| !used(id))
            .collect();
        assert!(unused.is_empty(), "{unused:?}");
    }

    #[test]
    fn a_value_is_escaped_and_set_apart_wherever_it_stands() {
        let lead = Texts::default()
            .with("login-lead-tenant", "tenant", "<b>A&B</b>")
            .0;
        assert_eq!(
            lead,
            "Use your account at <bdi class=\"name\">&#60;b&#62;A&#38;B&#60;/b&#62;</bdi>."
        );
        let two = GERMAN
            .with_two(
                "login-lead-client-tenant",
                "client",
                "CRM",
                "tenant",
                "Acme",
            )
            .0;
        assert!(
            two.starts_with("<bdi class=\"name\">CRM</bdi> bittet"),
            "{two}"
        );
    }

    #[test]
    fn a_length_of_time_is_told_in_its_largest_unit() {
        let english = Texts::default();
        assert_eq!(english.duration(180 * 24 * 3600), "180 days");
        assert_eq!(english.duration(3600), "1 hour");
        assert_eq!(english.duration(90), "2 minutes");
        assert_eq!(GERMAN.duration(1), "1 Sekunde");
    }
}
