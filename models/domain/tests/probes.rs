//! Buses as measures of traffic: what they lose at stops is no traffic, what they lose between them is; also of what comes late.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use models_domain::VehicleId;
use models_domain::geo::LatLon;
use models_domain::transit::fleet::Fleet;
use models_domain::transit::matching::Seen;
use models_domain::transit::pace::{DayKind, Habit};
use models_domain::transit::plan::DayPlan;
use models_domain::transit::probe::{FRESH, Level, Ran, Reference, SHOWN, Sum, bucket_of, lately, totals};
use models_domain::transit::road::Roads;
use models_domain::transit::settle::{Day, settle};
use models_domain::transit::shape::Shape;
use models_domain::transit::timetable::*;
use models_domain::transit::vehicle::Observed;
use models_domain::units::{Degrees, DurationMs, Meters, MetersPerSecond, UtcMillis};
use time::macros::date;

const METER: f64 = 1.0 / 111_195.0;
const DAY: UtcMillis = UtcMillis(1_772_409_600_000);
const APART_M: f64 = 500.0;
const STOPS: usize = 9;
/// Eight in the morning, in seconds of the service day.
const EIGHT: f64 = 28_800.0;

/// One road of 4 km with a stop every 500 m; route 32 halts at all of them, route e at every fourth. A trip of each every ten
/// minutes.
fn city() -> (Roads, Vec<Arc<DayPlan>>) {
    let at = |m: f64| LatLon::new(21.0, 105.8 + m * METER / 21.0_f64.to_radians().cos());
    let mut table = Timetable::default();
    table.agencies.push(Agency { id: "a".into(), name: "Xe".into() });
    let every_day = Service { added: vec![date!(2026 - 03 - 02)], ..Service::default() };
    table.services_by_id.insert("w".into(), every_day);
    for i in 0..STOPS {
        let (id, name) = (StopId(format!("s{i}")), format!("Trạm {i}"));
        table.stops.push(Stop { id, code: String::new(), name, position: at(APART_M * i as f64) });
    }
    for (route, (name, each)) in [("32", 1), ("e", 4)].into_iter().enumerate() {
        let (short_name, long_name) = (name.to_owned(), String::new());
        table.routes.push(Route { id: name.into(), agency: 0, short_name, long_name });
        let stop = |stop: usize| PatternStop { stop, along: Meters(APART_M * stop as f64) };
        let stops: Vec<_> = (0..STOPS).step_by(each).map(stop).collect();
        let shape = Shape::new((0..=40).map(|i| at(100.0 * f64::from(i))).collect());
        let calls: Vec<_> = stops
            .iter()
            .zip(1..)
            .map(|(stop, sequence)| {
                let arrive_s = (stop.along.0 / 6.0) as i32;
                Call { sequence, arrive_s, depart_s: arrive_s, timepoint: false, may_board: true }
            })
            .collect();
        table.patterns.push(Pattern { route, direction: Some(0), stops, shape, coarse: false });
        let frequencies =
            vec![Frequency { start_s: EIGHT as i32, end_s: 32_400, headway_s: 600, exact: true }];
        table.trips.push(Trip {
            id: name.into(),
            pattern: route,
            service: "w".into(),
            headsign: name.into(),
            block: None,
            calls,
            frequencies,
        });
    }
    let table = Arc::new(table);
    let roads = Roads::new(&[("f".into(), table.clone())], &[]);
    let day = ServiceDay { date: date!(2026 - 03 - 02), start: DAY };
    (roads.clone(), vec![Arc::new(DayPlan::new("f".into(), table, day).on(&roads))])
}

struct Bus {
    every_s: f64,
    halts_s: f64,
    halts_each: usize,
    /// Metres per second at a place.
    speed: fn(f64) -> f64,
}

const PLAIN: Bus = Bus { every_s: 10.0, halts_s: 25.0, halts_each: 1, speed: |_| 9.0 };

/// What its tracker tells of a run over all of the road that begins at `from_s`, with a little noise.
fn drive(bus: &Bus, from_s: f64, signed: &str) -> Vec<Observed> {
    let (mut fixes, mut m, mut halted, mut left_s) = (Vec::new(), 0.0_f64, 0_usize, 0.0);
    let (step_s, mut s, mut told_s) = (0.5, from_s, from_s - 1e9);
    while m < APART_M * (STOPS - 1) as f64 {
        let next = (halted + 1) * bus.halts_each;
        let mut speed = (bus.speed)(m);
        if left_s > 0.0 {
            (left_s, speed) = (left_s - step_s, 0.0);
        } else if m >= APART_M * next as f64 {
            (halted, left_s, speed) = (halted + 1, bus.halts_s, 0.0);
        }
        if s - told_s >= bus.every_s {
            told_s = s;
            let noise = |n: f64| ((s * n).sin() * 43_758.5).fract() * 5.0;
            let lon = 105.8 + (m + noise(1.3)) * METER / 21.0_f64.to_radians().cos();
            let seen = Seen {
                at: UtcMillis(DAY.0 + (s * 1000.0) as i64),
                position: LatLon::new(21.0 + noise(2.7) * METER, lon),
                speed: MetersPerSecond(speed),
                course: Some(Degrees(90.0)),
            };
            let signed =
                models_domain::transit::assign::SignOn { route: Some(signed.into()), ..Default::default() };
            let (doors_open, engine_on, sos) = (None, None, false);
            fixes.push(Observed { placed: true, seen, doors_open, engine_on, sos, signed: Some(signed) });
        }
        m += speed * step_s;
        s += step_s;
    }
    fixes
}

fn absorb(fleet: &mut Fleet, plans: &[Arc<DayPlan>], bus: &str, batch: &[Observed]) {
    let habit = |_: &FeedId, _| Habit { day: DayKind::Workday, hour: 8 };
    fleet.absorb(plans, &bus.parse().unwrap(), batch, habit);
}

/// Sums of each segment over the hour.
fn hour(fleet: &Fleet, segments: u32) -> Vec<Sum> {
    let buckets = (0..12).map(|i| bucket_of(at(EIGHT)) + DurationMs(i * 300_000));
    let cells: BTreeSet<_> = buckets.flat_map(|b| (0..segments).map(move |s| (b, s))).collect();
    let mut sums = vec![Sum::default(); segments as usize];
    for ((_, segment), sum) in totals(fleet.ran(), &cells) {
        let into = &mut sums[segment as usize];
        *into = Sum {
            buses: into.buses + sum.buses,
            cm: into.cm + sum.cm,
            ms: into.ms + sum.ms,
            stop_ms: into.stop_ms + sum.stop_ms,
            newest: into.newest.max(sum.newest),
        };
    }
    sums
}

fn at(s: f64) -> UtcMillis {
    UtcMillis(DAY.0 + (s * 1000.0) as i64)
}

fn kmh(sum: &Sum) -> f64 {
    sum.speed().map_or(-1.0, MetersPerSecond::kmh)
}

#[test]
fn standing_at_stops_is_no_traffic_and_a_jam_between_them_is() {
    let (roads, plans) = city();
    assert_eq!(roads.segments.len(), STOPS - 1);
    for every_s in [5.0, 10.0, 15.0, 30.0] {
        // From 1,600 m to 1,900 m everything creeps at 2 m/s.
        let speed = |m: f64| if (1600.0..1900.0).contains(&m) { 2.0 } else { 9.0 };
        let mut fleet = Fleet::default();
        for (i, halts_s) in [15.0, 25.0, 40.0].into_iter().enumerate() {
            let bus = Bus { every_s, halts_s, speed, ..PLAIN };
            let fixes = drive(&bus, EIGHT + 600.0 * i as f64, "32");
            absorb(&mut fleet, &plans, &format!("bus-{i}"), &fixes);
        }
        let sums = hour(&fleet, 8);
        for i in [1, 2, 4, 5, 6] {
            let (speed, stands) = (kmh(&sums[i]), Sum { buses: 3, ..sums[i] }.stands().seconds());
            // Between stops 500 m apart there are hardly ever two fixes 30 s apart: then nothing is said.
            let silent = every_s > 20.0 && speed < 0.0;
            assert!(silent || (29.0..35.5).contains(&speed), "every {every_s} s, segment {i}: {speed} km/h");
            // Of 27 s on average; fixes that are far apart miss some of it.
            let least = if every_s > 20.0 { 14.0 } else { 20.0 };
            assert!((least..34.0).contains(&stands), "every {every_s} s, segment {i}: stood {stands} s");
        }
        // 300 m at 2 m/s and 140 m at 9 m/s are 9.5 km/h.
        assert!((6.0..12.5).contains(&kmh(&sums[3])), "every {every_s} s: {} km/h", kmh(&sums[3]));
        assert!(sums[3].buses >= 3);
        let reference = MetersPerSecond(9.0);
        assert_eq!(Level::of(sums[3].speed().unwrap(), reference), Level::Standing);
        assert_eq!(Level::of(sums[4].speed().unwrap(), reference), Level::Free);
        let takes = sums[4].travel_time(Meters(APART_M)).unwrap().seconds();
        assert!((50.0..63.0).contains(&takes), "{takes} s");
    }
}

#[test]
fn an_express_measures_segments_whose_stops_it_passes() {
    let (_, plans) = city();
    let mut fleet = Fleet::default();
    let bus = Bus { halts_each: 4, ..PLAIN };
    absorb(&mut fleet, &plans, "bus-e", &drive(&bus, EIGHT, "e"));
    let sums = hour(&fleet, 8);
    for sum in &sums[1..7] {
        assert!((29.0..35.5).contains(&kmh(sum)), "{} km/h", kmh(sum));
    }
    // It passes the end of segment 1 without a halt, and halts at the end of segment 3.
    assert_eq!(sums[1].stop_ms, 0);
    assert!(sums[3].stop_ms > 10_000, "{:?}", sums[3]);
}

#[test]
fn a_day_made_anew_of_what_came_late_tells_the_same() {
    let (_, plans) = city();
    let habit = |_: &FeedId, _| Habit { day: DayKind::Workday, hour: 8 };
    let (mut fleet, mut shuffled) = (Fleet::default(), Fleet::default());
    let mut mixed_by_bus = BTreeMap::new();
    for i in 0..3 {
        let fixes = drive(&PLAIN, EIGHT + 600.0 * f64::from(i), "32");
        let name = format!("bus-{i}");
        for one in &fixes {
            absorb(&mut fleet, &plans, &name, std::slice::from_ref(one));
        }
        let mut mixed: Vec<Observed> = fixes.iter().step_by(3).chain(&fixes).cloned().collect();
        for j in (1..mixed.len()).rev() {
            mixed.swap(j, (j * 7919 + 104_729) % (j + 1));
        }
        // Live every second one is missing, and they stand at wrong times: they tell of cells where it did not run.
        let mut live: Vec<Observed> = fixes.iter().step_by(2).cloned().collect();
        live.iter_mut().for_each(|o| o.seen.at = o.seen.at - DurationMs(400_000));
        for batch in live.chunks(5) {
            absorb(&mut shuffled, &plans, &name, batch);
        }
        mixed_by_bus.insert(name.parse().unwrap(), mixed);
    }
    assert_ne!(hour(&shuffled, 8), hour(&fleet, 8));
    let cells = |fleet: &Fleet| fleet.ran().flatten().map(Ran::cell).collect::<BTreeSet<_>>();
    let wrong = cells(&shuffled);
    assert_eq!(shuffled.take_changed(), wrong);
    let (mut claims, limits) = (shuffled.claims(), shuffled.limits.clone());
    let (from, until) = (at(0.0), at(86_400.0));
    let day = Day { plans: &plans, limits: &limits, from, until };
    let due = mixed_by_bus.keys().cloned().collect::<Vec<_>>();
    let reports = |vehicle: &VehicleId, from, to| {
        let within = mixed_by_bus[vehicle].iter().filter(|o| from <= o.seen.at && o.seen.at < to);
        Ok::<_, Infallible>(within.cloned().collect())
    };
    shuffled.replace(settle(day, &mut claims, due, reports).unwrap(), habit);
    assert_eq!(hour(&shuffled, 8), hour(&fleet, 8));
    // Whoever keeps the changed cells has the same in the end, also of those of which nothing is left.
    let (changed, some) = (shuffled.take_changed(), fleet.take_changed());
    assert!(!wrong.is_subset(&some) && some.len() >= 8 && some == cells(&fleet));
    assert_eq!(changed, wrong.union(&some).copied().collect());
    let kept: Vec<_> =
        totals(shuffled.ran(), &changed).into_iter().filter(|(_, sum)| sum.buses > 0).collect();
    assert_eq!(kept, totals(fleet.ran(), &some).into_iter().collect::<Vec<_>>());
    assert!(fleet.take_changed().is_empty());
}

#[test]
fn a_bus_tells_of_the_segment_that_it_is_on() {
    let (_, plans) = city();
    let creeps = |m: f64| if m > 1_150.0 { 1.0 } else { 9.0 };
    for (speed, want) in [((|_| 9.0) as fn(f64) -> f64, 25.0..36.0), (creeps, 3.0..7.0)] {
        let mut fleet = Fleet::default();
        // Half way from the third stop to the fourth, and not there yet.
        let here =
            |o: &Observed| o.seen.position.lon.0 < 105.8 + 1_250.0 * METER / 21.0_f64.to_radians().cos();
        let fixes: Vec<_> = drive(&Bus { every_s: 5.0, speed, ..PLAIN }, EIGHT, "32");
        let fixes: Vec<_> = fixes.into_iter().take_while(here).collect();
        let now = fixes.last().unwrap().seen.at;
        for one in &fixes {
            absorb(&mut fleet, &plans, "bus-0", std::slice::from_ref(one));
        }
        let told = lately(fleet.ran(), now);
        let sum = told.get(&2).copied().unwrap_or_default();
        assert!(want.contains(&kmh(&sum)) && sum.buses == 1, "{sum:?}");
        assert!(now.since(sum.newest).0 <= 5_000, "{sum:?}");
        // It is kept meanwhile, and what comes after is, too.
        assert!(fleet.take_changed().contains(&(bucket_of(now), 2)));
        let mut next = fixes.last().unwrap().clone();
        next.seen.at = next.seen.at + DurationMs(1_000);
        absorb(&mut fleet, &plans, "bus-0", &[next]);
        assert_eq!(fleet.take_changed(), [(bucket_of(now), 2)].into());
    }
}

#[test]
fn what_is_old_is_not_now() {
    let (_, plans) = city();
    let mut fleet = Fleet::default();
    absorb(&mut fleet, &plans, "bus-0", &drive(&PLAIN, EIGHT, "32"));
    absorb(&mut fleet, &plans, "bus-1", &drive(&PLAIN, EIGHT + 600.0, "32"));
    let now = at(EIGHT + 900.0);
    let told = lately(fleet.ran(), now);
    assert_eq!(told[&1].buses, 2, "both within a quarter of an hour");
    let later = lately(fleet.ran(), now + FRESH);
    assert_eq!(later[&1].buses, 1, "the last bucket only");
    assert!(now + FRESH - FRESH > later[&1].newest, "and it says how old it is");
    assert_eq!(lately(fleet.ran(), at(EIGHT + 1_300.0) + SHOWN).len(), 0);
    assert_eq!(lately(fleet.ran(), at(EIGHT)).len(), 0, "nothing is known of what is to come");
}

#[test]
fn a_bus_that_stands_with_its_engine_off_or_turns_away_is_no_jam() {
    let (_, plans) = city();
    let whole = |change: fn(&mut Observed)| {
        let mut fixes = drive(&PLAIN, EIGHT, "32");
        let broken =
            fixes.iter().position(|o| o.seen.position.lon.0 > 105.8 + 1250.0 * METER / 0.9336).unwrap();
        let rest = fixes.split_off(broken);
        // For five minutes it stays where it is.
        let stays = (0..30).map(|i| {
            let mut one = rest[0].clone();
            (one.seen.at, one.seen.speed) = (one.seen.at + DurationMs(10_000 * i), MetersPerSecond(0.0));
            change(&mut one);
            one
        });
        let on = rest.iter().map(|o| {
            let mut one = o.clone();
            one.seen.at = one.seen.at + DurationMs(300_000);
            one
        });
        fixes.extend(stays.collect::<Vec<_>>());
        fixes.extend(on);
        let mut fleet = Fleet::default();
        absorb(&mut fleet, &plans, "bus-0", &fixes);
        kmh(&hour(&fleet, 8)[2])
    };
    assert!(whole(|_| {}) < 8.0, "five minutes in a jam");
    assert!(whole(|o| o.engine_on = Some(false)) > 24.0, "broken down");
    assert!(whole(|o| o.doors_open = Some(true)) > 24.0, "people get off");
    assert!(whole(|o| o.seen.position.lat.0 += 150.0 * METER) > 24.0, "in a side street");
}

#[test]
fn the_reference_is_what_is_seen_when_nothing_is_in_the_way() {
    let mut reference = Reference::default();
    (0..5).for_each(|_| reference.learn(10, 1));
    assert_eq!(reference.speed(), None, "five buckets tell nothing");
    reference.learn(4, 60);
    reference.learn(16, 35);
    let speed = reference.speed().unwrap().0;
    assert!((8.0..8.5).contains(&speed), "{speed} m/s: 85 of 100 lie below");
    assert_eq!(Level::of(MetersPerSecond(0.0), MetersPerSecond(0.0)), Level::Standing);
}
