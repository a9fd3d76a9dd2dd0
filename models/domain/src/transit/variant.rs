//! Variants of a line: patterns of one route in one direction. Where they serve the same stops one after the other, people wait for
//! whichever comes, and their buses may run as one.

use super::driven::Drive;
use super::headway::BUNCHED;
use super::timetable::Pattern;
use super::vehicle::Doing;
use crate::ids::VehicleId;
use crate::units::{DurationMs, Meters, UtcMillis};

/// The bus of another variant that a bus runs as one with.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    pub vehicle: VehicleId,
    /// Since when it has left the place where the bus is now.
    pub ahead: DurationMs,
    /// What the timetable has between the two there.
    pub timetabled: DurationMs,
}

/// Where on another pattern of the timetable a place of one lies: between two stops that both serve one after the other. `None` where
/// they do not. Of stops that the other serves twice the first time counts.
pub(super) fn place_on(own: &Pattern, along: Meters, other: &Pattern) -> Option<Meters> {
    let next = own.stops.partition_point(|s| s.along.0 <= along.0);
    let (a, b) = (own.stops.get(next.checked_sub(1)?)?, own.stops.get(next)?);
    let mut pairs = other.stops.windows(2);
    let pair = pairs.find(|pair| pair[0].stop == a.stop && pair[1].stop == b.stop)?;
    let share = (along.0 - a.along.0) / (b.along.0 - a.along.0).max(1e-9);
    Some(Meters(pair[0].along.0 + share * (pair[1].along.0 - pair[0].along.0)))
}

/// Of the buses of one line and timetable the nearest of another variant ahead, where a bus runs as one with it; `own_ahead` is how far
/// the next of its own variant is: behind that one nobody else is the bus ahead. Where only distances are promised, none is promised
/// between variants.
pub(super) fn beside(
    bus: &Doing,
    at: UtcMillis,
    others: &[(&VehicleId, &Doing)],
    own_ahead: Option<DurationMs>,
) -> Option<Beside> {
    let own = drive(bus);
    let ahead = others.iter().filter_map(|(vehicle, other)| {
        let theirs = drive(other);
        if own.pattern() == theirs.pattern() {
            return None;
        }
        let (place, timetabled) = between_variants(&own, &theirs, bus.along)?;
        let ahead = at.min(bus.at).since(other.when(place)?);
        (ahead.0 >= 0).then(|| Beside { vehicle: (*vehicle).clone(), ahead, timetabled })
    });
    let next = ahead.min_by(|a, b| (a.ahead, &a.vehicle).cmp(&(b.ahead, &b.vehicle)))?;
    let is_next = own_ahead.is_none_or(|own| next.ahead <= own);
    (is_next && next.ahead.seconds() < BUNCHED * next.timetabled.seconds()).then_some(next)
}

/// Where on the way of another variant's bus a place lies, and what the timetable has between the two buses there; `None` where nothing
/// is promised.
pub(super) fn between_variants(
    own: &Drive<'_>,
    other: &Drive<'_>,
    along: Meters,
) -> Option<(Meters, DurationMs)> {
    let (table, run, their_run) = (&own.plan.timetable, &own.plan.runs[own.run], &other.plan.runs[other.run]);
    if !(table.keeps_times(run) && table.keeps_times(their_run)) {
        return None;
    }
    let place = place_on(table.pattern(run), along, table.pattern(their_run))?;
    let apart = table.due(run, along).since(table.due(their_run, place));
    Some((place, DurationMs(apart.0.abs())))
}

fn drive(doing: &Doing) -> Drive<'_> {
    Drive { plan: &doing.plan, run: doing.run, trace: &doing.trace }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use time::macros::date;

    use super::*;
    use crate::geo::LatLon;
    use crate::transit::headway::ladder;
    use crate::transit::matching::Matcher;
    use crate::transit::plan::DayPlan;
    use crate::transit::shape::Shape;
    use crate::transit::timetable::{
        Call, PatternStop, Route, Service, ServiceDay, Stop, StopId, Timetable, Trip,
    };
    use crate::transit::vehicle::{Vehicle, Work};

    /// A kilometre and a minute from each stop to the next: `main` sets out from stop 1 at second 600, and `long` from stop 0 at second
    /// 0; both go from stop 1 to stop 2, and each to another from there.
    fn plan() -> Arc<DayPlan> {
        let place = |i: usize| LatLon::new(21.0 + i as f64 / 111.195_08, 105.8);
        let stop = |i: usize| Stop {
            id: StopId(format!("s{i}")),
            code: String::new(),
            name: String::new(),
            position: place(i),
        };
        let pattern = |stops: [usize; 4]| Pattern {
            route: 0,
            direction: Some(0),
            stops: (0..4)
                .map(|i| PatternStop { stop: stops[i], along: Meters(1_000.0 * i as f64) })
                .collect(),
            shape: Shape::new((0..4).map(|i| place(stops[0] + i)).collect()),
            coarse: false,
        };
        let trip = |id: &str, pattern: usize, from_s: i32| {
            let call = |i: i32| {
                let s = from_s + 60 * i;
                Call { sequence: i as u32, arrive_s: s, depart_s: s, timepoint: false, may_board: true }
            };
            Trip {
                id: id.into(),
                pattern,
                service: "w".into(),
                headsign: String::new(),
                block: None,
                calls: (0..4).map(call).collect(),
                frequencies: Vec::new(),
            }
        };
        let route = Route { id: "r".into(), agency: 0, short_name: "32".into(), long_name: String::new() };
        let service = Service { added: vec![date!(2026 - 03 - 02)], ..Service::default() };
        let table = Timetable {
            routes: vec![route],
            stops: (0..6).map(stop).collect(),
            patterns: vec![pattern([1, 2, 3, 4]), pattern([0, 1, 2, 5])],
            trips: vec![trip("main", 0, 600), trip("long", 1, 0)],
            services_by_id: [("w".to_owned(), service)].into(),
            ..Timetable::default()
        };
        let day = ServiceDay { date: date!(2026 - 03 - 02), start: UtcMillis(0) };
        Arc::new(DayPlan::new("f".into(), Arc::new(table), day))
    }

    /// A bus on a trip that was at these metres along its way at these seconds.
    fn doing(plan: &Arc<DayPlan>, trip: &str, trace: &[(i64, f64)]) -> Doing {
        let run = plan.runs.iter().position(|run| plan.timetable.trip(run).id.as_str() == trip).unwrap();
        let trace: Vec<_> = trace.iter().map(|(s, m)| (UtcMillis(s * 1_000), Meters(*m))).collect();
        let (at, along) = *trace.last().unwrap();
        Doing {
            plan: plan.clone(),
            run,
            along,
            at,
            next_call: 1,
            trace,
            off_since: None,
            sure: true,
            pending: Vec::new(),
            matcher: Matcher::default(),
            doubts: 0,
            from: Meters(0.0),
            front: at,
        }
    }

    #[test]
    fn a_place_lies_on_another_variant_between_stops_that_both_serve() {
        let plan = plan();
        let [main, long] = &plan.timetable.patterns[..] else { panic!("two patterns") };
        let on =
            |own: &Pattern, along: f64, other: &Pattern| place_on(own, Meters(along), other).map(|m| m.0);
        assert_eq!(on(main, 250.0, long), Some(1_250.0));
        assert_eq!(on(long, 1_250.0, main), Some(250.0));
        assert_eq!([on(main, 1_250.0, long), on(long, 500.0, main), on(long, 2_500.0, main)], [None; 3]);
    }

    #[test]
    fn a_bus_runs_as_one_with_that_of_another_variant_only_where_they_serve_the_same_stops() {
        let plan = plan();
        let (one, other) = ("main".parse::<VehicleId>().unwrap(), "long".parse::<VehicleId>().unwrap());
        let ahead = |left_s: i64| doing(&plan, "long", &[(left_s, 500.0), (left_s + 60, 1_500.0)]);
        let behind = |along_m: f64| doing(&plan, "main", &[(600, 0.0), (630, along_m)]);
        let bus = |id: &VehicleId, doing: &Doing| {
            let mut bus = Vehicle::new(id.clone());
            bus.work = Work::Running(Box::new(doing.clone()));
            bus
        };
        let told_of = |buses: &[Vehicle]| {
            let rungs = ladder(buses.iter(), UtcMillis(640_000));
            let rung = rungs.iter().find(|rung| rung.vehicle == one).unwrap();
            assert_eq!(rung.is_bunched() == Some(true), rung.beside.is_some());
            rung.beside.clone().map(|b| (b.vehicle, b.ahead.0 / 1_000, b.timetabled.0 / 1_000))
        };
        let told = |behind: &Doing, ahead: &Doing| told_of(&[bus(&one, behind), bus(&other, ahead)]);
        // The one ahead comes to its place 45 s after it was seen first. Nine minutes are to lie between the two there.
        assert_eq!(told(&behind(250.0), &ahead(500)), Some((other.clone(), 85, 540)));
        assert_eq!(told(&behind(250.0), &ahead(300)), None, "far enough");
        assert_eq!(told(&behind(1_250.0), &ahead(500)), None, "the next stop is another");
        assert_eq!(told(&behind(250.0), &behind(300.0)), None, "one variant has a ladder of its own");
        assert_eq!(told(&behind(250.0), &ahead(620)), None, "it was not there yet when this one was seen");
        // One of its own variant came between the two.
        let next = "next".parse::<VehicleId>().unwrap();
        let between = doing(&plan, "main", &[(560, 0.0), (600, 400.0)]);
        let buses = [bus(&one, &behind(250.0)), bus(&other, &ahead(500)), bus(&next, &between)];
        assert_eq!(told_of(&buses), None, "the next is of its own variant");
        // Of two of the other.
        let third = "third".parse::<VehicleId>().unwrap();
        let buses = [bus(&one, &behind(250.0)), bus(&other, &ahead(480)), bus(&third, &ahead(500))];
        assert_eq!(told_of(&buses), Some((third, 85, 540)), "the nearest of several");
    }
}
