//! When calls may be placed: windows of the week, on the clock of the wall.

use jiff::Zoned;
use jiff::civil::Weekday;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// `mon-fri 08:00-18:00`: from the first minute, up to the last, which is not within. Past midnight where the second is
/// the smaller one: `fri 22:00-06:00` ends on Saturday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// A bit for each day on which it begins, Monday's the lowest.
    days: u8,
    /// Minutes since midnight.
    from: u16,
    to: u16,
}

/// Why a text is no [`Window`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadWindow {
    #[error(
        "no days and times: write them as \"mon-fri 08:00-18:00\", \"sat,sun 09:00-12:30\" or \"daily 00:00-24:00\""
    )]
    Form,
    #[error("a window that lasts no time: a whole day is 00:00-24:00")]
    Empty,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const EVERY_DAY: u8 = 0b111_1111;
/// Minutes.
const WHOLE_DAY: u16 = 24 * 60;

impl Window {
    /// Whether a moment lies within: by its date and its time as clocks show them there, so that a window is as it is
    /// written also on the days on which they are changed.
    pub fn contains(self, at: &Zoned) -> bool {
        let minute = u16::try_from(i16::from(at.hour()) * 60 + i16::from(at.minute()));
        let minute = minute.unwrap_or(0);
        if self.from < self.to {
            return self.begins_on(at.weekday()) && (self.from..self.to).contains(&minute);
        }
        let since = self.begins_on(at.weekday()) && minute >= self.from;
        since || self.begins_on(at.weekday().previous()) && minute < self.to
    }

    fn begins_on(self, day: Weekday) -> bool {
        self.days & 1 << day.to_monday_zero_offset() != 0
    }
}

impl FromStr for Window {
    type Err = BadWindow;

    fn from_str(text: &str) -> Result<Self, BadWindow> {
        let (days, times) = text.split_once(' ').ok_or(BadWindow::Form)?;
        let (from, to) = times.trim().split_once('-').ok_or(BadWindow::Form)?;
        let window = Self {
            days: days_of(days)?,
            from: minute_of(from)?,
            to: minute_of(to)?,
        };
        if window.from == window.to {
            return Err(BadWindow::Empty);
        }
        if window.from == WHOLE_DAY {
            return Err(BadWindow::Form);
        }
        Ok(window)
    }
}

fn days_of(text: &str) -> Result<u8, BadWindow> {
    if text == "daily" {
        return Ok(EVERY_DAY);
    }
    let mut days = 0;
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day_of(first)?, day_of(last)?);
        // "fri-mon" goes over the end of the week.
        let length = (last + 7 - first) % 7;
        days |= (0..=length).fold(0, |days, step| days | 1 << ((first + step) % 7));
    }
    Ok(days)
}

fn day_of(text: &str) -> Result<u8, BadWindow> {
    let at = DAYS.iter().position(|day| *day == text);
    at.and_then(|at| u8::try_from(at).ok())
        .ok_or(BadWindow::Form)
}

/// `08:00` up to `24:00`
fn minute_of(text: &str) -> Result<u16, BadWindow> {
    let (hour, minute) = text.split_once(':').ok_or(BadWindow::Form)?;
    let number = |text: &str| {
        let good = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        let parsed = good.then(|| text.parse::<u16>().ok()).flatten();
        parsed.ok_or(BadWindow::Form)
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let at = hour * 60 + minute;
    (minute < 60 && at <= WHOLE_DAY)
        .then_some(at)
        .ok_or(BadWindow::Form)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |(at, day): (usize, &&'static str)| {
            let on = self.days & 1 << at != 0;
            on.then_some(*day)
        };
        let days: Vec<_> = DAYS.iter().enumerate().filter_map(named).collect();
        let days = match self.days {
            EVERY_DAY => "daily".to_owned(),
            0b001_1111 => "mon-fri".to_owned(),
            _ => days.join(","),
        };
        let time = |at: u16| format!("{:02}:{:02}", at / 60, at % 60);
        write!(f, "{days} {}-{}", time(self.from), time(self.to))
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|error| de::Error::custom(format!("`{text}` is {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    /// The moments of a day that lie within, hour by hour from its midnight on.
    fn within(window: &str, from: &str, zone: &str) -> Vec<String> {
        let window: Window = window.parse().unwrap();
        let zone = TimeZone::get(zone).unwrap();
        let begin: Timestamp = from.parse().unwrap();
        let hours = (0..30).map(|hour| begin + jiff::SignedDuration::from_hours(hour));
        let local = hours.map(|at| at.to_zoned(zone.clone()));
        local
            .filter(|at| window.contains(at))
            .map(|at| at.strftime("%a %H:%M %z").to_string())
            .collect()
    }

    #[test]
    fn a_window_is_written_as_it_is_read() {
        for text in [
            "mon-fri 08:00-18:00",
            "daily 00:00-24:00",
            "sat,sun 09:00-12:30",
            "fri 22:00-06:00",
        ] {
            assert_eq!(text.parse::<Window>().unwrap().to_string(), text);
        }
        let over_the_week: Window = "sat-mon 09:00-10:00".parse().unwrap();
        assert_eq!(over_the_week.to_string(), "mon,sat,sun 09:00-10:00");
    }

    #[test]
    fn what_is_no_window_is_told_apart_from_one_that_is_empty() {
        for text in [
            "",
            "mon",
            "08:00-18:00",
            "mon 8-18",
            "mon 8:00-18:00",
            "mun 08:00-18:00",
            "mon 08:60-18:00",
            "mon 08:00-24:01",
            "mon 24:00-08:00",
            "mon- 08:00-18:00",
            "mon,,tue 08:00-18:00",
            "mon 08:00",
            "mon +8:00-18:00",
        ] {
            assert_eq!(text.parse::<Window>(), Err(BadWindow::Form), "{text}");
        }
        assert_eq!("mon 08:00-08:00".parse::<Window>(), Err(BadWindow::Empty));
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_it_begins_on() {
        let seen = within("fri 22:00-02:00", "2026-11-27T20:00:00Z", "UTC");
        assert_eq!(
            seen,
            [
                "Fri 22:00 +0000",
                "Fri 23:00 +0000",
                "Sat 00:00 +0000",
                "Sat 01:00 +0000"
            ]
        );
    }

    #[test]
    fn the_hour_that_comes_twice_is_within_both_times() {
        // In Rome, 2026-10-25 has 02:00 twice.
        let seen = within("sun 02:00-03:00", "2026-10-24T22:00:00Z", "Europe/Rome");
        assert_eq!(seen, ["Sun 02:00 +0200", "Sun 02:00 +0100"]);
    }

    #[test]
    fn the_hour_that_is_left_out_moves_no_other() {
        // In Rome, 2026-03-29 has no 02:00.
        let seen = within("sun 01:00-04:00", "2026-03-28T23:00:00Z", "Europe/Rome");
        assert_eq!(seen, ["Sun 01:00 +0100", "Sun 03:00 +0200"]);
    }
}
