//! The login and the consent as scripts read them: JSON or XML, as the service of 2012 wrote them.

use super::page;
use super::request::AuthorizationRequest;
use super::wanted::Wanted;
use crate::http::{Response, json, response};
use http::StatusCode;
use quick_xml::escape::escape;
use serde::{Serialize, Serializer};

/// Names and values in a fixed order.
struct Document<'d>(Vec<(&'static str, &'d str)>);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

pub(super) fn login(request: &AuthorizationRequest, wanted: Wanted) -> Response {
    let scope = request.scope.to_string();
    let document = Document(vec![
        ("scope", &scope),
        ("message", "login"),
        ("redirect_uri", &request.redirect_uri),
        ("response_type", request.response_type.as_str()),
        ("client_id", &request.client.id),
    ]);
    document.respond(wanted)
}

/// `token` and `number` are what the answer must return as `csrf_token` and `consent`.
pub(super) fn grant(
    request: &AuthorizationRequest,
    (token, number): (&str, &str),
    wanted: Wanted,
) -> Response {
    let scope = request.scope.to_string();
    let document = Document(vec![
        ("message", "grant"),
        ("scope", &scope),
        ("redirect_uri", &request.redirect_uri),
        ("response_type", request.response_type.as_str()),
        ("client_id", &request.client.id),
        ("csrf_token", token),
        ("consent", number),
    ]);
    document.respond(wanted)
}

pub(super) fn logged_out(wanted: Wanted) -> Response {
    Document(vec![("message", "logout complete")]).respond(wanted)
}

impl Document<'_> {
    fn respond(&self, wanted: Wanted) -> Response {
        let mut response = match wanted {
            Wanted::Xml => response(StatusCode::OK, "application/xml", self.xml()),
            Wanted::Json | Wanted::Html => json(StatusCode::OK, self),
        };
        page::guard(response.headers_mut());
        response
    }

    fn xml(&self) -> String {
        let element = |(name, value): &(&str, &str)| format!("<{name}>{}</{name}>", escape(*value));
        let elements: String = self.0.iter().map(element).collect();
        format!("<None>{elements}</None>")
    }
}
