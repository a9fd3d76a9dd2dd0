//! What is expected of the runs ahead: of those that a bus does or does next, and by the timetable of those that nobody is seen on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Fleet;
use crate::ids::VehicleId;
use crate::transit::accuracy::Source;
use crate::transit::claims::RunName;
use crate::transit::eta::{Arrival, Known, carried_over, predict};
use crate::transit::pace::Habit;
use crate::transit::plan::DayPlan;
use crate::transit::timetable::FeedId;
use crate::transit::vehicle::{Doing, Vehicle, Work};
use crate::units::{DurationMs, UtcMillis};

/// A bus is no later on the run before.
const LATE_MAX: DurationMs = DurationMs(3 * 3_600_000);

/// So long off its line a bus drives a way of its own, as passengers are told.
const ASTRAY: DurationMs = DurationMs(120_000);

/// A run with what is expected of it.
#[derive(Debug, Clone)]
pub struct Outlook {
    pub plan: Arc<DayPlan>,
    /// Index into the plan's runs.
    pub run: usize,
    /// `None` when no bus is known to do it.
    pub vehicle: Option<VehicleId>,
    /// Of that bus: when it was last seen on its way, from which `arrivals` are reckoned.
    pub seen: Option<UtcMillis>,
    pub arrivals: Vec<Arrival>,
}

impl Outlook {
    /// By what passengers are told of it; `None` where they are told no time: of runs that nobody is seen on and whose start is no
    /// promise.
    pub fn source(&self) -> Option<Source> {
        let keeps_times = self.plan.timetable.keeps_times(&self.plan.runs[self.run]);
        if self.vehicle.is_some() { Some(Source::Bus) } else { keeps_times.then_some(Source::Timetable) }
    }
}

/// Runs that buses were seen on today.
struct Seen<'a> {
    /// Of each the first call that nobody was seen to pass, after all that somebody was.
    next_by_run: BTreeMap<&'a RunName, usize>,
    /// A bus was under way on it when it was last heard.
    under_way: BTreeSet<RunName>,
}

impl Seen<'_> {
    /// From which call on a run that no bus is seen on now may be believed to keep its timetable: one that nobody was seen on from its
    /// first stop, one whose bus fell silent from where that was, and one that was driven to its end, or left, not at all.
    fn first_call(&self, run: &RunName) -> Option<usize> {
        match self.next_by_run.get(run) {
            None => Some(0),
            Some(next) => self.under_way.contains(run).then_some(*next),
        }
    }
}

fn is_astray(bus: &Vehicle, doing: &Doing) -> bool {
    let seen = bus.last.as_ref().map(|last| last.seen.at);
    doing.off_since.zip(seen).is_some_and(|(since, seen)| seen.since(since).0 >= ASTRAY.0)
}

impl Fleet {
    /// Everything expected until `until`: runs with a bus, what these buses do next, and runs that nobody is seen on, up to where they
    /// should be over. None of those that are told to be missing.
    pub fn outlook(
        &self,
        plans: &[Arc<DayPlan>],
        now: UtcMillis,
        until: UtcMillis,
        habit: impl Fn(&FeedId, UtcMillis) -> Habit,
    ) -> Vec<Outlook> {
        let mut all: Vec<Outlook> = Vec::new();
        let mut late_by_run: BTreeMap<RunName, (VehicleId, UtcMillis, DurationMs)> = BTreeMap::new();
        let mut taken: BTreeSet<RunName> = BTreeSet::new();
        for bus in self.working(now) {
            let Some(doing) = bus.doing() else { continue };
            let (plan, run) = (&doing.plan, doing.run);
            if matches!(bus.work, Work::Waiting(_)) && !plan.timetable.keeps_times(&plan.runs[run]) {
                // Nothing says when it sets out.
                taken.insert(doing.key());
                continue;
            }
            let known = Known::Bus(doing);
            let mut arrivals = predict(plan, run, known, now, &self.pace, |t| habit(&plan.feed, t));
            // It ends where it would, however little is told of the stops before.
            let last = arrivals.last().map(|last| (last.due, last.at));
            if matches!(bus.work, Work::Running(_)) && is_astray(bus, doing) {
                // It drives on beside its line. Where it should have been by now it is not about to come.
                arrivals.retain(|a| a.at > now);
            }
            taken.insert(doing.key());
            if let (Some((due, at)), Some(next)) = (last, plan.next_of_block(run)) {
                let departs = plan.timetable.departs(&plan.runs[next], 0);
                let late = carried_over(due, at.since(due), departs);
                late_by_run.insert((plan.feed.clone(), plan.key(next)), (bus.id.clone(), doing.at, late));
            }
            let (vehicle, at) = (Some(bus.id.clone()), Some(doing.at));
            all.push(Outlook { plan: plan.clone(), run, vehicle, seen: at, arrivals });
        }
        let seen = self.seen();
        for plan in plans {
            for (run, r) in plan.runs.iter().enumerate() {
                let (departs, ends) = (plan.timetable.departs(r, 0), plan.timetable.ends(r));
                // Nobody is later than that on a run before.
                if departs > until || ends + LATE_MAX < now {
                    continue;
                }
                let key = (plan.feed.clone(), plan.key(run));
                let carried = late_by_run.get(&key);
                let late = carried.map_or(DurationMs(0), |(.., late)| *late);
                if taken.contains(&key) || ends + late < now || self.missing.is_missing(&key) {
                    continue;
                }
                let from = if carried.is_some() { Some(0) } else { seen.first_call(&key) };
                let Some(from) = from else { continue };
                let known = Known::Timetable { late };
                let mut arrivals = predict(plan, run, known, now, &self.pace, |t| habit(&plan.feed, t));
                arrivals.retain(|a| a.call >= from);
                let (vehicle, at) = carried.map(|(vehicle, at, _)| (vehicle.clone(), *at)).unzip();
                all.push(Outlook { plan: plan.clone(), run, vehicle, seen: at, arrivals });
            }
        }
        all
    }

    fn seen(&self) -> Seen<'_> {
        let mut seen = Seen { next_by_run: BTreeMap::new(), under_way: BTreeSet::new() };
        for day in self.days.values() {
            for (run, calls) in &day.calls_by_run {
                let next = seen.next_by_run.entry(run).or_default();
                *next = calls.last().map_or(0, |call| call + 1).max(*next);
            }
            if let Work::Running(doing) = &day.bus.work {
                seen.under_way.insert(doing.key());
            }
        }
        seen
    }
}
