//! Numbers as the PBX dials them, and back: an event says what was dialled, our records know E.164 and extensions.

use super::settings::Fault;
use serde::Deserialize;

/// The longest number that may be an extension or a service; `number::Number` draws the line there, too.
const LONGEST_SHORT: usize = 6;
/// Of what is dialled, and of what the PBX tells.
const LONGEST: usize = 40;

/// `[backend.numbers]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Numbers {
    form: Form,
    /// What is dialled before a number out of the house, such as 0.
    outside_prefix: String,
    /// Short numbers that are out of the house: emergency numbers, where the PBX does not know them by themselves.
    outside_short: Vec<String>,
    /// What dials abroad, in the forms without `+`.
    international_prefix: String,
    /// `national`: the PBX's own country, such as 39.
    country_code: Option<String>,
    /// `national`: what is dialled before a number of the own country; in Italy nothing, in Germany 0.
    trunk_prefix: String,
}

/// How a number out of the house is dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    /// `+390501234567`
    E164,
    /// `00390501234567`
    International,
    /// `0501234567` in Italy; abroad as `international`.
    National,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            form: Form::E164,
            outside_prefix: String::new(),
            outside_short: Vec::new(),
            international_prefix: "00".to_owned(),
            country_code: None,
            trunk_prefix: String::new(),
        }
    }
}

impl Numbers {
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut check = |key, right: bool, message: &str| {
            if !right {
                faults.push((key, message.to_owned()));
            }
        };
        let is_prefix = |text: &str| text.len() <= 8 && text.bytes().all(is_key);
        check(
            "numbers.outside_prefix",
            is_prefix(&self.outside_prefix),
            "up to 8 digits, `*` and `#`",
        );
        check(
            "numbers.outside_prefix",
            self.outside_prefix.is_empty() || self.form != Form::E164,
            "nothing can stand before a `+`: say another `form`",
        );
        check(
            "numbers.international_prefix",
            !self.international_prefix.is_empty() && is_prefix(&self.international_prefix),
            "1 to 8 digits, such as 00",
        );
        check(
            "numbers.trunk_prefix",
            is_prefix(&self.trunk_prefix),
            "up to 8 digits, such as 0",
        );
        let code = self.country_code.as_deref();
        check(
            "numbers.country_code",
            code.is_none_or(|code| {
                (1..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit())
            }),
            "1 to 3 digits without `+`, such as 39",
        );
        check(
            "numbers.country_code",
            code.is_some() == (self.form == Form::National),
            "it is needed by `form = \"national\"`, and by no other",
        );
        check(
            "numbers.outside_short",
            self.outside_short.iter().all(|number| is_short(number)),
            "numbers of 1 to 6 digits, such as 112",
        );
        faults
    }

    /// What is dialled for a callee of ours; `None` when it could not stand in a path or in a line.
    pub(super) fn dialled(&self, callee: &str) -> Option<String> {
        let dialled = match callee.strip_prefix('+') {
            Some(digits) => format!("{}{}", self.outside_prefix, self.outside(digits)),
            None if self.outside_short.iter().any(|short| short == callee) => {
                format!("{}{callee}", self.outside_prefix)
            }
            None => callee.to_owned(),
        };
        is_dialled(&dialled).then_some(dialled)
    }

    /// `digits` begin with a country code.
    fn outside(&self, digits: &str) -> String {
        let abroad = || format!("{}{digits}", self.international_prefix);
        match self.form {
            Form::E164 => format!("+{digits}"),
            Form::International => abroad(),
            Form::National => self.national(digits).unwrap_or_else(abroad),
        }
    }

    /// `None` abroad; and of a number that would be read as another one when it comes back.
    fn national(&self, digits: &str) -> Option<String> {
        let number = digits.strip_prefix(self.country_code.as_deref()?)?;
        let dialled = format!("{}{number}", self.trunk_prefix);
        let is_told_apart =
            !is_short(&dialled) && !dialled.starts_with(self.international_prefix.as_str());
        is_told_apart.then_some(dialled)
    }

    /// The callee that was dialled as `told`; `None` when that is no number.
    pub(super) fn callee(&self, told: &str) -> Option<String> {
        if !is_dialled(told) {
            return None;
        }
        let Some(outside) = told.strip_prefix(self.outside_prefix.as_str()) else {
            return Some(told.to_owned());
        };
        if self.outside_short.iter().any(|short| short == outside) {
            return Some(outside.to_owned());
        }
        if is_short(told) {
            return Some(told.to_owned());
        }
        Some(self.e164(outside).unwrap_or_else(|| outside.to_owned()))
    }

    /// Somebody who calls from outside, whose number comes without the prefix.
    pub(super) fn caller(&self, told: &str) -> Option<String> {
        if !is_dialled(told) {
            return None;
        }
        if is_short(told) {
            return Some(told.to_owned());
        }
        Some(self.e164(told).unwrap_or_else(|| told.to_owned()))
    }

    fn e164(&self, outside: &str) -> Option<String> {
        if outside.starts_with('+') {
            return Some(outside.to_owned());
        }
        if self.form == Form::E164 {
            return None;
        }
        if let Some(digits) = outside.strip_prefix(self.international_prefix.as_str()) {
            return Some(format!("+{digits}"));
        }
        let code = self.country_code.as_deref()?;
        let number = outside.strip_prefix(self.trunk_prefix.as_str())?;
        Some(format!("+{code}{number}"))
    }
}

/// Whether it can only be an extension or a service.
pub(super) fn is_short(number: &str) -> bool {
    (1..=LONGEST_SHORT).contains(&number.len()) && number.bytes().all(is_key)
}

/// What a telephone can dial: keys, and a `+` before them.
pub(super) fn is_dialled(text: &str) -> bool {
    let keys = text.strip_prefix('+').unwrap_or(text);
    (1..=LONGEST).contains(&keys.len()) && keys.bytes().all(is_key)
}

const fn is_key(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'*' | b'#')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers(text: &str) -> Numbers {
        toml::from_str(text).unwrap()
    }

    const FORMS: [&str; 6] = [
        "",
        "form = 'international'",
        "form = 'international'\noutside_prefix = '0'\noutside_short = ['112', '118']",
        "form = 'national'\ncountry_code = '39'",
        "form = 'national'\ncountry_code = '39'\noutside_prefix = '0'\noutside_short = ['112', '118']",
        "form = 'national'\ncountry_code = '49'\ntrunk_prefix = '0'\noutside_prefix = '9'",
    ];

    #[test]
    fn each_form_dials_as_it_says() {
        let expected = [
            ["+390501234567", "+4930123456", "201", "112"],
            ["00390501234567", "004930123456", "201", "112"],
            ["000390501234567", "0004930123456", "201", "0112"],
            ["0501234567", "004930123456", "201", "112"],
            ["00501234567", "0004930123456", "201", "0112"],
            ["900390501234567", "9030123456", "201", "112"],
        ];
        for (form, expected) in FORMS.iter().zip(expected) {
            let numbers = numbers(form);
            assert_eq!(numbers.faults(), [], "{form}");
            for (callee, dialled) in ["+390501234567", "+4930123456", "201", "112"]
                .iter()
                .zip(expected)
            {
                assert_eq!(numbers.dialled(callee).as_deref(), Some(dialled), "{form}");
                assert_eq!(numbers.callee(dialled).as_deref(), Some(*callee), "{form}");
            }
        }
    }

    #[test]
    fn who_calls_from_outside_comes_without_the_prefix() {
        let numbers = numbers(FORMS[4]);
        for (told, caller) in [
            ("0501234567", "+390501234567"),
            ("004930123456", "+4930123456"),
            ("+4930123456", "+4930123456"),
            ("203", "203"),
        ] {
            assert_eq!(numbers.caller(told).as_deref(), Some(caller));
        }
        assert_eq!(numbers.caller("anonymous"), None);
    }

    #[test]
    fn what_is_no_number_is_neither_dialled_nor_heard() {
        let numbers = Numbers::default();
        let long = "1".repeat(41);
        for text in ["", "+", "2 01", "201/../x", "2\r\n01", "a", "1+2", &long] {
            assert_eq!(numbers.dialled(text), None, "{text:?}");
            assert_eq!(numbers.callee(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_cannot_work_is_a_fault() {
        for (text, key) in [
            ("outside_prefix = '0'", "numbers.outside_prefix"),
            (
                "form = 'international'\noutside_prefix = '0,'",
                "numbers.outside_prefix",
            ),
            ("form = 'national'", "numbers.country_code"),
            (
                "form = 'national'\ncountry_code = '+39'",
                "numbers.country_code",
            ),
            ("country_code = '39'", "numbers.country_code"),
            ("international_prefix = ''", "numbers.international_prefix"),
            ("trunk_prefix = '0 '", "numbers.trunk_prefix"),
            ("outside_short = ['+39112']", "numbers.outside_short"),
        ] {
            let faults = numbers(text).faults();
            assert_eq!(faults.first().map(|(key, _)| *key), Some(key), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_number_comes_back_as_it_was_dialled(
            form in proptest::sample::select(FORMS.to_vec()),
            callee in "\\+(39|49|1|7)[0-9]{6,12}|[1-8][0-9]{1,5}|112|118",
        ) {
            let numbers = numbers(form);
            let dialled = numbers.dialled(&callee).unwrap();
            prop_assert_eq!(numbers.callee(&dialled), Some(callee));
        }

        #[test]
        fn what_is_dialled_has_keys_alone(form in proptest::sample::select(FORMS.to_vec()), text in "\\PC{0,50}") {
            if let Some(dialled) = numbers(form).dialled(&text) {
                prop_assert!(is_dialled(&dialled));
            }
        }
    }
}
