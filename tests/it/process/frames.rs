//! HTTP/2 by hand (RFC 9113): frames are sent to the byte as a test writes them, those that no client may send as well.

use super::PATIENCE;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;

pub(super) const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// `SETTINGS_HEADER_TABLE_SIZE` = 0: then no answer refers to one before it, so that each can be read alone.
const NO_TABLE: [u8; 6] = [0, 1, 0, 0, 0, 0];

/// The end of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// With this status.
    Answered(u16),
    /// By `RST_STREAM` with this code.
    Reset(u32),
    /// With its connection.
    Closed,
}

impl Ended {
    /// 0 when there was no answer.
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::Answered(status) => status,
            Self::Reset(_) | Self::Closed => 0,
        }
    }
}

/// One connection.
pub(super) struct Frames {
    stream: TcpStream,
    read: VecDeque<u8>,
    /// The id of the next stream of ours.
    next: u32,
    statuses: BTreeMap<u32, u16>,
    ended: BTreeMap<u32, Ended>,
    is_closed: bool,
}

impl Frames {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        let mut frames = Self {
            stream: TcpStream::connect(address).await.unwrap(),
            read: VecDeque::new(),
            next: 1,
            statuses: BTreeMap::new(),
            ended: BTreeMap::new(),
            is_closed: false,
        };
        let settings = frame(SETTINGS, 0, 0, &NO_TABLE);
        frames.send(&[PREFACE, &settings].concat()).await;
        frames
    }

    /// Sends, unless the other end has gone.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        let sent = timeout(PATIENCE, self.stream.write_all(bytes)).await;
        self.is_closed |= sent.is_ok_and(|sent| sent.is_err());
    }

    /// The id of a new stream.
    pub(super) const fn stream(&mut self) -> u32 {
        self.next += 2;
        self.next - 2
    }

    /// Sends a request without a body on a stream of its own, and waits for its end.
    pub(super) async fn ask(&mut self, fields: &[(&str, &str)]) -> Ended {
        let stream = self.stream();
        self.send(&headers(stream, END_STREAM, fields)).await;
        self.end_of(stream).await
    }

    pub(super) async fn end_of(&mut self, stream: u32) -> Ended {
        let ended = async {
            loop {
                if let Some(ended) = self.ended.get(&stream) {
                    return *ended;
                }
                if self.is_closed || !self.hear().await {
                    return Ended::Closed;
                }
            }
        };
        timeout(PATIENCE, ended).await.unwrap()
    }

    /// Hears whatever there is to hear, until the other end closes the connection.
    pub(super) async fn closes(&mut self) -> bool {
        let heard = async { while self.hear().await {} };
        timeout(PATIENCE, heard).await.is_ok()
    }

    /// Reads the next frame; `false` at the end.
    async fn hear(&mut self) -> bool {
        let Some(head) = self.take(9).await else {
            return false;
        };
        let [a, b, c, kind, flags, ref id @ ..] = head[..] else {
            return false;
        };
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        let stream = u32::from_be_bytes(id.try_into().unwrap()) & 0x7fff_ffff;
        let Some(payload) = self.take(length).await else {
            return false;
        };
        let word = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
        match kind {
            SETTINGS if flags & ACK == 0 => self.send(&frame(SETTINGS, ACK, 0, &[])).await,
            PING if flags & ACK == 0 => self.send(&frame(PING, ACK, 0, &payload)).await,
            HEADERS => {
                self.statuses
                    .entry(stream)
                    .or_insert_with(|| status(&payload));
            }
            RST_STREAM => {
                self.ended.entry(stream).or_insert(Ended::Reset(word(0)));
            }
            GOAWAY if word(4) != 0 => return false,
            _ => {}
        }
        if matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
            let status = self.statuses.get(&stream).copied().unwrap_or_default();
            self.ended.entry(stream).or_insert(Ended::Answered(status));
        }
        true
    }

    async fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 64 * 1024];
        while self.read.len() < length {
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => {
                    self.is_closed = true;
                    return None;
                }
                Ok(more) => self.read.extend(&buffer[..more]),
            }
        }
        Some(self.read.drain(..length).collect())
    }
}

/// A frame (RFC 9113 §4.1).
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A whole head in one frame.
pub(super) fn headers(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    let block: Vec<u8> = fields.iter().flat_map(|field| literal(*field)).collect();
    frame(HEADERS, END_HEADERS | flags, stream, &block)
}

/// The fields of a request to the gateway, and more.
pub(super) fn request<'f>(
    method: &'f str,
    path: &'f str,
    more: &[(&'f str, &'f str)],
) -> Vec<(&'f str, &'f str)> {
    let pseudo = [
        (":method", method),
        (":scheme", "http"),
        (":authority", "gate.example"),
        (":path", path),
    ];
    [&pseudo[..], more].concat()
}

/// A field as it is, without a table and without Huffman's code (RFC 7541 §6.2.2).
fn literal((name, value): (&str, &str)) -> Vec<u8> {
    let mut literal = vec![0];
    for text in [name, value] {
        // RFC 7541 §5.1: seven bits, then seven more in each byte.
        let mut length = text.len();
        if length < 127 {
            literal.push(u8::try_from(length).unwrap());
        } else {
            literal.push(127);
            length -= 127;
            while length >= 128 {
                literal.push(u8::try_from(length % 128).unwrap() | 128);
                length /= 128;
            }
            literal.push(u8::try_from(length).unwrap());
        }
        literal.extend(text.as_bytes());
    }
    literal
}

/// The status at the beginning of an answer's head: of the static table (RFC 7541 Appendix A), or spelled out.
fn status(block: &[u8]) -> u16 {
    // Changes of the size of the table come first (§6.3).
    let block: Vec<u8> = block
        .iter()
        .copied()
        .skip_while(|byte| byte >> 5 == 1)
        .collect();
    match block[..] {
        [indexed @ 0x88..=0x8e, ..] => {
            [200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)]
        }
        [_, length, ref value @ ..] => {
            digits(&value[..usize::from(length & 127)], length & 128 != 0)
        }
        _ => 0,
    }
}

fn digits(value: &[u8], is_huffman: bool) -> u16 {
    if !is_huffman {
        return std::str::from_utf8(value).unwrap().parse().unwrap();
    }
    // Appendix B: `0`, `1` and `2` have five bits, the other digits six.
    let bits: String = value.iter().map(|byte| format!("{byte:08b}")).collect();
    let (mut rest, mut number) = (bits.as_str(), 0);
    while let Some(five) = rest.get(..5).filter(|_| number < 100) {
        let code = u16::from_str_radix(five, 2).unwrap();
        let (digit, length) = if code <= 2 {
            (code, 5)
        } else {
            (
                u16::from_str_radix(&rest[..6], 2).unwrap() - 0b01_1001 + 3,
                6,
            )
        };
        number = number * 10 + digit;
        rest = &rest[length..];
    }
    number
}

#[test]
fn a_status_is_read_in_each_form() {
    assert_eq!(status(&[0x20, 0x88]), 200);
    assert_eq!(status(&[0x8c]), 400);
    assert_eq!(status(&[0x08, 0x03, b'4', b'1', b'3']), 413);
    // RFC 7541 Appendix C.6.1 and C.6.2.
    assert_eq!(status(&[0x48, 0x82, 0x64, 0x02]), 302);
    assert_eq!(status(&[0x48, 0x83, 0x64, 0x0e, 0xff]), 307);
}
