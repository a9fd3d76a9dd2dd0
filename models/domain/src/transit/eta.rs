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
        let due = table.arrives(r, call);
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
                let call = behind.map(|(c, _)| c).find(|c| table.arrives(r, *c).0 + late.0 >= at.0);
                let call = call.unwrap_or(table.trip(r).calls.len());
                Self { call, due: departs, late, variance: UNSEEN_SPREAD_S.powi(2) }
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
