//! A WebSocket to another server (RFC 6455): opened by our own client, with its authorities and its limits.

use super::client::{Client, OutboundError, Upgraded};
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Builder;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Bytes that a message may have.
const LARGEST: usize = 256 * 1024;

/// RFC 6455 §1.3
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[derive(Debug, thiserror::Error)]
pub enum WebSocketError {
    #[error("it cannot be opened: {0}")]
    Outbound(#[from] OutboundError),
    #[error("it cannot be opened: the server's handshake is not right")]
    Handshake,
    #[error("it broke off: {0}")]
    Broken(#[source] Box<Error>),
    /// The code is the server's (RFC 6455 §7.4), and says why.
    #[error("the server closed it with {0}")]
    Closed(u16),
}

impl From<Error> for WebSocketError {
    fn from(error: Error) -> Self {
        Self::Broken(Box::new(error))
    }
}

/// What the other side sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    Text(String),
    /// A sign of life: a ping, which was answered, or a pong.
    Alive,
}

#[derive(Debug)]
pub struct WebSocket(WebSocketStream<Upgraded>);

impl WebSocket {
    /// Opens one at the address of `request`, `https:` or `http:`, with its headers.
    pub async fn open(client: &Client, request: Builder) -> Result<Self, WebSocketError> {
        let key = STANDARD.encode(crate::secret::random::<16>());
        let request = request
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, &key)
            .body(Bytes::new())
            .map_err(|_| WebSocketError::Handshake)?;
        let switched = client.switch(request).await?;
        let accepted = switched.headers().get(SEC_WEBSOCKET_ACCEPT);
        let protocol = switched.headers().get(UPGRADE);
        let is_websocket =
            protocol.is_some_and(|named| named.as_bytes().eq_ignore_ascii_case(b"websocket"));
        // RFC 6455 §4.1: else it is something in between that answers, or a stored answer.
        if !is_websocket || accepted.is_none_or(|proof| proof.as_bytes() != proof_of(&key)) {
            return Err(WebSocketError::Handshake);
        }
        let settings = WebSocketConfig::default()
            .max_message_size(Some(LARGEST))
            .max_frame_size(Some(LARGEST))
            .read_buffer_size(16 * 1024);
        let stream = switched.into_body();
        let stream = WebSocketStream::from_raw_socket(stream, Role::Client, Some(settings)).await;
        Ok(Self(stream))
    }

    pub async fn send(&mut self, text: String) -> Result<(), WebSocketError> {
        Ok(self.0.send(Message::text(text)).await?)
    }

    pub async fn ping(&mut self) -> Result<(), WebSocketError> {
        Ok(self.0.send(Message::Ping(Bytes::new())).await?)
    }

    /// Waits for what comes next, for as long as it takes.
    pub async fn receive(&mut self) -> Result<Received, WebSocketError> {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => Ok(Received::Text(text.as_str().to_owned())),
            Some(Ok(Message::Close(frame))) => {
                // RFC 6455 §7.4.1: 1005 stands for no code.
                let code = frame.map_or(1005, |frame| frame.code.into());
                Err(WebSocketError::Closed(code))
            }
            Some(Ok(_)) => Ok(Received::Alive),
            Some(Err(error)) => Err(error.into()),
            // RFC 6455 §7.4.1: 1006 stands for no farewell.
            None => Err(WebSocketError::Closed(1006)),
        }
    }
}

/// RFC 6455 §4.2.2
fn proof_of(key: &str) -> Vec<u8> {
    let text = format!("{key}{MAGIC}");
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    STANDARD.encode(digest.as_ref()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_is_that_of_the_rfc() {
        let proof = proof_of("dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(proof, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".as_slice());
    }
}
