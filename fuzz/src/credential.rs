//! Credentials: one at the most, counted naively, and never more than was sent.

use callgate::auth::{AuthError, Carrier, Credential};
use http::request::Parts;
use http::{HeaderName, HeaderValue};

/// Headers that carry a credential, or claim to.
const CARRIERS: [&str; 4] = [
    "authorization",
    "x-auth-token",
    "authentication",
    "x-authenticate",
];

/// The target in the first line, a header in each of the others.
pub fn check(data: &[u8]) {
    let Some(head) = head(data) else {
        return;
    };
    let sent = sent(&head);
    match Credential::find(&head) {
        Err(AuthError::Missing) => assert_eq!(sent, [] as [String; 0]),
        Err(AuthError::Ambiguous) => assert!(sent.len() > 1, "{sent:?}"),
        Err(AuthError::Invalid) => assert_eq!(sent.len(), 1, "{sent:?}"),
        Err(error) => panic!("finding alone says {error}"),
        Ok(credential) => {
            let [sent] = sent.as_slice() else {
                panic!("one of {sent:?} was taken");
            };
            check_found(&credential, sent, &head);
        }
    }
}

fn check_found(credential: &Credential<'_>, sent: &str, head: &Parts) {
    let token = &*credential.token;
    // A digest's header has blanks in it, and names of any alphabet.
    let is_visible = token.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(!token.is_empty() && (is_visible || credential.carrier == Carrier::XAuthenticate));
    let shown = format!("Credential({:?})", credential.carrier);
    assert_eq!(format!("{credential:?}"), shown);
    let has = |name: &str| head.headers.contains_key(name);
    match credential.carrier {
        Carrier::Query => {
            assert_eq!(token, sent);
            assert!(!CARRIERS.iter().any(|name| has(name)));
        }
        Carrier::XAuthToken => {
            assert_eq!(token, sent.trim());
            assert!(has("x-auth-token"));
        }
        Carrier::XAuthenticate => {
            assert_eq!(token, sent);
            assert!(has("x-authenticate"));
        }
        Carrier::Authorization => is_of("bearer", token, sent, has("authorization")),
        Carrier::Dpop => is_of("dpop", token, sent, has("authorization")),
        Carrier::Authentication => is_of("bearer", token, sent, has("authentication")),
    }
}

/// `scheme token`, with blanks as they like, and nothing else (RFC 9110 §11.4).
fn is_of(scheme: &str, token: &str, sent: &str, was_there: bool) {
    let words: Vec<_> = sent.split_ascii_whitespace().collect();
    assert!(was_there);
    assert!(words[0].eq_ignore_ascii_case(scheme), "{sent:?}");
    assert_eq!(words[1..], [token], "{sent:?}");
}

/// What was sent as a credential, whatever it is worth.
fn sent(head: &Parts) -> Vec<String> {
    let lossy = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = CARRIERS
        .iter()
        .flat_map(|name| head.headers.get_all(*name).iter().map(lossy));
    let query = head.uri.query().unwrap_or_default();
    let pairs = query.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (unescaped(name) == "access_token").then(|| unescaped(value))
    });
    headers.chain(pairs).collect()
}

fn unescaped(text: &str) -> String {
    let text = text.replace('+', " ");
    let bytes = percent_encoding::percent_decode_str(&text);
    bytes.decode_utf8_lossy().into_owned()
}

fn head(data: &[u8]) -> Option<Parts> {
    let mut lines = data.split(|byte| *byte == b'\n');
    let target = lines.next()?;
    let mut request = http::Request::new(());
    *request.uri_mut() = http::Uri::try_from(target).ok()?;
    for line in lines.take(64) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        let value = value.trim_ascii_start();
        let (name, value) = (
            HeaderName::from_bytes(name).ok()?,
            HeaderValue::from_bytes(value).ok()?,
        );
        request.headers_mut().append(name, value);
    }
    Some(request.into_parts().0)
}
