//! The number to call: parsed once, at the edge, with the tenant's country.
//!
//! The numbering plans are the `phonenumber` crate's; its parser is not used. That one takes away the trunk prefix of
//! the *caller's* country from a foreign number (in Germany it makes +3950… of +39050…) and changes some valid numbers
//! (+7 800…), and so would ring a stranger. Here, what is given in international form is dialled as given or refused.

mod class;
mod region;

pub use class::{Class, Country, LineType, UnknownCountry};
pub use region::Region;

use region::is_assigned;
use std::fmt;

/// Longest text that is looked at, in bytes.
const MAX_TEXT: usize = 64;
/// Numbers of so many digits, or fewer, are never those of a numbering plan: 112 stays 112.
const ALWAYS_SHORT: usize = 3;
const MAX_SHORT: usize = 6;

/// A callee: a telephone number in E.164 form, or a short number (an extension, a service, an emergency number).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Number {
    /// `+` and digits, or digits alone for a short number.
    dialled: String,
}

/// Why a text is not a [`Number`]. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    #[error("the number is empty: send one such as +390501234567, or an extension such as 201")]
    Empty,
    #[error("the number is longer than {MAX_TEXT} characters: send one number and nothing else")]
    TooLong,
    #[error(
        "a number has digits, blanks and -./() only, and a + at its start only: leave out everything else"
    )]
    NotDiallable,
    #[error("the number is too short: an extension has 2 to {MAX_SHORT} digits")]
    TooShort,
    #[error("no country has such a number: check the country code and the digits after it")]
    NoSuchNumber,
    #[error(
        "there is no such number in {0}: check it, or write it as + and country code, such as +390501234567"
    )]
    NotInRegion(Region),
}

impl Number {
    /// Reads `text` as somebody in `region` would dial it. `tel:` before it is allowed, parameters after it are not.
    pub fn parse(text: &str, region: &Region) -> Result<Self, NumberError> {
        if text.len() > MAX_TEXT {
            return Err(NumberError::TooLong);
        }
        let number = Self::read(text, *region);
        // "+49 (0)30…" is written everywhere; whether the 0 is dialled depends on the country (in Italy it is).
        if matches!(number, Err(NumberError::NoSuchNumber)) && text.contains("(0)") {
            return Self::read(&text.replacen("(0)", "", 1), *region);
        }
        number
    }

    /// The E.164 form (`+390501234567`), or none for a short number.
    pub fn e164(&self) -> Option<&str> {
        Some(self.as_str()).filter(|dialled| dialled.starts_with('+'))
    }

    /// Whether this is an extension, a service or an emergency number, which means something at this PBX or in this
    /// country only.
    pub fn is_short(&self) -> bool {
        self.e164().is_none()
    }

    /// What is dialled.
    pub fn as_str(&self) -> &str {
        &self.dialled
    }

    /// For logs: `+39050****567`. Up to four digits are nobody's secret and stay.
    pub fn masked(&self) -> String {
        let length = self.dialled.len();
        if length <= 4 {
            return self.dialled.clone();
        }
        let shown_first = (length / 2).min(6);
        let shown_last = (length / 4).min(3);
        let mask = |(at, digit)| {
            if at < shown_first || at >= length - shown_last {
                digit
            } else {
                '*'
            }
        };
        self.dialled.chars().enumerate().map(mask).collect()
    }

    fn read(text: &str, region: Region) -> Result<Self, NumberError> {
        let dialled = compact(text)?;
        if let Some(digits) = dialled.strip_prefix('+') {
            return Self::international(digits);
        }
        if dialled.len() < 2 {
            return Err(NumberError::TooShort);
        }
        if dialled.len() <= ALWAYS_SHORT {
            return Ok(Self { dialled });
        }
        if let Some(digits) = region.strip_international_prefix(&dialled) {
            return Self::international(digits);
        }
        if let Some(digits) = region.national(&dialled) {
            return Ok(Self {
                dialled: format!("+{digits}"),
            });
        }
        // Only now: in some countries whole numbers are as short as an extension.
        if dialled.len() <= MAX_SHORT {
            return Ok(Self { dialled });
        }
        Err(NumberError::NotInRegion(region))
    }

    /// `digits`, which begin with a country code, exactly as they are.
    fn international(digits: &str) -> Result<Self, NumberError> {
        if !is_assigned(digits) {
            return Err(NumberError::NoSuchNumber);
        }
        Ok(Self {
            dialled: format!("+{digits}"),
        })
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.dialled)
    }
}

/// The digits of `text`, after a `+` if it has one.
fn compact(text: &str) -> Result<String, NumberError> {
    let number = text.trim_matches(' ');
    let number = strip_scheme(number);
    if number.is_empty() {
        return Err(NumberError::Empty);
    }
    let mut dialled = String::with_capacity(number.len() + 1);
    // A form decodes a + that was not escaped to a blank: "number=+39050…" arrives as " 39050…".
    if text.starts_with(' ') && number.starts_with(|first: char| first.is_ascii_digit()) {
        dialled.push('+');
    }
    for character in number.chars() {
        match character {
            '0'..='9' => dialled.push(character),
            '+' if dialled.is_empty() => dialled.push(character),
            ' ' | '.' | '/' | ')' | '-' if !dialled.is_empty() => {}
            '(' => {}
            _ => return Err(NumberError::NotDiallable),
        }
    }
    Ok(dialled)
}

/// RFC 3966 §3: the scheme of a telephone number's URI, in any case.
fn strip_scheme(text: &str) -> &str {
    match text.split_once(':') {
        Some((scheme, number)) if scheme.eq_ignore_ascii_case("tel") => number,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::region::tests::countries;
    use super::*;
    use proptest::prelude::*;

    fn region(id: &str) -> Region {
        id.parse().unwrap()
    }

    fn dialled(text: &str, id: &str) -> Result<String, NumberError> {
        Number::parse(text, &region(id)).map(|number| number.to_string())
    }

    #[test]
    fn a_national_number_gets_the_country_code_of_the_tenant() {
        for (text, id, expected) in [
            ("050 123 4567", "IT", "+390501234567"),
            ("347 123 4567", "IT", "+393471234567"),
            ("030/1234567", "DE", "+49301234567"),
            ("(650) 253-0000", "US", "+16502530000"),
            ("1.650.253.0000", "US", "+16502530000"),
            ("1 416 555 0123", "US", "+14165550123"),
            ("8 800 123-45-67", "RU", "+78001234567"),
            ("800 123 45 67", "RU", "+78001234567"),
        ] {
            assert_eq!(dialled(text, id).as_deref(), Ok(expected), "{text} in {id}");
        }
    }

    #[test]
    fn an_international_number_means_the_same_in_every_country() {
        for text in [
            "+390501234567",
            "(+39) 050 1234567",
            "tel:+39-050-1234567",
            "TEL:+390501234567",
        ] {
            for region in countries() {
                let number = Number::parse(text, &region);
                assert_eq!(
                    number.map(|it| it.to_string()).as_deref(),
                    Ok("+390501234567"),
                    "{text} in {region}"
                );
            }
        }
    }

    #[test]
    fn the_prefix_for_abroad_is_that_of_the_tenants_country() {
        assert_eq!(
            dialled("0039 050 1234567", "DE").as_deref(),
            Ok("+390501234567")
        );
        assert_eq!(
            dialled("011 39 050 1234567", "US").as_deref(),
            Ok("+390501234567")
        );
        assert!(dialled("011 39 050 1234567", "DE").is_err());
    }

    #[test]
    fn a_blank_before_the_number_is_a_plus_that_a_form_has_decoded() {
        assert_eq!(
            dialled(" 390501234567", "US").as_deref(),
            Ok("+390501234567")
        );
        assert_eq!(
            dialled(" +390501234567 ", "US").as_deref(),
            Ok("+390501234567")
        );
    }

    #[test]
    fn a_number_whose_plus_was_lost_on_the_way_is_still_known_at_home() {
        assert_eq!(
            dialled("390501234567", "IT").as_deref(),
            Ok("+390501234567")
        );
    }

    #[test]
    fn a_zero_in_brackets_is_dialled_only_where_it_is_part_of_the_number() {
        assert_eq!(
            dialled("+49 (0)30 1234567", "IT").as_deref(),
            Ok("+49301234567")
        );
        assert_eq!(
            dialled("0049 (0)30 1234567", "IT").as_deref(),
            Ok("+49301234567")
        );
        assert_eq!(
            dialled("+39 (0)50 1234567", "DE").as_deref(),
            Ok("+390501234567")
        );
    }

    #[test]
    fn extensions_and_service_numbers_stay_as_they_are() {
        for (text, id) in [
            ("201", "IT"),
            ("20", "IT"),
            ("2001", "DE"),
            ("1001", "US"),
            ("116117", "IT"),
            ("12345", "FR"),
        ] {
            assert_eq!(dialled(text, id).as_deref(), Ok(text), "{text} in {id}");
        }
    }

    #[test]
    fn emergency_numbers_stay_as_they_are_in_every_country() {
        for region in countries() {
            for text in ["112", "911", "999", "110", "118", "000", "17"] {
                assert_eq!(
                    Number::parse(text, &region).unwrap().as_str(),
                    text,
                    "{text} in {region}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_number_is_refused_with_its_reason() {
        use NumberError::{Empty, NoSuchNumber, NotDiallable, NotInRegion, TooLong, TooShort};
        for (text, error) in [
            ("", Empty),
            ("  ", Empty),
            ("tel:", Empty),
            ("()", NotDiallable),
            ("5", TooShort),
            ("+", NoSuchNumber),
            ("+201", NoSuchNumber),
            ("+39", NoSuchNumber),
            ("+999123456789", NoSuchNumber),
            ("00391", NoSuchNumber),
            ("+3905012345678901234", NoSuchNumber),
            ("05012345678901234", NotInRegion(region("IT"))),
            ("tel:+390501234567;ext=2", NotDiallable),
            ("sip:201@pbx", NotDiallable),
            ("0800FLOWERS", NotDiallable),
            ("050\n1234567", NotDiallable),
            ("050\u{0}1234567", NotDiallable),
            ("٠٥٠١٢٣٤٥٦٧", NotDiallable),
            ("+39+0501234567", NotDiallable),
            ("-201", NotDiallable),
            ("*21#", NotDiallable),
            ("201,202", NotDiallable),
            (&"1".repeat(65), TooLong),
        ] {
            assert_eq!(dialled(text, "IT"), Err(error), "{text:?}");
        }
    }

    #[test]
    fn an_error_says_what_to_do_and_never_repeats_the_number() {
        let error = dialled("0501234567890123", "IT").unwrap_err().to_string();
        assert!(
            error.contains("in IT") && error.contains("+ and country code"),
            "{error}"
        );
        assert!(!error.contains("05012345678"), "{error}");
    }

    #[test]
    fn a_log_shows_enough_to_recognise_a_number_but_not_to_ring_it() {
        for (text, masked) in [
            ("+390501234567", "+39050****567"),
            ("116117", "116**7"),
            ("2001", "2001"),
            ("112", "112"),
        ] {
            assert_eq!(Number::parse(text, &region("IT")).unwrap().masked(), masked);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_number_that_reads_the_same_again_or_an_error(
            text in prop_oneof![".{0,80}", "[ +]?[0-9 ()./+-]{0,24}", "(\\+|00|011|0|8)?[0-9]{1,16}"],
            region in proptest::sample::select(countries()),
        ) {
            if let Ok(number) = Number::parse(&text, &region) {
                prop_assert_eq!(Number::parse(number.as_str(), &region), Ok(number));
            }
        }

        #[test]
        fn a_number_is_digits_with_at_most_a_plus_before_them(
            text in "[ +]?[0-9 ()./-]{0,24}",
            region in proptest::sample::select(countries()),
        ) {
            if let Ok(number) = Number::parse(&text, &region) {
                let digits = number.as_str().trim_start_matches('+');
                prop_assert!((2..=15).contains(&digits.len()));
                prop_assert!(digits.bytes().all(|byte| byte.is_ascii_digit()));
                prop_assert_eq!(number.masked().len(), number.as_str().len());
            }
        }
    }
}
