//! How a failure looks to a client of `/rest/call` that asked for XML (RFC 7807 §A).

use super::wire::{Format, push_element};
use crate::error::Problem;
use crate::http::{DecisionId, Response, response};
use http::request::Parts;
use serde_json::Value;

/// `None` for other paths, and for clients that take JSON.
pub fn dialect(head: &Parts, problem: &Problem, decision: DecisionId) -> Option<Response> {
    let asked = head.uri.path().starts_with("/rest/") && Format::of(&head.headers) == Format::Xml;
    if !asked {
        return None;
    }
    let mut response = response(
        problem.status,
        "application/problem+xml",
        xml(problem, decision),
    );
    response
        .headers_mut()
        .extend(problem.headers.iter().cloned());
    Some(response)
}

fn xml(problem: &Problem, decision: DecisionId) -> String {
    let mut xml = String::from("<problem xmlns=\"urn:ietf:rfc:7807\">");
    let title = problem.status.canonical_reason().unwrap_or("Error");
    push_element(&mut xml, "title", title);
    push_element(&mut xml, "status", problem.status.as_str());
    push_element(&mut xml, "code", problem.code);
    push_element(&mut xml, "detail", &problem.detail);
    push_element(&mut xml, "decision_id", &decision.to_string());
    for (name, value) in &problem.members {
        push_value(&mut xml, name, value);
    }
    xml.push_str("</problem>");
    xml
}

/// RFC 7807 §A: the members of an object are elements by their names, those of an array are elements `i`.
fn push_value(xml: &mut String, name: &str, value: &Value) {
    let inside: Vec<_> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .collect(),
        Value::Array(items) => items.iter().map(|item| ("i", item)).collect(),
        Value::String(text) => return push_element(xml, name, text),
        other => return push_element(xml, name, &other.to_string()),
    };
    xml.extend(["<", name, ">"]);
    for (name, value) in inside {
        push_value(xml, name, value);
    }
    xml.extend(["</", name, ">"]);
}
