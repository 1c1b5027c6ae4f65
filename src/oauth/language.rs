//! The language of a page: what the client asks for, else what the browser prefers, else English.

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;
use http::request::Parts;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Language {
    #[default]
    English,
    German,
    Italian,
}

impl Language {
    pub(super) const ALL: [Self; 3] = [Self::English, Self::German, Self::Italian];

    /// The tag of BCP 47, as `lang` writes it.
    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::Italian => "it",
        }
    }

    /// Of `ui_locales` (`OpenID` Connect Core §3.1.2.1) in the query, which all our pages carry along, else of `Accept-Language`.
    pub(super) fn of(head: &Parts) -> Self {
        asked(head)
            .or_else(|| preferred(&head.headers))
            .unwrap_or_default()
    }

    /// The first that we have of `ui_locales`: tags in order of preference.
    pub(super) fn of_locales(locales: &str) -> Option<Self> {
        locales.split(' ').find_map(Self::of_tag)
    }

    /// That of a tag such as `de-AT`, by its first part.
    fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split('-').next()?;
        Self::ALL
            .into_iter()
            .find(|language| language.tag().eq_ignore_ascii_case(primary))
    }
}

fn asked(head: &Parts) -> Option<Language> {
    let mut pairs = form_urlencoded::parse(head.uri.query()?.as_bytes());
    let (_, locales) = pairs.find(|(name, _)| name == "ui_locales")?;
    Language::of_locales(&locales)
}

/// The heaviest that we have (RFC 9110 §12.5.4); of equal ones the first.
fn preferred(headers: &HeaderMap) -> Option<Language> {
    let mut best: Option<(Language, f32)> = None;
    let values = headers
        .get_all(ACCEPT_LANGUAGE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    for (language, weight) in values.flat_map(|value| value.split(',')).filter_map(range) {
        if weight > best.map_or(0.0, |(_, most)| most) {
            best = Some((language, weight));
        }
    }
    best.map(|(language, _)| language)
}

fn range(text: &str) -> Option<(Language, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let language = Language::of_tag(parts.next()?)?;
    let weight = parts.find_map(|part| part.strip_prefix(['q', 'Q'])?.strip_prefix('='));
    Some((
        language,
        weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(uri: &str, accepted: &str) -> Language {
        let request = http::Request::get(uri).header(ACCEPT_LANGUAGE, accepted);
        Language::of(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn the_heaviest_language_that_we_have_is_taken() {
        assert_eq!(
            language("/", "fr, de-AT;q=0.8, it;q=0.9"),
            Language::Italian
        );
        assert_eq!(language("/", "de-DE,de;q=0.9,en;q=0.8"), Language::German);
        assert_eq!(language("/", "it;q=0, fr"), Language::English);
        assert_eq!(language("/", "de;q=x"), Language::English);
    }

    #[test]
    fn what_the_client_asks_for_comes_first() {
        let uri = "/auth/login?client_id=crm&ui_locales=fr-CA%20it-CH%20de";
        assert_eq!(language(uri, "de"), Language::Italian);
        assert_eq!(
            language("/auth/login?ui_locales=fr", "de"),
            Language::German
        );
    }
}
