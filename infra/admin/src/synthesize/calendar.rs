//! Dates: the four years, days and months, and when a claim is processed.

use jiff::Span;
use jiff::civil::{Date, Weekday};

/// From the first to the last day, both included.
#[derive(Clone, Copy)]
pub(super) struct Period {
    pub(super) from: Date,
    pub(super) thru: Date,
}

impl Period {
    const YEARS: i64 = 4;

    /// The four years that end on that day.
    pub(super) fn until(thru: Date) -> Self {
        Self {
            from: plus_days(plus_months(thru, -12 * Self::YEARS), 1),
            thru,
        }
    }

    /// The calendar years it touches.
    pub(super) fn years(self) -> impl Iterator<Item = i16> {
        self.from.year()..=self.thru.year()
    }

    /// Whether the day lies in it.
    pub(super) fn contains(self, date: Date) -> bool {
        (self.from..=self.thru).contains(&date)
    }

    /// How many days lie between its first and its last.
    pub(super) fn days(self) -> i64 {
        days_between(self.from, self.thru)
    }
}

/// The day so many days later, or earlier.
pub(super) fn plus_days(date: Date, days: i64) -> Date {
    date.saturating_add(Span::new().days(days))
}

/// The day so many months later, or earlier.
pub(super) fn plus_months(date: Date, months: i64) -> Date {
    date.saturating_add(Span::new().months(months))
}

/// How many days the second day is later.
pub(super) fn days_between(earlier: Date, later: Date) -> i64 {
    later.duration_since(earlier).as_hours() / 24
}

/// The day on which Medicare's weekly run takes a claim in: the first Friday at least a week after the last service.
pub(super) fn weekly_processing(thru: Date) -> Date {
    let mut day = plus_days(thru, 7);
    while day.weekday() != Weekday::Friday {
        day = plus_days(day, 1);
    }
    day
}

/// The age in completed years.
pub(super) fn age(birth: Date, on: Date) -> i64 {
    let had_birthday = (on.month(), on.day()) >= (birth.month(), birth.day());
    i64::from(on.year() - birth.year()) - i64::from(!had_birthday)
}
