//! What `[[backend]]` of the kind `kalliope` says.

use super::hook;
use super::numbers::Numbers;
use crate::http::client::may_be_asked;
use http::{Method, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

/// A key, and what is wrong with it.
pub(super) type Fault = (&'static str, String);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::backend) struct Config {
    /// The PBX's origin: `https://pbx.example`.
    pub(super) url: String,
    /// The `[[credential]]` that is presented there.
    pub(super) credential: String,
    #[serde(default)]
    pub(super) click: ClickToCall,
    #[serde(default)]
    pub(super) numbers: Numbers,
    /// Where the PBX tells what happens to calls.
    pub(super) hook: Option<hook::Settings>,
    /// Give the slot back when somebody ends a call that cannot be ended there.
    #[serde(default)]
    pub(super) end_locally: bool,
}

/// `[backend.click]`: the request that places a call. No public text says more of it than its path.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ClickToCall {
    pub(super) method: Verb,
    /// Destination first.
    pub(super) path: String,
    /// The statuses that mean that it dials; without any, all of 200 to 299.
    pub(super) success: Vec<u16>,
    /// Where in the answer the call's id stands (a JSON pointer, RFC 6901), if it does.
    pub(super) call_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Verb {
    #[default]
    Get,
    Post,
    Put,
}

impl From<Verb> for Method {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Get => Self::GET,
            Verb::Post => Self::POST,
            Verb::Put => Self::PUT,
        }
    }
}

impl Default for ClickToCall {
    fn default() -> Self {
        Self {
            method: Verb::default(),
            path: "/rest/phoneServices/c2c/{dest}/{source}".to_owned(),
            success: Vec::new(),
            call_id: None,
        }
    }
}

impl Config {
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if !is_origin(&self.url) {
            let message = "an https origin, such as https://pbx.example; http only to a literal loopback address";
            faults.push(("url", message.to_owned()));
        }
        faults.extend(self.click.faults());
        faults.extend(self.numbers.faults());
        faults.extend(self.hook.iter().flat_map(hook::Settings::faults));
        faults
    }
}

impl ClickToCall {
    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut check = |key, right: bool, message: &str| {
            if !right {
                faults.push((key, message.to_owned()));
            }
        };
        check(
            "click.path",
            is_template(&self.path),
            "a path with the segments {dest} and {source}, each once, and else letters, digits, `-`, `_`, `.`",
        );
        check(
            "click.success",
            self.success
                .iter()
                .all(|status| (200..400).contains(status)),
            "statuses of 200 to 399: others are failures",
        );
        let pointer = self.call_id.as_deref().unwrap_or_default();
        check(
            "click.call_id",
            pointer.is_empty() || pointer.starts_with('/'),
            "a JSON pointer, such as /uniqueid (RFC 6901)",
        );
        faults
    }

    /// The path of one call. Each of the two is one segment, whatever it holds.
    pub(super) fn path(&self, dest: &str, source: &str) -> String {
        let segment = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        // No segment that was encoded has a brace.
        self.path
            .replace("{dest}", &segment(dest))
            .replace("{source}", &segment(source))
    }

    pub(super) fn is_success(&self, status: u16) -> bool {
        if self.success.is_empty() {
            return (200..300).contains(&status);
        }
        self.success.contains(&status)
    }
}

fn is_template(path: &str) -> bool {
    let Some(path) = path.strip_prefix('/') else {
        return false;
    };
    let is_plain = |segment: &str| {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        !matches!(segment, "" | "." | "..") && segment.bytes().all(is_allowed)
    };
    let named = |name| path.split('/').filter(|segment| *segment == name).count();
    let mut others = path
        .split('/')
        .filter(|s| !matches!(*s, "{dest}" | "{source}"));
    named("{dest}") == 1 && named("{source}") == 1 && others.all(is_plain)
}

fn is_origin(text: &str) -> bool {
    let uri: Option<Uri> = text.parse().ok();
    uri.is_some_and(|uri| {
        may_be_asked(&uri)
            && uri.path() == "/"
            && uri.query().is_none()
            && !uri.authority().is_some_and(|it| it.as_str().contains('@'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "url = 'https://pbx.example'\ncredential = 'c'\n";

    fn keys(text: &str) -> Vec<&'static str> {
        let config: Config = toml::from_str(text).unwrap();
        config.faults().into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn address_and_credential_are_enough() {
        assert!(keys(LEAST).is_empty());
        for text in ["url = 'https://pbx.example'", "credential = 'c'"] {
            assert!(toml::from_str::<Config>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_key() {
        for url in [
            "http://pbx.example",
            "https://pbx.example/rest",
            "https://pbx.example?x",
            "https://u:p@pbx.example",
            "pbx.example",
        ] {
            assert_eq!(keys(&LEAST.replace("https://pbx.example", url)), ["url"]);
        }
        for (key, value) in [
            ("path", "'rest/{dest}/{source}'"),
            ("path", "'/rest/{dest}'"),
            ("path", "'/rest/{dest}/{dest}/{source}'"),
            ("path", "'/rest/{dest}/{source}?x=1'"),
            ("path", "'/rest/../{dest}/{source}'"),
            ("path", "'/rest/x{dest}/{source}'"),
            ("path", "'//pbx.example/{dest}/{source}'"),
            ("success", "[404]"),
            ("call_id", "'uniqueid'"),
        ] {
            let text = format!("{LEAST}[click]\n{key} = {value}");
            assert_eq!(keys(&text), [format!("click.{key}")], "{text}");
        }
    }

    #[test]
    fn a_number_is_one_segment() {
        let click = ClickToCall::default();
        assert_eq!(
            click.path("+390501234567", "*21#"),
            "/rest/phoneServices/c2c/%2B390501234567/%2A21%23"
        );
        assert_eq!(
            click.path("../{source}", "20/1"),
            "/rest/phoneServices/c2c/%2E%2E%2F%7Bsource%7D/20%2F1"
        );
    }

    #[test]
    fn without_a_list_every_2xx_is_a_success() {
        let mut click = ClickToCall::default();
        assert!(click.is_success(200) && click.is_success(204) && !click.is_success(302));
        click.success = vec![302];
        assert!(click.is_success(302) && !click.is_success(200));
    }
}
