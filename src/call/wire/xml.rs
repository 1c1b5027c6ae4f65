//! Calls as XML 1.0.

use super::view::Info;
use quick_xml::escape::escape;

pub(super) fn call(info: &Info<'_>, username: Option<&str>) -> Vec<u8> {
    let mut xml = String::new();
    push_call(&mut xml, info, username);
    xml.into_bytes()
}

/// The root `calls` is ours: the service of 2012 failed on a list in XML.
pub(super) fn list(infos: &[Info<'_>]) -> Vec<u8> {
    let mut xml = String::from("<calls>");
    for info in infos {
        push_call(&mut xml, info, None);
    }
    xml.push_str("</calls>");
    xml.into_bytes()
}

/// What XML 1.0 §2.2 can carry at all, escaped or not.
pub(super) fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

fn push_call(xml: &mut String, info: &Info<'_>, username: Option<&str>) {
    xml.push_str("<call><info>");
    push_info(xml, info);
    xml.push_str("</info>");
    if let Some(username) = username {
        xml.push_str("<user>");
        push_element(xml, "username", username);
        xml.push_str("</user>");
    }
    xml.push_str("</call>");
}

fn push_info(xml: &mut String, info: &Info<'_>) {
    push_element(xml, "duration", &info.duration);
    push_element(xml, "start", &info.start);
    push_element(xml, "token", info.token);
    push_element(xml, "end", &info.end);
    push_element(xml, "number", info.number);
    push_element(xml, "state", info.state);
    push_element(xml, "started_at", &info.started_at);
    if let Some(ended_at) = &info.ended_at {
        push_element(xml, "ended_at", ended_at);
    }
    push_element(xml, "duration_seconds", &info.duration_seconds.to_string());
}

pub(in crate::call) fn push_element(xml: &mut String, name: &str, text: &str) {
    let text = text.replace(|character| !is_allowed(character), "\u{fffd}");
    // §2.11: a reader turns a bare carriage return into a line feed.
    let text = escape(text).replace('\r', "&#13;");
    xml.extend(["<", name, ">", &text, "</", name, ">"]);
}
