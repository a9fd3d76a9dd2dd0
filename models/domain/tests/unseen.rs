//! Runs that nobody is seen on: not told while their bus is known to be late, and told when it does not come.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::sync::Arc;

use models_domain::event::Phase;
use models_domain::geo::LatLon;
use models_domain::transit::assign::SignOn;
use models_domain::transit::finding::Finding;
use models_domain::transit::fleet::Fleet;
use models_domain::transit::matching::Seen;
use models_domain::transit::pace::{DayKind, Habit};
use models_domain::transit::plan::DayPlan;
use models_domain::transit::shape::Shape;
use models_domain::transit::timetable::*;
use models_domain::transit::vehicle::Observed;
use models_domain::units::{Degrees, DurationMs, Meters, MetersPerSecond, UtcMillis};
use time::macros::date;

const METER: f64 = 1.0 / 111_195.0;
const DAY: UtcMillis = UtcMillis(1_772_409_600_000);
const EIGHT_S: i32 = 28_800;
const LENGTH_M: f64 = 6_000.0;
const PACE: f64 = 5.0;
/// From end to end, and what lies between two runs of a block.
const TAKES_S: i32 = 1_200;
const LAYOVER_S: i32 = 300;
const BLOCKS: i32 = 9;
const EVERY_S: i32 = 300;

fn earth(east: f64) -> LatLon {
    LatLon::new(21.0, 105.8 + east * METER / 21.0_f64.to_radians().cos())
}

fn begins_s(block: i32, back: bool) -> i32 {
    EIGHT_S + block * EVERY_S + if back { TAKES_S + LAYOVER_S } else { 0 }
}

/// A street that is driven out and back by each block.
fn city() -> Vec<Arc<DayPlan>> {
    let mut table = Timetable::default();
    table.agencies.push(Agency { id: "a".into(), name: "Xe".into() });
    let service = Service { added: vec![date!(2026 - 03 - 02)], ..Service::default() };
    table.services_by_id.insert("w".into(), service);
    let (short_name, long_name) = ("32".to_owned(), String::new());
    table.routes.push(Route { id: "32".into(), agency: 0, short_name, long_name });
    for (pattern, name) in ["out", "back"].into_iter().enumerate() {
        let ends = if pattern == 0 { [0.0, LENGTH_M] } else { [LENGTH_M, 0.0] };
        let shape = Shape::new(ends.map(earth).to_vec());
        let stops: Vec<PatternStop> = (0..=12)
            .map(|i| {
                let along = Meters((500.0 * f64::from(i)).min(shape.length().0));
                let (id, stop) = (StopId(format!("{name}-{i}")), table.stops.len());
                let (code, name) = (String::new(), String::new());
                table.stops.push(Stop { id, code, name, position: shape.at(along) });
                PatternStop { stop, along }
            })
            .collect();
        for block in 0..BLOCKS {
            let call = |(stop, sequence): (&PatternStop, u32)| {
                let arrive_s = begins_s(block, pattern == 1) + (stop.along.0 / PACE) as i32;
                Call { sequence, arrive_s, depart_s: arrive_s, timepoint: false }
            };
            table.trips.push(Trip {
                id: TripId(format!("{name}-{block}")),
                pattern,
                service: "w".into(),
                headsign: name.into(),
                block: Some(format!("b{block}").as_str().into()),
                calls: stops.iter().zip(1..).map(call).collect(),
                frequencies: vec![],
            });
        }
        table.patterns.push(Pattern {
            route: 0,
            direction: Some(pattern as u8),
            stops,
            shape,
            coarse: false,
        });
    }
    let day = ServiceDay { date: date!(2026 - 03 - 02), start: DAY };
    vec![Arc::new(DayPlan::new("f".into(), Arc::new(table), day))]
}

/// What a bus tells of its block, every fifteen seconds: it sets out a little late, and stands half way out for `stands_s`.
/// `falls_silent`: it is not heard any more once it has come to the end of its way out.
fn drive(block: i32, stands_s: i32, falls_silent: bool) -> Vec<(UtcMillis, Observed)> {
    let (out_s, half_s) = (begins_s(block, false) + 20, TAKES_S / 2);
    let comes_s = out_s + TAKES_S + stands_s;
    let back_s = (comes_s + 60).max(begins_s(block, true) + 20);
    let end_s = if falls_silent { comes_s + 60 } else { back_s + TAKES_S + 60 };
    let report = |s: i32| {
        let out = s - out_s;
        let driven_s = if out < half_s { out } else { (out - stands_s).max(half_s) };
        let (driven_s, back) = if s < back_s { (driven_s, false) } else { (s - back_s, true) };
        let east = f64::from(driven_s.clamp(0, TAKES_S)) * PACE;
        let east = if back { LENGTH_M - east } else { east };
        let stands = (half_s..half_s + stands_s).contains(&out) || !(0..TAKES_S).contains(&driven_s);
        let trip = if s < comes_s + 30 { format!("out-{block}") } else { format!("back-{block}") };
        let seen = Seen {
            at: DAY + DurationMs(i64::from(s) * 1_000),
            position: earth(east),
            speed: MetersPerSecond(if stands { 0.0 } else { PACE }),
            course: (!stands).then_some(Degrees(if back { 270.0 } else { 90.0 })),
        };
        let signed = Some(SignOn { trip: Some(TripId(trip)), ..SignOn::default() });
        (seen.at, Observed { seen, doors_open: None, engine_on: None, sos: false, signed })
    };
    (out_s - 180..end_s).step_by(15).map(report).collect()
}

/// What is told of runs where one block is late: begun or ended, and when after the run's start.
fn told(late: (i32, i32), falls_silent: bool) -> Vec<(Finding, Phase, String, i64)> {
    let plans = city();
    let mut list: Vec<(UtcMillis, i32, Observed)> = (0..BLOCKS)
        .flat_map(|block| {
            let is_late = block == late.0;
            let reports = drive(block, if is_late { late.1 } else { 0 }, falls_silent && is_late);
            reports.into_iter().map(move |(at, o)| (at, block, o))
        })
        .collect();
    list.sort_by_key(|(at, block, _)| (*at, *block));
    let habit = |_: &FeedId, _| Habit { day: DayKind::Workday, hour: 8 };
    let (mut fleet, mut tick, mut told) = (Fleet::default(), list[0].0, Vec::new());
    for (at, block, observed) in list {
        while tick < at {
            told.extend(fleet.look_for_missing(&plans, tick));
            tick = tick + DurationMs(30_000);
        }
        let bus = format!("bus-{block}").parse().unwrap();
        fleet.absorb(&plans, &bus, std::slice::from_ref(&observed), habit);
    }
    let one = |e: models_domain::transit::finding::TransitEvent| {
        let trip = e.run.clone().unwrap().1.trip.0;
        (e.finding, e.phase, trip, e.at.since(e.began).0 / 60_000)
    };
    told.into_iter().map(one).collect()
}

#[test]
fn a_run_is_not_told_while_its_bus_is_late_on_the_run_before() {
    assert_eq!(told((3, 0), false), [], "all in time");
    // Its way out ends a quarter of an hour after its way back should have begun.
    assert_eq!(told((3, 1_200), false), [], "it comes, late");
}

#[test]
fn a_run_is_told_when_its_bus_ended_the_one_before_and_is_heard_no_more() {
    let told = told((3, 900), true);
    let [(finding, Phase::Begun, trip, after_min), (_, Phase::Ended, other, over_min)] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!((*finding, trip.as_str(), other.as_str()), (Finding::RunUnseen, "back-3", "back-3"));
    // It came to its end ten minutes after the run's start, and was heard a minute more.
    assert!((15..19).contains(after_min) && *over_min == 20, "{told:?}");
}
