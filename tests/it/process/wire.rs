//! HTTP/1 by hand: requests are sent to the byte as a test writes them.

use super::PATIENCE;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A request or an answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Message {
    /// As it came, with the empty line at its end.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    /// Whether the body came to its end.
    pub(super) whole: bool,
}

impl Message {
    pub(super) fn status(&self) -> u16 {
        let status = self.head.split(' ').nth(1).unwrap_or_default();
        status.parse().unwrap_or_default()
    }

    /// The method and the target.
    pub(super) fn target(&self) -> String {
        let words: Vec<_> = self.head.split(' ').take(2).collect();
        words.join(" ")
    }

    /// The values of a header, which may be there more than once.
    pub(super) fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1);
        lines
            .filter_map(|line| line.split_once(':'))
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers(name).first().copied().unwrap_or_default()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// How a body ends.
pub(super) enum Framing {
    Sized(usize),
    Chunked,
    /// With the connection.
    Open,
}

impl Framing {
    pub(super) fn of_request(head: &Message) -> Self {
        if head.header("transfer-encoding") == "chunked" {
            return Self::Chunked;
        }
        Self::Sized(head.header("content-length").parse().unwrap_or(0))
    }

    fn of_answer(head: &Message) -> Self {
        match (
            head.status(),
            head.header("transfer-encoding"),
            head.header("content-length"),
        ) {
            (100..200 | 204 | 304, _, _) => Self::Sized(0),
            (_, "chunked", _) => Self::Chunked,
            (_, _, "") => Self::Open,
            (_, _, length) => Self::Sized(length.parse().unwrap_or(0)),
        }
    }
}

/// One connection.
pub(super) struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        let read = Vec::new();
        Self { stream, read }
    }

    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).await.unwrap()
    }

    pub(super) async fn try_connect(address: SocketAddr) -> std::io::Result<Self> {
        TcpStream::connect(address).await.map(Self::new)
    }

    /// Sends, unless the other end has gone: that is for the answer to show.
    pub(super) async fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes()).await;
    }

    pub(super) async fn send_bytes(&mut self, bytes: &[u8]) {
        drop(self.stream.write_all(bytes).await);
    }

    /// The next answer with its body; an empty one when the connection was closed instead.
    pub(super) async fn answer(&mut self) -> Message {
        let read = async {
            let Some(mut answer) = self.head().await else {
                return Message::default();
            };
            let framing = Framing::of_answer(&answer);
            let mut body = Vec::new();
            answer.whole = self
                .body(framing, |bytes| body.extend_from_slice(bytes))
                .await;
            answer.body = body;
            answer
        };
        timeout(PATIENCE, read).await.unwrap()
    }

    /// The next head; `None` when the connection was closed instead.
    pub(super) async fn head(&mut self) -> Option<Message> {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if !self.fill().await {
                return None;
            }
        };
        let head: Vec<_> = self.read.drain(..end).collect();
        Some(Message {
            head: String::from_utf8_lossy(&head).into_owned(),
            ..Message::default()
        })
    }

    /// Reads a body, handing on what comes as it comes. Whether it came to its end.
    pub(super) async fn body(&mut self, framing: Framing, mut hear: impl FnMut(&[u8])) -> bool {
        match framing {
            Framing::Sized(length) => self.exactly(length, &mut hear).await,
            Framing::Chunked => self.chunks(&mut hear).await,
            Framing::Open => {
                while self.fill().await {}
                hear(&self.read);
                self.read.clear();
                true
            }
        }
    }

    /// The next bytes, whatever they are; none at the end.
    pub(super) async fn bytes(&mut self) -> Vec<u8> {
        if self.read.is_empty() {
            timeout(PATIENCE, self.fill()).await.unwrap();
        }
        std::mem::take(&mut self.read)
    }

    /// Whether something comes within `patience`, be it the end.
    pub(super) async fn has_bytes(&mut self, patience: Duration) -> bool {
        timeout(patience, self.fill()).await.is_ok()
    }

    /// Whether the other end closes the connection within `patience`, with nothing more to say.
    pub(super) async fn closes(&mut self, patience: Duration) -> bool {
        let closed = timeout(patience, self.fill()).await;
        matches!(closed, Ok(false)) && self.read.is_empty()
    }

    async fn exactly(&mut self, length: usize, hear: &mut impl FnMut(&[u8])) -> bool {
        let mut left = length;
        while left > 0 {
            if self.read.is_empty() && !self.fill().await {
                return false;
            }
            let some = left.min(self.read.len());
            let piece: Vec<_> = self.read.drain(..some).collect();
            hear(&piece);
            left -= some;
        }
        true
    }

    async fn chunks(&mut self, hear: &mut impl FnMut(&[u8])) -> bool {
        loop {
            let Some(size) = self.line().await else {
                return false;
            };
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            if !self.exactly(size, hear).await || self.line().await.is_none() {
                return false;
            }
            if size == 0 {
                return true;
            }
        }
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.iter().position(|&byte| byte == b'\n') {
                let line: Vec<_> = self.read.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line).into_owned());
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// Reads more; `false` at the end.
    async fn fill(&mut self) -> bool {
        let mut buffer = vec![0; 64 * 1024];
        match self.stream.read(&mut buffer).await {
            Ok(0) | Err(_) => false,
            Ok(length) => {
                self.read.extend(buffer.into_iter().take(length));
                true
            }
        }
    }
}
