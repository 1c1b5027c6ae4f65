//! What a browser is called by who uses it: `Firefox, Linux`. All that is kept of a `User-Agent`.

use http::HeaderMap;
use http::header::USER_AGENT;

/// A product's token, and what people call it. Browsers name those that they imitate as well: the first that fits counts.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
];

const SYSTEMS: [(&str, &str); 7] = [
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// `None` for what is no browser that we know.
pub(in crate::oauth) fn browser(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(USER_AGENT)?.to_str().ok()?;
    let name = first_in(&BROWSERS, agent)?;
    Some(match first_in(&SYSTEMS, agent) {
        Some(system) => format!("{name}, {system}"),
        None => name.to_owned(),
    })
}

fn first_in(table: &[(&'static str, &'static str)], agent: &str) -> Option<&'static str> {
    let found = table.iter().find(|(token, _)| agent.contains(token));
    found.map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn called(agent: &'static str) -> Option<String> {
        browser(&HeaderMap::from_iter([(
            USER_AGENT,
            HeaderValue::from_static(agent),
        )]))
    }

    #[test]
    fn a_browser_is_called_as_its_user_calls_it() {
        for (agent, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox, Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 \
                 Safari/537.36 Edg/140.0.0.0",
                "Edge, Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile \
                 Safari/537.36",
                "Chrome, Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari, iPhone",
            ),
        ] {
            assert_eq!(called(agent).as_deref(), Some(name));
        }
    }

    #[test]
    fn what_is_no_browser_has_no_name() {
        assert_eq!(called("curl/8.14.1"), None);
        assert_eq!(browser(&HeaderMap::new()), None);
    }
}
