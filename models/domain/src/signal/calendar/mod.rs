//! Which plan runs when: by time of day, day of week, and holiday. Pure; the time is an argument. `day` counts the days, `follow`
//! says what is to be ordered for it.

mod day;
pub mod follow;

pub use day::{Day, Weekday};

use crate::units::{DurationMs, UtcMillis};
use day::DAY_MIN;

/// When an entry holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Days {
    Weekdays(Vec<Weekday>),
    /// The same date every year: 30 April, 2 September. With a year: that day alone.
    Date {
        year: Option<i32>,
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
    pub plan: u8,
}

/// Entries by the clocks of a city.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timetable {
    pub entries: Vec<Entry>,
    /// The city's clocks less UTC.
    pub ahead: DurationMs,
}

/// What a timetable says, until it says something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Which entry holds; `None`: the controller's own choice.
    pub entry: Option<usize>,
    pub plan: Option<u8>,
    /// When another plan begins, or none; `None`: not within [`FORESEEN_DAYS`].
    pub until: Option<UtcMillis>,
}

/// So far ahead is looked for the next step.
pub const FORESEEN_DAYS: i64 = 8;

impl Days {
    fn hold(&self, today: Day) -> bool {
        match self {
            Days::Weekdays(weekdays) => weekdays.contains(&today.weekday()),
            Days::Date { year, month, day } => {
                (today.month, today.day) == (*month, *day) && year.is_none_or(|year| year == today.year)
            }
            Days::LunarNewYear { before, after } => today.is_near_lunar_new_year(*before, *after),
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
    /// Whether it holds at `minute` of `today`, or has been holding since the day before.
    fn holds(&self, today: Day, minute: u16) -> bool {
        if self.from_min < self.to_min {
            return self.days.hold(today) && (self.from_min..self.to_min).contains(&minute);
        }
        self.days.hold(today) && minute >= self.from_min
            || minute < self.to_min && self.days.hold(today.later(-1))
    }

    /// `06:30–09:00`.
    pub fn times(&self) -> String {
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        format!("{}–{}", time(self.from_min), time(self.to_min))
    }
}

impl Timetable {
    /// What it says at `at`.
    pub fn step_at(&self, at: UtcMillis) -> Step {
        let entry = self.entry_at(at);
        let plan = entry.map(|entry| self.entries[entry].plan);
        let plan_at = |at| self.entry_at(at).map(|entry| self.entries[entry].plan);
        let until = self.marks(at).find(|mark| plan_at(*mark) != plan);
        Step { entry, plan, until }
    }

    fn entry_at(&self, at: UtcMillis) -> Option<usize> {
        let (today, minute) = Day::at(at, self.ahead);
        let holding = self.entries.iter().enumerate().filter(|(_, entry)| entry.holds(today, minute));
        holding.max_by_key(|(_, entry)| entry.days.rank()).map(|(index, _)| index)
    }

    /// The moments after `at` at which an entry may begin or end.
    fn marks(&self, at: UtcMillis) -> impl Iterator<Item = UtcMillis> + '_ {
        let both = self.entries.iter().flat_map(|entry| [entry.from_min, entry.to_min % DAY_MIN]);
        let mut minutes: Vec<u16> = both.collect();
        minutes.sort_unstable();
        minutes.dedup();
        let (today, _) = Day::at(at, self.ahead);
        let days = (0..=FORESEEN_DAYS).map(move |days| today.later(days));
        let marks = days.flat_map(move |day| {
            let of_day: Vec<_> = minutes.iter().map(|minute| day.minute(*minute, self.ahead)).collect();
            of_day
        });
        marks.filter(move |mark| *mark > at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANOI: DurationMs = DurationMs(7 * 3_600_000);

    fn moment(date: &str, (hour, minute): (u16, u16), ahead: DurationMs) -> UtcMillis {
        let mut numbers = date.split('-').map(|number| number.parse::<u16>().unwrap());
        let mut next = || numbers.next().unwrap();
        let day = Day { year: i32::from(next()), month: next() as u8, day: next() as u8 };
        day.minute(hour * 60 + minute, ahead)
    }

    fn timetable(ahead: DurationMs) -> Timetable {
        use Weekday::{Friday, Monday, Saturday, Thursday, Tuesday, Wednesday};
        let working = || Days::Weekdays(vec![Monday, Tuesday, Wednesday, Thursday, Friday]);
        let entry = |days, from: (u16, u16), to: (u16, u16), plan| Entry {
            days,
            from_min: from.0 * 60 + from.1,
            to_min: to.0 * 60 + to.1,
            plan,
        };
        let holiday = |month, day| Days::Date { year: None, month, day };
        let entries = vec![
            entry(working(), (6, 30), (9, 0), 2),
            entry(working(), (9, 0), (16, 30), 1),
            // Later in the list: this hour of the morning is its own.
            entry(Days::Weekdays(vec![Tuesday]), (8, 0), (8, 30), 4),
            entry(Days::Weekdays(vec![Saturday]), (22, 0), (2, 0), 5),
            entry(holiday(9, 2), (0, 0), (24, 0), 7),
            entry(Days::Date { year: Some(2026), month: 4, day: 26 }, (6, 0), (22, 0), 6),
            entry(Days::LunarNewYear { before: 1, after: 3 }, (0, 0), (24, 0), 8),
        ];
        Timetable { entries, ahead }
    }

    /// `until`: the date and time of the next step.
    #[track_caller]
    fn check(date: &str, time: (u16, u16), plan: Option<u8>, until: Option<(&str, (u16, u16))>) {
        for ahead in [HANOI, DurationMs(0), DurationMs(-11 * 1_800_000)] {
            let step = timetable(ahead).step_at(moment(date, time, ahead));
            let until = until.map(|(date, time)| moment(date, time, ahead));
            assert_eq!((step.plan, step.until), (plan, until), "{date} {time:?}, ahead {ahead:?}");
        }
    }

    #[test]
    fn days_and_times() {
        check("2026-11-26", (6, 29), None, Some(("2026-11-26", (6, 30))));
        check("2026-11-26", (6, 30), Some(2), Some(("2026-11-26", (9, 0))));
        check("2026-11-26", (9, 0), Some(1), Some(("2026-11-26", (16, 30))));
        check("2026-11-26", (16, 30), None, Some(("2026-11-27", (6, 30))));
        check("2026-11-28", (7, 0), None, Some(("2026-11-28", (22, 0))));
        // Two hold, the later in the list wins, and then the first goes on.
        check("2026-11-24", (7, 59), Some(2), Some(("2026-11-24", (8, 0))));
        check("2026-11-24", (8, 0), Some(4), Some(("2026-11-24", (8, 30))));
        check("2026-11-24", (8, 30), Some(2), Some(("2026-11-24", (9, 0))));
        // A date of one year.
        check("2026-04-26", (7, 0), Some(6), Some(("2026-04-26", (22, 0))));
        check("2027-04-26", (7, 0), Some(2), Some(("2027-04-26", (9, 0))));
    }

    #[test]
    fn over_midnight() {
        check("2026-11-28", (23, 0), Some(5), Some(("2026-11-29", (2, 0))));
        check("2026-11-29", (0, 0), Some(5), Some(("2026-11-29", (2, 0))));
        check("2026-11-29", (1, 59), Some(5), Some(("2026-11-29", (2, 0))));
        check("2026-11-29", (2, 0), None, Some(("2026-11-30", (6, 30))));
        // A holiday takes the whole of its day, also from what began the evening before.
        check("2029-09-01", (23, 0), Some(5), Some(("2029-09-02", (0, 0))));
        check("2029-09-02", (1, 0), Some(7), Some(("2029-09-03", (0, 0))));
    }

    #[test]
    fn lunar_new_year_wins() {
        // 17 February 2026, in 2030 a day before China's.
        check("2026-02-15", (23, 59), None, Some(("2026-02-16", (0, 0))));
        check("2026-02-16", (7, 0), Some(8), Some(("2026-02-21", (0, 0))));
        check("2026-02-20", (23, 59), Some(8), Some(("2026-02-21", (0, 0))));
        check("2026-02-23", (7, 0), Some(2), Some(("2026-02-23", (9, 0))));
        check("2030-02-01", (7, 0), Some(8), Some(("2030-02-06", (0, 0))));
    }

    #[test]
    fn what_never_changes_has_no_end() {
        use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
        let all = Days::Weekdays(vec![Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday]);
        let entries = vec![Entry { days: all, from_min: 0, to_min: DAY_MIN, plan: 3 }];
        let step = Timetable { entries, ahead: HANOI }.step_at(moment("2026-11-26", (7, 0), HANOI));
        assert_eq!(step, Step { entry: Some(0), plan: Some(3), until: None });
        let empty = Timetable { entries: Vec::new(), ahead: HANOI }.step_at(UtcMillis(0));
        assert_eq!(empty, Step { entry: None, plan: None, until: None });
    }
}
