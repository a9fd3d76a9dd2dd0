//! How a route or an operator ran on one service day, from the plan, the passings and the findings of that day.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, Limits};
use super::headway::{Line, Missed, Regularity, headways, regularity};
use super::passing::Passing;
use super::plan::DayPlan;
use super::timetable::{RouteId, RunKey};
use crate::ids::VehicleId;
use crate::units::{DurationMs, Meters};

/// A run is whole when at least this share of its stops was seen passed: a tracker that is quiet at one end takes nothing away.
pub const WHOLE: f64 = 0.8;

/// A finding, as far as a report counts it.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub finding: Finding,
    pub line: Option<Line>,
    /// The run that it is of.
    pub run: Option<RunKey>,
    pub value: Option<f64>,
}

/// Figures of one route, or of all routes of one operator.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    pub runs_scheduled: u32,
    /// Of the scheduled those of which only the distance to the bus before is promised: as many as keep it. Where buses run closer,
    /// more are driven than are scheduled.
    pub runs_by_headway: u32,
    pub runs_whole: u32,
    /// Seen, but less of them.
    pub runs_partial: u32,
    pub scheduled: Meters,
    /// Between the first and the last stop that were seen passed, along the shape.
    pub driven: Meters,
    pub passings: u32,
    /// Of the passings those with a time to keep: what is repeated without exact times has none.
    pub on_time: u32,
    pub early: u32,
    pub late: u32,
    pub late_mean_s: f64,
    pub regularity: Regularity,
    pub bunchings: u32,
    pub overspeeds: u32,
    pub overspeed_kmh_max: f64,
    pub vehicles: BTreeSet<VehicleId>,
    /// Median time between the two positions around a passing: how well it is known.
    pub gap_median: DurationMs,
}

/// Of every route that runs on the plan's day, and of every operator by its place in `Timetable::agencies`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    pub by_route: BTreeMap<RouteId, Figures>,
    pub by_agency: BTreeMap<usize, Figures>,
    /// Which of the findings, by their places, are in these figures; others are of no route that runs on that day.
    pub taken: Vec<usize>,
}

/// `passings` and `found` are of the plan's feed and day; others are left out.
pub fn report(plan: &DayPlan, passings: &[Passing], found: &[Found], limits: &Limits) -> Report {
    let table = &plan.timetable;
    let mut gathered_by_route: BTreeMap<usize, Gathered> = BTreeMap::new();
    let index_by_id: BTreeMap<&RouteId, usize> =
        table.routes.iter().enumerate().map(|(i, r)| (&r.id, i)).collect();
    for run in &plan.runs {
        let pattern = table.pattern(run);
        let gathered = gathered_by_route.entry(pattern.route).or_default();
        gathered.runs_scheduled += 1;
        gathered.runs_by_headway += u32::from(!table.keeps_times(run));
        gathered.scheduled_m += match (pattern.stops.first(), pattern.stops.last()) {
            (Some(first), Some(last)) => last.along.0 - first.along.0,
            _ => 0.0,
        };
    }
    for p in passings.iter().filter(|p| p.feed == plan.feed && p.run.date == plan.day.date) {
        if let Some(gathered) = index_by_id.get(&p.route).and_then(|i| gathered_by_route.get_mut(i)) {
            gathered.passings.push(p);
        }
    }
    let mut report = Report::default();
    for (place, f) in found.iter().enumerate() {
        let line = f.line.as_ref().filter(|line| line.feed == plan.feed);
        let route = line.and_then(|line| index_by_id.get(&line.route));
        if let Some(gathered) = route.and_then(|i| gathered_by_route.get_mut(i)) {
            gathered.found.push(f);
            report.taken.push(place);
        }
    }
    let mut gathered_by_agency: BTreeMap<usize, Gathered> = BTreeMap::new();
    for (route, gathered) in &gathered_by_route {
        let route = &table.routes[*route];
        report.by_route.insert(route.id.clone(), gathered.figures(plan, limits));
        gathered_by_agency.entry(route.agency).or_default().add(gathered);
    }
    report.by_agency =
        gathered_by_agency.iter().map(|(agency, g)| (*agency, g.figures(plan, limits))).collect();
    report
}

#[derive(Default)]
struct Gathered<'a> {
    runs_scheduled: u32,
    runs_by_headway: u32,
    scheduled_m: f64,
    passings: Vec<&'a Passing>,
    found: Vec<&'a Found>,
}

impl<'a> Gathered<'a> {
    fn add(&mut self, other: &Gathered<'a>) {
        self.runs_scheduled += other.runs_scheduled;
        self.runs_by_headway += other.runs_by_headway;
        self.scheduled_m += other.scheduled_m;
        self.passings.extend(&other.passings);
        self.found.extend(&other.found);
    }

    fn figures(&self, plan: &DayPlan, limits: &Limits) -> Figures {
        let mut f = Figures {
            runs_scheduled: self.runs_scheduled,
            runs_by_headway: self.runs_by_headway,
            scheduled: Meters(self.scheduled_m),
            ..Figures::default()
        };
        self.count_runs(plan, &mut f);
        let told = self.of_one_bus();
        self.count_passings(&told, limits, &mut f);
        let times_before = |p: &Passing| {
            plan.find(&p.run).map_or(0, |i| plan.timetable.pattern(&plan.runs[i]).times_before(p.call))
        };
        f.regularity = regularity(&headways(told, times_before, &self.missed(plan)));
        let of = |finding| self.found.iter().filter(move |found| found.finding == finding);
        f.bunchings = count(of(Finding::Bunching).count());
        f.overspeeds = count(of(Finding::Overspeed).count());
        f.overspeed_kmh_max = of(Finding::Overspeed).filter_map(|found| found.value).fold(0.0, f64::max);
        f
    }

    /// When runs should have come that were told to be missing, and that nobody was seen on all the same.
    fn missed<'p>(&self, plan: &'p DayPlan) -> Missed<'p> {
        let missing = self.found.iter().filter(|found| found.finding == Finding::RunMissing);
        let mut runs: BTreeSet<&RunKey> = missing.filter_map(|found| found.run.as_ref()).collect();
        if !runs.is_empty() {
            self.passings.iter().for_each(|p| _ = runs.remove(&p.run));
        }
        let (table, mut missed) = (&plan.timetable, Missed::new());
        for run in runs.into_iter().filter_map(|key| plan.find(key)).map(|i| &plan.runs[i]) {
            let (route, pattern) = (&table.route(run).id, table.pattern(run));
            for (call, stop) in pattern.stops.iter().enumerate() {
                let stop = &table.stops[stop.stop].id;
                let times = pattern.times_before(call);
                let dues = missed.entry((route, pattern.direction, stop, times)).or_default();
                dues.push(table.passes(run, call));
            }
        }
        missed
    }

    /// Of each stop of a run the passing of one bus: nobody's bus came there twice because two were taken to do one run, or one vehicle
    /// has two trackers. Told is the one that was seen at more of its stops. Where starts are no promise each bus drives its own run.
    fn of_one_bus(&self) -> Vec<&'a Passing> {
        let mut calls_by_run: BTreeMap<&RunKey, BTreeMap<&VehicleId, BTreeSet<usize>>> = BTreeMap::new();
        for p in self.passings.iter().filter(|p| p.headway.is_none()) {
            calls_by_run.entry(&p.run).or_default().entry(&p.vehicle).or_default().insert(p.call);
        }
        calls_by_run.retain(|_, calls_by_bus| calls_by_bus.len() > 1);
        let is_told = |p: &Passing| {
            let Some(calls_by_bus) = calls_by_run.get(&p.run).filter(|_| p.headway.is_none()) else {
                return true;
            };
            let own = calls_by_bus.get(&p.vehicle).map_or(0, BTreeSet::len);
            let better = |(bus, calls): (&&VehicleId, &BTreeSet<usize>)| {
                calls.contains(&p.call) && (calls.len(), *bus) > (own, &p.vehicle)
            };
            !calls_by_bus.iter().any(better)
        };
        self.passings.iter().copied().filter(|p| is_told(p)).collect()
    }

    fn count_runs(&self, plan: &DayPlan, f: &mut Figures) {
        // Two buses on one run are one run driven: one took over, or both were taken for it. Where starts are no promise each
        // drives its own: starts may run out, and then buses are told by the same.
        let mut calls_by_drive: BTreeMap<(&RunKey, Option<&VehicleId>), BTreeSet<usize>> = BTreeMap::new();
        for p in &self.passings {
            let bus = p.headway.is_some().then_some(&p.vehicle);
            calls_by_drive.entry((&p.run, bus)).or_default().insert(p.call);
        }
        for ((key, _), seen) in calls_by_drive {
            // A run that the timetable does not have any more: it was imported anew since.
            let Some(run) = plan.find(key).map(|i| &plan.runs[i]) else { continue };
            let stops = &plan.timetable.pattern(run).stops;
            if seen.len() as f64 >= WHOLE * stops.len() as f64 {
                f.runs_whole += 1;
            } else {
                f.runs_partial += 1;
            }
            let ends =
                seen.first().zip(seen.last()).and_then(|(a, b)| Some((stops.get(*a)?, stops.get(*b)?)));
            f.driven.0 += ends.map_or(0.0, |(a, b)| b.along.0 - a.along.0);
        }
    }

    fn count_passings(&self, told: &[&Passing], limits: &Limits, f: &mut Figures) {
        f.vehicles =
            self.passings.iter().map(|p| &p.vehicle).collect::<BTreeSet<_>>().into_iter().cloned().collect();
        let mut gaps: Vec<i64> = Vec::with_capacity(told.len());
        let mut late_s: Vec<f64> = Vec::with_capacity(told.len());
        for p in told {
            gaps.push(p.gap.0);
            let Some(late) = p.late() else { continue };
            late_s.push(late.seconds());
            match late.0 {
                ms if ms < -limits.early.0 => f.early += 1,
                ms if ms > limits.late.0 => f.late += 1,
                _ => f.on_time += 1,
            }
        }
        f.passings = count(told.len());
        f.late_mean_s = late_s.iter().sum::<f64>() / late_s.len().max(1) as f64;
        if !gaps.is_empty() {
            gaps.sort_unstable();
            f.gap_median = DurationMs(gaps[gaps.len() / 2]);
        }
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
