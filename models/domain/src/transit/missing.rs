//! Runs that no bus came for, and runs that nobody is seen to drive. That may have other reasons: a bus without a tracker, a tracker
//! that is silent, a bus that is taken for another's run. A run is told to be missing only where none of them explains it. Else it is
//! told to be unseen, which is all that is known, where others of its line report: with how many of them do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::claims::{Claims, RunName};
use super::day::BusDay;
use super::finding::{Finding, TransitEvent};
use super::fleet::{SILENT, is_heard};
use super::pace::{Pace, Stretch};
use super::plan::{self, DayPlan};
use super::timetable::{FeedId, PatternStop, RouteId, RunKey};
use super::vehicle::{Doing, Vehicle, Work};
use crate::event::Phase;
use crate::ids::VehicleId;
use crate::units::{DurationMs, UtcMillis};

/// A run may start so late before it is missed.
const LATE: DurationMs = DurationMs(10 * 60_000);
/// A run is being done, or was, when that is as likely as this; below the other, nobody can be on it.
const SEEN: f64 = 0.5;
const PERHAPS: f64 = 0.02;
/// So much of what should have run today must have been seen to run, for one that was not to tell anything.
const SEEN_SHARE: f64 = 0.92;
/// The operator's share of runs that are seen stands for so many runs of a route.
const FEED_WEIGHT: f64 = 20.0;
/// A bus that fell silent on its way may be driving on for so long; one that had come to its end, for so long.
pub(super) const SILENT_UNDER_WAY: DurationMs = DurationMs(3 * 3_600_000);
const SILENT_AT_END: DurationMs = DurationMs(30 * 60_000);

/// A run is not told to be unseen where it is as likely as this that somebody who is heard is on it.
const DOUBT: f64 = 0.2;
/// Of the other runs under way so many must be reporting now for one that is not to be worth a look.
const REPORT_SHARE: f64 = 0.75;
/// Those of all routes stand for so many of its own.
const FEED_WEIGHT_NOW: f64 = 2.0;
/// Fewer others under way tell nothing of trackers: of a bus that pulls out then, former buses on its way do.
const FEW: usize = 4;

/// A bus with a tracker that ran a stretch for its route tells of the trackers there for so long.
const LATELY: DurationMs = DurationMs(28 * 24 * 3_600_000);

/// A bus that is silent is waited for no longer than for this share of its run's time.
const WAITED_FOR: f64 = 0.75;

/// A bus that was late has set out on its next run by so long after its last.
const SETS_OUT: DurationMs = DurationMs(5 * 60_000);
/// Nobody is so late that more runs of a block are waited for.
const RUNS_AHEAD: usize = 4;

#[derive(Debug, Clone, Default)]
pub struct Missing {
    /// Either missing or unseen.
    by_run: BTreeMap<RunName, TransitEvent>,
    /// Runs whose bus is late on one before, and until when it is waited for.
    awaited: BTreeMap<RunName, UtcMillis>,
}

/// What was seen, and what is known to be unsure of it.
struct Evidence<'a> {
    covered: BTreeSet<RunName>,
    claims: &'a Claims,
    /// Routes on which a bus may be driving that is not heard.
    unheard: BTreeSet<(FeedId, RouteId)>,
    /// How likely it is that no bus which is heard now does a run.
    free: BTreeMap<RunName, f64>,
    /// Runs that a bus waits for at their first stop, which may report seldom.
    waited_for: BTreeSet<RunName>,
    /// Runs whose bus is heard, by their blocks, on one before, or was just now: it is late, or about to set out.
    awaited: BTreeSet<RunName>,
    /// What the buses that are heard do, or did last.
    heard_on: BTreeSet<(FeedId, RouteId)>,
    /// A bus is heard of which nothing is known, and there is one feed for it to be of.
    strangers: bool,
}

impl Missing {
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub fn iter(&self) -> impl Iterator<Item = &TransitEvent> {
        self.by_run.values()
    }

    /// Whether a run is told to be missing, and not only that nobody is seen on it.
    pub fn is_missing(&self, run: &RunName) -> bool {
        self.by_run.get(run).is_some_and(|event| event.finding == Finding::RunMissing)
    }

    /// Goes on with what was told before a restart.
    pub fn resume(&mut self, run: RunName, event: TransitEvent) {
        self.by_run.insert(run, event);
    }

    /// Begun or ended since last asked.
    pub fn look(
        &mut self,
        (days, claims, pace): (&BTreeMap<VehicleId, BusDay>, &Claims, &Pace),
        plans: &[Arc<DayPlan>],
        now: UtcMillis,
    ) -> Vec<TransitEvent> {
        let mut evidence = Evidence::of(days, claims, plans, now);
        self.awaited.extend(evidence.awaited.iter().map(|run| (run.clone(), now + SETS_OUT)));
        self.awaited.retain(|_, until| now < *until);
        evidence.awaited = self.awaited.keys().cloned().collect();
        let (mut news, mut open) = (Vec::new(), BTreeSet::new());
        for plan in plans {
            let name = |key: &RunKey| (plan.feed.clone(), key.clone());
            let missing = plan.missing(now, LATE.0, |key| evidence.is_heard(&name(key)));
            if missing.is_empty() {
                continue;
            }
            let (watched, reporting) =
                (Watched::of(plan, &evidence, now), Reporting::of(plan, &evidence, now));
            for run in missing {
                let key = name(&plan.key(run));
                open.insert(key.clone());
                let told = self.by_run.get(&key).map(|event| event.finding);
                let surely = watched.well(plan, run) && !evidence.explains(plan, run);
                let found = match told {
                    Some(Finding::RunMissing) => continue,
                    None | Some(_) if surely => begun(Finding::RunMissing, None, plan, run, now),
                    None if evidence.heard(&key) < DOUBT && !evidence.awaited.contains(&key) => {
                        // The first of a morning has no others beside it.
                        let pulls_out = || {
                            let heard = plan.pulls_out(run) && evidence.hears(plan, run);
                            heard && watched.half(plan, run) && is_driven(plan, run, (&evidence, pace), now)
                        };
                        if !(reporting.well(plan, run) || reporting.is_few() && pulls_out()) {
                            continue;
                        }
                        begun(Finding::RunUnseen, share(reporting.others(plan, run)), plan, run, now)
                    }
                    None | Some(_) => continue,
                };
                let unseen = self.by_run.insert(key, found.clone());
                news.extend(unseen.map(|unseen| TransitEvent { phase: Phase::Ended, at: now, ..unseen }));
                news.push(found);
            }
        }
        self.by_run.retain(|run, event| {
            // That nobody was seen is of no use any more once it should be over.
            let unseen = event.finding == Finding::RunUnseen;
            let found = if unseen { !open.contains(run) } else { evidence.is_seen(run) };
            // Told by an earlier version of a start that is none.
            let found = found || is_timeless(plans, run);
            if found {
                let over = ends(plans, run).filter(|over| unseen && *over < now);
                news.push(TransitEvent { phase: Phase::Ended, at: over.unwrap_or(now), ..event.clone() });
            }
            !found
        });
        news
    }
}

impl<'a> Evidence<'a> {
    fn of(
        days: &BTreeMap<VehicleId, BusDay>,
        claims: &'a Claims,
        plans: &[Arc<DayPlan>],
        now: UtcMillis,
    ) -> Self {
        let (mut covered, mut unheard, mut free) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        let (mut awaited, mut heard_on, mut strangers) = (BTreeSet::new(), BTreeSet::new(), false);
        let mut waited_for = BTreeSet::new();
        for day in days.values() {
            covered.extend(day.calls_by_run.keys().cloned());
            let silent = day.newest().map_or(i64::MAX, |at| now.since(at).0);
            let under_way = matches!(day.bus.work, Work::Running(_));
            let long = if under_way { SILENT_UNDER_WAY } else { SILENT_AT_END };
            let waits = waits_for(&day.bus, now);
            if silent <= SILENT.0 || waits.is_some() {
                awaited.extend(ahead(day));
            }
            waited_for.extend(waits);
            // One that may be silent does not tell that the way to us is open, nor that it is still there.
            if silent <= SILENT.0 {
                let route = route_of(day);
                strangers |= route.is_none();
                heard_on.extend(route);
                // One that has just come to its end might be doing any run of that line, by its place.
                let ended = matches!(day.bus.work, Work::Finished { .. });
                for (run, share) in day.bus.claims.iter().filter(|_| !ended) {
                    *free.entry(run.clone()).or_insert(1.0) *= 1.0 - share;
                }
            } else if silent <= long.0 {
                unheard.extend(route_of(day));
            }
        }
        strangers &= plans.windows(2).all(|pair| pair[0].feed == pair[1].feed);
        Self { covered, claims, unheard, free, waited_for, awaited, heard_on, strangers }
    }

    /// Whether the way from the operator's buses to us is known to be open: any of its buses is heard.
    fn hears(&self, plan: &DayPlan, run: usize) -> bool {
        let agency = plan.timetable.route(&plan.runs[run]).agency;
        let mut own = plan.timetable.routes.iter().filter(|route| route.agency == agency);
        self.strangers || own.any(|route| self.heard_on.contains(&(plan.feed.clone(), route.id.clone())))
    }

    fn is_seen(&self, run: &RunName) -> bool {
        self.covered.contains(run) || self.claims.by_any(run) >= SEEN
    }

    /// How likely it is that a bus which is heard now does a run.
    fn heard(&self, run: &RunName) -> f64 {
        1.0 - self.free.get(run).copied().unwrap_or(1.0)
    }

    /// A bus passed stops of it, is heard on it, or waits for it.
    fn is_heard(&self, run: &RunName) -> bool {
        self.covered.contains(run) || self.waited_for.contains(run) || self.heard(run) >= SEEN
    }

    fn explains(&self, plan: &DayPlan, run: usize) -> bool {
        let route = plan.timetable.route(&plan.runs[run]).id.clone();
        let name = (plan.feed.clone(), plan.key(run));
        self.claims.by_any(&name) >= PERHAPS
            || self.awaited.contains(&name)
            || self.unheard.contains(&(plan.feed.clone(), route))
    }
}

/// What a bus does, or did last; `None` where nothing is known of it.
fn route_of(day: &BusDay) -> Option<(FeedId, RouteId)> {
    let route = |d: &Doing| (d.plan.feed.clone(), d.plan.timetable.route(&d.plan.runs[d.run]).id.clone());
    day.bus.doing().map(route).or_else(|| day.last.as_ref().map(|p| (p.feed.clone(), p.route.clone())))
}

/// The run that a bus waits for, as passengers are told, for as long as it may stand there without a report; but for so long only that
/// supervisors who are told then that nobody is seen on it can do something yet.
fn waits_for(bus: &Vehicle, now: UtcMillis) -> Option<RunName> {
    let Work::Waiting(doing) = &bus.work else { return None };
    let (table, run, name) = (&doing.plan.timetable, &doing.plan.runs[doing.run], doing.key());
    let (departs, takes) = (table.departs(run, 0), table.ends(run).since(table.departs(run, 0)));
    let until = departs + DurationMs((takes.0 as f64 * WAITED_FOR) as i64);
    let likely = bus.claims.iter().any(|(run, share)| *run == name && *share >= SEEN);
    (likely && now <= until && is_heard(bus, now)).then_some(name)
}

/// What the block of a bus has after the run that it does.
fn ahead(day: &BusDay) -> Vec<RunName> {
    let (Work::Waiting(doing) | Work::Running(doing)) = &day.bus.work else { return Vec::new() };
    let plan = &doing.plan;
    let runs = std::iter::successors(plan.next_of_block(doing.run), |run| plan.next_of_block(*run));
    runs.take(RUNS_AHEAD).map(|run| (plan.feed.clone(), plan.key(run))).collect()
}

/// Of the runs of today that should have begun, how many were seen.
struct Watched {
    all: (usize, usize),
    by_route: BTreeMap<usize, (usize, usize)>,
}

impl Watched {
    fn of(plan: &DayPlan, evidence: &Evidence<'_>, now: UtcMillis) -> Self {
        let to = plan.runs.partition_point(|r| plan.timetable.departs(r, 0) + LATE < now);
        let mut watched = Self { all: (0, 0), by_route: BTreeMap::new() };
        for run in (0..to).filter(|run| plan.timetable.keeps_times(&plan.runs[*run])) {
            let seen = usize::from(evidence.is_seen(&(plan.feed.clone(), plan.key(run))));
            let route = plan.timetable.pattern(&plan.runs[run]).route;
            let of_route = watched.by_route.entry(route).or_default();
            *of_route = (of_route.0 + 1, of_route.1 + seen);
            watched.all = (watched.all.0 + 1, watched.all.1 + seen);
        }
        watched
    }

    /// Whether trackers tell of half of what the route should have run today, the run itself left out.
    fn half(&self, plan: &DayPlan, run: usize) -> bool {
        let route = plan.timetable.pattern(&plan.runs[run]).route;
        let (runs, seen) = self.by_route.get(&route).copied().unwrap_or_default();
        2 * seen >= runs.saturating_sub(1)
    }

    /// Well enough to say that nobody was on this run, itself left out.
    fn well(&self, plan: &DayPlan, run: usize) -> bool {
        let route = plan.timetable.pattern(&plan.runs[run]).route;
        let (runs, seen) = self.by_route.get(&route).copied().unwrap_or_default();
        let of_feed = self.all.1 as f64 / self.all.0.saturating_sub(1).max(1) as f64;
        let share =
            (seen as f64 + FEED_WEIGHT * of_feed.min(1.0)) / (runs.saturating_sub(1) as f64 + FEED_WEIGHT);
        share >= SEEN_SHARE
    }
}

/// Of the runs that are under way now, how many report.
struct Reporting {
    all: (usize, usize),
    by_route: BTreeMap<usize, (usize, usize)>,
}

impl Reporting {
    fn of(plan: &DayPlan, evidence: &Evidence<'_>, now: UtcMillis) -> Self {
        let mut all = Self { all: (0, 0), by_route: BTreeMap::new() };
        for run in plan.missing(now, LATE.0, |_| false) {
            let reports = usize::from(evidence.heard(&(plan.feed.clone(), plan.key(run))) >= SEEN);
            let of_route = all.by_route.entry(plan.timetable.pattern(&plan.runs[run]).route).or_default();
            *of_route = (of_route.0 + 1, of_route.1 + reports);
            all.all = (all.all.0 + 1, all.all.1 + reports);
        }
        all
    }

    /// Too few to tell anything of one that does not report.
    fn is_few(&self) -> bool {
        self.all.0.saturating_sub(1) < FEW
    }

    /// How many others of its route there are, and how many of them report.
    fn others(&self, plan: &DayPlan, run: usize) -> (f64, f64) {
        let route = plan.timetable.pattern(&plan.runs[run]).route;
        let (runs, report) = self.by_route.get(&route).copied().unwrap_or_default();
        (runs.saturating_sub(1) as f64, report as f64)
    }

    /// Well enough for this one, which does not, to be worth a look.
    fn well(&self, plan: &DayPlan, run: usize) -> bool {
        let (others, report) = self.others(plan, run);
        let of_feed = self.all.1 as f64 / self.all.0.saturating_sub(1).max(1) as f64;
        (report + FEED_WEIGHT_NOW * of_feed.min(1.0)) / (others + FEED_WEIGHT_NOW) >= REPORT_SHARE
    }
}

/// Whether buses of its route run its way with trackers: one was seen on another of its runs today, or lately on most of its
/// stretches. That buses of other routes run some of them tells nothing: nearly every route without trackers shares a street.
fn is_driven(plan: &DayPlan, run: usize, (evidence, pace): (&Evidence<'_>, &Pace), now: UtcMillis) -> bool {
    let table = &plan.timetable;
    let alike = plan.runs_of(table.trip(&plan.runs[run]).pattern).iter();
    let covered = |other: &usize| evidence.covered.contains(&(plan.feed.clone(), plan.key(*other)));
    if alike.filter(|other| **other != run).any(covered) {
        return true;
    }
    let (stops, route) = (&table.pattern(&plan.runs[run]).stops, &table.route(&plan.runs[run]).id);
    let stop = |s: &PatternStop| table.stops[s.stop].id.clone();
    let stretch =
        |pair: &[PatternStop]| Stretch { feed: plan.feed.clone(), from: stop(&pair[0]), to: stop(&pair[1]) };
    let known = stops.windows(2).filter(|pair| pace.knows(&stretch(pair), route, now - LATELY));
    2 * known.count() > stops.len().saturating_sub(1)
}

/// When a run should be over.
fn ends(plans: &[Arc<DayPlan>], (feed, run): &RunName) -> Option<UtcMillis> {
    let (plan, run) = plan::find(plans, feed, run)?;
    Some(plan.timetable.ends(&plan.runs[run]))
}

/// Whether the start of a run is no promise.
fn is_timeless(plans: &[Arc<DayPlan>], (feed, run): &RunName) -> bool {
    plan::find(plans, feed, run).is_some_and(|(plan, run)| !plan.timetable.keeps_times(&plan.runs[run]))
}

/// Of a hundred others, how many report; `None` without others.
fn share((others, report): (f64, f64)) -> Option<f64> {
    (others > 0.0).then(|| ((report / others).min(1.0) * 100.0).round())
}

fn begun(finding: Finding, value: Option<f64>, plan: &DayPlan, run: usize, now: UtcMillis) -> TransitEvent {
    let (table, r) = (&plan.timetable, &plan.runs[run]);
    let first = &table.stops[table.pattern(r).stops[0].stop];
    TransitEvent {
        finding,
        phase: Phase::Begun,
        began: table.departs(r, 0),
        at: now,
        vehicle: None,
        place: Some(first.position),
        run: Some((plan.feed.clone(), plan.key(run))),
        stop: Some(first.id.clone()),
        value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_route_has_no_others_there_is_no_share_of_them() {
        assert_eq!([share((0.0, 0.0)), share((4.0, 3.0)), share((3.0, 2.0))], [None, Some(75.0), Some(67.0)]);
    }
}
