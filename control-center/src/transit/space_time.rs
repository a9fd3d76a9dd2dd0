//! One line's day over distance and time: what the timetable wants, and what was driven.

use std::collections::BTreeMap;

use models_domain::UtcMillis;
use models_domain::transit::passing::Passing;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::timetable::{RouteId, RunKey, StopId};
use models_wire::v1;

use super::supervise::Supervised;

/// Where stops lie on the way that is drawn.
struct Axis {
    pattern: usize,
    /// In the order of the way; a stop that is passed twice has two places.
    places: BTreeMap<StopId, Vec<f64>>,
}

/// `None` when no such route runs in this direction on the plan's day.
pub fn space_time(
    plan: &DayPlan,
    route: &RouteId,
    direction: Option<u8>,
    passings: &[Passing],
    now: &Supervised,
) -> Option<v1::GetSpaceTimeResponse> {
    let table = &plan.timetable;
    let of_line = |pattern: usize| {
        let p = &table.patterns[pattern];
        table.routes[p.route].id == *route && p.direction == direction
    };
    let runs: Vec<usize> =
        (0..plan.runs.len()).filter(|r| of_line(table.trip(&plan.runs[*r]).pattern)).collect();
    let axis = Axis::new(plan, &runs)?;
    let stops = &table.patterns[axis.pattern].stops;
    // Starts that are no promise are not drawn: nobody keeps them.
    let promised = runs.iter().filter(|run| table.keeps_times(&plan.runs[**run]));
    let scheduled = promised.map(|run| scheduled(plan, *run, &axis)).filter(|l| l.points.len() > 1);
    Some(v1::GetSpaceTimeResponse {
        day: plan.day.date.to_string(),
        at_ms: now.at.0,
        stops: stops
            .iter()
            .map(|s| v1::StopAlong {
                stop: table.stops[s.stop].id.0.clone(),
                name: table.stops[s.stop].name.clone(),
                along_m: s.along.0,
            })
            .collect(),
        length_m: table.patterns[axis.pattern].shape.length().0,
        scheduled: scheduled.collect(),
        driven: driven(plan, passings, &axis, now),
    })
}

impl Axis {
    /// The pattern of most runs; of two the longer.
    fn new(plan: &DayPlan, runs: &[usize]) -> Option<Self> {
        let table = &plan.timetable;
        let mut count_by_pattern: BTreeMap<usize, usize> = BTreeMap::new();
        for run in runs {
            *count_by_pattern.entry(table.trip(&plan.runs[*run]).pattern).or_default() += 1;
        }
        let most = count_by_pattern.iter().max_by_key(|(p, n)| (**n, table.patterns[**p].stops.len()));
        let pattern = *most?.0;
        let mut places: BTreeMap<StopId, Vec<f64>> = BTreeMap::new();
        for stop in &table.patterns[pattern].stops {
            places.entry(table.stops[stop.stop].id.clone()).or_default().push(stop.along.0);
        }
        Some(Self { pattern, places })
    }

    /// Where a stop lies, not before `from`: a run goes forward.
    fn place(&self, stop: &StopId, from: f64) -> Option<f64> {
        self.places.get(stop)?.iter().copied().find(|along| *along >= from)
    }
}

fn scheduled(plan: &DayPlan, run: usize, axis: &Axis) -> v1::SpaceTimeLine {
    let (table, r) = (&plan.timetable, &plan.runs[run]);
    let mut points = Vec::new();
    let mut reached = 0.0;
    for (call, stop) in table.pattern(r).stops.iter().enumerate() {
        let Some(along) = axis.place(&table.stops[stop.stop].id, reached) else { continue };
        reached = along;
        let (arrives, departs) = (table.arrives(r, call), table.departs(r, call));
        points.push(point(arrives, along));
        if departs > arrives {
            points.push(point(departs, along));
        }
    }
    let trip = table.trip(r).id.0.clone();
    v1::SpaceTimeLine { trip, start_s: r.start_s, points, ..v1::SpaceTimeLine::default() }
}

fn driven(plan: &DayPlan, passings: &[Passing], axis: &Axis, now: &Supervised) -> Vec<v1::SpaceTimeLine> {
    let mut by_run: BTreeMap<(&RunKey, &str), Vec<&Passing>> = BTreeMap::new();
    for p in passings.iter().filter(|p| p.feed == plan.feed) {
        by_run.entry((&p.run, p.vehicle.as_str())).or_default().push(p);
    }
    let mut lines = Vec::new();
    for ((run, vehicle), mut list) in by_run {
        list.sort_by_key(|p| p.call);
        let mut points = Vec::new();
        let mut reached = 0.0;
        for p in list {
            let Some(along) = axis.place(&p.stop, reached) else { continue };
            reached = along;
            points.push(point(p.at, along));
        }
        let departs = plan.find(run).map(|r| plan.timetable.departs(&plan.runs[r], 0).0);
        let mut buses = now.buses.iter().filter(|b| b.vehicle == vehicle && b.trip == run.trip.as_str());
        let bus = buses.find(|b| Some(b.departs_ms) == departs && b.feed == plan.feed.0);
        // Only on the way that is drawn is it known where along it a bus is now.
        let on_axis =
            plan.find(run).is_some_and(|r| plan.timetable.trip(&plan.runs[r]).pattern == axis.pattern);
        if let Some(bus) = bus.filter(|b| on_axis && b.along_m >= reached) {
            points.push(point(UtcMillis(bus.fix_ms), bus.along_m));
        }
        if !points.is_empty() {
            let (trip, vehicle) = (run.trip.0.clone(), vehicle.to_owned());
            lines.push(v1::SpaceTimeLine { trip, start_s: run.start_s, vehicle, now: bus.is_some(), points });
        }
    }
    lines
}

fn point(at: UtcMillis, along_m: f64) -> v1::SpaceTimePoint {
    v1::SpaceTimePoint { at_ms: at.0, along_m: along_m as f32 }
}
