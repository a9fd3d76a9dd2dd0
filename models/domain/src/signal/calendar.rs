//! Which plan runs when: by time of day, day of week, and holiday. Pure; the local time is an argument.

use serde::{Deserialize, Serialize};

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

/// When an entry holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Days {
    Weekdays(Vec<Weekday>),
    /// The same date every year: 30 April, 2 September.
    Date {
        month: u8,
        day: u8,
    },
    /// From so many days before the first day of the lunar year to so many after it.
    LunarNewYear {
        before: u8,
        after: u8,
    },
}

/// One line of the timetable. Of several that hold, the one of the more special days wins, and of those the later in the
/// list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub days: Days,
    /// Minutes since midnight; the end is not part of it. An end that is not after the start is on the next day.
    pub from_min: u16,
    pub to_min: u16,
    pub plan: u16,
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
    /// Days since 1 March of the year 0 (Gregorian).
    fn number(self) -> i64 {
        let (year, month) = if self.month > 2 {
            (i64::from(self.year), i64::from(self.month) - 3)
        } else {
            (i64::from(self.year) - 1, i64::from(self.month) + 9)
        };
        let leap = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        365 * year + leap + (153 * month + 2) / 5 + i64::from(self.day) - 1
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

    fn is_yesterday_of(self, other: Day) -> bool {
        other.number() - self.number() == 1
    }
}

impl Days {
    fn hold(&self, day: Day) -> bool {
        match self {
            Days::Weekdays(weekdays) => weekdays.contains(&day.weekday()),
            Days::Date { month, day: date } => (day.month, day.day) == (*month, *date),
            Days::LunarNewYear { before, after } => LUNAR_NEW_YEARS.iter().any(|(year, month, first)| {
                let off = day.number() - Day { year: *year, month: *month, day: *first }.number();
                (-i64::from(*before)..=i64::from(*after)).contains(&off)
            }),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Days::Weekdays(_) => 0,
            Days::Date { .. } => 1,
            Days::LunarNewYear { .. } => 2,
        }
    }
}

impl Entry {
    /// Whether it holds at `minute` of `today`, or has been holding since `yesterday`.
    fn holds(&self, yesterday: Day, today: Day, minute: u16) -> bool {
        if self.from_min < self.to_min {
            return self.days.hold(today) && (self.from_min..self.to_min).contains(&minute);
        }
        self.days.hold(today) && minute >= self.from_min || self.days.hold(yesterday) && minute < self.to_min
    }
}

/// The plan of this minute, by the city's clock; `None` where no entry holds: the controller's own choice.
/// `yesterday` is the day before `today`.
pub fn plan_at(timetable: &[Entry], yesterday: Day, today: Day, minute: u16) -> Option<u16> {
    debug_assert!(yesterday.is_yesterday_of(today));
    let holding = timetable.iter().filter(|entry| entry.holds(yesterday, today, minute));
    holding.max_by_key(|entry| entry.days.rank()).map(|entry| entry.plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        let mut numbers = text.split('-').map(|number| number.parse::<u16>().unwrap());
        let mut next = || numbers.next().unwrap();
        Day { year: i32::from(next()), month: next() as u8, day: next() as u8 }
    }

    #[track_caller]
    fn check(yesterday: &str, today: &str, time: (u16, u16), want: Option<u16>) {
        use Weekday::{Friday, Monday, Thursday, Tuesday, Wednesday};
        let weekdays = Days::Weekdays(vec![Monday, Tuesday, Wednesday, Thursday, Friday]);
        let timetable = [
            Entry { days: weekdays, from_min: 6 * 60 + 30, to_min: 9 * 60, plan: 2 },
            Entry {
                days: Days::Weekdays(vec![Weekday::Saturday]),
                from_min: 22 * 60,
                to_min: 2 * 60,
                plan: 5,
            },
            Entry { days: Days::Date { month: 9, day: 2 }, from_min: 0, to_min: 24 * 60, plan: 7 },
            Entry { days: Days::LunarNewYear { before: 1, after: 3 }, from_min: 0, to_min: 24 * 60, plan: 8 },
        ];
        assert_eq!(plan_at(&timetable, day(yesterday), day(today), time.0 * 60 + time.1), want);
    }

    #[test]
    fn days_and_times() {
        check("2026-11-25", "2026-11-26", (6, 29), None);
        check("2026-11-25", "2026-11-26", (6, 30), Some(2));
        check("2026-11-25", "2026-11-26", (9, 0), None);
        check("2026-11-27", "2026-11-28", (7, 0), None);
        // Saturday night lasts into Sunday.
        check("2026-11-27", "2026-11-28", (23, 0), Some(5));
        check("2026-11-28", "2026-11-29", (1, 59), Some(5));
        check("2026-11-28", "2026-11-29", (2, 0), None);
        check("2026-09-01", "2026-09-02", (7, 0), Some(7));
        // Lunar new year 2026 is 17 February, in 2030 a day before China's.
        check("2026-02-15", "2026-02-16", (7, 0), Some(8));
        check("2026-02-19", "2026-02-20", (7, 0), Some(8));
        check("2026-02-22", "2026-02-23", (7, 0), Some(2));
        check("2030-01-31", "2030-02-01", (7, 0), Some(8));
    }

    #[test]
    fn weekdays_of_known_days() {
        for (text, want) in [
            ("1970-01-01", Weekday::Thursday),
            ("2000-02-29", Weekday::Tuesday),
            ("2026-11-26", Weekday::Thursday),
            ("2026-02-17", Weekday::Tuesday),
            ("2100-03-01", Weekday::Monday),
        ] {
            assert_eq!(day(text).weekday(), want, "{text}");
        }
        assert!(day("2028-02-29").is_yesterday_of(day("2028-03-01")));
    }
}
