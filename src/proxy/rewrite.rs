//! What goes upstream in place of what was received: path, query, host.

use crate::route::Forward;
use http::Uri;
use http::uri::PathAndQuery;

/// The query parameter that carries a credential (RFC 6750 §2.3) and never goes upstream.
const CREDENTIAL: &str = "access_token";

/// The path and query for the upstream, from the canonical request.
pub(super) fn target(received: &Uri, forward: &Forward) -> Uri {
    let path = received.path();
    let stripped = strip(path, &forward.strip_prefix);
    let query = received.query().and_then(without_credentials);
    let same = stripped.len() == path.len() && forward.add_prefix.is_empty();
    if same && query.as_deref() == received.query() && received.authority().is_none() {
        return received.clone();
    }
    let slash = if stripped.starts_with('/') { "" } else { "/" };
    let mut text = format!("{}{slash}{stripped}", forward.add_prefix);
    if let Some(query) = query {
        text.push('?');
        text.push_str(&query);
    }
    PathAndQuery::try_from(text).map_or_else(|_| received.clone(), Uri::from)
}

/// The path without the prefix, if that ends where a segment ends.
fn strip<'p>(path: &'p str, prefix: &str) -> &'p str {
    match path.strip_prefix(prefix) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ => path,
    }
}

/// The query without its credentials, otherwise to the letter; `None` when nothing is left.
fn without_credentials(query: &str) -> Option<std::borrow::Cow<'_, str>> {
    if !query.split('&').any(is_credential) {
        return Some(query.into());
    }
    let kept: Vec<_> = query
        .split('&')
        .filter(|pair| !is_credential(pair))
        .collect();
    (!kept.is_empty()).then(|| kept.join("&").into())
}

fn is_credential(pair: &str) -> bool {
    form_urlencoded::parse(pair.as_bytes()).any(|(name, _)| name == CREDENTIAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn upstream(received: &str, strip: &str, add: &str) -> String {
        let forward = Forward {
            forgets: None,
            upstream: "pbx".to_owned(),
            strip_prefix: strip.to_owned(),
            add_prefix: add.to_owned(),
            read_timeout: Duration::ZERO,
            credential: None,
            extra_headers: Vec::new(),
        };
        target(&received.parse().unwrap(), &forward).to_string()
    }

    #[test]
    fn a_request_goes_up_as_it_is() {
        assert_eq!(upstream("/pbx/a?b=c&d", "", ""), "/pbx/a?b=c&d");
    }

    #[test]
    fn a_prefix_is_stripped_at_a_segment_and_another_put_there() {
        assert_eq!(upstream("/pbx/a?b", "/pbx", ""), "/a?b");
        assert_eq!(upstream("/pbx", "/pbx", ""), "/");
        assert_eq!(upstream("/pbxes/a", "/pbx", ""), "/pbxes/a");
        assert_eq!(upstream("/pbx/a", "/pbx", "/api/v1"), "/api/v1/a");
    }

    #[test]
    fn at_19_a_credential_in_the_query_does_not_go_up() {
        assert_eq!(upstream("/a?access_token=x", "", ""), "/a");
        assert_eq!(
            upstream("/a?b=1&%61ccess_token=x&c=%2F", "", ""),
            "/a?b=1&c=%2F"
        );
    }
}
