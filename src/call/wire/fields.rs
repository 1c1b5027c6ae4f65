//! The parameters of a request, from its query and its body.

use http::header;
use http::request::Parts;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use std::fmt;

/// More parameters than any call needs.
const MAX_FIELDS: usize = 32;
/// Longest name, in bytes, of a parameter that is kept. Others are nobody's.
const MAX_NAME: usize = 32;
/// A credential, not a parameter: read elsewhere, if at all, and never kept here.
const CREDENTIAL: &str = "access_token";

/// Parameters, each at most once. Unknown ones do no harm.
#[derive(Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

/// Why parameters cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error(
        "the parameter {0} is missing: send {0}=… in the query or in a form, or a JSON object with the member \"{0}\""
    )]
    Missing(&'static str),
    #[error("the parameter {0} was sent more than once: send it once, in the query or in the body")]
    Duplicate(String),
    #[error("more than {MAX_FIELDS} parameters")]
    TooMany,
    #[error(
        "the body is no JSON object of strings and positive integers, such as {{\"number\": \"201\"}}"
    )]
    MalformedJson,
    /// 415
    #[error(
        "send a body as application/x-www-form-urlencoded or application/json, and say so in Content-Type"
    )]
    UnsupportedMediaType,
}

impl Fields {
    /// Reads the query, and the body if there is one: a form or a flat JSON object.
    pub fn read(head: &Parts, body: &[u8]) -> Result<Self, WireError> {
        let mut fields = Self::default();
        let query = head.uri.query().unwrap_or_default();
        fields.add_form(query.as_bytes())?;
        if body.is_empty() {
            return Ok(fields);
        }
        match media_type(head).as_deref() {
            Some("application/x-www-form-urlencoded") => fields.add_form(body)?,
            Some("application/json") => fields.add_json(body)?,
            _ => return Err(WireError::UnsupportedMediaType),
        }
        Ok(fields)
    }

    /// The value of `name` as it was sent, blanks included.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// The value of `name`, which is more than blanks.
    pub fn required(&self, name: &'static str) -> Result<&str, WireError> {
        let value = self.get(name).filter(|value| !value.trim().is_empty());
        value.ok_or(WireError::Missing(name))
    }

    fn add_form(&mut self, form: &[u8]) -> Result<(), WireError> {
        self.add_all(
            form_urlencoded::parse(form)
                .map(|(name, value)| (name.into_owned(), value.into_owned())),
        )
    }

    fn add_json(&mut self, body: &[u8]) -> Result<(), WireError> {
        let Members(members) =
            serde_json::from_slice(body).map_err(|_| WireError::MalformedJson)?;
        self.add_all(members.into_iter())
    }

    fn add_all(&mut self, fields: impl Iterator<Item = (String, String)>) -> Result<(), WireError> {
        for (position, (name, value)) in fields.enumerate() {
            if position >= MAX_FIELDS {
                return Err(WireError::TooMany);
            }
            self.add(name, value)?;
        }
        Ok(())
    }

    fn add(&mut self, name: String, value: String) -> Result<(), WireError> {
        if name == CREDENTIAL || !is_name(&name) {
            return Ok(());
        }
        if self.get(&name).is_some() {
            return Err(WireError::Duplicate(name));
        }
        self.0.push((name, value));
        Ok(())
    }
}

/// Names only: a value may be a secret that was sent to the wrong place.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(name, _)| name);
        f.debug_set().entries(names).finish()
    }
}

/// A name that a parameter of ours can have, and an error may repeat.
fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// The type of the body without its parameters, in lower case; none if it is not said, or said twice.
fn media_type(head: &Parts) -> Option<String> {
    let mut values = head.headers.get_all(header::CONTENT_TYPE).into_iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let essence = value.to_str().ok()?.split(';').next()?;
    Some(essence.trim().to_ascii_lowercase())
}

/// The members of a JSON object, in the order and as often as they were sent.
struct Members(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings and integers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some((name, Scalar(value))) = map.next_entry()? {
            members.push((name, value));
        }
        Ok(Members(members))
    }
}

/// A string, or an integer as its digits.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a positive integer")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar(text.to_owned()))
    }

    fn visit_u64<E: de::Error>(self, integer: u64) -> Result<Scalar, E> {
        Ok(Scalar(integer.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: &str = "application/json";

    fn head(query: &str, content_type: &str) -> Parts {
        let request = http::Request::post(format!("/rest/call?{query}"))
            .header(header::CONTENT_TYPE, content_type);
        request.body(()).unwrap().into_parts().0
    }

    fn read(query: &str, content_type: &str, body: &str) -> Result<Fields, WireError> {
        Fields::read(&head(query, content_type), body.as_bytes())
    }

    #[test]
    fn a_parameter_comes_from_the_query_a_form_or_json() {
        for (query, content_type, body) in [
            ("number=%2B390501234567", "", ""),
            ("", FORM, "number=%2B390501234567"),
            (
                "x=1",
                "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
                "number=%2B390501234567",
            ),
            ("", JSON, r#"{"number":"+390501234567"}"#),
            (
                "",
                "application/json;charset=utf-8",
                r#" {"x":1, "number":"\u002b390501234567"} "#,
            ),
        ] {
            let fields = read(query, content_type, body).unwrap();
            assert_eq!(
                fields.required("number"),
                Ok("+390501234567"),
                "{query} {content_type} {body}"
            );
        }
    }

    #[test]
    fn an_integer_in_json_is_its_digits() {
        assert_eq!(
            read("", JSON, r#"{"number":201}"#).unwrap().get("number"),
            Some("201")
        );
    }

    #[test]
    fn a_plus_that_was_not_escaped_arrives_as_a_blank() {
        assert_eq!(
            read("", FORM, "number=+390501234567")
                .unwrap()
                .get("number"),
            Some(" 390501234567")
        );
    }

    #[test]
    fn a_parameter_sent_twice_is_refused_wherever_it_was_sent() {
        for (query, content_type, body) in [
            ("number=1&number=1", "", ""),
            ("", FORM, "number=201&number=202"),
            ("number=201", FORM, "number=201"),
            ("number=201", JSON, r#"{"number":201}"#),
            ("", JSON, r#"{"number":201,"number":"202"}"#),
            ("", FORM, "number=201&num%62er=202"),
        ] {
            assert_eq!(
                read(query, content_type, body),
                Err(WireError::Duplicate("number".to_owned())),
                "{query} {body}"
            );
        }
    }

    #[test]
    fn a_missing_or_blank_parameter_is_named_with_the_way_to_send_it() {
        for form in ["", "number=", "number=+", "numbers=201"] {
            let fields = read("", FORM, form).unwrap();
            assert_eq!(
                fields.required("number"),
                Err(WireError::Missing("number")),
                "{form}"
            );
        }
        let error = WireError::Missing("number").to_string();
        assert!(
            error.contains("send number=…") && error.contains("JSON object"),
            "{error}"
        );
    }

    #[test]
    fn other_bodies_are_unsupported() {
        for content_type in [
            "",
            "text/plain",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "text/json",
        ] {
            assert_eq!(
                read("", content_type, "number=201"),
                Err(WireError::UnsupportedMediaType),
                "{content_type}"
            );
        }
        let mut twice = head("", FORM);
        twice
            .headers
            .append(header::CONTENT_TYPE, http::HeaderValue::from_static(JSON));
        assert_eq!(
            Fields::read(&twice, b"number=201"),
            Err(WireError::UnsupportedMediaType)
        );
        twice.headers.clear();
        assert_eq!(
            Fields::read(&twice, b"number=201"),
            Err(WireError::UnsupportedMediaType)
        );
    }

    #[test]
    fn json_that_is_no_flat_object_is_refused() {
        for body in [
            "number=201",
            "[]",
            "\"201\"",
            "null",
            "{",
            "{}{}",
            r#"{"number":null}"#,
            r#"{"number":["201"]}"#,
            r#"{"number":{"a":"201"}}"#,
            r#"{"number":2.5}"#,
            r#"{"number":-201}"#,
            r#"{"number":true}"#,
            r#"{"number":99999999999999999999}"#,
        ] {
            assert_eq!(
                read("", JSON, body),
                Err(WireError::MalformedJson),
                "{body}"
            );
        }
    }

    #[test]
    fn an_access_token_is_never_kept() {
        let everywhere = [
            read("access_token=s3cret&number=1", FORM, "access_token=s3cret"),
            read("number=1", JSON, r#"{"access_token":"s3cret"}"#),
        ];
        for fields in everywhere {
            let fields = fields.unwrap();
            assert_eq!(fields.get("access_token"), None);
            assert_eq!(format!("{fields:?}"), r#"{"number"}"#);
        }
    }

    #[test]
    fn no_more_parameters_are_read_than_a_call_can_need() {
        let form: Vec<_> = (0..=MAX_FIELDS)
            .map(|index| format!("p{index}=1"))
            .collect();
        assert_eq!(read("", FORM, &form.join("&")), Err(WireError::TooMany));
        assert!(read("", FORM, &form[1..].join("&")).is_ok());
    }

    proptest! {
        #[test]
        fn any_body_is_parameters_or_an_error(
            query in "[a-z0-9=&%+._-]{0,40}",
            content_type in proptest::sample::select(vec![FORM, JSON, "text/plain", ""]),
            body in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..80),
                "[{}\\[\\]\":,a-z0-9 \\\\-]{0,40}".prop_map(String::into_bytes),
            ],
        ) {
            if let Ok(fields) = Fields::read(&head(&query, content_type), &body) {
                prop_assert_eq!(fields.get("access_token"), None);
            }
        }
    }
}
