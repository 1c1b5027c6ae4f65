//! What a request wants to be answered in: a page, JSON or XML.

use http::HeaderMap;
use http::header::ACCEPT;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Html,
    Json,
    Xml,
}

/// What `Accept` names and prefers, wildcards aside (RFC 9110 §12.5.1); `None` when it names nothing known.
pub(super) fn of(headers: &HeaderMap) -> Option<Wanted> {
    let mut best: Option<(Wanted, f32)> = None;
    let values = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    for (wanted, weight) in values.flat_map(|value| value.split(',')).filter_map(range) {
        if weight > best.map_or(0.0, |(_, most)| most) {
            best = Some((wanted, weight));
        }
    }
    best.map(|(wanted, _)| wanted)
}

fn range(text: &str) -> Option<(Wanted, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let wanted = match parts.next()?.to_ascii_lowercase().as_str() {
        "text/html" | "application/xhtml+xml" => Wanted::Html,
        "application/json" => Wanted::Json,
        "text/xml" | "application/xml" => Wanted::Xml,
        _ => return None,
    };
    let weight = parts.find_map(|part| part.strip_prefix("q="));
    Some((
        wanted,
        weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn wanted(accept: &'static str) -> Option<Wanted> {
        of(&HeaderMap::from_iter([(
            ACCEPT,
            HeaderValue::from_static(accept),
        )]))
    }

    #[test]
    fn the_first_of_the_heaviest_is_wanted() {
        let firefox = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert_eq!(wanted(firefox), Some(Wanted::Html));
        assert_eq!(
            wanted("text/html;q=0.5, application/json"),
            Some(Wanted::Json)
        );
        assert_eq!(wanted("application/xml"), Some(Wanted::Xml));
    }

    #[test]
    fn a_wildcard_wants_nothing_in_particular() {
        assert_eq!(wanted("*/*"), None);
        assert_eq!(wanted("application/json;q=0"), None);
        assert_eq!(of(&HeaderMap::new()), None);
    }
}
