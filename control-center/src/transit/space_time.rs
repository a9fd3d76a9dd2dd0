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

    /// Where a call of a run lies. On the way that is drawn it has its place, also where a stop comes twice; the stops of another way
    /// are looked for there, not before `from`: a run goes forward.
    fn place(
        &self,
        plan: &DayPlan,
        run: Option<usize>,
        (call, stop): (usize, &StopId),
        from: f64,
    ) -> Option<f64> {
        let table = &plan.timetable;
        let on_axis = run.is_some_and(|run| table.trip(&plan.runs[run]).pattern == self.pattern);
        let own = table.patterns[self.pattern].stops.get(call).filter(|_| on_axis);
        if let Some(own) = own.filter(|own| table.stops[own.stop].id == *stop) {
            return Some(own.along.0);
        }
        self.places.get(stop)?.iter().copied().find(|along| *along >= from)
    }
}

fn scheduled(plan: &DayPlan, run: usize, axis: &Axis) -> v1::SpaceTimeLine {
    let (table, r) = (&plan.timetable, &plan.runs[run]);
    let mut points = Vec::new();
    let mut reached = 0.0;
    for (call, stop) in table.pattern(r).stops.iter().enumerate() {
        let stop = &table.stops[stop.stop].id;
        let Some(along) = axis.place(plan, Some(run), (call, stop), reached) else { continue };
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
            let Some(along) = axis.place(plan, plan.find(run), (p.call, &p.stop), reached) else { continue };
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use models_domain::geo::LatLon;
    use models_domain::transit::shape::Shape;
    use models_domain::transit::timetable::{
        Call, Pattern, PatternStop, Route, Service, ServiceDay, Stop, Timetable, Trip,
    };
    use models_domain::{DurationMs, Meters};
    use time::macros::date;

    use super::*;

    /// A way of five calls a kilometre and a minute apart that begins and ends at one stop and comes by another twice.
    fn plan() -> DayPlan {
        let place = |i: usize| LatLon::new(21.0 + i as f64 / 111.195_08, 105.8);
        let stop = |i: usize| Stop {
            id: StopId(format!("s{i}")),
            code: String::new(),
            name: String::new(),
            position: place(i),
        };
        let call = |i: i32| {
            let s = 60 * i;
            Call { sequence: i as u32, arrive_s: s, depart_s: s, timepoint: false, may_board: true }
        };
        let stops = [0, 1, 2, 1, 0].iter().zip(0..);
        let pattern = Pattern {
            route: 0,
            direction: Some(0),
            stops: stops
                .map(|(stop, i)| PatternStop { stop: *stop, along: Meters(1_000.0 * f64::from(i)) })
                .collect(),
            shape: Shape::new((0..5).map(place).collect()),
            coarse: false,
        };
        let trip = Trip {
            id: "t".into(),
            pattern: 0,
            service: "w".into(),
            headsign: String::new(),
            block: None,
            calls: (0..5).map(call).collect(),
            frequencies: Vec::new(),
        };
        let route = Route { id: "r".into(), agency: 0, short_name: "32".into(), long_name: String::new() };
        let service = Service { added: vec![date!(2026 - 03 - 02)], ..Service::default() };
        let table = Timetable {
            routes: vec![route],
            stops: (0..3).map(stop).collect(),
            patterns: vec![pattern],
            trips: vec![trip],
            services_by_id: [("w".to_owned(), service)].into(),
            ..Timetable::default()
        };
        let day = ServiceDay { date: date!(2026 - 03 - 02), start: UtcMillis(0) };
        DayPlan::new("f".into(), Arc::new(table), day)
    }

    #[test]
    fn a_bus_that_is_first_seen_at_a_stop_that_comes_twice_is_drawn_where_it_was() {
        let plan = plan();
        let passing = |call: usize, stop: &str| Passing {
            vehicle: "bus".parse().unwrap(),
            feed: "f".into(),
            route: "r".into(),
            direction: Some(0),
            run: plan.key(0),
            call,
            stop: stop.into(),
            at: UtcMillis(60_000 * call as i64),
            due: UtcMillis(60_000 * call as i64),
            headway: None,
            gap: DurationMs(10_000),
        };
        let line = |passings: &[Passing]| {
            let drawn = space_time(&plan, &"r".into(), Some(0), passings, &Supervised::default()).unwrap();
            let along = |line: &v1::SpaceTimeLine| line.points.iter().map(|p| p.along_m).collect::<Vec<_>>();
            assert_eq!(along(&drawn.scheduled[0]), [0.0, 1_000.0, 2_000.0, 3_000.0, 4_000.0]);
            along(&drawn.driven[0])
        };
        assert_eq!(line(&[passing(3, "s1"), passing(4, "s0")]), [3_000.0, 4_000.0]);
        assert_eq!(line(&[passing(4, "s0")]), [4_000.0]);
        assert_eq!(line(&[passing(0, "s0"), passing(1, "s1")]), [0.0, 1_000.0]);
    }
}
