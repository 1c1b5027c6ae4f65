//! The bodies of `/rest/call`: parameters in, calls out, as the clients of 2012 know them.

mod fields;
mod json;
mod view;
mod xml;

pub use fields::{Fields, WireError};
pub use view::CallView;
pub(super) use xml::push_element;

use http::{HeaderMap, header};
use jiff::{Timestamp, tz::TimeZone};
use view::Info;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Xml,
}

/// How calls are shown: in which format, in which time zone, and until when those that go on have lasted.
#[derive(Debug, Clone, Copy)]
pub struct Rendering<'a> {
    pub format: Format,
    pub zone: &'a TimeZone,
    pub now: Timestamp,
}

/// A body and its `Content-Type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

impl Format {
    /// XML when the client names an XML type in `Accept` and does not refuse it with `q=0`; else JSON.
    pub fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT).into_iter();
        let mut ranges = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        if ranges.any(accepts_xml) {
            Self::Xml
        } else {
            Self::Json
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml => "application/xml",
        }
    }
}

impl Rendering<'_> {
    /// One call, with its user.
    pub fn call(&self, call: &CallView<'_>) -> Rendered {
        let info = Info::of(call, self);
        self.rendered(match self.format {
            Format::Json => json::call(&info, call.username),
            Format::Xml => xml::call(&info, call.username),
        })
    }

    /// Calls of the one who asks, without their users. (No calls at all are a 204 to `/rest/call`, which has no body.)
    pub fn list(&self, calls: &[CallView<'_>]) -> Rendered {
        let infos: Vec<_> = calls.iter().map(|call| Info::of(call, self)).collect();
        self.rendered(match self.format {
            Format::Json => json::list(&infos),
            Format::Xml => xml::list(&infos),
        })
    }

    fn rendered(&self, body: Vec<u8>) -> Rendered {
        Rendered {
            content_type: self.format.content_type(),
            body,
        }
    }
}

/// Whether one media range of `Accept` asks for XML.
fn accepts_xml(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let is_xml = ["text/xml", "application/xml"]
        .iter()
        .any(|xml| media_type.eq_ignore_ascii_case(xml));
    is_xml && !parts.any(is_zero_weight)
}

/// RFC 9110 §12.4.2: `q=0`, with up to three decimals, means "not acceptable".
fn is_zero_weight(parameter: &str) -> bool {
    let Some((name, weight)) = parameter.split_once('=') else {
        return false;
    };
    name.trim().eq_ignore_ascii_case("q")
        && weight.trim().parse().is_ok_and(|weight: f32| weight <= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quick_xml::Reader;
    use quick_xml::events::Event;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn rome() -> TimeZone {
        // The zone of the recorded answers, without a time zone database.
        TimeZone::fixed(jiff::tz::offset(1))
    }

    fn call<'a>(number: &'a str, username: Option<&'a str>) -> CallView<'a> {
        CallView {
            token: "c1dbb5eca39ee47",
            number,
            started_at: at("2026-11-22T02:39:33Z"),
            ended_at: None,
            state: "active",
            username,
        }
    }

    fn rendering(format: Format, zone: &TimeZone) -> Rendering<'_> {
        Rendering {
            format,
            zone,
            now: at("2026-11-22T02:39:34Z"),
        }
    }

    fn text(rendered: Rendered) -> String {
        String::from_utf8(rendered.body).unwrap()
    }

    fn format_for(accept: &'static str) -> Format {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, http::HeaderValue::from_static(accept));
        Format::of(&headers)
    }

    #[test]
    fn xml_is_for_those_who_name_it_and_json_for_all_others() {
        for accept in [
            "text/xml",
            "application/xml",
            "Application/XML;charset=utf-8",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json, text/xml; q=0.001",
        ] {
            assert_eq!(format_for(accept), Format::Xml, "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "application/json",
            "application/xhtml+xml",
            "text/xml;q=0",
            "application/xml; Q = 0.000",
        ] {
            assert_eq!(format_for(accept), Format::Json, "{accept}");
        }
        assert_eq!(Format::of(&HeaderMap::new()), Format::Json);
    }

    #[test]
    fn every_accept_header_counts() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::ACCEPT,
            http::HeaderValue::from_static("application/json"),
        );
        headers.append(header::ACCEPT, http::HeaderValue::from_static("text/xml"));
        assert_eq!(Format::of(&headers), Format::Xml);
    }

    #[test]
    fn a_call_in_json_begins_with_the_members_of_2012_in_their_order() {
        let zone = rome();
        let rendered = rendering(Format::Json, &zone).call(&call("390501234567", Some("testuser")));
        assert_eq!(rendered.content_type, "application/json");
        assert_eq!(
            text(rendered),
            concat!(
                r#"{"info":{"duration":"0:00:01","start":"22/11/2026 03:39:33","token":"c1dbb5eca39ee47","#,
                r#""end":"Call Ongoing","number":"390501234567","#,
                r#""state":"active","started_at":"2026-11-22T02:39:33Z","ended_at":null,"duration_seconds":1},"#,
                r#""user":{"username":"testuser"}}"#
            )
        );
    }

    #[test]
    fn a_call_in_xml_begins_with_the_elements_of_2012_in_their_order() {
        let zone = rome();
        let rendered = rendering(Format::Xml, &zone).call(&call("390501234567", Some("testuser")));
        assert_eq!(rendered.content_type, "application/xml");
        assert_eq!(
            text(rendered),
            concat!(
                "<call><info><duration>0:00:01</duration><start>22/11/2026 03:39:33</start>",
                "<token>c1dbb5eca39ee47</token><end>Call Ongoing</end><number>390501234567</number>",
                "<state>active</state><started_at>2026-11-22T02:39:33Z</started_at>",
                "<duration_seconds>1</duration_seconds></info>",
                "<user><username>testuser</username></user></call>"
            )
        );
    }

    #[test]
    fn an_ended_call_has_its_end_and_its_whole_duration() {
        let zone = rome();
        let ended = CallView {
            ended_at: Some(at("2026-11-23T02:39:38Z")),
            state: "ended",
            ..call("201", None)
        };
        let body: serde_json::Value =
            serde_json::from_slice(&rendering(Format::Json, &zone).call(&ended).body).unwrap();
        let info = &body["info"];
        assert_eq!(info["duration"], "1 day, 0:00:05");
        assert_eq!(info["end"], "23/11/2026 03:39:38");
        assert_eq!(info["ended_at"], "2026-11-23T02:39:38Z");
        assert_eq!(info["duration_seconds"], 86_405);
        assert!(
            text(rendering(Format::Xml, &zone).call(&ended))
                .contains("<ended_at>2026-11-23T02:39:38Z</ended_at>")
        );
    }

    #[test]
    fn a_list_has_no_users() {
        let zone = rome();
        let calls = [call("201", Some("testuser")), call("202", Some("testuser"))];
        let json = rendering(Format::Json, &zone).list(&calls);
        let body: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
        assert_eq!(body[0]["info"]["number"], "201");
        assert_eq!(body[1]["info"]["number"], "202");
        assert!(body[0].get("user").is_none());

        let xml = text(rendering(Format::Xml, &zone).list(&calls));
        assert!(
            xml.starts_with("<calls><call><info><duration>")
                && xml.ends_with("</info></call></calls>"),
            "{xml}"
        );
        assert!(!xml.contains("testuser"));
    }

    #[test]
    fn an_empty_list_is_a_document_too() {
        let zone = rome();
        assert_eq!(text(rendering(Format::Json, &zone).list(&[])), "[]");
        assert_eq!(
            text(rendering(Format::Xml, &zone).list(&[])),
            "<calls></calls>"
        );
    }

    #[test]
    fn markup_in_a_value_is_text() {
        let zone = rome();
        let xml =
            text(rendering(Format::Xml, &zone).call(&call("<a>&b", Some("\"'\r\u{1}\u{fffe}"))));
        assert!(xml.contains("<number>&lt;a&gt;&amp;b</number>"), "{xml}");
        assert!(
            xml.contains("<username>&quot;&apos;&#13;\u{fffd}\u{fffd}</username>"),
            "{xml}"
        );
    }

    /// The texts of all elements `name`, by a reader that checks that tags match.
    fn elements(xml: &str, name: &str) -> Vec<String> {
        let mut reader = Reader::from_str(xml);
        reader.config_mut().check_end_names = true;
        let (mut found, mut depth, mut inside) = (Vec::new(), 0, false);
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => {
                    depth += 1;
                    inside = start.name().as_ref() == name;
                    if inside {
                        found.push(String::new());
                    }
                }
                Event::End(_) => {
                    depth -= 1;
                    inside = false;
                }
                Event::Text(text) if inside => found.last_mut().unwrap().push_str(&text),
                Event::GeneralRef(entity) if inside => {
                    let entity = format!("&{};", &*entity);
                    found
                        .last_mut()
                        .unwrap()
                        .push_str(&quick_xml::escape::unescape(&entity).unwrap());
                }
                Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(depth, 0, "{xml}");
        found
    }

    proptest! {
        #[test]
        fn xml_is_well_formed_and_says_what_was_put_in(
            number in any::<String>(),
            username in "(?s).{0,20}|[<>&'\"\\]\r\n\t\u{0}-\u{20}]{0,20}",
        ) {
            let zone = rome();
            let xml = text(rendering(Format::Xml, &zone).call(&call(&number, Some(&username))));
            prop_assert!(xml.chars().all(xml::is_allowed));
            let carried = |text: &str| text.chars().map(|c| if xml::is_allowed(c) { c } else { '\u{fffd}' }).collect::<String>();
            prop_assert_eq!(elements(&xml, "number"), vec![carried(&number)]);
            prop_assert_eq!(elements(&xml, "username"), vec![carried(&username)]);
        }

        #[test]
        fn json_says_what_was_put_in(number in any::<String>()) {
            let zone = rome();
            let body = rendering(Format::Json, &zone).list(&[call(&number, None)]).body;
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            prop_assert_eq!(&body[0]["info"]["number"], &serde_json::Value::from(number));
        }
    }
}
