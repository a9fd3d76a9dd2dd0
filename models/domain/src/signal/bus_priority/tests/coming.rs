//! Where a bus is found before a stop line, with its delay and its halts.

use std::sync::Arc;

use time::macros::date;

use crate::geo::LatLon;
use crate::ids::VehicleId;
use crate::signal::bus_priority::Approach;
use crate::signal::bus_priority::coming::{Coming, Halt, Out, coming};
use crate::transit::fleet::Fleet;
use crate::transit::matching::Seen as Fixed;
use crate::transit::pace::{DayKind, Habit};
use crate::transit::plan::DayPlan;
use crate::transit::shape::Shape;
use crate::transit::timetable::*;
use crate::transit::vehicle::Observed;
use crate::units::{Degrees, DurationMs, Meters, MetersPerSecond, UtcMillis};

const DAY: UtcMillis = UtcMillis(1_772_409_600_000);
const HABIT: Habit = Habit { day: DayKind::Workday, hour: 8 };
const METER: f64 = 1.0 / 111_195.0;

/// So many metres east of a place in Hanoi, and north.
fn place(east: f64, north: f64) -> LatLon {
    LatLon::new(21.0 + north * METER, 105.8 + east * METER / 21.0_f64.to_radians().cos())
}

/// Out for 3 km in 600 s from 8:00, with halts at 0, 800, 2000 and 3000 m, and back by the same street.
fn plan() -> Arc<DayPlan> {
    let stops = [0.0, 800.0, 2000.0, 3000.0];
    let stop = |at: &f64| Stop {
        id: StopId(format!("s{at}")),
        code: String::new(),
        name: String::new(),
        position: place(*at, 0.0),
    };
    let call = |(i, at): (usize, &f64)| {
        let s = 8 * 3600 + (at / 5.0) as i32;
        Call {
            sequence: u32::try_from(i).unwrap(),
            arrive_s: s,
            depart_s: s,
            timepoint: false,
            may_board: true,
        }
    };
    let pattern = Pattern {
        route: 0,
        direction: Some(0),
        stops: stops.iter().enumerate().map(|(stop, at)| PatternStop { stop, along: Meters(*at) }).collect(),
        shape: Shape::new(vec![place(0.0, 0.0), place(3000.0, 0.0), place(0.0, 10.0)]),
        coarse: false,
    };
    let trip = Trip {
        id: "t1".into(),
        pattern: 0,
        service: "w".into(),
        headsign: String::new(),
        block: None,
        calls: stops.iter().enumerate().map(call).collect(),
        frequencies: Vec::new(),
    };
    let route = Route { id: "r32".into(), agency: 0, short_name: "32".into(), long_name: String::new() };
    let service = Service {
        weekdays: [true; 7],
        span: Some((date!(2020 - 01 - 01), date!(2099 - 01 - 01))),
        ..Service::default()
    };
    let table = Timetable {
        agencies: vec![Agency { id: "a".into(), name: "A".into() }],
        routes: vec![route],
        stops: stops.iter().map(stop).collect(),
        patterns: vec![pattern],
        trips: vec![trip],
        services_by_id: [("w".to_owned(), service)].into(),
    };
    let day = ServiceDay { date: date!(2026 - 03 - 02), start: DAY };
    Arc::new(DayPlan::new("xe".into(), Arc::new(table), day))
}

fn approach(at: f64) -> Approach {
    Approach {
        name: "A".into(),
        groups: [1].into_iter().collect(),
        line: place(at, -8.0),
        heading: Degrees(95.0),
        reach: Meters(250.0),
        speed: MetersPerSecond(7.0),
        routes: Vec::new(),
    }
}

/// A bus that set out 240 s late and reports each 10 s; the last report is `last_m` along, at `speed`. Gives it and when that was.
fn bus(last_m: f64, speed: f64, doors_open: Option<bool>) -> (Fleet, UtcMillis) {
    let (mut fleet, plans) = (Fleet::default(), [plan()]);
    let id = VehicleId::new("bus-1").unwrap();
    let begin = DAY + DurationMs((8 * 3600 + 240) * 1000);
    let count = (last_m / 50.0).ceil() as i64;
    let mut at = begin;
    for i in 0..=count {
        at = begin + DurationMs(i * 10_000);
        let along = (i as f64 * 50.0).min(last_m);
        let last = i == count;
        let seen = Fixed {
            at,
            position: place(along, 2.0),
            speed: MetersPerSecond(if last { speed } else { 5.0 }),
            course: Some(Degrees(90.0)),
        };
        let doors_open = doors_open.filter(|_| last);
        let observed = Observed { placed: true, seen, doors_open, engine_on: None, sos: false, signed: None };
        fleet.absorb(&plans, &id, &[observed], |_, _| HABIT);
    }
    (fleet, at)
}

fn seen_at(last_m: f64, (speed, doors): (f64, Option<bool>), approach: &Approach) -> Option<Coming> {
    let (fleet, at) = bus(last_m, speed, doors);
    coming(fleet.buses().next().unwrap(), approach, at + DurationMs(2_000))
}

#[test]
fn a_bus_is_found_before_the_line_with_its_delay_and_its_halts() {
    let line = approach(1500.0);
    let found = seen_at(1300.0, (5.0, None), &line).unwrap();
    assert!((found.to_line.0 - 200.0).abs() < 3.0, "{found:?}");
    assert!((found.late.seconds() - 240.0).abs() < 3.0, "{found:?}");
    assert_eq!((found.halt, found.out, found.route.as_str()), (Halt::No, None, "32"));
    assert!(seen_at(1200.0, (5.0, None), &line).is_none(), "beyond its reach");
    let behind = seen_at(1560.0, (5.0, None), &line).unwrap();
    assert!(behind.to_line.0 < -50.0 && behind.crossed.is_some(), "{behind:?}");
    // Where it would come back, and by the name of its route.
    let back = Approach { heading: Degrees(270.0), ..line.clone() };
    assert!(seen_at(1300.0, (5.0, None), &back).is_none());
    let of = |route: &str| Approach { routes: vec![route.to_owned()], ..line.clone() };
    assert!(seen_at(1300.0, (5.0, None), &of("32")).is_some());
    assert!(seen_at(1300.0, (5.0, None), &of("r32")).is_some());
    assert!(seen_at(1300.0, (5.0, None), &of("33")).is_none());
}

#[test]
fn a_halt_before_the_line_counts_until_it_is_served_and_left() {
    let halt = |at: f64, line: f64, speed: f64, doors: Option<bool>| {
        seen_at(at, (speed, doors), &approach(line)).unwrap().halt
    };
    assert_eq!(halt(750.0, 900.0, 5.0, None), Halt::Ahead);
    assert_eq!(halt(795.0, 900.0, 0.0, None), Halt::Stands);
    assert_eq!(
        halt(806.0, 900.0, 0.0, None),
        Halt::Stands,
        "by its place it has passed it, but stands at it"
    );
    assert_eq!(
        halt(806.0, 900.0, 0.0, Some(false)),
        Halt::No,
        "its doors are shut: it waits for something else"
    );
    assert_eq!(halt(860.0, 900.0, 0.5, Some(true)), Halt::Stands, "its doors are open");
    assert_eq!(halt(860.0, 900.0, 0.0, None), Halt::No, "it stands in the queue");
    assert_eq!(halt(860.0, 900.0, 5.0, None), Halt::No);
    // A halt behind the line is nobody's business.
    assert_eq!(halt(700.0, 780.0, 5.0, None), Halt::No);
}

#[test]
fn who_is_silent_or_off_its_way_is_not_reckoned_with() {
    let (fleet, at) = bus(1300.0, 5.0, None);
    let bus = fleet.buses().next().unwrap();
    let out = |after: i64| coming(bus, &approach(1500.0), at + DurationMs(after)).unwrap().out;
    assert_eq!((out(30_000), out(30_001)), (None, Some(Out::Silent)));
    let mut fleet = fleet.clone();
    let id = VehicleId::new("bus-1").unwrap();
    let seen = Fixed {
        at: at + DurationMs(10_000),
        position: place(1320.0, 180.0),
        speed: MetersPerSecond(5.0),
        course: None,
    };
    let observed =
        Observed { placed: true, seen, doors_open: None, engine_on: None, sos: false, signed: None };
    fleet.absorb(&[plan()], &id, &[observed], |_, _| HABIT);
    let found = coming(fleet.buses().next().unwrap(), &approach(1500.0), at + DurationMs(11_000)).unwrap();
    assert_eq!(found.out, Some(Out::OffRoute));
}
