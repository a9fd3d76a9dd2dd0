//! Trips that `frequencies.txt` repeats, from the file to passengers: which run a bus does, when it comes, how far buses are apart, and
//! what GTFS-realtime says of it; where starts are exact, and where only the distance between buses is promised.

use std::collections::BTreeMap;
use std::sync::Arc;

use control_center_gtfs::feeds::{Feeds, Version};
use control_center_gtfs::{Source, Zone, read};
use models_domain::event::Phase;
use models_domain::geo::LatLon;
use models_domain::transit::finding::{Finding, TransitEvent};
use models_domain::transit::fleet::Fleet;
use models_domain::transit::matching::Seen;
use models_domain::transit::passing::Passing;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::report::report;
use models_domain::transit::timetable::FeedId;
use models_domain::transit::vehicle::Observed;
use models_domain::{Degrees, DurationMs, MetersPerSecond, UtcMillis, VehicleId};
use models_wire::convert::gtfs_realtime::{alerts, trip_updates, vehicle_positions};
use models_wire::gtfs_realtime::{TripDescriptor, TripUpdate};
use time::macros::date;

use super::shown::Shown;
use super::stop_page::{self, Language};
use super::supervise::Supervised;
use super::{siri, space_time};

/// A straight street of 6 km with 13 stops, 20 minutes long.
const STOPS: i32 = 13;
const STEP_DEG: f64 = 0.0048;
const STEP_S: i32 = 100;
const METERS_A_STEP: f64 = 498.3;
const TAKES_S: i64 = 1_200;
const HEADWAY_S: i64 = 600;
/// Monday 2026-03-02 in Hanoi.
const DAY: UtcMillis = UtcMillis(1_772_384_400_000);

struct City {
    plans: Vec<Arc<DayPlan>>,
    feed: FeedId,
    zone: Zone,
    fleet: Fleet,
    passings: Vec<Passing>,
    events: Vec<TransitEvent>,
}

/// At ten-minute distances from 5:00 to 25:00, timetabled from 8:00 on as a pattern for all of them.
fn city(exact: &str) -> City {
    let clock = |s: i32| format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
    let mut stops = "stop_id,stop_name,stop_lat,stop_lon\n".to_owned();
    let mut times = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n".to_owned();
    for i in 0..STOPS {
        stops += &format!("s{i},Trạm {i},21.0,{}\n", 105.8 + STEP_DEG * f64::from(i));
        let at = clock(28_800 + STEP_S * i);
        times += &format!("t1,{at},{at},s{i},{i}\n");
    }
    let days = "monday,tuesday,wednesday,thursday,friday,saturday,sunday";
    let files = BTreeMap::from([
        (
            "agency.txt",
            "agency_id,agency_name,agency_url,agency_timezone\na,Xe,http://x.vn,Asia/Ho_Chi_Minh\n".into(),
        ),
        ("routes.txt", "route_id,agency_id,route_short_name,route_type\nr,a,32,3\n".into()),
        ("stops.txt", stops),
        ("trips.txt", "route_id,service_id,trip_id,direction_id\nr,w,t1,0\n".into()),
        ("stop_times.txt", times),
        (
            "calendar.txt",
            format!("service_id,{days},start_date,end_date\nw,1,1,1,1,1,1,1,20260101,20261231\n"),
        ),
        (
            "frequencies.txt",
            format!(
                "trip_id,start_time,end_time,headway_secs,exact_times\nt1,05:00:00,25:00:00,600,{exact}\n"
            ),
        ),
    ]);
    let folder = tempfile::tempdir().unwrap();
    files
        .iter()
        .for_each(|(name, text): (_, &String)| std::fs::write(folder.path().join(name), text).unwrap());
    let (feed, report) = read(&mut Source::open(folder.path()).unwrap(), None).unwrap();
    assert_eq!(report.problems, []);
    let (id, mut feeds, feed) = (FeedId::from("xe"), Feeds::default(), feed.unwrap());
    let zone = feed.zone.clone();
    feeds.add(id.clone(), Version { takes_effect: date!(2026 - 01 - 01), feed: Arc::new(feed) });
    let plans = feeds.plans(DAY + DurationMs(12 * 3_600_000)).into_iter().map(Arc::new).collect();
    City { plans, feed: id, zone, fleet: Fleet::default(), passings: Vec::new(), events: Vec::new() }
}

fn at(s: i64) -> UtcMillis {
    DAY + DurationMs(s * 1_000)
}

/// A bus that sets out at `from_s` and keeps the pace of the timetable, a report each fifteen seconds from two minutes before
/// until one after.
fn report_at(from_s: i64, s: i64) -> Observed {
    let driven_s = (s - from_s).clamp(0, TAKES_S);
    let moves = driven_s > 0 && driven_s < TAKES_S;
    let seen = Seen {
        at: at(s),
        position: LatLon::new(21.0, 105.8 + STEP_DEG * driven_s as f64 / f64::from(STEP_S)),
        speed: MetersPerSecond(if moves { METERS_A_STEP / f64::from(STEP_S) } else { 0.0 }),
        course: moves.then_some(Degrees(90.0)),
    };
    Observed { placed: true, seen, doors_open: None, engine_on: None, sos: false, signed: None }
}

impl City {
    /// Lets buses that set out at these seconds of the day drive from `from_s` until `to_s`.
    fn drive(&mut self, starts_s: &[i64], from_s: i64, to_s: i64) {
        let zone = self.zone.clone();
        let habit = |_: &FeedId, t| zone.habit(t);
        for s in (from_s..to_s).step_by(15) {
            for (i, from_s) in starts_s.iter().enumerate() {
                if (from_s - 120..from_s + TAKES_S + 60).contains(&s) {
                    let id = VehicleId::new(format!("bus-{i}")).unwrap();
                    let news = self.fleet.absorb(&self.plans, &id, &[report_at(*from_s, s)], habit);
                    self.passings.extend(news.passings);
                    self.events.extend(news.events);
                }
            }
            self.events.extend(self.fleet.look_for_missing(&self.plans, at(s)));
            let ladder = self.fleet.ladder(at(s));
            self.events.extend(self.fleet.look_for_bunching(&self.plans, &ladder, at(s)));
        }
    }

    fn updates(&self, now_s: i64) -> BTreeMap<String, TripUpdate> {
        let habit = |_: &FeedId, t| self.zone.habit(t);
        let outlooks = self.fleet.outlook(&self.plans, at(now_s), at(now_s + 3_600), habit);
        let message = trip_updates(&outlooks, &self.feed, at(now_s), ToString::to_string);
        let updates = message.entity.into_iter().filter_map(|e| e.trip_update);
        updates.map(|u| (u.vehicle.clone().unwrap().id.unwrap(), u)).collect()
    }

    /// The start of the run that each bus was found to do, as hours and minutes, by its passings.
    fn runs(&self) -> BTreeMap<&str, Vec<String>> {
        let mut runs: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for p in &self.passings {
            let start_s = p.run.start_s.unwrap();
            let of_bus = runs.entry(p.vehicle.as_str()).or_default();
            let start = format!("{:02}:{:02}", start_s / 3600, start_s / 60 % 60);
            if of_bus.last() != Some(&start) {
                of_bus.push(start);
            }
        }
        runs
    }

    fn told(&self, now_s: i64) -> (Shown, Supervised) {
        let (now, until) = (at(now_s), at(now_s + 5_400));
        let outlooks = self.fleet.outlook(&self.plans, now, until, |_, t| self.zone.habit(t));
        let zones = [(self.feed.clone(), self.zone.clone())].into();
        let shown = Shown::new(&self.fleet, &self.plans, &outlooks, &zones, now, ToString::to_string);
        (shown, Supervised::new(&self.fleet, &self.plans, &self.fleet.ladder(now), &zones, now))
    }

    fn found(&self) -> Vec<Finding> {
        self.events.iter().map(|e| e.finding).collect()
    }
}

/// Each stop ahead is told to within so many seconds of when the bus will be there.
#[track_caller]
fn comes(update: &TripUpdate, from_s: i64, within_s: i64) {
    assert!(!update.stop_time_update.is_empty(), "{update:?}");
    for stop in &update.stop_time_update {
        let call = i64::from(stop.stop_sequence.unwrap());
        let comes_s = at(from_s + call * i64::from(STEP_S)).0 / 1_000;
        let off_s = stop.arrival.as_ref().unwrap().time.unwrap() - comes_s;
        assert!(off_s.abs() <= within_s, "{off_s} s off at {call}: {update:?}");
    }
}

fn descriptor(start: &str, relationship: i32) -> TripDescriptor {
    TripDescriptor {
        trip_id: Some("t1".into()),
        start_time: Some(start.into()),
        start_date: Some("20260302".into()),
        schedule_relationship: Some(relationship),
        route_id: Some("r".into()),
        direction_id: Some(0),
    }
}

const EIGHT: i64 = 8 * 3_600;

#[test]
fn each_start_is_a_run_of_its_own_where_starts_are_exact() {
    let mut city = city("1");
    // Thirty seconds late each; the third falls behind: more than five minutes.
    let starts = [EIGHT + 30, EIGHT + HEADWAY_S + 30, EIGHT + 2 * HEADWAY_S + 340];
    let now = EIGHT + HEADWAY_S + 900;
    city.drive(&starts, EIGHT - 120, now);
    let updates = city.updates(now);
    assert_eq!(updates["bus-1"].trip, descriptor("08:10:00", 0));
    let relationships = |u: &TripUpdate| {
        u.stop_time_update.iter().map(|s| s.schedule_relationship.unwrap()).collect::<Vec<_>>()
    };
    assert!(relationships(&updates["bus-1"]).iter().all(|r| *r == 0));
    comes(&updates["bus-1"], starts[1], 30);
    let positions = vehicle_positions(&city.fleet.working(at(now)), &city.feed, at(now), ToString::to_string);
    let positions = positions.entity.iter().filter_map(|e| e.vehicle.clone());
    let trips: BTreeMap<_, _> =
        positions.map(|v| (v.vehicle.unwrap().id.unwrap(), v.trip.unwrap())).collect();
    assert_eq!(trips["bus-1"], descriptor("08:10:00", 0));
    let ladder = city.fleet.ladder(at(EIGHT + HEADWAY_S + 300));
    let rung = ladder.iter().find(|r| r.vehicle.as_str() == "bus-2").or(ladder.last()).unwrap();
    assert!(rung.late.is_some_and(|late| late.seconds() > 0.0), "{rung:?}");

    city.drive(&starts, now, starts[2] + TAKES_S + 60);
    let want = [("bus-0", "08:00"), ("bus-1", "08:10"), ("bus-2", "08:20")];
    assert_eq!(city.runs(), want.map(|(bus, start)| (bus, vec![start.to_owned()])).into());
    assert!(city.found().contains(&Finding::Late), "{:?}", city.found());
    let limits = models_domain::transit::finding::Limits::default();
    let figures = report(&city.plans[1], &city.passings, &[], &limits).by_agency.remove(&0).unwrap();
    assert_eq!((figures.runs_scheduled, figures.runs_whole), (120, 3));
    assert_eq!((figures.on_time + figures.early + figures.late, figures.late > 9), (figures.passings, true));
}

#[test]
fn after_midnight_a_start_counts_on_in_its_service_day() {
    let mut city = city("1");
    let start = 24 * 3_600 + 1_200;
    let now = start + 620;
    city.drive(&[start + 20], start - 120, now);
    let updates = city.updates(now);
    assert_eq!(updates["bus-0"].trip, descriptor("24:20:00", 0));
    comes(&updates["bus-0"], start + 20, 30);
}

#[test]
fn where_only_the_distance_is_promised_nobody_is_late_and_buses_are_told_by_it() {
    // From a start of the file to the next: which of them a bus is told by must not matter.
    (0..6).for_each(|n| only_the_distance(n * 100));
}

fn only_the_distance(after_s: i64) {
    let mut city = city("0");
    let starts: Vec<i64> = (0..4).map(|n| EIGHT + after_s + n * HEADWAY_S).collect();
    let now = starts[2] + 300;
    city.drive(&starts, EIGHT, now);
    let updates = city.updates(now);
    assert_eq!(updates.len(), 2, "{updates:?}");
    for (i, start) in starts.iter().enumerate().skip(1).take(2) {
        let update = &updates[&format!("bus-{i}")];
        let start_time = update.trip.start_time.clone().unwrap();
        assert_eq!(update.trip, descriptor(&start_time, 2));
        assert!(update.stop_time_update.iter().all(|s| s.schedule_relationship == Some(3)));
        comes(update, *start, 30);
    }
    let ladder = city.fleet.ladder(at(now));
    let apart: Vec<_> =
        ladder.iter().filter_map(|r| Some((r.ahead?.seconds(), r.ahead_timetabled?.seconds()))).collect();
    assert!(
        apart.iter().all(|(ahead, wanted)| (ahead - 600.0).abs() < 40.0 && *wanted == 600.0),
        "{apart:?}"
    );

    city.drive(&starts, now, starts[3] + TAKES_S + 60);
    let runs = city.runs();
    assert_eq!(runs.len(), 4, "{runs:?}");
    // What was told once stays, and no two are told to be one.
    let mut all: Vec<&String> = runs.values().flatten().collect();
    assert!(runs.values().all(|starts| starts.len() == 1), "{runs:?}");
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 4, "{runs:?}");
    let of_times = [Finding::Late, Finding::Early, Finding::RunMissing, Finding::RunUnseen];
    let of_distances = [Finding::Bunching, Finding::HeadwayGap];
    let found = city.found();
    assert!(found.iter().all(|f| !of_times.contains(f) && !of_distances.contains(f)), "{found:?}");
    assert!(
        ladder.iter().all(|rung| rung.late.is_none()) && city.passings.iter().all(|p| p.late().is_none())
    );
    let told = alerts(city.fleet.open(), &city.plans, &city.feed, at(now), ToString::to_string);
    assert_eq!(told.entity, []);
    let limits = models_domain::transit::finding::Limits::default();
    let figures = report(&city.plans[1], &city.passings, &[], &limits).by_agency.remove(&0).unwrap();
    assert_eq!((figures.on_time, figures.early, figures.late, figures.late_mean_s), (0, 0, 0, 0.0));
    assert!(figures.passings > 40 && figures.regularity.excess_wait_s.abs() < 5.0, "{figures:?}");
}

#[test]
fn buses_that_run_as_one_are_told_of_though_no_start_is_promised() {
    let mut city = city("0");
    let starts = [EIGHT + 130, EIGHT + 220, EIGHT + 1_300];
    city.drive(&starts, EIGHT, EIGHT + 1_300 + TAKES_S + 60);
    let bunched: Vec<_> = city.events.iter().filter(|e| e.finding == Finding::Bunching).collect();
    assert!(!bunched.is_empty() && bunched.iter().all(|e| e.vehicle.as_ref().unwrap().as_str() == "bus-1"));
}

#[test]
fn that_for_long_nobody_set_out_is_told_by_the_distance() {
    let mut city = city("0");
    let starts = [EIGHT + 60, EIGHT + 2_460];
    city.drive(&starts, EIGHT - 120, EIGHT + 2_400);
    assert_eq!(city.told(EIGHT + 2_385).1.routes[0].gaps, 1);
    city.drive(&starts, EIGHT + 2_400, EIGHT + 3_600);
    let told: Vec<_> = city.events.iter().filter(|e| e.finding == Finding::HeadwayGap).collect();
    let [begun, ended] = told[..] else { panic!("{told:?}") };
    assert_eq!((begun.phase, ended.phase, ended.began), (Phase::Begun, Phase::Ended, begun.began));
    // The next was due ten minutes after the first; told after two and a half times as long, until the second set out.
    let after = |event_at: UtcMillis| event_at.since(at(EIGHT + 60)).seconds();
    assert!((600.0..615.0).contains(&after(begun.began)), "{begun:?}");
    assert!((1_500.0..1_545.0).contains(&after(begun.at)), "{begun:?}");
    assert!((2_395.0..2_415.0).contains(&after(ended.at)), "{ended:?}");
    assert!((2_390.0..2_410.0).contains(&ended.value.unwrap()), "{ended:?}");
    assert_eq!(begun.stop.as_ref().unwrap().as_str(), "s0");
    // Passengers are not told that a trip does not run: none was promised.
    let told = alerts(city.events.iter(), &city.plans, &city.feed, at(EIGHT + 2_400), ToString::to_string);
    assert_eq!(told.entity, []);
    assert!(!city.found().contains(&Finding::RunMissing) && !city.found().contains(&Finding::RunUnseen));
}

#[test]
fn that_nobody_is_heard_at_all_is_no_gap_between_buses() {
    let mut city = city("0");
    city.drive(&[EIGHT + 60], EIGHT - 120, EIGHT + 900);
    // The way to us is cut while the bus is under way.
    city.drive(&[], EIGHT + 900, EIGHT + 3_600);
    assert!(!city.found().contains(&Finding::HeadwayGap), "{:?}", city.found());
}

#[test]
fn a_gap_that_was_told_before_a_restart_ends_once() {
    let mut before = city("0");
    let starts = [EIGHT + 60, EIGHT + 2_460];
    before.drive(&starts, EIGHT - 120, EIGHT + 2_000);
    let open: Vec<TransitEvent> = before.fleet.gaps().cloned().collect();
    assert_eq!(open.len(), 1);
    let mut after = city("0");
    after.fleet.resume(open.clone());
    after.drive(&starts, EIGHT + 2_000, EIGHT + 3_600);
    let told: Vec<_> = after.events.iter().filter(|e| e.finding == Finding::HeadwayGap).collect();
    let [ended] = told[..] else { panic!("{told:?}") };
    assert_eq!((ended.phase, ended.began), (Phase::Ended, open[0].began));
    assert!((2_390.0..2_410.0).contains(&ended.value.unwrap()), "{ended:?}");
}

#[test]
fn two_buses_that_set_out_at_once_and_more_than_are_promised_are_all_told() {
    let check = |starts: &[i64], now: i64, want: usize| {
        let mut city = city("0");
        city.drive(starts, EIGHT - 120, now);
        let updates = city.updates(now);
        let names: std::collections::BTreeSet<_> = updates.values().map(|u| &u.trip.start_time).collect();
        assert_eq!((updates.len(), names.len()), (want, want), "{updates:?}");
        updates.iter().for_each(|(bus, update)| {
            let n: usize = bus.trim_start_matches("bus-").parse().unwrap();
            comes(update, starts[n], 30);
        });
    };
    check(&[EIGHT, EIGHT], EIGHT + 600, 2);
    // Every four minutes where ten are promised: those of the last twenty minutes are under way.
    let starts: Vec<i64> = (0..10).map(|n| EIGHT + 240 * n).collect();
    check(&starts, EIGHT + 9 * 240 + 120, 5);
}

#[test]
fn nobody_is_told_a_time_that_was_not_promised() {
    for (exact, promised) in [("0", false), ("1", true)] {
        let mut city = city(exact);
        let starts = [EIGHT + 20, EIGHT + HEADWAY_S + 20];
        let now = EIGHT + HEADWAY_S + 320;
        city.drive(&starts, EIGHT - 120, now);
        let (shown, supervised) = city.told(now);
        let bus = supervised.buses.iter().find(|b| b.vehicle == "bus-1").unwrap();
        assert_eq!((bus.late_s.is_some(), bus.ahead_timetabled_s), (promised, Some(600.0)));
        let told = siri::vehicle_monitoring(&shown, &city.feed).unwrap().to_string();
        assert_eq!((told.contains("PT"), told.matches("bus-").count()), (promised, 2), "{told}");
        let stop = "s8".into();
        let told = siri::stop_monitoring(&shown, &city.feed, &stop).unwrap();
        let visits =
            told.pointer("/Siri/ServiceDelivery/StopMonitoringDelivery/0/MonitoredStopVisit").unwrap();
        let journeys = visits.as_array().unwrap().iter().map(|v| &v["MonitoredVehicleJourney"]);
        let aimed: Vec<bool> =
            journeys.clone().map(|j| j["MonitoredCall"]["AimedArrivalTime"].is_string()).collect();
        assert!(aimed.iter().all(|aimed| *aimed == promised), "{told}");
        // Starts of one trip on one day are told apart by when they set out.
        let starts = journeys.map(|j| j["OriginAimedDepartureTime"].to_string());
        let starts: std::collections::BTreeSet<_> = starts.collect();
        assert_eq!(starts.len(), if promised { aimed.len() } else { 1 }, "{told}");
        assert_eq!(
            aimed.len() > 2,
            promised,
            "of buses that are not seen only promised times are told: {told}"
        );
        let page = stop_page::stop(&shown, &(city.feed.clone(), stop), Language::English).unwrap();
        let count = |text: &str| page.matches(text).count();
        assert_eq!(count("about every 10 min"), usize::from(!promised), "{page}");
        assert_eq!(count("from the timetable") > 0, promised, "{page}");
        assert!(count("from the bus&#39;s position") + count("from the bus's position") >= 1, "{page}");
        let drawn = space_time::space_time(&city.plans[1], &"r".into(), Some(0), &city.passings, &supervised);
        let drawn = drawn.unwrap();
        assert_eq!((drawn.scheduled.len(), drawn.driven.len()), (if promised { 120 } else { 0 }, 2));
    }
}
