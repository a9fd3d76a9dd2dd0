//! Runs that nobody is seen on: not told while their bus is known to be late, and told when it does not come.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::sync::Arc;

use models_domain::event::Phase;
use models_domain::geo::LatLon;
use models_domain::transit::accuracy::Source;
use models_domain::transit::assign::SignOn;
use models_domain::transit::finding::{Finding, TransitEvent};
use models_domain::transit::fleet::Fleet;
use models_domain::transit::matching::Seen;
use models_domain::transit::pace::{DayKind, Habit, Pace, Stretch, Traversal};
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
                Call { sequence, arrive_s, depart_s: arrive_s, timepoint: false, may_board: true }
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
        (seen.at, Observed { placed: true, seen, doors_open: None, engine_on: None, sos: false, signed })
    };
    (out_s - 180..end_s).step_by(15).map(report).collect()
}

/// What buses report where one block is late: when, and of which block.
fn reports(late: (i32, i32), falls_silent: bool) -> Vec<(UtcMillis, i32, Observed)> {
    let mut list: Vec<(UtcMillis, i32, Observed)> = (0..BLOCKS)
        .flat_map(|block| {
            let is_late = block == late.0;
            let reports = drive(block, if is_late { late.1 } else { 0 }, falls_silent && is_late);
            reports.into_iter().map(move |(at, o)| (at, block, o))
        })
        .collect();
    list.sort_by_key(|(at, block, _)| (*at, *block));
    list
}

/// What is told of runs: begun or ended, and when after the run's start.
fn told_of(list: Vec<(UtcMillis, i32, Observed)>) -> Vec<(Finding, Phase, String, i64)> {
    let plans = city();
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

fn told(late: (i32, i32), falls_silent: bool) -> Vec<(Finding, Phase, String, i64)> {
    told_of(reports(late, falls_silent))
}

#[test]
fn a_block_that_nobody_pulls_out_with_is_told_of_once_though_hardly_others_are_under_way() {
    let mut list = reports((0, 0), false);
    list.retain(|(_, block, _)| *block != 0);
    let told = told_of(list);
    let out: Vec<_> = told.iter().filter(|(.., trip, _)| trip == "out-0").collect();
    let unseen =
        out.iter().filter(|(finding, phase, ..)| (*finding, *phase) == (Finding::RunUnseen, Phase::Begun));
    let after_min: Vec<i64> = unseen.map(|(.., after_min)| *after_min).collect();
    // The first other of its route is under way for ten minutes only a quarter of an hour after its start.
    assert!(after_min.len() == 1 && (10..14).contains(&after_min[0]), "{told:?}");
    // Either nobody was seen on it or it was missing.
    let mut hold = 0;
    for (_, phase, ..) in out {
        hold += if *phase == Phase::Begun { 1 } else { -1 };
        assert!((0..=1).contains(&hold), "{told:?}");
    }
    // The way back is a run of its own.
    assert!(told.iter().all(|(.., trip, _)| trip == "out-0" || trip == "back-0"), "{told:?}");
    let early = DAY + DurationMs(i64::from(begins_s(0, false) + 700) * 1_000);
    assert_eq!(Fleet::default().look_for_missing(&city(), early), [], "nobody is heard at all");
}

/// A bus of `route` ran so many of the twelve stretches of the way out, days ago.
fn learned(route: &str, stretches: usize, days_ago: i64) -> Pace {
    let mut pace = Pace::default();
    for i in 0..stretches {
        let stop = |i: usize| StopId(format!("out-{i}"));
        pace.learn(&Traversal {
            stretch: Stretch { feed: "f".into(), from: stop(i), to: stop(i + 1) },
            route: route.into(),
            habit: Habit { day: DayKind::Workday, hour: 8 },
            at: DAY - DurationMs(days_ago * 86_400_000),
            took_s: 100.0,
            timetabled_s: 100.0,
        });
    }
    pace
}

/// Whether the first pull-out of `f`, which nobody came for, is told to be unseen in a city of these feeds, while one bus is heard: of
/// `heard`, which does the second block, or, where that is nobody, one in a yard that has done nothing yet.
fn is_pull_out_told(feeds: &[&str], pace: Pace, heard: Option<&str>) -> bool {
    let early = DAY + DurationMs(i64::from(begins_s(0, false) + 830) * 1_000);
    let plan = |feed: &&str| {
        let plan = &city()[0];
        Arc::new(DayPlan::new((*feed).into(), plan.timetable.clone(), plan.day))
    };
    let plans: Vec<Arc<DayPlan>> = feeds.iter().map(plan).collect();
    let mut reports: Vec<Observed> =
        drive(1, 0, false).into_iter().filter(|(at, _)| *at < early).map(|(_, o)| o).collect();
    if heard.is_none() {
        for report in &mut reports {
            (report.seen.position, report.signed) = (earth(-30_000.0), None);
            (report.seen.speed, report.seen.course) = (MetersPerSecond(0.0), None);
        }
    }
    let own: Vec<_> =
        plans.iter().filter(|p| heard.is_none_or(|of| p.feed.as_str() == of)).cloned().collect();
    let (mut fleet, bus) = (Fleet::default(), "bus-1".parse().unwrap());
    fleet.absorb(&own, &bus, &reports, |_: &FeedId, _| Habit { day: DayKind::Workday, hour: 8 });
    fleet.pace = pace;
    let told = fleet.look_for_missing(&plans, early);
    told.iter().any(|e| {
        let (feed, run) = e.run.as_ref().unwrap();
        e.finding == Finding::RunUnseen && feed.as_str() == "f" && run.trip.as_str() == "out-0"
    })
}

#[test]
fn a_pull_out_is_missed_only_where_buses_of_its_own_route_were_seen_on_most_of_its_way() {
    let told = |pace| is_pull_out_told(&["f"], pace, None);
    assert!(told(learned("32", 12, 1)) && told(learned("32", 7, 27)));
    assert!(!told(learned("32", 6, 1)), "half of it is a street that others share");
    assert!(!told(learned("34", 12, 1)), "another route has trackers");
    assert!(!told(learned("32", 12, 29)), "that was long ago");
    assert!(!told(Pace::default()));
    // Another bus of its pattern is under way.
    assert!(is_pull_out_told(&["f"], Pace::default(), Some("f")));
}

#[test]
fn a_pull_out_is_missed_only_where_a_bus_of_its_operator_is_heard() {
    let told = |heard| is_pull_out_told(&["f", "g"], learned("32", 12, 1), heard);
    assert!(told(Some("f")));
    assert!(!told(Some("g")), "only the other operator is heard");
    assert!(!told(None), "nobody knows whose that bus is");
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

#[test]
fn a_run_is_told_once_the_bus_that_waited_for_it_should_have_reported() {
    let starts = DAY + DurationMs(i64::from(begins_s(3, false)) * 1_000);
    let mut list = reports((0, 0), false);
    // It stands at its first stop, and is heard for the last time a minute before its start.
    list.retain(|(at, block, _)| *block != 3 || *at <= starts - DurationMs(60_000));
    let told = told_of(list);
    let out: Vec<_> = told.iter().filter(|(.., trip, _)| trip == "out-3").collect();
    let [(finding, Phase::Begun, _, after_min), (_, Phase::Ended, ..)] = &out[..] else { panic!("{told:?}") };
    assert!(*finding == Finding::RunUnseen && (14..16).contains(after_min), "{told:?}");
}

#[test]
fn passengers_are_told_of_the_next_run_of_a_late_bus() {
    let plans = city();
    let habit = |_: &FeedId, _| Habit { day: DayKind::Workday, hour: 8 };
    let mut fleet = Fleet::default();
    let bus = "bus-3".parse().unwrap();
    // Its way out ends a quarter of an hour after its way back should have begun.
    let back = DAY + DurationMs(i64::from(begins_s(3, true)) * 1_000);
    let until = back + DurationMs(10 * 60_000);
    let reports: Vec<Observed> =
        drive(3, 1_200, false).into_iter().filter(|(at, _)| *at < until).map(|(_, o)| o).collect();
    fleet.absorb(&plans, &bus, &reports, habit);
    let told = fleet.outlook(&plans, until, until + DurationMs(90 * 60_000), habit);
    let next = told.iter().find(|o| o.plan.key(o.run).trip.as_str() == "back-3").expect("it comes, late");
    let late_min = next.arrivals[0].at.since(back).0 / 60_000;
    assert!(next.vehicle == Some(bus) && (10..25).contains(&late_min), "{late_min} min late");
    // Of others nobody knows anything but their timetable, and that only of the stops that they should not have passed yet.
    let other = told.iter().find(|o| o.plan.key(o.run).trip.as_str() == "back-2").unwrap();
    let calls: Vec<usize> = other.arrivals.iter().map(|a| a.call).collect();
    assert_eq!((other.source(), calls), (Some(Source::Timetable), vec![9, 10, 11, 12]));
    assert!(other.arrivals.iter().all(|a| a.at == a.due && a.at >= until), "{:?}", other.arrivals);
    assert!(!told.iter().any(|o| o.plan.key(o.run).trip.as_str() == "back-0"), "it should be over");
}

#[test]
fn a_bus_that_drives_on_beside_its_line_past_the_end_of_its_run_is_late_on_the_next() {
    let plans = city();
    let habit = |_: &FeedId, _| Habit { day: DayKind::Workday, hour: 8 };
    let moment = |s: i32| DAY + DurationMs(i64::from(begins_s(3, false) + s) * 1_000);
    // A kilometre before the end of its way out it leaves its line, and goes north from there.
    let way = drive(3, 0, false).into_iter().filter(|(at, _)| *at <= moment(1_020));
    let mut reports: Vec<Observed> = way.map(|(_, o)| o).collect();
    let there = reports.last().unwrap().clone();
    let beside = |s: i64| {
        let (at, place) = (there.seen.at + DurationMs(s * 1_000), there.seen.position);
        let position = LatLon::new(place.lat.0 + PACE * s as f64 * METER, place.lon.0);
        let seen = Seen { at, position, course: Some(Degrees(0.0)), ..there.seen.clone() };
        Observed { seen, ..there.clone() }
    };
    reports.extend((15..1_200).step_by(15).map(beside));
    // It was to be at its end a minute after the first of these, and to set out on its way back at the second.
    for (now_s, has_ended) in [(1_170, false), (1_500, true), (2_000, true)] {
        let now = moment(now_s);
        let heard: Vec<Observed> = reports.iter().filter(|o| o.seen.at <= now).cloned().collect();
        let (mut fleet, bus) = (Fleet::default(), "bus-3".parse().unwrap());
        fleet.absorb(&plans, &bus, &heard, habit);
        let told = fleet.outlook(&plans, now, now + DurationMs(5_400_000), habit);
        let of = |trip: &str| told.iter().find(|o| o.plan.key(o.run).trip.as_str() == trip).unwrap();
        assert_eq!(of("out-3").arrivals.is_empty(), has_ended, "{now_s}: {:?}", of("out-3").arrivals);
        let next = of("back-3");
        assert_eq!((&next.vehicle, next.seen), (&Some(bus), Some(there.seen.at)), "{now_s}");
        assert_eq!(next.arrivals.len(), 13, "{now_s}: it has not set out: {:?}", next.arrivals);
        let is_told = next.arrivals.iter().all(|a| (a.at > a.due) == has_ended);
        assert!(is_told, "{now_s}: late at all stops, or at none: {:?}", next.arrivals);
        // It turns round first.
        let sets_out_s = next.arrivals[0].at.since(now).0 / 1_000;
        assert!(sets_out_s >= 119, "{now_s}: in {sets_out_s} s");
    }
}

/// Who is told to do a run of the third block so long after its start, and from which call on; `None`: passengers are told nothing
/// of it. The bus reports so many seconds later than it does in [`drive`], and until a moment after the start.
fn told_of_the_third(until_s: i32, now_s: i32, later_s: i64) -> Option<(Option<Source>, usize)> {
    let (plans, starts) = (city(), begins_s(3, false));
    let habit = |_: &FeedId, _| Habit { day: DayKind::Workday, hour: 8 };
    let moment = |s: i32| DAY + DurationMs(i64::from(starts + s) * 1_000);
    let mut reports: Vec<Observed> = drive(3, 0, false).into_iter().map(|(_, o)| o).collect();
    reports.iter_mut().for_each(|o| o.seen.at = o.seen.at + DurationMs(later_s * 1_000));
    reports.retain(|o| o.seen.at <= moment(until_s));
    let mut fleet = Fleet::default();
    fleet.absorb(&plans, &"bus-3".parse().unwrap(), &reports, habit);
    let now = moment(now_s);
    let told = fleet.outlook(&plans, now, now + DurationMs(5_400_000), habit);
    let own = told.into_iter().find(|o| o.plan.key(o.run).trip.as_str() == "out-3")?;
    Some((own.source(), own.arrivals.first()?.call))
}

#[test]
fn a_bus_that_waits_is_heard_every_quarter_of_an_hour_and_one_under_way_more_often() {
    let (bus, timetable) = (Some(Source::Bus), Some(Source::Timetable));
    // It stands at its first stop, was heard a minute before its start, and would be heard if it had set out.
    assert_eq!(told_of_the_third(-60, -30, 0), Some((bus, 0)));
    assert_eq!(told_of_the_third(-60, 780, 0), Some((bus, 0)));
    // After longer nobody knows; half of its way it should have gone.
    assert_eq!(told_of_the_third(-60, 1_000, 0), Some((timetable, 10)));
    // Under way it is lost after five minutes: it is told by its timetable.
    assert_eq!(told_of_the_third(600, 610, 0), Some((bus, 6)));
    assert_eq!(told_of_the_third(600, 840, 0), Some((bus, 6)));
    assert_eq!(told_of_the_third(600, 930, 0), Some((timetable, 10)));
}

#[test]
fn a_run_that_was_seen_to_its_end_is_not_told_by_its_timetable() {
    // Two minutes early it is at its end, where it should not be for a minute yet.
    assert_eq!(told_of_the_third(1_130, 1_135, -120), None);
    // Silent since half way it may be anywhere.
    assert_eq!(told_of_the_third(490, 1_135, -120), Some((Some(Source::Timetable), 12)));
}

#[test]
fn a_run_that_is_told_to_be_missing_is_not_told_to_passengers() {
    let plans = city();
    let habit = |_: &FeedId, _| Habit { day: DayKind::Workday, hour: 8 };
    let now = DAY + DurationMs(i64::from(begins_s(3, false) + 800) * 1_000);
    let run = plans[0].runs.iter().position(|r| plans[0].timetable.key(r).trip.as_str() == "out-3").unwrap();
    for (finding, told) in [(Finding::RunUnseen, true), (Finding::RunMissing, false)] {
        let event = TransitEvent {
            finding,
            phase: Phase::Begun,
            began: now,
            at: now,
            vehicle: None,
            place: None,
            run: Some(("f".into(), plans[0].key(run))),
            stop: None,
            value: None,
        };
        let mut fleet = Fleet::default();
        fleet.resume([event]);
        let outlook = fleet.outlook(&plans, now, now + DurationMs(5_400_000), habit);
        assert_eq!(outlook.iter().any(|o| o.run == run), told, "{finding:?}");
    }
}
