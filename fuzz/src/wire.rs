//! The bodies of `/rest/call`: parameters mean the same however they came, and what is shown of a call is only what it is.

use callgate::call;
use callgate::call::wire::{CallView, Fields, Format, Rendering, WireError};
use callgate::error::Error;
use callgate::http::DecisionId;
use callgate::number::{Number, Region};
use futures_util::FutureExt;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::request::Parts;
use http_body_util::BodyExt;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const PATH: &str = "/rest/call";

/// The query in the first line, the content type in the second, the body after it.
pub fn check(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let (query, content_type) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let body = parts.next().unwrap_or_default();
    check_read(query, content_type, body);
    let pairs: Vec<_> = form_urlencoded::parse(body).into_owned().collect();
    check_carriers(&pairs);
    let texts: Vec<_> = pairs
        .iter()
        .flat_map(|(name, value)| [&**name, &**value])
        .collect();
    check_shown(&texts, data);
    check_problem(&String::from_utf8_lossy(body));
}

fn check_read(query: &[u8], content_type: &[u8], body: &[u8]) {
    let Some(head) = head(query, content_type) else {
        return;
    };
    match Fields::read(&head, body) {
        Ok(fields) => {
            assert_eq!(fields.get("access_token"), None);
            if let Ok(number) = fields.required("number") {
                check_number(number);
            }
        }
        // It goes into answers and logs.
        Err(error) => assert!(!error.to_string().contains(|c: char| c.is_control())),
    }
}

/// What is dialled is made of the digits that were sent, and means the same when it is sent again.
fn check_number(text: &str) {
    for region in ["IT", "US", "RU"] {
        let region: Region = region.parse().unwrap();
        let Ok(number) = Number::parse(text, &region) else {
            continue;
        };
        let digits = number.as_str().trim_start_matches('+');
        assert!((2..=15).contains(&digits.len()), "{text:?}: {number}");
        assert!(digits.bytes().all(|byte| byte.is_ascii_digit()));
        assert_eq!(number.is_short(), !number.as_str().starts_with('+'));
        assert_eq!(
            Number::parse(number.as_str(), &region).as_ref(),
            Ok(&number)
        );
        let sent: String = text.chars().filter(char::is_ascii_digit).collect();
        // Country code before, trunk or international prefix away: the end is as it was sent.
        let end = &digits[digits.len().saturating_sub(4).max(1)..];
        assert!(sent.ends_with(end), "{text:?}: {number}");
        assert!(number.masked().len() == number.as_str().len());
    }
}

/// A form, a query and a JSON object of the same parameters are the same parameters.
fn check_carriers(pairs: &[(String, String)]) {
    let mut form = form_urlencoded::Serializer::new(String::new());
    let form = form.extend_pairs(pairs).finish();
    let members: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{}:{}", Value::from(&**name), Value::from(&**value)))
        .collect();
    let json = format!("{{{}}}", members.join(","));
    let read = |query: &str, content_type: &str, body: &str| {
        let head = head(query.as_bytes(), content_type.as_bytes())?;
        Some(Fields::read(&head, body.as_bytes()))
    };
    let by_form = read("", FORM, &form).unwrap();
    assert_eq!(read("", JSON, &json).unwrap(), by_form, "{json}");
    // What a URI has no room for never comes here.
    if let Some(by_query) = read(&form, "", "") {
        assert_eq!(by_query, by_form, "{form}");
    }
    if let (Ok(fields), Some((name, _))) = (&by_form, pairs.first())
        && fields.get(name).is_some()
    {
        let twice = read("", FORM, &format!("{form}&{form}")).unwrap();
        assert!(matches!(
            twice,
            Err(WireError::Duplicate(_) | WireError::TooMany)
        ));
    }
}

/// A call as JSON and as XML, with whatever texts in it.
fn check_shown(texts: &[&str], data: &[u8]) {
    let text = |index: usize| texts.get(index).copied().unwrap_or_default();
    let at = |index: usize| {
        let bytes = data.get(index * 8..index * 8 + 8)?;
        let millis = i64::from_le_bytes(bytes.try_into().ok()?);
        Timestamp::from_millisecond(millis >> 16).ok()
    };
    let call = CallView {
        token: text(0),
        number: text(1),
        started_at: at(0).unwrap_or_default(),
        ended_at: at(1),
        state: "active",
        username: texts.get(2).copied(),
    };
    let zone = TimeZone::fixed(jiff::tz::offset(1));
    let rendering = |format| Rendering {
        format,
        zone: &zone,
        now: at(2).unwrap_or_default(),
    };
    let json: Value = serde_json::from_slice(&rendering(Format::Json).call(&call).body).unwrap();
    assert_eq!(json["info"]["token"], call.token);
    assert_eq!(json["info"]["number"], call.number);
    assert_eq!(json["user"]["username"].as_str(), call.username);

    let xml = String::from_utf8(rendering(Format::Xml).call(&call).body).unwrap();
    let info = json["info"].as_object().unwrap();
    let mut wanted = vec!["call", "info"];
    let known = [
        "duration",
        "start",
        "token",
        "end",
        "number",
        "state",
        "started_at",
    ];
    wanted.extend(known);
    wanted.extend(call.ended_at.map(|_| "ended_at"));
    wanted.push("duration_seconds");
    wanted.extend(
        call.username
            .map(|_| ["user", "username"])
            .into_iter()
            .flatten(),
    );
    let elements = elements(&xml);
    let names: Vec<_> = elements.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, wanted, "{xml}");
    for (name, text) in &elements {
        match (name.as_str(), info.get(name)) {
            ("username", _) => assert_eq!(*text, carried(call.username.unwrap_or_default())),
            (_, Some(Value::String(shown))) => assert_eq!(*text, carried(shown)),
            (_, Some(shown)) => assert_eq!(*text, shown.to_string()),
            (_, None) => assert_eq!(text, ""),
        }
    }
}

/// A failure in XML says what it says, and nothing else.
fn check_problem(detail: &str) {
    let request = http::Request::get(PATH).header(ACCEPT, "text/xml");
    let head = request.body(()).unwrap().into_parts().0;
    let problem = Error::BadRequest(detail.to_owned()).problem();
    let response = call::dialect(&head, &problem, DecisionId::next()).unwrap();
    let body = response.into_body().collect().now_or_never().unwrap();
    let xml = String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap();
    let inside = xml.strip_prefix(r#"<problem xmlns="urn:ietf:rfc:7807">"#);
    let inside = inside.and_then(|xml| xml.strip_suffix("</problem>"));
    let elements = elements(inside.unwrap());
    let names: Vec<_> = elements.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["title", "status", "code", "detail", "decision_id"]);
    assert_eq!(elements[3].1, carried(detail));
}

/// What XML 1.0 can carry of a text.
fn carried(text: &str) -> String {
    let is_allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars()
        .map(|c| if is_allowed(c) { c } else { '\u{fffd}' })
        .collect()
}

/// The elements with their own texts, in their order, by a reader that checks that they end as they began.
fn elements(xml: &str) -> Vec<(String, String)> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let (mut found, mut open): (Vec<(String, String)>, Vec<usize>) = (Vec::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                assert_eq!(start.attributes().count(), 0, "{xml}");
                open.push(found.len());
                found.push((start.name().as_ref().to_owned(), String::new()));
            }
            Event::End(_) => drop(open.pop()),
            Event::Text(text) => found[*open.last().unwrap()].1.push_str(&text),
            Event::GeneralRef(entity) => {
                let entity = format!("&{};", &*entity);
                let text = quick_xml::escape::unescape(&entity).unwrap();
                found[*open.last().unwrap()].1.push_str(&text);
            }
            Event::Eof => break,
            other => panic!("{other:?} in {xml}"),
        }
    }
    assert!(open.is_empty(), "{xml}");
    found
}

fn head(query: &[u8], content_type: &[u8]) -> Option<Parts> {
    let target = [PATH.as_bytes(), b"?", query].concat();
    let mut request = http::Request::new(());
    *request.uri_mut() = http::Uri::try_from(target).ok()?;
    let content_type = http::HeaderValue::from_bytes(content_type).ok()?;
    request.headers_mut().insert(CONTENT_TYPE, content_type);
    Some(request.into_parts().0)
}
