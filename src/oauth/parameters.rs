//! The parameters of a query or a form, as the bytes they are (RFC 6749 §3.1, appendix B).

use crate::error::Error;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use percent_encoding::percent_decode;

/// Bytes that a form may have, whatever the listener lets through.
const LONGEST: usize = 64 * 1024;
/// Parameters that a request may have.
const MOST: usize = 100;

/// Names and values in their order. A value without text counts as not sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters(Vec<(String, Vec<u8>)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ParameterError {
    #[error("the parameter {0} is sent more than once")]
    Repeated(&'static str),
    #[error("the parameter {0} is not text")]
    NotText(&'static str),
}

impl Parameters {
    /// Reads `a=1&b=2`.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Error> {
        let pairs = text
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty());
        let parameters: Vec<_> = pairs.take(MOST + 1).map(pair).collect();
        if parameters.len() > MOST {
            return Err(Error::BadRequest(format!(
                "more than {MOST} parameters were sent"
            )));
        }
        Ok(Self(parameters))
    }

    /// Reads a posted form.
    pub(super) fn form(headers: &HeaderMap, body: &[u8]) -> Result<Self, Error> {
        if body.len() > LONGEST {
            return Err(Error::BodyTooLarge {
                limit: LONGEST as u64,
            });
        }
        if !is_form(headers) {
            let wanted = "send the parameters as application/x-www-form-urlencoded".to_owned();
            return Err(Error::UnsupportedMediaType(wanted));
        }
        Self::parse(body)
    }

    /// These and `more`.
    pub(super) fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    /// These and one more.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    /// The value of a parameter that may be sent once.
    pub(super) fn get(&self, name: &'static str) -> Result<Option<&str>, ParameterError> {
        let Some(bytes) = self.bytes(name)? else {
            return Ok(None);
        };
        let text = std::str::from_utf8(bytes).map_err(|_| ParameterError::NotText(name))?;
        Ok(Some(text))
    }

    /// As [`Parameters::get`], for a value that need not be text.
    pub(super) fn bytes(&self, name: &'static str) -> Result<Option<&[u8]>, ParameterError> {
        let mut values = self.0.iter().filter(|(known, _)| known == name);
        let first = values.next();
        if values.next().is_some() {
            return Err(ParameterError::Repeated(name));
        }
        Ok(first
            .map(|(_, value)| value.as_slice())
            .filter(|value| !value.is_empty()))
    }

    /// Whether the parameter was sent, if only empty.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| {
        essence
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

fn pair(text: &[u8]) -> (String, Vec<u8>) {
    let mut parts = text.splitn(2, |byte| *byte == b'=');
    let name = decode(parts.next().unwrap_or_default());
    let value = decode(parts.next().unwrap_or_default());
    (String::from_utf8_lossy(&name).into_owned(), value)
}

/// Undoes the encoding of forms: `+` is a blank, `%xx` a byte.
pub(super) fn decode(text: &[u8]) -> Vec<u8> {
    let blanks: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_decode(&blanks).collect()
}

/// Writes names and values as a query.
pub(super) fn encode(pairs: &[(&str, &[u8])]) -> String {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| {
            format!(
                "{name}={}",
                form_urlencoded::byte_serialize(value).collect::<String>()
            )
        })
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_parameter_sent_twice_is_refused_and_an_empty_one_is_as_if_absent() {
        let parameters = Parameters::parse(b"a=1&a=2&b=").unwrap();
        assert_eq!(parameters.get("a"), Err(ParameterError::Repeated("a")));
        assert_eq!(parameters.get("b"), Ok(None));
        assert!(parameters.has("b"));
    }

    #[test]
    fn a_thousand_parameters_are_refused() {
        assert!(Parameters::parse("a=1&".repeat(1000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_read_back_byte_for_byte(value in proptest::collection::vec(any::<u8>(), 1..200)) {
            let parameters = Parameters::parse(encode(&[("state", &value)]).as_bytes()).unwrap();
            prop_assert_eq!(parameters.bytes("state").unwrap(), Some(value.as_slice()));
        }
    }
}
