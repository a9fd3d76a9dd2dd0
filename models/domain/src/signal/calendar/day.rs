//! Days as people in the city count them. Pure; the offset from UTC is configuration, so no rule of summer time is here.

use serde::{Deserialize, Serialize};

use crate::units::{DurationMs, UtcMillis};

pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const DAY_MIN: u16 = 24 * 60;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
const EPOCH: Day = Day { year: 1970, month: 1, day: 1 };

/// A day of the calendar, as people in the city count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Day {
    pub year: i32,
    pub month: u8,
    pub day: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// First days of lunar years in Vietnam's calendar (UTC+7), 2024 to 2040. Differs from China's in some years (2030).
const LUNAR_NEW_YEARS: [(i32, u8, u8); 17] = [
    (2024, 2, 10),
    (2025, 1, 29),
    (2026, 2, 17),
    (2027, 2, 6),
    (2028, 1, 26),
    (2029, 2, 13),
    (2030, 2, 2),
    (2031, 1, 23),
    (2032, 2, 11),
    (2033, 1, 31),
    (2034, 2, 19),
    (2035, 2, 8),
    (2036, 1, 28),
    (2037, 2, 15),
    (2038, 2, 4),
    (2039, 1, 24),
    (2040, 2, 12),
];

impl Day {
    /// The day and the minute of it that clocks show where they are `ahead` of UTC.
    pub fn at(at: UtcMillis, ahead: DurationMs) -> (Self, u16) {
        let local = (at + ahead).0;
        let minute = local.rem_euclid(DAY_MS) / MINUTE_MS;
        (Self::of(EPOCH.number() + local.div_euclid(DAY_MS)), minute as u16)
    }

    /// When that minute of it begins.
    pub fn minute(self, minute: u16, ahead: DurationMs) -> UtcMillis {
        let days = self.number() - EPOCH.number();
        UtcMillis(days * DAY_MS + i64::from(minute) * MINUTE_MS) - ahead
    }

    /// So many days later.
    pub fn later(self, days: i64) -> Self {
        Self::of(self.number() + days)
    }

    pub fn weekday(self) -> Weekday {
        // 1 March of the year 0 was a Wednesday.
        match (self.number() + 2).rem_euclid(7) {
            0 => Weekday::Monday,
            1 => Weekday::Tuesday,
            2 => Weekday::Wednesday,
            3 => Weekday::Thursday,
            4 => Weekday::Friday,
            5 => Weekday::Saturday,
            _ => Weekday::Sunday,
        }
    }

    /// Whether there is such a day in some year.
    pub fn is_sane(self) -> bool {
        (1..=12).contains(&self.month) && self == self.later(0)
    }

    /// Whether it lies from so many days before the first day of a lunar year to so many after it.
    pub(super) fn is_near_lunar_new_year(self, before: u8, after: u8) -> bool {
        LUNAR_NEW_YEARS.iter().any(|(year, month, first)| {
            let off = self.number() - Day { year: *year, month: *month, day: *first }.number();
            (-i64::from(before)..=i64::from(after)).contains(&off)
        })
    }

    /// Days since 1 March of the year 0 (Gregorian).
    fn number(self) -> i64 {
        let (year, month) = if self.month > 2 {
            (i64::from(self.year), i64::from(self.month) - 3)
        } else {
            (i64::from(self.year) - 1, i64::from(self.month) + 9)
        };
        Self::begin(year) + (153 * month + 2) / 5 + i64::from(self.day) - 1
    }

    fn of(number: i64) -> Self {
        let mut year = number * 400 / 146_097;
        while Self::begin(year) > number {
            year -= 1;
        }
        while Self::begin(year + 1) <= number {
            year += 1;
        }
        let into = number - Self::begin(year);
        let month = (5 * into + 2) / 153;
        let day = into - (153 * month + 2) / 5 + 1;
        let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
        Self { year: year as i32, month: month as u8, day: day as u8 }
    }

    /// 1 March of a year.
    fn begin(year: i64) -> i64 {
        365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u8, day: u8) -> Day {
        Day { year, month, day }
    }

    #[test]
    fn weekdays_of_known_days() {
        for (known, want) in [
            (day(1970, 1, 1), Weekday::Thursday),
            (day(2000, 2, 29), Weekday::Tuesday),
            (day(2026, 11, 26), Weekday::Thursday),
            (day(2026, 2, 17), Weekday::Tuesday),
            (day(2100, 3, 1), Weekday::Monday),
        ] {
            assert_eq!(known.weekday(), want, "{known:?}");
        }
    }

    #[test]
    fn every_day_of_two_centuries_has_one_number() {
        let mut now = day(1900, 1, 1);
        while now < day(2100, 12, 31) {
            let next = now.later(1);
            assert!(next > now && next.later(-1) == now && next.is_sane(), "{now:?} {next:?}");
            now = next;
        }
        assert_eq!(day(2028, 2, 28).later(1), day(2028, 2, 29));
        assert!(!day(2026, 2, 29).is_sane() && !day(2026, 13, 1).is_sane() && !day(2026, 4, 31).is_sane());
    }

    #[test]
    fn clocks_of_the_city() {
        let hanoi = DurationMs(7 * 3_600_000);
        // 2026-11-26T17:30:00Z is half past midnight of the next day.
        let at = UtcMillis(1_795_714_200_000);
        assert_eq!(Day::at(at, hanoi), (day(2026, 11, 27), 30));
        assert_eq!(Day::at(at, DurationMs(0)), (day(2026, 11, 26), 17 * 60 + 30));
        assert_eq!(Day::at(at, DurationMs(-210 * 60_000)), (day(2026, 11, 26), 14 * 60));
        assert_eq!(day(2026, 11, 27).minute(30, hanoi), at);
    }
}
