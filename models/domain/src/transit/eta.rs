//! When a bus will reach each stop ahead, and how sure that is, from nothing but what is known at that moment.

use super::pace::{Habit, Pace, Stretch};
use super::passing::mark;
use super::plan::DayPlan;
use super::timetable::{RunKey, StopId};
use super::vehicle::Doing;
use crate::units::{DurationMs, UtcMillis};

/// One stop ahead of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    pub run: RunKey,
    /// Number of the call in its trip, from 0.
    pub call: usize,
    pub stop: StopId,
    pub due: UtcMillis,
    pub at: UtcMillis,
    /// One standard deviation.
    pub spread: DurationMs,
}

/// Where a run is, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Known<'a> {
    /// A bus does it.
    Bus(&'a Doing),
    /// No bus was seen on it: it is believed to keep its timetable, or a bus before it in its block is `late`.
    Timetable { late: DurationMs },
}

/// A late bus makes up for it in so long, by shorter halts and the slack that timetables have; an early one is held back sooner.
const LATE_RECOVERS_S: f64 = 1800.0;
const EARLY_RECOVERS_S: f64 = 600.0;
/// Turning round takes at least this.
const LAYOVER_MS_MIN: i64 = 120_000;
const FIX_SPREAD_S: f64 = 12.0;
/// How far from its timetable a bus may be that nobody sees.
const UNSEEN_SPREAD_S: f64 = 120.0;

/// The stops ahead, in their order. `habit` tells what hour of what day a moment is, in the feed's zone.
pub fn predict(
    plan: &DayPlan,
    run: usize,
    known: Known<'_>,
    at: UtcMillis,
    pace: &Pace,
    habit: impl Fn(UtcMillis) -> Habit,
) -> Vec<Arrival> {
    let start = Start::of(plan, run, known, at);
    let (table, r) = (&plan.timetable, &plan.runs[run]);
    let pattern = table.pattern(r);
    // Only a run with times of its own is held to them.
    let held = table.keeps_times(r);
    let mut arrivals = Vec::with_capacity(pattern.stops.len() - start.call);
    // What is ahead of the timetable's pace (positive: slower), and what the bus is late itself.
    let (mut slower_s, mut variance) = (0.0, start.variance);
    let mut left = start.due;
    for call in start.call..pattern.stops.len() {
        let due = table.passes(r, call);
        let ahead_s = due.since(left).seconds().max(0.0);
        if call > 0 && ahead_s > 0.0 {
            let id = |c: usize| table.stops[pattern.stops[c].stop].id.clone();
            let stretch = Stretch { feed: plan.feed.clone(), from: id(call - 1), to: id(call) };
            let then = UtcMillis(due.0 + start.late.0);
            let factor = pace.expect(&stretch, habit(then), at, then);
            slower_s += ahead_s * (factor.log.exp() - 1.0);
            // Neighbouring stretches are slow together: their spreads add up to more than if each were by chance.
            variance += ahead_s * ahead_s * factor.variance + 2.0 * ahead_s * 4.0;
        }
        let way_s = due.since(start.due).seconds().max(0.0);
        let recovers_s = if start.late.0 > 0 { LATE_RECOVERS_S } else { EARLY_RECOVERS_S };
        let keeps = if held { (-way_s / recovers_s).exp() } else { 1.0 };
        let late_s = start.late.seconds() * keeps + slower_s;
        let when = UtcMillis(due.0 + (late_s * 1000.0) as i64).max(at);
        let when = arrivals.last().map_or(when, |before: &Arrival| when.max(before.at));
        let spread = DurationMs((variance.sqrt() * 1000.0) as i64);
        let stop = table.stops[pattern.stops[call].stop].id.clone();
        arrivals.push(Arrival { run: table.key(r), call, stop, due, at: when, spread });
        left = table.departs(r, call).max(left);
    }
    arrivals
}

/// From where and when on a run is looked ahead.
struct Start {
    call: usize,
    /// Moment of the timetable that the bus is at.
    due: UtcMillis,
    late: DurationMs,
    variance: f64,
}

impl Start {
    fn of(plan: &DayPlan, run: usize, known: Known<'_>, at: UtcMillis) -> Self {
        let (table, r) = (&plan.timetable, &plan.runs[run]);
        let departs = table.departs(r, 0);
        match known {
            Known::Timetable { late } => {
                let late = late.max(DurationMs(0));
                let behind = table.pattern(r).stops.iter().enumerate();
                let call = behind.map(|(c, _)| c).find(|c| table.passes(r, *c).0 + late.0 >= at.0);
                let call = call.unwrap_or(table.trip(r).calls.len());
                // It is on its way from the stop before, as far as anybody knows: what is behind it is not driven again.
                let left = call.checked_sub(1).map_or(departs, |before| table.departs(r, before));
                let due = (at - late).max(left);
                Self { call, due, late, variance: UNSEEN_SPREAD_S.powi(2) }
            }
            Known::Bus(doing) => {
                let due = table.due(r, doing.along);
                let waits = doing.next_call == 0 && doing.along.0 <= mark(&table.pattern(r).stops, 0).0;
                let late = if waits {
                    // Still at its first stop it leaves on time, or as soon as it can.
                    DurationMs(at.since(departs).0.max(0))
                } else {
                    doing.at.since(due)
                };
                let due = if waits { departs } else { due };
                let old_s = at.since(doing.at).seconds().max(0.0);
                let variance = FIX_SPREAD_S.powi(2) + (0.2 * old_s).powi(2);
                Self { call: doing.next_call, due, late, variance }
            }
        }
    }
}

/// How late the next run of a block starts when this one ends `late`.
pub fn carried_over(ends: UtcMillis, late: DurationMs, next_departs: UtcMillis) -> DurationMs {
    DurationMs((ends.0 + late.0 + LAYOVER_MS_MIN - next_departs.0).max(0))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::geo::LatLon;
    use crate::transit::pace::{DayKind, Traversal};
    use crate::transit::shape::Shape;
    use crate::transit::timetable::{
        Agency, Call, Pattern, PatternStop, Route, Service, ServiceDay, Stop, StopId, Timetable, Trip,
    };
    use crate::units::Meters;
    use time::macros::date;

    const EIGHT: Habit = Habit { day: DayKind::Workday, hour: 8 };
    const DEPARTS_S: i32 = 28_800;

    /// A run at eight o'clock, a minute from each of its seven stops to the next.
    fn plan() -> DayPlan {
        let place = |i: usize| LatLon::new(21.0 + i as f64 / 222.390_16, 105.8);
        let id = |i: usize| StopId(format!("s{i}"));
        let stop = |i| Stop { id: id(i), code: String::new(), name: String::new(), position: place(i) };
        let call = |i: usize| {
            let s = DEPARTS_S + 60 * i as i32;
            Call { sequence: i as u32, arrive_s: s, depart_s: s, timepoint: false, may_board: true }
        };
        let trip = Trip {
            id: "t".into(),
            pattern: 0,
            service: "w".into(),
            headsign: String::new(),
            block: None,
            calls: (0..7).map(call).collect(),
            frequencies: Vec::new(),
        };
        let pattern = Pattern {
            route: 0,
            direction: Some(0),
            stops: (0..7).map(|i| PatternStop { stop: i, along: Meters(500.0 * i as f64) }).collect(),
            shape: Shape::new((0..7).map(place).collect()),
            coarse: false,
        };
        let service = Service { added: vec![date!(2026 - 03 - 02)], ..Service::default() };
        let table = Timetable {
            agencies: vec![Agency { id: "a".into(), name: "Xe".into() }],
            routes: vec![Route {
                id: "r".into(),
                agency: 0,
                short_name: String::new(),
                long_name: String::new(),
            }],
            stops: (0..7).map(stop).collect(),
            patterns: vec![pattern],
            trips: vec![trip],
            services_by_id: [("w".to_owned(), service)].into(),
        };
        let day = ServiceDay { date: date!(2026 - 03 - 02), start: UtcMillis(0) };
        DayPlan::new("f".into(), Arc::new(table), day)
    }

    #[test]
    fn of_a_run_that_nobody_sees_only_what_is_ahead_is_slow() {
        let (plan, mut pace) = (plan(), Pace::default());
        let departs = UtcMillis(i64::from(DEPARTS_S) * 1_000);
        let stretch = Stretch { feed: "f".into(), from: "s4".into(), to: "s5".into() };
        for min in (1..40).rev() {
            pace.learn(&Traversal {
                stretch: stretch.clone(),
                route: "r".into(),
                habit: EIGHT,
                at: departs - DurationMs(min * 60_000),
                took_s: 108.0,
                timetabled_s: 60.0,
            });
        }
        // Four minutes and ten seconds after its start fifty seconds are left to the sixth stop.
        let now = departs + DurationMs(250_000);
        let known = Known::Timetable { late: DurationMs(0) };
        let told = predict(&plan, 0, known, now, &pace, |_| EIGHT);
        let calls: Vec<usize> = told.iter().map(|a| a.call).collect();
        assert_eq!(calls, [5, 6]);
        let factor = pace.expect(&stretch, EIGHT, now, told[0].due);
        let slower_s = 50.0 * (factor.log.exp() - 1.0);
        assert!(slower_s > 20.0, "{slower_s} s: this test tells nothing");
        for a in &told {
            let off_s = a.at.since(a.due).seconds() - slower_s;
            assert!(off_s.abs() < 0.1, "{off_s} s off: {a:?}");
        }
        let spread_s = (UNSEEN_SPREAD_S.powi(2) + 50.0 * 50.0 * factor.variance + 2.0 * 50.0 * 4.0).sqrt();
        assert!((told[0].spread.seconds() - spread_s).abs() < 0.1, "{told:?}");
        // Before its start nothing is behind it.
        let before = predict(&plan, 0, known, departs - DurationMs(60_000), &pace, |_| EIGHT);
        assert_eq!((before.len(), before[4].at), (7, before[4].due));
        assert!(before[5].at.since(before[5].due).seconds() > 24.0, "{before:?}");
    }

    #[test]
    fn a_bus_that_stands_at_its_first_stop_for_passengers_is_told_by_when_it_leaves() {
        let timed = plan();
        let mut table = (*timed.timetable).clone();
        // It is to be there five minutes before.
        table.trips[0].calls[0].arrive_s -= 300;
        let plan = DayPlan::new("f".into(), Arc::new(table), timed.day);
        let departs = UtcMillis(i64::from(DEPARTS_S) * 1_000);
        let known = Known::Timetable { late: DurationMs(0) };
        for before_s in [600, 120] {
            let now = departs - DurationMs(before_s * 1_000);
            let told = predict(&plan, 0, known, now, &Pace::default(), |_| EIGHT);
            assert_eq!((told[0].call, told[0].due, told[0].at), (0, departs, departs), "{before_s} s before");
        }
        // Who leaves on time is on time, and not five minutes late.
        let vehicle = "bus".parse().unwrap();
        let way = ((departs, Meters(0.0)), (departs + DurationMs(60_000), Meters(500.0)));
        let passed = crate::transit::passing::between(&plan, 0, &vehicle, way.0, way.1);
        let late = passed[0].late().map(DurationMs::seconds);
        assert!(passed[0].call == 0 && late.is_some_and(|s| (0.0..10.0).contains(&s)), "{passed:?}");
    }
}
