//! What passengers and other people's programs are told of a bus, from the timetable's files to GTFS-realtime, SIRI and a stop's page:
//! how old it is, whose bus it is, where nobody may board, and when a way beside the line is a detour.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use control_center_gtfs::feeds::{Feeds, Version};
use control_center_gtfs::{Source, Zone, read};
use models_domain::event::Phase;
use models_domain::geo::LatLon;
use models_domain::transit::assign::SignOn;
use models_domain::transit::finding::{Finding, TransitEvent};
use models_domain::transit::fleet::{Fleet, Outlook};
use models_domain::transit::matching::Seen;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::timetable::FeedId;
use models_domain::transit::vehicle::Observed;
use models_domain::{Degrees, DurationMs, MetersPerSecond, UtcMillis, VehicleId};
use models_wire::convert::gtfs_realtime::{alerts, trip_updates};
use models_wire::gtfs_realtime::{Alert, TripUpdate};
use serde_json::Value;
use time::macros::date;

use super::shown::Shown;
use super::siri;
use super::stop_page::{self, Language};

/// A straight street of 6 km with 13 stops, 20 minutes long.
const STOPS: i32 = 13;
const STEP_DEG: f64 = 0.0048;
const STEP_S: i32 = 100;
const METERS_A_STEP: f64 = 498.3;
const TAKES_S: i64 = 1_200;
/// Monday 2026-03-02 in Hanoi.
const DAY: UtcMillis = UtcMillis(1_772_384_400_000);
const EIGHT: i64 = 8 * 3_600;
/// Trip, route, what stands on the bus, when it starts, and `pickup_type` at each stop.
const TRIPS: [(&str, &str, &str, i64, &str); 4] = [
    ("t1", "r32", "Giáp Bát", EIGHT, ""),
    ("t2", "r32", "Giáp Bát", EIGHT + 1_230, "0"),
    ("t3", "r33", "Mỹ Đình", EIGHT + 630, "3"),
    ("t4", "r32", "Về bến", EIGHT + 930, "1"),
];

type Files = BTreeMap<&'static str, String>;

struct City {
    plans: Vec<Arc<DayPlan>>,
    feed: FeedId,
    zone: Zone,
    fleet: Fleet,
}

/// Two operators on one street.
fn files() -> Files {
    let clock = |s: i64| format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
    let mut stops = "stop_id,stop_name,stop_lat,stop_lon\n".to_owned();
    let mut shapes = "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n".to_owned();
    let mut trips = "route_id,service_id,trip_id,trip_headsign,direction_id,shape_id\n".to_owned();
    let mut times = "trip_id,arrival_time,departure_time,stop_id,stop_sequence,pickup_type\n".to_owned();
    for i in 0..STOPS {
        stops += &format!("s{i},Trạm {i},21.0,{}\n", 105.8 + STEP_DEG * f64::from(i));
    }
    for i in 0..=6 * (STOPS - 1) {
        shapes += &format!("g,21.0,{},{i}\n", 105.8 + STEP_DEG * f64::from(i) / 6.0);
    }
    for (trip, route, headsign, starts_s, pickup) in TRIPS {
        trips += &format!("{route},w,{trip},{headsign},0,g\n");
        for i in 0..STOPS {
            let at = clock(starts_s + i64::from(STEP_S * i));
            times += &format!("{trip},{at},{at},s{i},{i},{pickup}\n");
        }
    }
    let days = "monday,tuesday,wednesday,thursday,friday,saturday,sunday";
    BTreeMap::from([
        (
            "agency.txt",
            "agency_id,agency_name,agency_url,agency_timezone\n\
             a,Xe Một,http://x.vn,Asia/Ho_Chi_Minh\nb,Xe Hai,http://y.vn,Asia/Ho_Chi_Minh\n"
                .into(),
        ),
        ("routes.txt", "route_id,agency_id,route_short_name,route_type\nr32,a,32,3\nr33,b,33,3\n".into()),
        ("stops.txt", stops),
        ("shapes.txt", shapes),
        ("trips.txt", trips),
        ("stop_times.txt", times),
        (
            "calendar.txt",
            format!("service_id,{days},start_date,end_date\nw,1,1,1,1,1,1,1,20260101,20261231\n"),
        ),
    ])
}

fn city(files: &Files) -> City {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).unwrap());
    let (feed, report) = read(&mut Source::open(folder.path()).unwrap(), None).unwrap();
    assert_eq!(report.problems, []);
    let (id, mut feeds, feed) = (FeedId::from("xe"), Feeds::default(), feed.unwrap());
    let zone = feed.zone.clone();
    feeds.add(id.clone(), Version { takes_effect: date!(2026 - 01 - 01), feed: Arc::new(feed) });
    let plans = feeds.plans(DAY + DurationMs(12 * 3_600_000)).into_iter().map(Arc::new).collect();
    City { plans, feed: id, zone, fleet: Fleet::default() }
}

fn at(s: i64) -> UtcMillis {
    DAY + DurationMs(s * 1_000)
}

/// A bus that signed on to a trip, sets out at `from_s` and keeps the pace of the timetable.
fn report(trip: &str, from_s: i64, s: i64) -> Observed {
    let driven_s = (s - from_s).clamp(0, TAKES_S);
    let moves = driven_s > 0 && driven_s < TAKES_S;
    let seen = Seen {
        at: at(s),
        position: LatLon::new(21.0, 105.8 + STEP_DEG * driven_s as f64 / f64::from(STEP_S)),
        speed: MetersPerSecond(if moves { METERS_A_STEP / f64::from(STEP_S) } else { 0.0 }),
        course: moves.then_some(Degrees(90.0)),
    };
    let signed = Some(SignOn { trip: Some(trip.into()), ..SignOn::default() });
    Observed { placed: true, seen, doors_open: None, engine_on: None, sos: false, signed }
}

impl City {
    /// Where thirty seconds late on its first trip a bus is at 8:05, on its way to the fourth stop.
    fn at_five_past_eight() -> Self {
        let mut city = city(&files());
        city.drive(EIGHT - 90..=EIGHT + 300, |s| report("t1", EIGHT + 30, s));
        city
    }

    /// One bus, each fifteen seconds.
    fn drive(&mut self, seconds: RangeInclusive<i64>, report: impl Fn(i64) -> Observed) {
        let (zone, id) = (self.zone.clone(), VehicleId::new("bus-1").unwrap());
        for s in seconds.step_by(15) {
            self.fleet.absorb(&self.plans, &id, &[report(s)], |_: &FeedId, t| zone.habit(t));
        }
    }

    fn outlooks(&self, now: UtcMillis) -> Vec<Outlook> {
        let until = now + DurationMs(5_400_000);
        self.fleet.outlook(&self.plans, now, until, |_: &FeedId, t| self.zone.habit(t))
    }

    fn updates(&self, now: UtcMillis) -> Vec<TripUpdate> {
        let message = trip_updates(&self.outlooks(now), &self.feed, now, ToString::to_string);
        message.entity.into_iter().filter_map(|entity| entity.trip_update).collect()
    }

    fn alerts(&self, now: UtcMillis) -> Vec<Alert> {
        let events = self.fleet.for_passengers(now);
        let message = alerts(events, &self.plans, &self.feed, now, ToString::to_string);
        message.entity.into_iter().filter_map(|entity| entity.alert).collect()
    }

    fn shown(&self, now: UtcMillis) -> Shown {
        let zones = [(self.feed.clone(), self.zone.clone())].into();
        Shown::new(&self.fleet, &self.plans, &self.outlooks(now), &zones, now, ToString::to_string)
    }

    /// What is told of a stop, soonest first, by trip.
    fn visits(&self, now: UtcMillis, stop: &str) -> Vec<(String, Value)> {
        let told = siri::stop_monitoring(&self.shown(now), &self.feed, &stop.into()).unwrap();
        let path = "/Siri/ServiceDelivery/StopMonitoringDelivery/0/MonitoredStopVisit";
        let visits = told.pointer(path).unwrap().as_array().unwrap().clone();
        let journey = "/MonitoredVehicleJourney/FramedVehicleJourneyRef/DatedVehicleJourneyRef";
        let trip = |visit: &Value| visit.pointer(journey).unwrap().as_str().unwrap().to_owned();
        visits.into_iter().map(|visit| (trip(&visit), visit)).collect()
    }

    /// What is told of the one bus.
    fn activity(&self, now: UtcMillis) -> Value {
        let told = siri::vehicle_monitoring(&self.shown(now), &self.feed).unwrap();
        let path = "/Siri/ServiceDelivery/VehicleMonitoringDelivery/0/VehicleActivity";
        let [activity] = &told.pointer(path).unwrap().as_array().unwrap()[..] else { panic!("{told}") };
        activity.clone()
    }

    fn is_off_its_line(&self) -> bool {
        self.fleet.open().any(|event| event.finding == Finding::OffRoute)
    }
}

fn seconds(at: UtcMillis) -> Option<u64> {
    Some(u64::try_from(at.0 / 1_000).unwrap())
}

#[test]
fn what_is_told_is_as_old_as_the_place_of_the_bus() {
    let city = City::at_five_past_eight();
    let (seen, now) = (at(EIGHT + 300), at(EIGHT + 540));
    let updates = city.updates(now);
    assert_eq!(updates.iter().map(|u| u.timestamp).collect::<Vec<_>>(), [seconds(seen)]);
    let visits = city.visits(now, "s8");
    let told: Vec<_> = visits.iter().map(|(trip, v)| (trip.as_str(), v["RecordedAtTime"].clone())).collect();
    let iso = |at| Value::from(city.zone.iso(at));
    // Nobody measures a timetable: what it tells is of now.
    assert_eq!(told, [("t1", iso(seen)), ("t3", iso(now)), ("t2", iso(now))]);
    assert!(visits[0].1["MonitoredVehicleJourney"]["Monitored"] == true, "{visits:?}");
}

#[test]
fn each_agency_of_a_feed_is_told_by_its_id() {
    let (city, now) = (City::at_five_past_eight(), at(EIGHT + 300));
    let operators = |city: &City| -> Vec<(String, Value)> {
        let visits = city.visits(now, "s6").into_iter();
        visits.map(|(trip, v)| (trip, v["MonitoredVehicleJourney"]["OperatorRef"].clone())).collect()
    };
    let want = |of: [(&str, &str); 3]| of.map(|(trip, id)| (trip.to_owned(), Value::from(id)));
    assert_eq!(operators(&city), want([("t1", "a"), ("t3", "b"), ("t2", "a")]));
    // Where the one agency has no id, the feed's name is all there is.
    let mut files = files();
    files.insert(
        "agency.txt",
        "agency_name,agency_url,agency_timezone\nXe,http://x.vn,Asia/Ho_Chi_Minh\n".into(),
    );
    files.insert("routes.txt", "route_id,route_short_name,route_type\nr32,32,3\nr33,33,3\n".into());
    assert_eq!(operators(&self::city(&files)), want([("t1", "xe"), ("t3", "xe"), ("t2", "xe")]));
}

#[test]
fn a_bus_is_told_with_where_it_goes_and_its_next_stop() {
    let (city, now) = (City::at_five_past_eight(), at(EIGHT + 300));
    let journey = city.activity(now)["MonitoredVehicleJourney"].clone();
    assert_eq!((&journey["OperatorRef"], &journey["DestinationName"]), (&"a".into(), &"Giáp Bát".into()));
    let call = &journey["MonitoredCall"];
    assert_eq!((&call["StopPointRef"], &call["StopPointName"]), (&"s3".into(), &"Trạm 3".into()));
    assert_eq!(call["AimedArrivalTime"], city.zone.iso(at(EIGHT + 300)));
    let expected: Vec<_> = (EIGHT + 315..=EIGHT + 345).map(|s| Value::from(city.zone.iso(at(s)))).collect();
    assert!(expected.contains(&call["ExpectedArrivalTime"]), "{call}");
}

#[test]
fn a_bus_that_waits_for_its_start_is_not_early() {
    let mut city = city(&files());
    let delay = |city: &City, s: i64| city.activity(at(s))["MonitoredVehicleJourney"]["Delay"].clone();
    city.drive(EIGHT - 600..=EIGHT - 540, |s| report("t1", EIGHT + 120, s));
    assert_eq!(delay(&city, EIGHT - 540), "PT0S");
    city.drive(EIGHT - 525..=EIGHT + 90, |s| report("t1", EIGHT + 120, s));
    let late = delay(&city, EIGHT + 90);
    assert!(late == "PT90S" || late == "PT89S", "{late}");
}

#[test]
fn where_nobody_may_board_a_bus_is_no_next_bus_but_its_times_are_told() {
    let mut city = city(&files());
    city.drive(EIGHT + 840..=EIGHT + 1_230, |s| report("t4", EIGHT + 960, s));
    let now = at(EIGHT + 1_230);
    let updates = city.updates(now);
    let [update] = &updates[..] else { panic!("one bus: {updates:?}") };
    assert_eq!(update.trip.trip_id.as_deref(), Some("t4"));
    assert!(update.stop_time_update.iter().any(|stop| stop.stop_id.as_deref() == Some("s6")), "{update:?}");
    let trips: Vec<_> = city.visits(now, "s6").into_iter().map(|(trip, _)| trip).collect();
    assert_eq!(trips, ["t3", "t2"], "nobody is seen on these");
}

/// The bus of 8:05 so far north of its street.
fn beside(north_m: f64, s: i64) -> Observed {
    let there = report("t1", EIGHT + 30, EIGHT + 300);
    let place = there.seen.position;
    let position = LatLon::new(place.lat.0 + north_m / 111_195.0, place.lon.0);
    Observed { seen: Seen { at: at(s), position, ..there.seen.clone() }, ..there }
}

#[test]
fn a_detour_is_told_to_passengers_once_it_is_driven_and_while_the_bus_is_heard() {
    let mut city = City::at_five_past_eight();
    let off_s = EIGHT + 300;
    let north = |s: i64| beside(10.0 * (s - off_s) as f64, s);
    city.drive(off_s + 15..=off_s + 120, north);
    let now = at(off_s + 120);
    assert!(city.is_off_its_line(), "supervisors know it");
    assert_eq!(city.alerts(now), []);
    city.drive(off_s + 135..=off_s + 135, north);
    let now = at(off_s + 135);
    let told = city.alerts(now);
    assert_eq!(told.iter().map(|alert| alert.effect).collect::<Vec<_>>(), [Some(4)]);
    // How far it has come on its way was measured where it left it.
    let updates = city.updates(now);
    assert_eq!(updates.iter().map(|u| u.timestamp).collect::<Vec<_>>(), [seconds(at(off_s))]);
    assert_eq!(city.alerts(now + DurationMs(301_000)), [], "nobody knows where it is");
}

#[test]
fn a_bus_on_a_detour_is_not_about_to_come_where_it_should_have_been() {
    let mut city = City::at_five_past_eight();
    let off_s = EIGHT + 300;
    let north = |s: i64| beside(10.0 * (s - off_s) as f64, s);
    let comes =
        |city: &City, s: i64, stop: &str| city.visits(at(s), stop).iter().any(|(trip, _)| trip == "t1");
    // It was to be at the fourth stop half a minute after it left its line, and at the ninth more than eight minutes after.
    city.drive(off_s + 15..=off_s + 120, north);
    assert!(comes(&city, off_s + 120, "s3") && comes(&city, off_s + 120, "s8"));
    city.drive(off_s + 135..=off_s + 135, north);
    assert!(!comes(&city, off_s + 135, "s3") && comes(&city, off_s + 135, "s8"));
}

#[test]
fn a_bus_that_is_seen_beside_its_line_for_long_and_drives_nowhere_is_on_no_detour() {
    let mut city = City::at_five_past_eight();
    let off_s = EIGHT + 300;
    city.drive(off_s + 15..=off_s + 300, |s| beside(100.0 + 20.0 * (s / 15 % 2) as f64, s));
    assert!(city.is_off_its_line(), "supervisors know it");
    assert_eq!(city.alerts(at(off_s + 300)), []);
}

#[test]
fn two_buses_on_a_detour_from_one_run_are_two_alerts() {
    let (city, now) = (city(&files()), at(EIGHT + 600));
    let plan = city.plans.iter().find(|plan| plan.day.date == date!(2026 - 03 - 02)).unwrap();
    let detour = |bus: &str| TransitEvent {
        finding: Finding::OffRoute,
        phase: Phase::Begun,
        began: now,
        at: now,
        vehicle: Some(bus.parse().unwrap()),
        place: None,
        run: Some((city.feed.clone(), plan.key(0))),
        stop: None,
        value: None,
    };
    let ids = |buses: [&str; 2]| -> Vec<String> {
        let events = buses.map(detour);
        let told = alerts(events.iter(), &city.plans, &city.feed, now, ToString::to_string);
        told.entity.into_iter().map(|entity| entity.id).collect()
    };
    let told = ids(["bus-1", "bus-2"]);
    assert_ne!(told[0], told[1]);
    assert_eq!(ids(["bus-2", "bus-1"]), [told[1].clone(), told[0].clone()], "each keeps its own");
}

/// The page's own tests open these in a browser. With `NGATU_STOP_PAGES=1` they are written anew.
#[test]
fn the_pages_that_are_tried_in_a_browser_are_the_halls() {
    let (city, now) = (City::at_five_past_eight(), at(EIGHT + 300));
    let (shown, stop) = (city.shown(now), (city.feed.clone(), "s6".into()));
    let page = |language| stop_page::stop(&shown, &stop, language).unwrap();
    let pages = [
        ("stop-vi.html", page(Language::Vietnamese)),
        ("stop-en.html", page(Language::English)),
        ("find-vi.html", stop_page::find(&shown, "trạm 6", Language::Vietnamese)),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/tests/browser/stops");
    for (name, page) in pages {
        let (path, page) = (folder.join(name), page + "\n");
        if std::env::var_os("NGATU_STOP_PAGES").is_some() {
            std::fs::write(&path, &page).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap();
        assert_eq!(kept, page, "{name} is not the hall's any more: NGATU_STOP_PAGES=1 writes it anew");
    }
}
