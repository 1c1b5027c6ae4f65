//! The head of an HTTP/1 request as it came in: what the parser mends before anybody else sees the
//! request.
//!
//! Pingora drops a fragment and a `Content-Length` beside a `Transfer-Encoding`, escapes blanks in
//! a target, and takes a bare LF for a line's end. Somebody in front of the gateway may have read
//! such a request in another way, so it is refused (RFC 9112 §11.2). [`super::follow`] has the bytes
//! before that.

use super::frame::FrameError;

/// The body that a sound head announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Announced {
    #[default]
    Nothing,
    Length(u64),
    Chunks,
    /// What is refused by [`super::frame::check`].
    Unclear,
}

/// Refuses a head that another recipient may read in another way; `head` ends with its empty line.
pub(super) fn check(head: &[u8]) -> Result<Announced, FrameError> {
    check_terminators(head)?;
    let mut lines = head
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        // RFC 9112 §2.2: empty lines before the request line are none of ours.
        .skip_while(|line| line.is_empty());
    check_request_line(lines.next().unwrap_or_default())?;
    let mut framing = Framing::default();
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = field(line)?;
        framing.add(name, value)?;
    }
    Ok(framing.announced)
}

/// Which of the two ways to frame a body were seen.
#[derive(Default)]
struct Framing {
    length: bool,
    encoding: bool,
    announced: Announced,
}

impl Framing {
    fn add(&mut self, name: &[u8], value: &[u8]) -> Result<(), FrameError> {
        let is_length = name.eq_ignore_ascii_case(b"content-length");
        if !is_length && !name.eq_ignore_ascii_case(b"transfer-encoding") {
            return Ok(());
        }
        let value = value.trim_ascii();
        self.announced = match self.announced {
            Announced::Nothing if is_length => length(value),
            Announced::Nothing if value.eq_ignore_ascii_case(b"chunked") => Announced::Chunks,
            _ => Announced::Unclear,
        };
        self.length |= is_length;
        self.encoding |= !is_length;
        if self.length && self.encoding {
            return Err(FrameError::LengthWithEncoding);
        }
        Ok(())
    }
}

fn length(value: &[u8]) -> Announced {
    let is_number = value.iter().all(u8::is_ascii_digit);
    let digits = std::str::from_utf8(value).ok().filter(|_| is_number);
    let length = digits.and_then(|digits| digits.parse().ok());
    length.map_or(Announced::Unclear, Announced::Length)
}

/// CR and LF come as a pair, never alone, and there is no NUL. Without an early return, so that it
/// compiles to vector instructions: it looks at each byte of each request.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "lazy operators would bring the early return back"
)]
fn check_terminators(head: &[u8]) -> Result<(), FrameError> {
    let next = head.get(1..).unwrap_or_default();
    let is_broken = head.iter().zip(next).fold(false, |broken, (&byte, &next)| {
        broken | ((byte == b'\r') != (next == b'\n')) | (next == 0)
    });
    if is_broken || head.first() == Some(&b'\n') || head.last() != Some(&b'\n') {
        return Err(FrameError::LineTerminator);
    }
    Ok(())
}

fn check_request_line(line: &[u8]) -> Result<(), FrameError> {
    if line.contains(&b'#') {
        return Err(FrameError::Fragment);
    }
    // RFC 9112 §3.2: what does not belong into a target is not to be put right.
    let mut words = line.split(|&byte| byte == b' ');
    let are_three = words
        .by_ref()
        .take(3)
        .filter(|word| is_visible(word))
        .count()
        == 3;
    if !are_three || words.next().is_some() {
        return Err(FrameError::RequestLine);
    }
    Ok(())
}

fn is_visible(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(u8::is_ascii_graphic)
}

fn field(line: &[u8]) -> Result<(&[u8], &[u8]), FrameError> {
    let colon = line.iter().position(|&byte| byte == b':');
    let (name, value) = colon
        .and_then(|colon| line.split_at_checked(colon))
        .ok_or(FrameError::HeaderName)?;
    // RFC 9112 §5.1, §5.2: neither white space before the colon nor a folded line.
    if name.is_empty() || name.iter().any(u8::is_ascii_whitespace) {
        return Err(FrameError::HeaderName);
    }
    Ok((name, value.strip_prefix(b":").unwrap_or(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(head: &str) -> FrameError {
        check(head.as_bytes()).unwrap_err()
    }

    #[test]
    fn an_ordinary_head_passes() {
        let head =
            "POST /rest/call?a=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX: a:b c\r\n\r\n";
        assert_eq!(check(head.as_bytes()), Ok(Announced::Length(3)));
    }

    #[test]
    fn the_body_to_follow_is_told() {
        for (lines, announced) in [
            ("Content-Length: 42 ", Announced::Length(42)),
            ("CONTENT-LENGTH:042", Announced::Length(42)),
            ("Transfer-Encoding:\tChunked", Announced::Chunks),
            ("Content-Length: +1", Announced::Unclear),
            ("Content-Length:", Announced::Unclear),
            ("Content-Length: 1\r\nContent-Length: 1", Announced::Unclear),
            ("Transfer-Encoding: gzip, chunked", Announced::Unclear),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                Announced::Unclear,
            ),
        ] {
            let head = format!("POST / HTTP/1.1\r\n{lines}\r\n\r\n");
            assert_eq!(check(head.as_bytes()), Ok(announced), "{lines:?}");
        }
    }

    #[test]
    fn an_empty_line_before_the_request_line_is_ignored() {
        let head = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(check(head), Ok(Announced::Nothing));
    }

    #[test]
    fn at_04_a_length_with_an_encoding_is_refused_in_either_order() {
        let length_first =
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
        let length_last =
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nCONTENT-LENGTH: 3\r\n\r\n";
        assert_eq!(refusal(length_first), FrameError::LengthWithEncoding);
        assert_eq!(refusal(length_last), FrameError::LengthWithEncoding);
    }

    #[test]
    fn at_04_a_bare_line_feed_is_refused() {
        for head in [
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            assert_eq!(refusal(head), FrameError::LineTerminator, "{head:?}");
        }
    }

    #[test]
    fn at_04_a_bare_carriage_return_and_a_null_are_refused() {
        for head in [
            "GET / HTTP/1.1\r\nX: a\rb\r\n\r\n",
            "GET / HTTP/1.1\r\nX: a\0b\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n\r",
            "GET / HTTP/1.1\r\n\r\r\n",
        ] {
            assert_eq!(refusal(head), FrameError::LineTerminator, "{head:?}");
        }
    }

    #[test]
    fn at_04_a_folded_line_is_refused() {
        for head in [
            "GET / HTTP/1.1\r\nX: a\r\n b: c\r\n\r\n",
            "GET / HTTP/1.1\r\n\tX: a\r\n\r\n",
        ] {
            assert_eq!(refusal(head), FrameError::HeaderName, "{head:?}");
        }
    }

    #[test]
    fn at_04_white_space_before_the_colon_is_refused() {
        assert_eq!(
            refusal("GET / HTTP/1.1\r\nContent-Length : 3\r\n\r\n"),
            FrameError::HeaderName
        );
    }

    #[test]
    fn at_06_an_empty_header_name_is_refused() {
        assert_eq!(
            refusal("GET / HTTP/1.1\r\n: a\r\nHost: a\r\n\r\n"),
            FrameError::HeaderName
        );
        assert_eq!(
            refusal("GET / HTTP/1.1\r\nno colon\r\n\r\n"),
            FrameError::HeaderName
        );
    }

    #[test]
    fn at_21_a_fragment_in_the_target_is_refused() {
        assert_eq!(
            refusal("GET /public#/admin HTTP/1.1\r\nHost: a\r\n\r\n"),
            FrameError::Fragment
        );
    }

    #[test]
    fn at_04_a_request_line_has_three_words_of_visible_characters() {
        for line in [
            "GET / a HTTP/1.1",
            "GET /\ta HTTP/1.1",
            "GET /?a b HTTP/1.1",
            "GET /?\u{7f} HTTP/1.1",
            "GET /?\u{e9} HTTP/1.1",
            "GET  / HTTP/1.1",
            "GET / HTTP/1.1 ",
            "GET /\u{b}HTTP/1.1",
            " GET / HTTP/1.1",
            "GET /",
        ] {
            let head = format!("{line}\r\nHost: a\r\n\r\n");
            assert_eq!(refusal(&head), FrameError::RequestLine, "{line:?}");
        }
    }

    #[test]
    fn no_head_at_all_is_refused() {
        assert_eq!(refusal(""), FrameError::LineTerminator);
    }
}
