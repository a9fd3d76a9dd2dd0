//! The timetable of one feed as values: routes, stops, patterns, trips, the days they run, and the runs of one day.
//!
//! Times are seconds after the start of the service day, which is noon minus twelve hours of local time (GTFS, "Time"):
//! trips after midnight count on beyond 24:00, and a day of 23 or 25 hours keeps its noon.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use time::Date;

use super::shape::Shape;
use crate::geo::LatLon;
use crate::units::{DurationMs, Meters, UtcMillis};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        pub struct $name(pub String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// One operator's timetable, named by our configuration.
    FeedId;
    /// `route_id` as the operator writes it; unique in its feed only.
    RouteId;
    /// `stop_id` as the operator writes it; unique in its feed only.
    StopId;
    /// `trip_id` as the operator writes it; unique in its feed only.
    TripId;
    /// `block_id`: the trips that one bus runs one after the other.
    BlockId;
}

/// One version of one operator's timetable.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Timetable {
    pub agencies: Vec<Agency>,
    pub routes: Vec<Route>,
    pub stops: Vec<Stop>,
    pub patterns: Vec<Pattern>,
    pub trips: Vec<Trip>,
    pub services_by_id: BTreeMap<String, Service>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agency {
    pub id: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub id: RouteId,
    /// Index into [`Timetable::agencies`].
    pub agency: usize,
    pub short_name: String,
    pub long_name: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Stop {
    pub id: StopId,
    pub code: String,
    pub name: String,
    pub position: LatLon,
}

/// A way that trips take: the same stops in the same order along the same line.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    /// Index into [`Timetable::routes`].
    pub route: usize,
    pub direction: Option<u8>,
    pub stops: Vec<PatternStop>,
    pub shape: Shape,
    /// The line was made of the stops, or is as coarse: a bus may rightly be far away from it.
    pub coarse: bool,
}

impl Pattern {
    /// How many times before its call number `call` the way has been at that stop: 0, unless it is a loop or turns there.
    pub fn times_before(&self, call: usize) -> usize {
        let Some(stop) = self.stops.get(call).map(|s| s.stop) else { return 0 };
        self.stops[..call].iter().filter(|s| s.stop == stop).count()
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PatternStop {
    /// Index into [`Timetable::stops`].
    pub stop: usize,
    /// Way along the shape to the stop.
    pub along: Meters,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Trip {
    pub id: TripId,
    /// Index into [`Timetable::patterns`].
    pub pattern: usize,
    pub service: String,
    pub headsign: String,
    pub block: Option<BlockId>,
    /// One for each stop of the pattern.
    pub calls: Vec<Call>,
    /// Empty for a trip that runs once at its own times.
    pub frequencies: Vec<Frequency>,
}

/// A halt of a trip; seconds of the service day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    pub sequence: u32,
    pub arrive_s: i32,
    pub depart_s: i32,
    /// A bus that is early waits here.
    pub timepoint: bool,
    /// Passengers may get on here (GTFS, `pickup_type`): for them it is no next bus otherwise.
    pub may_board: bool,
}

/// A span of the service day in which a trip is repeated (`frequencies.txt`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frequency {
    pub start_s: i32,
    pub end_s: i32,
    pub headway_s: i32,
    /// The starts are a promise; otherwise only the distance between them is.
    pub exact: bool,
}

/// The days on which trips run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// Monday first.
    pub weekdays: [bool; 7],
    /// First and last day of `weekdays`; `None` when only single days are named.
    pub span: Option<(Date, Date)>,
    pub added: Vec<Date>,
    pub removed: Vec<Date>,
}

impl Service {
    pub fn runs_on(&self, day: Date) -> bool {
        if self.removed.contains(&day) {
            return false;
        }
        let weekday = usize::from(day.weekday().number_days_from_monday());
        let regular = self.span.is_some_and(|(from, to)| from <= day && day <= to) && self.weekdays[weekday];
        regular || self.added.contains(&day)
    }

    /// The first and the last day on which it can run.
    pub fn extent(&self) -> Option<(Date, Date)> {
        let days = self.span.iter().flat_map(|(a, b)| [*a, *b]).chain(self.added.iter().copied());
        days.fold(None, |seen, d| Some(seen.map_or((d, d), |(a, b): (Date, Date)| (a.min(d), b.max(d)))))
    }
}

/// One day of a timetable's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceDay {
    pub date: Date,
    /// Noon minus twelve hours in the feed's zone.
    pub start: UtcMillis,
}

/// A trip that is to be run on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Index into [`Timetable::trips`].
    pub trip: usize,
    pub date: Date,
    /// What the seconds of the trip's calls count from; moved for a repeated trip.
    pub base: UtcMillis,
    /// Of a repeated trip: when it starts, in seconds of the service day.
    pub start_s: Option<i32>,
}

/// Names a run for ever, within its feed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey {
    pub date: Date,
    pub trip: TripId,
    /// Of a repeated trip: when it starts, in seconds of the service day.
    pub start_s: Option<i32>,
}

impl Timetable {
    /// Every run of a service day, in the order of their starts.
    pub fn runs(&self, day: ServiceDay) -> Vec<Run> {
        let mut runs = Vec::new();
        for (index, trip) in self.trips.iter().enumerate() {
            if !self.services_by_id.get(&trip.service).is_some_and(|s| s.runs_on(day.date)) {
                continue;
            }
            let Some(first) = trip.calls.first() else { continue };
            if trip.frequencies.is_empty() {
                runs.push(Run { trip: index, date: day.date, base: day.start, start_s: None });
            }
            // Two repetitions may have a start in common: it is one run.
            let starts: BTreeSet<i32> = trip.frequencies.iter().flat_map(Frequency::starts).collect();
            for start_s in starts {
                let base = UtcMillis(day.start.0 + i64::from(start_s - first.depart_s) * 1000);
                runs.push(Run { trip: index, date: day.date, base, start_s: Some(start_s) });
            }
        }
        runs.sort_by_key(|run| (self.departs(run, 0), run.trip, run.start_s));
        runs
    }

    pub fn trip(&self, run: &Run) -> &Trip {
        &self.trips[run.trip]
    }

    pub fn pattern(&self, run: &Run) -> &Pattern {
        &self.patterns[self.trips[run.trip].pattern]
    }

    pub fn route(&self, run: &Run) -> &Route {
        &self.routes[self.pattern(run).route]
    }

    pub fn key(&self, run: &Run) -> RunKey {
        RunKey { date: run.date, trip: self.trip(run).id.clone(), start_s: run.start_s }
    }

    /// The repetition that a run is of; `None` for a trip that runs once at its own times.
    pub fn frequency(&self, run: &Run) -> Option<&Frequency> {
        let start_s = run.start_s?;
        self.trip(run).frequencies.iter().find(|f| f.has(start_s))
    }

    /// Whether the times of a run are a promise. Of a trip that is repeated without exact times only the distance between buses
    /// is (GTFS, `exact_times`): no bus is early or late on it, and no single start is missed.
    pub fn keeps_times(&self, run: &Run) -> bool {
        self.frequency(run).is_none_or(|f| f.exact)
    }

    /// The distance to the bus before, where that is all that is promised of a run.
    pub fn promised_headway(&self, run: &Run) -> Option<DurationMs> {
        let frequency = self.frequency(run).filter(|f| !f.exact)?;
        Some(DurationMs(i64::from(frequency.headway_s) * 1_000))
    }

    /// When a run is to arrive at its call number `call`.
    pub fn arrives(&self, run: &Run, call: usize) -> UtcMillis {
        UtcMillis(run.base.0 + i64::from(self.trip(run).calls[call].arrive_s) * 1000)
    }

    /// When a run is to leave its call number `call`.
    pub fn departs(&self, run: &Run, call: usize) -> UtcMillis {
        UtcMillis(run.base.0 + i64::from(self.trip(run).calls[call].depart_s) * 1000)
    }

    /// When a run is to pass its call number `call`: its first stop when it leaves, every other when it arrives.
    pub fn passes(&self, run: &Run, call: usize) -> UtcMillis {
        if call == 0 { self.departs(run, 0) } else { self.arrives(run, call) }
    }

    /// When a run is to be over.
    pub fn ends(&self, run: &Run) -> UtcMillis {
        self.arrives(run, self.trip(run).calls.len() - 1)
    }

    /// The moment for which the timetable wants the bus `along` the shape, in the middle of a halt if it is at a stop.
    pub fn due(&self, run: &Run, along: Meters) -> UtcMillis {
        let (stops, last) = (&self.pattern(run).stops, self.pattern(run).stops.len() - 1);
        let next = stops.partition_point(|s| s.along.0 <= along.0);
        if next == 0 {
            return self.departs(run, 0);
        }
        if next > last {
            return self.arrives(run, last);
        }
        let (a, b) = (stops[next - 1].along.0, stops[next].along.0);
        let (left, due) = (self.departs(run, next - 1).0, self.arrives(run, next).0);
        UtcMillis(left + ((due - left) as f64 * ((along.0 - a) / (b - a))) as i64)
    }
}

impl Frequency {
    /// Starts in seconds of the service day; the end is not one of them (GTFS, `end_time`).
    pub fn starts(&self) -> impl Iterator<Item = i32> + use<> {
        let (start, end, step) = (self.start_s, self.end_s, self.headway_s.max(1));
        (start..end).step_by(step.unsigned_abs() as usize)
    }

    fn has(&self, start_s: i32) -> bool {
        let since_s = start_s - self.start_s;
        (self.start_s..self.end_s).contains(&start_s) && since_s % self.headway_s.max(1) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Month;

    fn day(d: u8) -> Date {
        Date::from_calendar_date(2026, Month::March, d).unwrap()
    }

    #[test]
    fn a_service_has_weekdays_and_exceptions() {
        let service = Service {
            weekdays: [true, true, true, true, true, false, false],
            span: Some((day(2), day(13))),
            added: vec![day(14)],
            removed: vec![day(4)],
        };
        let runs: Vec<u8> = (1..=16).filter(|d| service.runs_on(day(*d))).collect();
        assert_eq!(runs, [2, 3, 5, 6, 9, 10, 11, 12, 13, 14]);
        assert_eq!(service.extent(), Some((day(2), day(14))));
    }

    #[test]
    fn a_frequency_ends_before_its_end() {
        let f = Frequency { start_s: 0, end_s: 1800, headway_s: 600, exact: true };
        assert_eq!(f.starts().collect::<Vec<_>>(), [0, 600, 1200]);
        let has: Vec<i32> = (-600..=2400).step_by(300).filter(|s| f.has(*s)).collect();
        assert_eq!(has, [0, 600, 1200]);
    }

    /// A trip that is repeated every ten minutes from 6:00 on and every half hour from 8:00 on, the latter to the minute.
    fn repeated() -> Timetable {
        let call = |sequence: u32, s: i32| Call {
            sequence,
            arrive_s: s,
            depart_s: s,
            timepoint: false,
            may_board: true,
        };
        let trip = Trip {
            id: "t".into(),
            pattern: 0,
            service: "w".into(),
            headsign: String::new(),
            block: Some("b".into()),
            calls: vec![call(1, 0), call(2, 300)],
            frequencies: vec![
                Frequency { start_s: 21_600, end_s: 28_800, headway_s: 600, exact: false },
                Frequency { start_s: 28_800, end_s: 36_000, headway_s: 1_800, exact: true },
            ],
        };
        let service = Service { added: vec![day(2)], ..Service::default() };
        let services_by_id = [("w".to_owned(), service)].into();
        Timetable { trips: vec![trip], services_by_id, ..Timetable::default() }
    }

    #[test]
    fn a_start_that_two_repetitions_have_in_common_is_one_run() {
        let mut table = repeated();
        table.trips[0].frequencies[1].start_s = 27_000;
        let runs = table.runs(ServiceDay { date: day(2), start: UtcMillis(0) });
        // Every ten minutes for two hours, and of the half hours from 7:30 on those from 8:00 on are new.
        assert_eq!(runs.len(), 12 + 4);
    }

    #[test]
    fn only_exact_starts_are_a_promise() {
        let table = repeated();
        let runs = table.runs(ServiceDay { date: day(2), start: UtcMillis(0) });
        assert_eq!(runs.len(), 12 + 4);
        let (loose, exact) = runs.split_at(12);
        assert!(loose.iter().all(|run| !table.keeps_times(run)));
        assert!(loose.iter().all(|run| table.promised_headway(run) == Some(DurationMs(600_000))));
        assert!(exact.iter().all(|run| table.keeps_times(run) && table.promised_headway(run).is_none()));
        assert_eq!(exact[0].start_s, Some(28_800));
        let once = Run { start_s: None, ..runs[0].clone() };
        assert!(table.keeps_times(&once) && table.frequency(&once).is_none());
    }
}
