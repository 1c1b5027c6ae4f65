//! A body in chunks, followed to its end by the letter of RFC 9112 §7.1.

/// Hexadecimal digits of a size: what is larger is larger than any body.
const DIGITS: u8 = 15;

/// A place in such a body.
#[derive(Clone, Copy)]
pub(super) enum Chunks {
    Size {
        digits: u8,
        size: u64,
    },
    /// Blanks after a size, which only an extension may follow.
    Blank(u64),
    Extension(u64),
    /// After the carriage return that ends the line of a chunk of this size.
    LineEnd(u64),
    Data(u64),
    DataEnd,
    DataLineEnd,
    /// At the beginning of a line after the last chunk.
    Trailer,
    Name,
    Value,
    ValueEnd,
    LastEnd,
    Over,
}

/// What was found in some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// That more must come.
    More,
    /// The end, before this place.
    End(usize),
    /// What must not be, at this place.
    Broken(usize),
}

impl Default for Chunks {
    fn default() -> Self {
        Self::Size { digits: 0, size: 0 }
    }
}

impl Chunks {
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Found {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if let Self::Data(left) = *self {
                let here = usize::try_from(left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len() - at);
                at += here;
                let left = left - here as u64;
                *self = if left == 0 {
                    Self::DataEnd
                } else {
                    Self::Data(left)
                };
                continue;
            }
            let Some(next) = self.after(byte) else {
                return Found::Broken(at);
            };
            *self = next;
            at += 1;
            if matches!(next, Self::Over) {
                return Found::End(at);
            }
        }
        Found::More
    }

    /// Where it is after one more byte; `None` where that byte must not be.
    fn after(self, byte: u8) -> Option<Self> {
        let next = match (self, byte) {
            (Self::Size { digits, size }, _) if byte.is_ascii_hexdigit() => {
                let digits = Some(digits + 1).filter(|digits| *digits <= DIGITS)?;
                let value = char::from(byte).to_digit(16)?;
                let size = size * 16 + u64::from(value);
                Self::Size { digits, size }
            }
            (Self::Size { digits: 0, .. }, _) => return None,
            (Self::Size { size, .. } | Self::Blank(size), b' ' | b'\t') => Self::Blank(size),
            (Self::Size { size, .. } | Self::Blank(size), b';') => Self::Extension(size),
            (Self::Size { size, .. } | Self::Extension(size), b'\r') => Self::LineEnd(size),
            (Self::Extension(size), _) if is_text(byte) => Self::Extension(size),
            (Self::LineEnd(0) | Self::ValueEnd, b'\n') => Self::Trailer,
            (Self::LineEnd(size), b'\n') => Self::Data(size),
            (Self::DataEnd, b'\r') => Self::DataLineEnd,
            (Self::DataLineEnd, b'\n') => Self::default(),
            (Self::Trailer, b'\r') => Self::LastEnd,
            (Self::Trailer | Self::Name, _) if is_token(byte) => Self::Name,
            (Self::Name, b':') => Self::Value,
            (Self::Value, b'\r') => Self::ValueEnd,
            (Self::Value, _) if is_text(byte) => Self::Value,
            (Self::LastEnd, b'\n') => Self::Over,
            _ => return None,
        };
        Some(next)
    }
}

/// RFC 9110 §5.5: neither a line's end nor another control character.
const fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// RFC 9110 §5.6.2
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}
