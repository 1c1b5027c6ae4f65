//! What the tests of the authorization server share: a browser, and clients that ask for tokens.

use crate::harness::{Answer, CRM_SECRET, ORIGIN, PASSWORD, TestGateway};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use callgate::http::{Peer, Request};
use callgate::storage::clients::Client;
use callgate::token::TokenHash;
use http::Method;
use std::collections::BTreeMap;

/// RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const CALLBACK: &str = "https://crm.example/cb";
pub(crate) const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// A good authorization request of `crm`, as pairs to be changed.
pub(crate) fn wish() -> BTreeMap<&'static str, String> {
    [
        ("client_id", "crm"),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", "call"),
        ("state", "xyz"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

/// The wish with some values changed; an empty value leaves the parameter out.
pub(crate) fn wish_with(changes: &[(&'static str, &str)]) -> BTreeMap<&'static str, String> {
    let mut wish = wish();
    for (name, value) in changes {
        wish.insert(name, (*value).to_owned());
    }
    wish.retain(|_, value| !value.is_empty());
    wish
}

pub(crate) fn encoded<N: AsRef<str>, V: AsRef<str>>(
    pairs: impl IntoIterator<Item = (N, V)>,
) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// The parameters of an address, of its query or its fragment.
pub(crate) fn parameters(address: &str) -> BTreeMap<String, String> {
    let (_, after) = address.split_once(['?', '#']).unwrap_or_default();
    form_urlencoded::parse(after.as_bytes())
        .into_owned()
        .collect()
}

/// Keeps cookies and sends forms as a browser does.
pub(crate) struct Browser<'g> {
    gateway: &'g TestGateway,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) peer: [u8; 4],
}

impl<'g> Browser<'g> {
    pub(crate) fn new(gateway: &'g TestGateway) -> Self {
        Self {
            gateway,
            cookies: BTreeMap::new(),
            headers: vec![("accept", HTML)],
            peer: [192, 0, 2, 1],
        }
    }

    /// Something that is no browser, but keeps cookies.
    pub(crate) fn script(gateway: &'g TestGateway) -> Self {
        Self {
            headers: vec![("accept", "application/json")],
            ..Self::new(gateway)
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, "").await
    }

    pub(crate) async fn post(&mut self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        self.send(Method::POST, path, &encoded(pairs.iter().copied()))
            .await
    }

    pub(crate) async fn send(&mut self, method: Method, path: &str, body: &str) -> Answer {
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let path = path.strip_prefix(ORIGIN).unwrap_or(path);
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        let mut request: Request = request
            .header("cookie", cookies.join("; "))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .unwrap();
        request
            .extensions_mut()
            .insert(Peer(Some(self.peer.into())));
        let answer = self.gateway.edge(request).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Sends the first form of a page, with what a person typed or pressed.
    pub(crate) async fn submit(&mut self, page: &Answer, typed: &[(&str, &str)]) -> Answer {
        let form = Form::of(page);
        let mut pairs: Vec<_> = form
            .hidden
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        pairs.extend(typed);
        // Under `no-referrer` a browser hides where a form was (Fetch §3.2).
        self.headers.push(("origin", "null"));
        let answer = self.post(&form.action, &pairs).await;
        self.headers.pop();
        answer
    }

    pub(crate) async fn log_in(
        &mut self,
        name: &str,
        wish: &BTreeMap<&'static str, String>,
    ) -> Answer {
        let page = self.get(&format!("/auth/login?{}", encoded(wish))).await;
        assert_eq!(page.status, 200, "{}", page.text());
        self.submit(&page, &[("username", name), ("password", PASSWORD)])
            .await
    }

    /// Logs in as `name`, allows what is asked for, and says where that leads.
    pub(crate) async fn allow(
        &mut self,
        name: &str,
        wish: &BTreeMap<&'static str, String>,
    ) -> String {
        let logged_in = self.log_in(name, wish).await;
        assert_eq!(logged_in.status, 303, "{}", logged_in.text());
        let page = self.get(logged_in.header("location")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let answer = self.submit(&page, &[("grant", "true")]).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer.header("location").to_owned()
    }
}

/// The first form of a page.
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) hidden: Vec<(String, String)>,
}

impl Form {
    pub(crate) fn of(page: &Answer) -> Self {
        let text = page.text();
        let form = text
            .split("<form ")
            .nth(1)
            .unwrap_or_else(|| panic!("no form in {text}"));
        let form = form.split("</form>").next().unwrap();
        let hidden = form.split("<input type=\"hidden\"").skip(1);
        Self {
            action: attribute(form, "action"),
            hidden: hidden
                .map(|input| (attribute(input, "name"), attribute(input, "value")))
                .collect(),
        }
    }
}

fn attribute(tag: &str, name: &str) -> String {
    let value = tag.split(&format!(" {name}=\"")).nth(1).unwrap();
    let value = value.split('"').next().unwrap();
    ["&#38;", "&amp;"]
        .iter()
        .fold(value.to_owned(), |value, entity| value.replace(entity, "&"))
}

/// Posts a form as an application does, with Basic when `client` has a secret.
pub(crate) async fn post(
    gateway: &TestGateway,
    path: &str,
    client: Option<(&str, &str)>,
    pairs: &[(&str, &str)],
) -> Answer {
    let mut request =
        http::Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    if let Some((id, secret)) = client {
        request = request.header("authorization", basic(id, secret));
    }
    let body = encoded(pairs.iter().copied());
    gateway.edge(request.body(Bytes::from(body)).unwrap()).await
}

pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

pub(crate) const CRM: Option<(&str, &str)> = Some(("crm", CRM_SECRET));

/// Asks for tokens as `crm`.
pub(crate) async fn token(gateway: &TestGateway, pairs: &[(&str, &str)]) -> Answer {
    post(gateway, "/oauth/token", CRM, pairs).await
}

/// A code that ann gave to `crm`.
pub(crate) async fn code(gateway: &TestGateway) -> String {
    code_for(gateway, &wish()).await
}

pub(crate) async fn code_for(
    gateway: &TestGateway,
    wish: &BTreeMap<&'static str, String>,
) -> String {
    let location = Browser::new(gateway).allow("ann", wish).await;
    parameters(&location)
        .remove("code")
        .unwrap_or_else(|| panic!("no code in {location}"))
}

pub(crate) fn exchange(code: &str) -> [(&'static str, &str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

/// What ann's code was exchanged for.
pub(crate) async fn tokens(gateway: &TestGateway) -> serde_json::Value {
    let code = code(gateway).await;
    let answer = token(gateway, &exchange(&code)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

pub(crate) async fn refresh(gateway: &TestGateway, token_value: &str) -> Answer {
    token(
        gateway,
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", token_value),
        ],
    )
    .await
}

/// How the gateway answers a call of whoever holds the token.
pub(crate) async fn calls_with(gateway: &TestGateway, token: &serde_json::Value) -> u16 {
    let secret = callgate::secret::Secret::new(token.as_str().unwrap());
    gateway
        .edge(crate::harness::get("/rest/call", &secret))
        .await
        .status
        .as_u16()
}

/// Stores a further client: `crm` with changes.
pub(crate) async fn client(gateway: &TestGateway, id: &str, change: impl FnOnce(&mut Client)) {
    let store = &gateway.services.store;
    let mut client = store.client("crm").await.unwrap().unwrap();
    client.id = id.to_owned();
    client.name = id.to_owned();
    change(&mut client);
    store.create_client(client).await.unwrap();
}

/// A public client whose redirect URI is that of `crm`.
pub(crate) async fn public_client(gateway: &TestGateway, id: &str) {
    client(gateway, id, |client| client.secret_hash = None).await;
}

/// A client of 2012, with the secret `s3cret`.
pub(crate) async fn old_client(gateway: &TestGateway, switches: &str) {
    client(gateway, "123456", |client| {
        client.secret_hash = Some(TokenHash::of("s3cret").to_string());
        client.redirect_uris = "http://localhost:8888/test".to_owned().into();
        client.switches = switches.to_owned().into();
    })
    .await;
}

pub(crate) const OLD_QUERY: &str = "client_id=123456&response_type=code&redirect_uri=http%3A%2F%2Flocalhost%3A8888%2Ftest&scope=call";

pub(crate) fn old_wish() -> BTreeMap<&'static str, String> {
    wish_with(&[
        ("client_id", "123456"),
        ("redirect_uri", "http://localhost:8888/test"),
        ("state", ""),
        ("code_challenge", ""),
        ("code_challenge_method", ""),
    ])
}
