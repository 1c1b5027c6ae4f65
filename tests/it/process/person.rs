//! A person with a browser, and applications, over sockets.

use super::Gate;
use super::wire::{Message, Wire};
use crate::harness::{Answer, PASSWORD};
use crate::oauth::{Form, HTML, basic, encoded, parameters};
use bytes::Bytes;
use std::collections::BTreeMap;

const ORIGIN: &str = "https://calls.example";

/// Keeps cookies and sends forms as a browser does.
pub(super) struct Person<'g> {
    gate: &'g Gate,
    pub(super) cookies: BTreeMap<String, String>,
    pub(super) accept: &'static str,
}

impl<'g> Person<'g> {
    pub(super) fn new(gate: &'g Gate) -> Self {
        Self {
            gate,
            cookies: BTreeMap::new(),
            accept: HTML,
        }
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "", "").await
    }

    /// Sends a form, with further lines of the head.
    pub(super) async fn send(
        &mut self,
        method: &str,
        path: &str,
        head: &str,
        body: &str,
    ) -> Answer {
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let path = path.strip_prefix(ORIGIN).unwrap_or(path);
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: calls.example\r\nAccept: {}\r\nCookie: {}\r\n{head}{}",
            self.accept,
            cookies.join("; "),
            framed(body)
        );
        let answer = answer(self.gate.ask(&request).await);
        for cookie in answer.headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Sends the first form of a page, with what a person typed or pressed.
    pub(super) async fn submit(&mut self, page: &Answer, typed: &[(&str, &str)]) -> Answer {
        let form = Form::of(page);
        let hidden = form.hidden.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let body = encoded(hidden.chain(typed.iter().copied()));
        self.send("POST", &form.action, "Origin: null\r\n", &body)
            .await
    }

    /// Logs in as `name`, allows what is asked for, and says what the client is told.
    pub(super) async fn allow(
        &mut self,
        name: &str,
        wish: &BTreeMap<&'static str, String>,
    ) -> BTreeMap<String, String> {
        let page = self.get(&format!("/auth/login?{}", encoded(wish))).await;
        let typed = [("username", name), ("password", PASSWORD)];
        let led = self.submit(&page, &typed).await;
        assert_eq!(led.status, 303, "{}", led.text());
        let page = self.get(led.header("location")).await;
        if page.status == 303 {
            // It was allowed before.
            return parameters(page.header("location"));
        }
        assert_eq!(page.status, 200, "{}", page.text());
        let done = self.submit(&page, &[("grant", "true")]).await;
        assert_eq!(done.status, 303, "{}", done.text());
        parameters(done.header("location"))
    }
}

/// A form as an application posts it, with Basic.
pub(super) fn posted(path: &str, (id, secret): (&str, &str), pairs: &[(&str, &str)]) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: calls.example\r\nAuthorization: {}\r\n{}",
        basic(id, secret),
        framed(&encoded(pairs.iter().copied()))
    )
}

/// The end of a head, and a form.
fn framed(body: &str) -> String {
    format!(
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends all at once, each on a connection that is open already, and returns the answers in their order.
pub(super) async fn at_once(gate: &Gate, requests: Vec<String>) -> Vec<Answer> {
    let mut open: Vec<(Wire, String)> = Vec::new();
    for request in requests {
        open.push((gate.wire().await, request));
    }
    let asking = open.into_iter().map(|(mut wire, request)| async move {
        wire.send(&request).await;
        answer(wire.answer().await)
    });
    futures_util::future::join_all(asking).await
}

pub(super) fn answer(message: Message) -> Answer {
    let mut response = http::Response::builder().status(message.status());
    for line in message.head.lines().skip(1) {
        if let Some((name, value)) = line.split_once(':') {
            response = response.header(name, value.trim());
        }
    }
    let (head, ()) = response.body(()).unwrap().into_parts();
    Answer {
        status: head.status,
        headers: head.headers,
        body: Bytes::from(message.body),
    }
}
