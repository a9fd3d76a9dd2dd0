//! A day of a route summed up: runs, stops, distances between buses.

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

#[test]
fn a_stop_of_a_run_that_two_buses_were_taken_to_do_counts_once() {
    let plan = plan();
    // A vehicle with two trackers, one of which was heard seldom and has a wrong clock.
    let mut second = drive(&plan, 0, 1..3, 600);
    second.iter_mut().for_each(|p| p.vehicle = "bus-9".parse().unwrap());
    let passings = [second, drive(&plan, 0, 0..5, 30), drive(&plan, 1, 0..5, 30)].concat();
    let told = report(&plan, &passings, &[], &Limits::default());
    let f = &told.by_agency[&0];
    assert_eq!((f.passings, f.on_time, f.early, f.late), (10, 10, 0, 0));
    assert_eq!((f.runs_whole, f.runs_partial, f.vehicles.len()), (2, 0, 3));
    assert_eq!((f.regularity.headways, f.regularity.mean_s), (5, 600.0));
    // Where one takes over from another, each tells of its own stops.
    let mut second = drive(&plan, 0, 3..5, 600);
    second.iter_mut().for_each(|p| p.vehicle = "bus-9".parse().unwrap());
    let passings = [drive(&plan, 0, 0..3, 30), second].concat();
    let f = &report(&plan, &passings, &[], &Limits::default()).by_agency[&0];
    assert_eq!((f.passings, f.on_time, f.late, f.runs_whole), (5, 3, 2, 1));
}

#[test]
fn a_stop_that_comes_twice_in_a_trip_has_headways_of_each_time() {
    let timed = plan();
    let mut table = (*timed.timetable).clone();
    // The way comes by the second stop once more, on its way back.
    table.patterns[0].stops[3].stop = 1;
    let plan = DayPlan::new("f".into(), Arc::new(table), timed.day);
    let mut passings: Vec<Passing> = (0..3).flat_map(|run| drive(&plan, run, 0..5, 30)).collect();
    passings.iter_mut().filter(|p| p.call == 3).for_each(|p| p.stop = "s1".into());
    let even = report(&plan, &passings, &[], &Limits::default()).by_agency[&0].regularity;
    assert_eq!((even.headways, even.mean_s), (10, 600.0));
    assert!(even.variation < 1e-9 && even.excess_wait_s.abs() < 1e-9, "{even:?}");
    // Of the second run nobody was seen, and it was told to be missing: each time one was promised between.
    passings.retain(|p| p.run != plan.key(1));
    let line = Line { feed: "f".into(), route: "r".into(), direction: Some(0) };
    let missing =
        Found { finding: Finding::RunMissing, line: Some(line), run: Some(plan.key(1)), value: None };
    let gap = report(&plan, &passings, &[missing], &Limits::default()).by_agency[&0].regularity;
    assert_eq!((gap.headways, gap.mean_s), (5, 1_200.0));
    assert!((gap.excess_wait_s - 300.0).abs() < 1e-9, "{gap:?}");
}
