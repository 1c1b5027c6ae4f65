//! A client's HTTP/1 messages, followed through its bytes: where each ends, and whether it is sound.
//!
//! Pingora shows a head only after it has mended it, and a body only without its framing. It escapes what does not belong
//! into a request line, and takes nearly any line for that of a chunk: without digits, with blanks after them, with a
//! line feed within an extension. Who else read the same bytes may have found other requests in them (RFC 9112 §11.2).

use super::chunks::{Chunks, Found};
use super::frame::FrameError;
use super::raw_head::{self, Announced};
use memchr::memmem;
use std::mem;

/// A longer head is none: Pingora gives up before.
const LONGEST: usize = 1024 * 1024;

const END: &[u8] = b"\r\n\r\n";

/// What HTTP/2 begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

#[derive(Default)]
pub(super) struct Follower {
    place: Place,
    /// Heads that were sound.
    sound: usize,
    /// Heads that were asked for.
    asked: usize,
    fault: Option<FrameError>,
    is_broken: bool,
}

/// Where in a message the bytes are.
enum Place {
    /// Before the end of a head, of which so much came with earlier bytes.
    Head(Vec<u8>),
    /// In a body that has so many bytes left.
    Sized(u64),
    Chunked(Chunks),
    /// Nothing that comes is a request, or none that is served.
    Over,
}

impl Default for Place {
    fn default() -> Self {
        Self::Head(Vec::new())
    }
}

impl Follower {
    /// Takes the next bytes of the connection. So many of them may be read by others: after those, a body is broken.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match &mut self.place {
                Place::Over => return bytes.len(),
                Place::Head(begun) => {
                    let begun = mem::take(begun);
                    self.head(begun, rest)
                }
                Place::Sized(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= here as u64;
                    if *left == 0 {
                        self.place = Place::default();
                    }
                    rest.get(here..).unwrap_or_default()
                }
                Place::Chunked(chunks) => match chunks.follow(rest) {
                    Found::More => return bytes.len(),
                    Found::End(after) => {
                        self.place = Place::default();
                        rest.get(after..).unwrap_or_default()
                    }
                    Found::Broken(at) => {
                        self.fail(FrameError::Chunk);
                        self.is_broken = true;
                        return bytes.len() - rest.len() + at;
                    }
                },
            };
        }
        bytes.len()
    }

    /// Whether the next request that is read from the connection came soundly, as far as it has come.
    pub(super) fn next(&mut self) -> Result<(), FrameError> {
        self.asked += 1;
        // It is the last of the sound ones whose body is broken.
        if self.asked < self.sound || self.asked == self.sound && !self.is_broken {
            return Ok(());
        }
        // Where the parser found the end of a head and this did not, its lines do not end as they must.
        Err(self.fault.unwrap_or(FrameError::LineTerminator))
    }

    /// Whether a body was found to be broken.
    pub(super) const fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// What comes from now on are no requests.
    pub(super) fn end(&mut self) {
        self.place = Place::Over;
    }

    /// Takes a head, or the part of it that has come. What comes after it.
    fn head<'b>(&mut self, mut begun: Vec<u8>, bytes: &'b [u8]) -> &'b [u8] {
        if begun.is_empty() {
            let bytes = without_empty_lines(bytes);
            if let Some((head, rest)) = split(bytes, 0) {
                self.take(head);
                return rest;
            }
            self.place = Place::Head(bytes.to_vec());
            return &[];
        }
        if begun == b"\r" && bytes.first() == Some(&b'\n') {
            return bytes.get(1..).unwrap_or_default();
        }
        let before = begun.len();
        begun.extend_from_slice(bytes);
        if let Some((head, _)) = split(&begun, before.saturating_sub(END.len() - 1)) {
            self.take(head);
            return bytes.get(head.len() - before..).unwrap_or_default();
        }
        if begun.len() <= LONGEST {
            self.place = Place::Head(begun);
        } else {
            self.fail(FrameError::TooLarge);
        }
        &[]
    }

    /// Takes a whole head.
    fn take(&mut self, head: &[u8]) {
        match raw_head::check(head) {
            Err(fault) => self.fail(fault),
            Ok(_) if self.sound == 0 && head.starts_with(PREFACE) => self.end(),
            Ok(announced) => {
                self.sound += 1;
                self.place = match announced {
                    Announced::Nothing | Announced::Length(0) => Place::default(),
                    Announced::Length(length) => Place::Sized(length),
                    Announced::Chunks => Place::Chunked(Chunks::default()),
                    // It is refused for that, and its connection ends.
                    Announced::Unclear => Place::Over,
                };
            }
        }
    }

    fn fail(&mut self, fault: FrameError) {
        self.fault = Some(fault);
        self.end();
    }
}

/// RFC 9112 §2.2: empty lines before a request line are none of ours.
fn without_empty_lines(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes.strip_prefix(b"\r\n") {
        bytes = rest;
    }
    bytes
}

/// The head with its empty line, which is looked for from `from` on, and what comes after it.
fn split(bytes: &[u8], from: usize) -> Option<(&[u8], &[u8])> {
    let end = memmem::find(bytes.get(from..)?, END)? + from + END.len();
    bytes.split_at_checked(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The bytes, so many at a time: how many were handed on, and what becomes of `requests` that are asked for.
    fn followed(text: &[u8], step: usize, requests: usize) -> (usize, Vec<Result<(), FrameError>>) {
        let mut follower = Follower::default();
        let mut passed = 0;
        for bytes in text.chunks(step) {
            let here = follower.follow(bytes);
            passed += here;
            if here < bytes.len() {
                break;
            }
        }
        let asked = (0..requests).map(|_| follower.next()).collect();
        (passed, asked)
    }

    fn chunked(body: &str) -> String {
        format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
    }

    const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    #[test]
    fn sound_messages_pass_however_they_are_cut() {
        let sized = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
        let chunks = chunked("5;a=b\r\nhello\r\n00A ;x\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n");
        let text = [GET, sized, "\r\n", &chunks, GET].concat();
        for step in 1..text.len() {
            let (passed, asked) = followed(text.as_bytes(), step, 4);
            assert_eq!((passed, asked), (text.len(), vec![Ok(()); 4]), "{step}");
        }
    }

    #[test]
    fn at_04_after_an_unsound_head_nothing_is_sound() {
        let text = [GET, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", GET].concat();
        for step in 1..text.len() {
            let (_, asked) = followed(text.as_bytes(), step, 3);
            let refused = Err(FrameError::RequestLine);
            assert_eq!(asked, [Ok(()), refused, refused], "{step}");
        }
    }

    #[test]
    fn at_04_a_head_that_ends_with_bare_line_feeds_is_none() {
        let (_, asked) = followed(b"GET / HTTP/1.1\nHost: a\n\n", 8, 1);
        assert_eq!(asked, [Err(FrameError::LineTerminator)]);
    }

    #[test]
    fn at_04_of_a_broken_chunk_no_line_is_handed_on() {
        for (good, bad) in [
            ("", "\r\n"),
            ("", ";a\r\n"),
            ("5", " \r\n"),
            ("5", "\t\r\nhello"),
            ("5;", "\nhello\r\n"),
            ("5;a", "\0\r\n"),
            ("5\r", "\r\nhello"),
            ("5", "\nhello"),
            ("", "+5\r\nhello"),
            ("0", "x5\r\nhello"),
            ("5\r\nhello", "X\r\n"),
            ("5\r\nhello", "\n0\r\n\r\n"),
            ("5\r\nhello\r\n", "\r\n"),
            ("5\r\nhello\r\n", "-0\r\n"),
            ("0\r\n", "\n"),
            ("0\r\n", " X: folded\r\n\r\n"),
            ("0\r\nno", " colon\r\n\r\n"),
            ("0\r\nX: a", "\nY: b\r\n\r\n"),
            ("000000000000000", "5\r\nhello"),
        ] {
            let (sound, text) = (chunked(good), chunked(&format!("{good}{bad}")));
            for step in [1, 7, text.len()] {
                let (passed, asked) = followed(sound.as_bytes(), step, 1);
                assert_eq!((passed, asked), (sound.len(), vec![Ok(())]), "{good:?}");
                let (passed, asked) = followed(text.as_bytes(), step, 1);
                assert!(
                    !text.as_bytes()[sound.len()..passed].contains(&b'\n'),
                    "{good:?} {bad:?}"
                );
                assert_eq!(asked, [Err(FrameError::Chunk)], "{good:?} {bad:?}");
            }
        }
    }

    #[test]
    fn a_request_before_a_broken_one_is_sound() {
        let text = format!("{GET}{}", chunked("\r\n"));
        let (_, asked) = followed(text.as_bytes(), text.len(), 2);
        assert_eq!(asked, [Ok(()), Err(FrameError::Chunk)]);
    }

    #[test]
    fn what_is_no_http_1_passes() {
        let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &[0; 100]].concat();
        let mut follower = Follower::default();
        assert_eq!(follower.follow(&preface), preface.len());
        assert!(matches!(follower.place, Place::Over));
        let mut tunnel = Follower::default();
        assert_eq!(tunnel.follow(GET.as_bytes()), GET.len());
        tunnel.end();
        let message = chunked("\r\n");
        assert_eq!(tunnel.follow(message.as_bytes()), message.len());
    }

    proptest! {
        #[test]
        fn at_04_it_does_not_matter_how_bytes_are_cut(
            pieces in proptest::collection::vec(
                proptest::sample::select(vec![
                    GET, "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
                    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                    "3", "\r\n", "\n", "\r", "abc", "0\r\n\r\n", ";", " ", ":", "X: a", "\r\n\r\n",
                ]),
                0..12,
            ),
            step in 1_usize..40,
        ) {
            let text = pieces.concat();
            prop_assert_eq!(
                followed(text.as_bytes(), step, 6),
                followed(text.as_bytes(), text.len().max(1), 6)
            );
        }
    }
}
