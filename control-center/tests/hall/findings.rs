//! A street full of buses that ail in every way, and a second operator beside it: each is told to whom it concerns, and to nobody else.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use hardware_ports::{Clock, SystemClock};
use models_wire::gtfs_realtime::FeedMessage;
use models_wire::v1;
use models_wire::v1::transit_service_client::TransitServiceClient;
use prost::Message;
use tonic::transport::Channel;

use crate::buses::{Street, import_as, timetable};
use crate::harness::{Hall, with};
use crate::street::Pole;
use crate::supervise::until;

/// Stops lie two kilometres apart, and a bus takes six minutes from one to the next.
const APART_DEG: f64 = 0.02;
const APART_S: i64 = 360;
/// How long ago, in seconds, the first run of all set out: nobody drives it.
const UNSEEN_S: i64 = 1_500;
const EVERY_S: i64 = 15;
/// Of the two streets of one operator, of the other operator's, and of a yard beside all of them.
const LATS: [f64; 4] = [21.0, 21.05, 21.4, 21.2];

/// What the buses of a street do, by how long ago they set out.
struct Bus<'a> {
    vehicle: &'a str,
    trip: Option<&'a str>,
    /// From so many seconds ago until so many.
    heard: (i64, i64),
    speed_mps: f64,
}

impl Bus<'_> {
    /// A report each fifteen seconds; `place` says where the bus is so many seconds ago.
    fn reports(&self, now_ms: i64, place: impl Fn(i64) -> (f64, f64)) -> Vec<v1::Fix> {
        let (from_s, to_s) = self.heard;
        let report = |n: i64| {
            let ago_s = from_s - n * EVERY_S;
            let (at_ms, (lat, lon)) = (now_ms - ago_s * 1_000, place(ago_s));
            v1::Fix {
                vehicle: self.vehicle.into(),
                fix_ms: at_ms,
                received_ms: at_ms + 500,
                lat,
                lon,
                speed_mps: self.speed_mps,
                course_deg: Some(90.0),
                valid: true,
                protocol: "test".into(),
                signed_trip: self.trip.map(str::to_owned),
                ..v1::Fix::default()
            }
        };
        (0..=(from_s - to_s) / EVERY_S).map(report).collect()
    }

    /// In time along a street on which it set out so many seconds ago.
    fn drives(&self, now_ms: i64, lat: f64, set_out_s: i64) -> Vec<v1::Fix> {
        self.reports(now_ms, |ago_s| (lat, lon(set_out_s - ago_s)))
    }
}

/// How far east a bus is so long after it set out.
fn lon(driven_s: i64) -> f64 {
    105.8 + APART_DEG * driven_s.max(0) as f64 / APART_S as f64
}

fn streets() -> (Vec<u8>, Vec<u8>, i64) {
    let now_ms = SystemClock::new().now().0;
    let ago = |s: i64| UNSEEN_S - s;
    let of = |route, short_name, stop, lat, trips| Street {
        route,
        short_name,
        stop,
        lat,
        apart_deg: APART_DEG,
        apart_s: APART_S,
        trips,
    };
    let first = [("t1", 0, "b1"), ("t2", ago(1_020), "b2"), ("t3", ago(660), "b3"), ("t4", ago(300), "b4")];
    let second = [("t5", ago(560), "b5"), ("t6", ago(420), "b6")];
    let other = [("t1", ago(420), "b1")];
    let first_ms = now_ms - UNSEEN_S * 1_000;
    let own = [of("r", "32", "s", LATS[0], &first[..]), of("q", "09", "u", LATS[1], &second[..])];
    let beside = [of("r", "E1", "s", LATS[2], &other[..])];
    (timetable("Xe", first_ms, &own), timetable("Yến", first_ms, &beside), now_ms)
}

/// What the buses under way report, each from so long ago as it is heard until `to_s` seconds ago; or only from `from_s` on.
fn under_way(now_ms: i64, from_s: Option<i64>, to_s: i64) -> Vec<v1::Fix> {
    let bus = |vehicle, trip, heard_s: i64, speed_mps| Bus {
        vehicle,
        trip,
        heard: (from_s.unwrap_or(heard_s), to_s),
        speed_mps,
    };
    // Four and a half minutes late, faster than its road allows; the next is close behind it, the one after that where it should be.
    let mut all = bus("imei-2", Some("t2"), 780, 10.0).drives(now_ms, LATS[0], 750);
    all.extend(bus("imei-3", Some("t3"), 690, 5.8).drives(now_ms, LATS[0], 660));
    all.extend(bus("imei-4", Some("t4"), 330, 5.8).drives(now_ms, LATS[0], 300));
    // As fast as the late one, on a street that allows it; and leaves its line three minutes ago.
    let astray = |ago_s: i64| (LATS[1] + 0.002 * ((180 - ago_s).max(0) / EVERY_S) as f64, lon(420 - ago_s));
    all.extend(bus("imei-6", Some("t6"), 450, 10.0).reports(now_ms, astray));
    all.extend(bus("yz-1", None, 450, 5.8).drives(now_ms, LATS[2], 420));
    all
}

/// Everything that all of them report until now.
fn fixes(now_ms: i64) -> Vec<v1::Fix> {
    let bus = |vehicle, trip, heard, speed_mps| Bus { vehicle, trip, heard, speed_mps };
    let mut all = under_way(now_ms, None, 0);
    // Falls silent under way.
    all.extend(bus("imei-5", Some("t5"), (590, 380), 5.8).drives(now_ms, LATS[1], 560));
    // Parked: one leaps about, one has the clock of an hour ago, one calls for help.
    let yard = |_| (LATS[3], 105.8);
    let mut leaps = bus("imei-leaps", None, (165, 0), 0.0).reports(now_ms, yard);
    [3, 6, 9].into_iter().for_each(|n: usize| leaps[n].lat += 0.4);
    let mut behind = bus("imei-behind", None, (3_660, 3_600), 0.0).reports(now_ms, yard);
    behind.iter_mut().for_each(|fix| fix.received_ms += 3_600_000);
    let mut calls = bus("imei-calls", None, (30, 0), 0.0).reports(now_ms, yard);
    calls.iter_mut().skip(1).for_each(|fix| fix.sos = true);
    all.extend(leaps.into_iter().chain(behind).chain(calls));
    all
}

fn numbered(first: u64, fixes: Vec<v1::Fix>) -> Vec<v1::Event> {
    let event = |(seq, fix): (u64, v1::Fix)| {
        let at_ms = fix.received_ms;
        v1::Event { seq, at_ms, body: Some(v1::event::Body::Fix(fix)) }
    };
    (first..).zip(fixes).map(event).collect()
}

fn configure(dir: &Path) {
    let text = "[hall]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\n[bus]\nlisten = \"127.0.0.1:0\"\n\
                [buses]\nspeed_roads = \"roads.geojson\"\n";
    std::fs::write(dir.join("hall.toml"), text).unwrap();
    let line =
        serde_json::json!({"type": "LineString", "coordinates": [[105.79, LATS[0]], [105.96, LATS[0]]]});
    let road = serde_json::json!({"type": "Feature", "geometry": line, "properties": {"maxspeed": "30"}});
    let roads = serde_json::json!({"type": "FeatureCollection", "features": [road]});
    std::fs::write(dir.join("roads.geojson"), roads.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ails_buses_is_told_to_whom_it_concerns() {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    configure(dir.path());
    let (own, beside, now_ms) = streets();
    import_as("xe", dir.path(), &own);
    import_as("yz", dir.path(), &beside);
    let hall = Hall::start_in(dir, &[]);
    let mut pole = Pole::join(&hall).await;
    let fixes = numbered(1, fixes(now_ms));
    let sent = fixes.len() as u64;
    assert_eq!(pole.send(1, &fixes).await, sent);
    let (transit, token) = (TransitServiceClient::new(hall.channel().await), hall.token().await);

    supervisors_are_told(&transit, &token, now_ms).await;
    one_is_to_be_held(&transit, &token).await;
    // However long that took, whoever is under way is heard, and only one is silent.
    let passed_s = (SystemClock::new().now().0 - now_ms) / 1_000;
    if passed_s >= EVERY_S {
        let more = numbered(sent + 1, under_way(now_ms, Some(-EVERY_S), -passed_s));
        assert_eq!(pole.send(sent + 1, &more).await, sent + more.len() as u64);
    }
    technicians_are_told(&transit, &token).await;
    passengers_are_told(&hall).await;
    operators_stand_side_by_side(&hall, &transit, &token).await;
}

async fn supervisors_are_told(transit: &TransitServiceClient<Channel>, token: &str, now_ms: i64) {
    let ask = async || {
        let asked = v1::ListBusEventsRequest { limit: 500, ..Default::default() };
        transit.clone().list_bus_events(with(token, asked)).await.unwrap().into_inner().events
    };
    let is_missing = |e: &v1::BusEvent| e.finding == "run_missing" || e.finding == "run_unseen";
    let all = |events: &Vec<v1::BusEvent>| {
        let found = |finding: &str| events.iter().any(|e| e.finding == finding);
        events.iter().any(is_missing) && ["overspeed", "off_route", "sos"].into_iter().all(found)
    };
    let events = until("everything that was found", ask, all).await;
    let of = |finding: &str| events.iter().filter(move |e| e.finding == finding).collect::<Vec<_>>();

    let open = events.iter().filter(|e| is_missing(e) && e.ended_ms.is_none());
    let [run] = open.collect::<Vec<_>>()[..] else { panic!("{events:#?}") };
    assert_eq!((run.trip.as_str(), run.block.as_str(), run.vehicle.as_str()), ("t1", "b1", ""));
    assert_eq!(
        (run.feed.as_str(), run.route_name.as_str(), run.stop_name.as_str()),
        ("xe", "32", "Trạm <0>")
    );
    assert_eq!(run.began_ms, (now_ms - UNSEEN_S * 1_000).div_euclid(1_000) * 1_000, "since its start");

    // On the other street 36 km/h are allowed, as they are everywhere else.
    let fast = of("overspeed");
    assert!(!fast.is_empty() && fast.iter().all(|e| e.vehicle == "imei-2"), "{fast:#?}");
    assert!((fast[0].value.unwrap() - 36.0).abs() < 0.1 && fast[0].place.is_some(), "{fast:#?}");

    let [astray] = of("off_route")[..] else { panic!("{events:#?}") };
    assert_eq!((astray.vehicle.as_str(), astray.trip.as_str(), astray.ended_ms), ("imei-6", "t6", None));

    // It is on no run, and has its place all the same.
    let [call] = of("sos")[..] else { panic!("{events:#?}") };
    let place = call.place.as_ref().unwrap();
    assert_eq!((call.vehicle.as_str(), call.trip.as_str(), call.route.as_str()), ("imei-calls", "", ""));
    assert_eq!((place.lat, place.lon, call.ended_ms), (LATS[3], 105.8, None));
}

async fn buses(transit: &TransitServiceClient<Channel>, token: &str, feed: &str) -> Vec<v1::BusNow> {
    let asked = v1::GetBusesRequest { feed: feed.into(), ..Default::default() };
    transit.clone().get_buses(with(token, asked)).await.unwrap().into_inner().buses
}

async fn one_is_to_be_held(transit: &TransitServiceClient<Channel>, token: &str) {
    let ask = || buses(transit, token, "xe");
    let holds = |buses: &Vec<v1::BusNow>| buses.iter().any(|b| b.advice.is_some());
    let told = until("advice on holding", ask, holds).await;
    let held: Vec<&v1::BusNow> = told.iter().filter(|b| b.advice.is_some()).collect();
    let [bus] = held[..] else { panic!("{told:#?}") };
    assert_eq!(
        (bus.vehicle.as_str(), bus.trip.as_str(), bus.ahead_vehicle.as_str()),
        ("imei-3", "t3", "imei-2")
    );
    let advice = bus.advice.as_ref().unwrap();
    // Half of what lies between a minute and a half before it and six behind it.
    assert!((100.0..170.0).contains(&advice.hold_s) && advice.wait_saved_s > 20.0, "{advice:?}");
}

async fn technicians_are_told(transit: &TransitServiceClient<Channel>, token: &str) {
    let ask = async || {
        let asked = v1::ListTrackersRequest { hours: 1 };
        transit.clone().list_trackers(with(token, asked)).await.unwrap().into_inner().trackers
    };
    let ailing = |trackers: &[v1::Tracker]| -> Vec<(String, String)> {
        let ailing = trackers.iter().filter(|t| !t.ailments.is_empty());
        let mut all: Vec<_> = ailing.map(|t| (t.vehicle.clone(), t.ailments.join(" "))).collect();
        all.sort();
        all
    };
    let told = until("three trackers that ail", ask, |told: &Vec<_>| ailing(told).len() >= 3).await;
    let want = [("imei-5", "silent"), ("imei-behind", "wrong_clock"), ("imei-leaps", "jumping")];
    assert_eq!(ailing(&told), want.map(|(vehicle, ailment)| (vehicle.to_owned(), ailment.to_owned())));
}

async fn feed(hall: &Hall, path: &str) -> FeedMessage {
    FeedMessage::decode(&hall.get(path, &[]).await.body[..]).unwrap_or_default()
}

async fn passengers_are_told(hall: &Hall) {
    let ask = || feed(hall, "/gtfs-rt/xe/alerts.pb");
    let trip_of = |e: &models_wire::gtfs_realtime::FeedEntity| {
        e.alert.as_ref().and_then(|a| a.informed_entity.first()?.trip.as_ref()?.trip_id.clone())
    };
    let detour = |told: &FeedMessage| told.entity.iter().any(|e| trip_of(e).as_deref() == Some("t6"));
    let told = until("an alert", ask, detour).await;
    let entity = told.entity.iter().find(|e| trip_of(e).as_deref() == Some("t6")).unwrap();
    let alert = entity.alert.as_ref().unwrap();
    let texts = &alert.header_text.as_ref().unwrap().translation;
    let texts: Vec<_> = texts.iter().map(|t| (t.language.as_deref(), t.text.as_str())).collect();
    assert_eq!(alert.effect, Some(4), "a detour");
    assert_eq!(texts, [(Some("vi"), "Xe buýt đang đi đường vòng"), (Some("en"), "The bus is on a detour")]);
    let trip = alert.informed_entity[0].trip.as_ref().unwrap();
    assert_eq!((trip.route_id.as_deref(), trip.start_date.as_ref().map(String::len)), (Some("q"), Some(8)));
    // That somebody is too fast, or calls for help, is nothing for passengers; that nobody drives a run may be.
    let of_trips: BTreeSet<_> = told.entity.iter().filter_map(trip_of).collect();
    assert!(
        told.entity.len() == of_trips.len() && of_trips.iter().all(|t| t == "t1" || t == "t6"),
        "{told:?}"
    );
}

async fn operators_stand_side_by_side(hall: &Hall, transit: &TransitServiceClient<Channel>, token: &str) {
    let ask = || buses(transit, token, "yz");
    let told = until("the other operator's bus", ask, |buses: &Vec<_>| !buses.is_empty()).await;
    let names: Vec<_> =
        told.iter().map(|b| (b.vehicle.as_str(), b.route.as_str(), b.trip.as_str())).collect();
    assert_eq!(names, [("yz-1", "r", "t1")]);
    let own = buses(transit, token, "xe").await;
    assert!(own.len() >= 4 && own.iter().all(|b| b.feed == "xe" && b.vehicle != "yz-1"), "{own:#?}");

    let asked = with(token, v1::ListRoutesRequest {});
    let routes = transit.clone().list_routes(asked).await.unwrap().into_inner().routes;
    let routes: BTreeSet<_> =
        routes.iter().map(|r| (&*r.feed, &*r.route, &*r.operator, &*r.short_name)).collect();
    let want = [("xe", "q", "Xe", "09"), ("xe", "r", "Xe", "32"), ("yz", "r", "Yến", "E1")];
    assert_eq!(routes, BTreeSet::from(want));

    // What one operator's passengers are told has nothing of the other's, though trips, routes and stops are called alike.
    let updates = feed(hall, "/gtfs-rt/yz/trip-updates.pb").await;
    let trips: Vec<_> =
        updates.entity.iter().filter_map(|e| e.trip_update.as_ref()?.trip.trip_id.as_deref()).collect();
    assert_eq!(trips, ["t1"]);
    assert_eq!(feed(hall, "/gtfs-rt/yz/alerts.pb").await.entity, []);

    let report = async || {
        let asked = with(token, v1::GetTransitReportRequest::default());
        transit.clone().get_transit_report(asked).await.unwrap().into_inner()
    };
    let both =
        |told: &v1::GetTransitReportResponse| told.operators.iter().filter(|o| o.passings > 0).count() == 2;
    let mut told = until("a report of both", report, both).await;
    // Those in the yard are on no run: they are the day's all the same.
    let yard = told.operators.pop().unwrap();
    assert_eq!((yard.feed.as_str(), yard.operator.as_str()), ("", ""));
    assert!(yard.vehicles >= 3 && yard.positions_rejected >= 3, "{yard:?}");
    let runs: BTreeSet<_> =
        told.operators.iter().map(|o| (&*o.feed, &*o.operator, o.runs_scheduled)).collect();
    assert_eq!(runs, BTreeSet::from([("xe", "Xe", 6), ("yz", "Yến", 1)]));
    let asked = v1::GetTransitReportRequest { feed: "yz".into(), ..Default::default() };
    let one = transit.clone().get_transit_report(with(token, asked)).await.unwrap().into_inner();
    let feeds: Vec<_> = one.operators.iter().map(|o| o.feed.as_str()).collect();
    assert_eq!(feeds, ["yz"], "vehicles on no run are of no operator");
}
