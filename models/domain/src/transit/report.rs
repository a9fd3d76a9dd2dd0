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
        self.count_passings(limits, &mut f);
        f.regularity = regularity(&headways(self.passings.iter().copied(), &self.missed(plan)));
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
                let dues = missed.entry((route, pattern.direction, stop)).or_default();
                dues.push(table.arrives(run, call));
            }
        }
        missed
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

    fn count_passings(&self, limits: &Limits, f: &mut Figures) {
        let mut gaps: Vec<i64> = Vec::with_capacity(self.passings.len());
        let mut late_s: Vec<f64> = Vec::with_capacity(self.passings.len());
        for p in &self.passings {
            gaps.push(p.gap.0);
            f.vehicles.insert(p.vehicle.clone());
            let Some(late) = p.late() else { continue };
            late_s.push(late.seconds());
            match late.0 {
                ms if ms < -limits.early.0 => f.early += 1,
                ms if ms > limits.late.0 => f.late += 1,
                _ => f.on_time += 1,
            }
        }
        f.passings = count(self.passings.len());
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
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::geo::LatLon;
    use crate::transit::shape::Shape;
    use crate::transit::timetable::{
        Agency, Call, Frequency, Pattern, PatternStop, Route, Service, ServiceDay, Stop, Timetable, Trip,
    };
    use crate::units::UtcMillis;
    use time::macros::date;

    /// Five stops a kilometre apart, a bus every ten minutes from 6:00 on, two minutes from stop to stop.
    fn plan() -> DayPlan {
        let along = |i: usize| Meters(1000.0 * i as f64);
        let place = |i: usize| LatLon::new(21.0 + i as f64 / 111.195_08, 105.8);
        let stop = |i| Stop {
            id: format!("s{i}").as_str().into(),
            code: String::new(),
            name: String::new(),
            position: place(i),
        };
        let call = |t: i32, i: usize| {
            let s = 21_600 + 600 * t + 120 * i as i32;
            Call { sequence: i as u32, arrive_s: s, depart_s: s, timepoint: false, may_board: true }
        };
        let trip = |t: i32| Trip {
            id: format!("t{t}").as_str().into(),
            pattern: 0,
            service: "w".into(),
            headsign: String::new(),
            block: None,
            calls: (0..5).map(|i| call(t, i)).collect(),
            frequencies: Vec::new(),
        };
        let route = Route { id: "r".into(), agency: 0, short_name: "32".into(), long_name: String::new() };
        let service = Service { added: vec![date!(2026 - 03 - 02)], ..Service::default() };
        let table = Timetable {
            agencies: vec![Agency { id: "a".into(), name: "Xe".into() }],
            routes: vec![route],
            stops: (0..5).map(stop).collect(),
            patterns: vec![Pattern {
                route: 0,
                direction: Some(0),
                stops: (0..5).map(|i| PatternStop { stop: i, along: along(i) }).collect(),
                shape: Shape::new((0..5).map(place).collect()),
                coarse: false,
            }],
            trips: (0..3).map(trip).collect(),
            services_by_id: [("w".to_owned(), service)].into(),
        };
        let day = ServiceDay { date: date!(2026 - 03 - 02), start: UtcMillis(0) };
        DayPlan::new("f".into(), Arc::new(table), day)
    }

    fn drive(plan: &DayPlan, run: usize, calls: std::ops::Range<usize>, late_s: i64) -> Vec<Passing> {
        let r = &plan.runs[run];
        calls
            .map(|call| Passing {
                vehicle: format!("bus-{run}").parse().unwrap(),
                feed: "f".into(),
                route: "r".into(),
                direction: Some(0),
                run: plan.key(run),
                call,
                stop: format!("s{call}").as_str().into(),
                at: plan.timetable.arrives(r, call) + DurationMs(late_s * 1000),
                due: plan.timetable.arrives(r, call),
                headway: plan.timetable.promised_headway(r),
                gap: DurationMs(10_000),
            })
            .collect()
    }

    #[test]
    fn a_day_is_summed_up() {
        let plan = plan();
        // The first on time and whole, the second six minutes late and seen on half its way, the third never seen.
        let passings = [drive(&plan, 0, 0..5, 30), drive(&plan, 1, 1..4, 360)].concat();
        let line = Line { feed: "f".into(), route: "r".into(), direction: Some(0) };
        let elsewhere = Line { feed: "other".into(), ..line.clone() };
        let unknown = Line { route: "of yesterday".into(), ..line.clone() };
        let found = [Some(elsewhere), Some(line.clone()), Some(unknown), None, Some(line)];
        let found: Vec<_> = found
            .into_iter()
            .zip([99.0, 61.0, 98.0, 97.0, 72.0])
            .map(|(line, kmh)| Found { finding: Finding::Overspeed, line, run: None, value: Some(kmh) })
            .collect();
        let told = report(&plan, &passings, &found, &Limits::default());
        let f = &told.by_route[&RouteId::from("r")];
        assert_eq!((f.runs_scheduled, f.runs_whole, f.runs_partial), (3, 1, 1));
        assert_eq!(f.runs_by_headway, 0);
        assert_eq!((f.scheduled, f.driven), (Meters(12_000.0), Meters(6_000.0)));
        assert_eq!((f.passings, f.on_time, f.early, f.late), (8, 5, 0, 3));
        assert!((f.late_mean_s - (5.0 * 30.0 + 3.0 * 360.0) / 8.0).abs() < 1e-9);
        assert_eq!((f.overspeeds, f.overspeed_kmh_max, f.bunchings), (2, 72.0, 0));
        assert_eq!((f.vehicles.len(), f.gap_median), (2, DurationMs(10_000)));
        // At three stops a bus came 600 + 330 s after the other.
        assert_eq!(f.regularity.headways, 3);
        assert!((f.regularity.mean_s - 930.0).abs() < 1e-9);
        assert_eq!(told.by_agency[&0], *f);
        assert_eq!(told.taken, [1, 4], "what is of no route is left to others");
    }

    #[test]
    fn passengers_wait_for_runs_that_were_told_to_be_missing() {
        let plan = plan();
        let line = Line { feed: "f".into(), route: "r".into(), direction: Some(0) };
        let told = |finding| Found { finding, line: Some(line.clone()), run: Some(plan.key(1)), value: None };
        // Every ten minutes one; of the second nobody is seen.
        let seen = [drive(&plan, 0, 0..5, 0), drive(&plan, 2, 0..5, 0)].concat();
        let excess_s = |passings: &[Passing], found: &[Found]| {
            let told = report(&plan, passings, found, &Limits::default());
            assert_eq!(told.by_agency[&0].regularity, told.by_route[&RouteId::from("r")].regularity);
            told.by_agency[&0].regularity.excess_wait_s
        };
        let is = |excess_s: f64, want_s: f64| (excess_s - want_s).abs() < 1e-9;
        // Ten minutes on the mean instead of five.
        assert!(is(excess_s(&seen, &[told(Finding::RunMissing)]), 300.0));
        // Its tracker may be silent.
        assert!(is(excess_s(&seen, &[told(Finding::RunUnseen)]), 0.0) && is(excess_s(&seen, &[]), 0.0));
        let late = [seen, drive(&plan, 1, 0..5, 0)].concat();
        assert!(is(excess_s(&late, &[told(Finding::RunMissing)]), 0.0), "it was driven after all");
    }

    #[test]
    fn two_buses_by_one_start_are_two_where_starts_are_no_promise() {
        let timed = plan();
        let mut table = (*timed.timetable).clone();
        table.trips.truncate(1);
        table.trips[0].frequencies =
            vec![Frequency { start_s: 21_600, end_s: 23_400, headway_s: 600, exact: false }];
        let repeated = DayPlan::new("f".into(), Arc::new(table), timed.day);
        for (plan, by_headway, whole, partial, driven_m, headways) in
            [(&timed, 0, 1, 0, 4_000.0, 0), (&repeated, 3, 1, 1, 5_000.0, 2)]
        {
            let mut second = drive(plan, 0, 1..3, 270);
            second.iter_mut().for_each(|p| p.vehicle = "bus-9".parse().unwrap());
            let passings = [drive(plan, 0, 0..5, 30), second].concat();
            let told = report(plan, &passings, &[], &Limits::default());
            let f = &told.by_route[&RouteId::from("r")];
            assert_eq!((f.runs_scheduled, f.runs_whole, f.runs_partial), (3, whole, partial));
            assert_eq!(f.runs_by_headway, by_headway);
            assert_eq!((f.driven, f.vehicles.len()), (Meters(driven_m), 2));
            assert_eq!(f.regularity.headways, headways, "the second came four minutes behind the first");
        }
    }

    #[test]
    fn more_buses_than_their_distance_needs_are_more_runs_than_are_scheduled() {
        let timed = plan();
        let mut table = (*timed.timetable).clone();
        table.trips.truncate(1);
        table.trips[0].frequencies =
            vec![Frequency { start_s: 21_600, end_s: 23_400, headway_s: 600, exact: false }];
        let plan = DayPlan::new("f".into(), Arc::new(table), timed.day);
        let passings: Vec<Passing> = (0..4)
            .flat_map(|bus| {
                let mut driven = drive(&plan, bus % 3, 0..5, 60 * bus as i64);
                driven.iter_mut().for_each(|p| p.vehicle = format!("bus-{bus}").parse().unwrap());
                driven
            })
            .collect();
        let told = report(&plan, &passings, &[], &Limits::default());
        let f = &told.by_agency[&0];
        assert_eq!((f.runs_scheduled, f.runs_by_headway, f.runs_whole), (3, 3, 4));
        assert!(f.driven.0 > f.scheduled.0);
    }
}
