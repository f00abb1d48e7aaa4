//! Dates of search parameters: any precision from a year to nanoseconds.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{Span, Timestamp, ToSpan};

/// The time that a date or instant stands for: `2024-02` is the whole of that February.
///
/// Days are those written, whatever the offset; instants without an offset are UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first day.
    pub first_day: Date,
    /// The last day.
    pub last_day: Date,
    /// The first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

impl Period {
    /// Reads `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or a date and time to the minute, the second or its fractions,
    /// with `Z`, an offset or none. A plus sign that arrived as a space is taken as one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('T') {
            None => Self::of_date(text),
            Some((date, time)) => Self::of_instant(date, time),
        }
    }

    fn of_date(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let year = number(parts.next()?, 4)?;
        let month = parts.next().map(|month| number(month, 2));
        let day = parts.next().map(|day| number(day, 2));
        if parts.next().is_some() {
            return None;
        }
        let (month, day, length) = match (month, day) {
            (None, _) => (1, 1, 1.year()),
            (Some(month), None) => (month?, 1, 1.month()),
            (Some(month), Some(day)) => (month?, day?, 1.day()),
        };
        let first_day = Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()?;
        let next_day = first_day.checked_add(length).ok()?;
        Some(Period {
            first_day,
            last_day: next_day.yesterday().ok()?,
            start: Offset::UTC.to_timestamp(first_day.at(0, 0, 0, 0)).ok()?,
            end: Offset::UTC.to_timestamp(next_day.at(0, 0, 0, 0)).ok()?,
        })
    }

    fn of_instant(date: &str, time: &str) -> Option<Self> {
        let day = Self::of_date(date)?;
        if date.len() != "YYYY-MM-DD".len() {
            return None;
        }
        let zone_at = time.find(['Z', '+', '-', ' ']).unwrap_or(time.len());
        let (clock, zone) = (time.get(..zone_at)?, time.get(zone_at..)?);
        let (time, unit) = clock_time(clock)?;
        let start = offset(zone)?
            .to_timestamp(DateTime::from_parts(day.first_day, time))
            .ok()?;
        Some(Period {
            first_day: day.first_day,
            last_day: day.first_day,
            start,
            end: start.checked_add(unit).ok()?,
        })
    }
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.f` and the length of its last unit.
fn clock_time(text: &str) -> Option<(Time, Span)> {
    const NANOSECOND_DIGITS: usize = 9;
    let mut parts = text.splitn(3, ':');
    let hour = number(parts.next()?, 2)?.try_into().ok()?;
    let minute = number(parts.next()?, 2)?.try_into().ok()?;
    let Some(rest) = parts.next() else {
        return Some((Time::new(hour, minute, 0, 0).ok()?, 1.minute()));
    };
    let (second, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let second = number(second, 2)?.try_into().ok()?;
    if rest.ends_with('.') || fraction.len() > NANOSECOND_DIGITS {
        return None;
    }
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanosecond: i32 = format!("{fraction:0<NANOSECOND_DIGITS$}").parse().ok()?;
    let missing_digits = u32::try_from(NANOSECOND_DIGITS - fraction.len()).ok()?;
    let unit = 10_i64.pow(missing_digits);
    let time = Time::new(hour, minute, second, nanosecond).ok()?;
    Some((time, unit.nanoseconds()))
}

/// Nothing, `Z`, `+hh:mm` or `-hh:mm`.
fn offset(text: &str) -> Option<Offset> {
    if text.is_empty() || text == "Z" {
        return Some(Offset::UTC);
    }
    let sign = match text.as_bytes()[0] {
        b'+' | b' ' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let hours = i32::from(number(hours, 2)?);
    let minutes = i32::from(number(minutes, 2)?);
    // The widest offset in use is +14:00; the specification's own limit.
    if minutes > 59 || hours * 60 + minutes > 14 * 60 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// A number of exactly so many digits.
fn number(text: &str, digits: usize) -> Option<i16> {
    let well_formed = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    well_formed.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stands_for_all_of_its_last_unit() {
        let check = |text: &str, days: [&str; 2], instants: [&str; 2]| {
            let period = Period::parse(text).expect(text);
            assert_eq!(
                [period.first_day, period.last_day].map(|day| day.to_string()),
                days,
                "{text}"
            );
            assert_eq!(
                [period.start, period.end].map(|instant| instant.to_string()),
                instants,
                "{text}"
            );
        };
        check(
            "2023",
            ["2023-01-01", "2023-12-31"],
            ["2023-01-01T00:00:00Z", "2024-01-01T00:00:00Z"],
        );
        check(
            "2024-02",
            ["2024-02-01", "2024-02-29"],
            ["2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"],
        );
        check(
            "2024-02-29",
            ["2024-02-29"; 2],
            ["2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"],
        );
        check(
            "2023-01-02T03:04",
            ["2023-01-02"; 2],
            ["2023-01-02T03:04:00Z", "2023-01-02T03:05:00Z"],
        );
        check(
            "2023-01-02T03:04:05Z",
            ["2023-01-02"; 2],
            ["2023-01-02T03:04:05Z", "2023-01-02T03:04:06Z"],
        );
        check(
            "2023-01-02T00:00+01:30",
            ["2023-01-02"; 2],
            ["2023-01-01T22:30:00Z", "2023-01-01T22:31:00Z"],
        );
        check(
            "2023-01-02T00:00 00:00",
            ["2023-01-02"; 2],
            ["2023-01-02T00:00:00Z", "2023-01-02T00:01:00Z"],
        );
        check(
            "2023-01-02T03:04:05.678-05:00",
            ["2023-01-02"; 2],
            ["2023-01-02T08:04:05.678Z", "2023-01-02T08:04:05.679Z"],
        );
    }

    #[test]
    fn refuses_what_is_no_date() {
        for text in [
            "",
            "23",
            "2023-",
            "2023-1-2",
            "2023-13",
            "2023-02-29",
            "2023-01-02-03",
            "+2023",
            "2023-01T00:00",
            "2023-01-02T",
            "2023-01-02T24:00",
            "2023-01-02T00",
            "2023-01-02T00:00:61",
            "2023-01-02T00:00:00.",
            "2023-01-02T00:00:00.1234567890",
            "2023-01-02T00:00+15:00",
            "2023-01-02T00:00+1",
            "2023-01-02T00:00é",
            "9999-12-31",
            "é",
        ] {
            assert_eq!(Period::parse(text), None, "{text}");
        }
    }
}
