//! How a failure looks to a client of `/rest/call` that asked for XML (RFC 7807 §A).

use super::wire::Format;
use crate::error::Problem;
use crate::http::{DecisionId, Response, response};
use http::request::Parts;
use quick_xml::escape::escape;

/// `None` for other paths, and for clients that take JSON.
pub fn dialect(head: &Parts, problem: &Problem, decision: DecisionId) -> Option<Response> {
    let asked = head.uri.path().starts_with("/rest/") && Format::of(&head.headers) == Format::Xml;
    if !asked {
        return None;
    }
    let body = format!(
        "<problem xmlns=\"urn:ietf:rfc:7807\"><title>{}</title><status>{}</status><code>{}</code><detail>{}</detail>\
         <decision_id>{decision}</decision_id></problem>",
        escape(problem.status.canonical_reason().unwrap_or("Error")),
        problem.status.as_u16(),
        escape(problem.code),
        escape(&problem.detail),
    );
    let mut response = response(problem.status, "application/problem+xml", body);
    response
        .headers_mut()
        .extend(problem.headers.iter().cloned());
    Some(response)
}
