//! Buses as measures of traffic, with real programs: trackers on a street over TCP, a gateway, zenoh, the hall, gRPC. The speed of a
//! piece of road is told while buses drive on it, beside what a camera there counts.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hardware_bus::{BusSettings, Role, TlsFiles, ZenohBus};
use hardware_ports::bus::{Bus, Delivery};
use hardware_ports::{Clock, SystemClock};
use models_wire::v1;
use models_wire::v1::transit_service_client::TransitServiceClient;
use ngatu_tests::programs::{Running, program};
use prost::Message as _;
use serde_json::Value;

use crate::junction_orders::{Hall, Person, WAIT};
use crate::tracker_orders::listens;

/// A street that runs east, with stops so far apart that both ways halt at.
const STOPS: usize = 5;
const APART_DEG: f64 = 0.003;
/// Metres of a degree of longitude there.
const LON_M: f64 = 103_930.0;
/// From stop to stop, halt and all; about as the simulator drives.
const HOP_S: i64 = 58;
/// Trackers report this often.
const EVERY_MS: i64 = 2_000;

fn lon(stop: usize) -> f64 {
    105.8 + APART_DEG * stop as f64
}

fn now_ms() -> i64 {
    SystemClock::new().now().0
}

/// A zone in which it is about noon, so that no turn of a day falls into the test; and how far it is ahead of UTC.
fn noon(now_ms: i64) -> (String, i64) {
    let hours = 12 - now_ms.div_euclid(3_600_000).rem_euclid(24);
    // The names of these zones count westwards.
    (format!("Etc/GMT{:+}", -hours), hours * 3_600)
}

/// A run each way every half hour, of which one is at its second stop at `at_ms`.
fn timetable(at_ms: i64) -> Vec<u8> {
    let (zone, offset_s) = noon(at_ms);
    let clock = |s: i64| format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
    let begin_s = (at_ms / 1000 + offset_s).rem_euclid(86_400) - HOP_S;
    let mut stops = "stop_id,stop_name,stop_lat,stop_lon\n".to_owned();
    let mut shapes = "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n".to_owned();
    let mut trips = "route_id,service_id,trip_id,direction_id,shape_id\n".to_owned();
    let mut times = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n".to_owned();
    for stop in 0..STOPS {
        stops += &format!("s{stop},Trạm {stop},21.0,{}\n", lon(stop));
    }
    for (way, name) in ["out", "back"].into_iter().enumerate() {
        for i in 0..STOPS {
            let stop = if way == 0 { i } else { STOPS - 1 - i };
            shapes += &format!("{name},21.0,{},{i}\n", lon(stop));
            for n in -2..=2 {
                let at = clock(begin_s + n * 1_800 + HOP_S * i as i64);
                times += &format!("{name}{n},{at},{at},s{stop},{i}\n");
            }
        }
        (-2..=2).for_each(|n| trips += &format!("r,w,{name}{n},{way},{name}\n"));
    }
    let days = "monday,tuesday,wednesday,thursday,friday,saturday,sunday";
    let files = [
        (
            "agency.txt",
            format!("agency_id,agency_name,agency_url,agency_timezone\na,Xe,http://x.vn,{zone}\n"),
        ),
        ("routes.txt", "route_id,agency_id,route_short_name,route_type\nr,a,32,3\n".to_owned()),
        (
            "calendar.txt",
            format!("service_id,{days},start_date,end_date\nw,1,1,1,1,1,1,1,20200101,20991231\n"),
        ),
        ("stops.txt", stops),
        ("shapes.txt", shapes),
        ("trips.txt", trips),
        ("stop_times.txt", times),
    ];
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Before the hall is there, so that it begins with it.
fn import(dir: &Path) {
    fs::write(dir.join("feed.zip"), timetable(now_ms() + 5_000)).unwrap();
    let text = "[hall]\ndata_dir = \"hall\"\nlisten = \"127.0.0.1:0\"\n[bus]\nlisten = \"127.0.0.1:0\"\n";
    fs::write(dir.join("before.toml"), text).unwrap();
    let mut import = Command::new(program("control-center"));
    let words = ["gtfs", "import", "--feed", "xe", "--config", "before.toml", "feed.zip"];
    let out = import.args(words).current_dir(dir).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// A gateway that trackers dial; where each protocol listens.
fn gateway(dir: &Path, hall: &Hall) -> (Running, [String; 2]) {
    hall.run(&["gateway-certificate", "--gateway", "buses", "--out", "c"]);
    let listen =
        |protocol| format!("[[buses.listen]]\nprotocol = \"{protocol}\"\naddress = \"127.0.0.1:0\"\n");
    let text = format!(
        "[gateway]\nid = \"buses\"\ndata_dir = \"pole\"\n\
         [hall]\nconnect = \"{}\"\nca = \"c/ca.pem\"\ncertificate = \"c/cert.pem\"\nkey = \"c/key.pem\"\n\
         [buses]\n{}{}zone = \"+07:00\"\n",
        hall.bus,
        listen("gt06"),
        listen("jt808"),
    );
    fs::write(dir.join("pole.toml"), text).unwrap();
    let mut agent = Command::new(program("edge-agent"));
    let mut agent = Running::start(agent.args(["run", "--config", "pole.toml"]).current_dir(dir));
    let ready = agent.line_with(WAIT, |line| line.contains("is ready"));
    (agent, ["gt06", "jt808"].map(|protocol| listens(&ready, protocol)))
}

/// One bus each way, of two makes, that begin at the second stop of their way.
fn street(dir: &Path, trackers: &[String; 2]) -> Running {
    let points: Vec<String> = (0..STOPS).map(|stop| format!("[21.0, {}]", lon(stop))).collect();
    let stops: Vec<String> = (0..STOPS).map(|stop| stop.to_string()).collect();
    let every_s = EVERY_MS / 1000;
    let text = format!(
        "moving_report_s = {every_s}\nstopped_report_s = {every_s}\nheartbeat_s = 30\n[[route]]\nid = \"32\"\nname = \"x\"\n\
         gt06_buses = 1\njt808_buses = 1\npoints = [{}]\nstops = [{}]\n",
        points.join(", "),
        stops.join(", "),
    );
    fs::write(dir.join("street.toml"), text).unwrap();
    let mut street = Command::new(program("bus-simulator"));
    street.args(["--config", "street.toml", "--gt06", &trackers[0], "--jt808", &trackers[1]]);
    Running::start(street.args(["--fixes", "fixes.jsonl"]).current_dir(dir))
}

/// A camera 40 m beside the street between the third and the fourth stop, that counted ten motorcycles a minute.
async fn camera(dir: &Path, hall: &Hall) -> ZenohBus {
    hall.run(&["gateway-certificate", "--gateway", "pole-1", "--out", "p"]);
    let file = |name: &str| dir.join("p").join(name);
    let tls = TlsFiles { ca: file("ca.pem"), certificate: file("cert.pem"), key: file("key.pem") };
    let role = Role::Pole { connect: vec![hall.bus.clone()] };
    let bus = ZenohBus::open(BusSettings { role, tls }).await.unwrap();
    let mut stored = bus.subscribe("city/v1/pole-1/stored", 100).await.unwrap();
    bus.announce("city/v1/pole-1/alive").await.unwrap();
    let position = Some(v1::Position { lat: 21.00036, lon: (lon(2) + lon(3)) / 2.0 });
    let camera =
        v1::CameraInfo { camera: "c-1".into(), link: v1::Link::Up.into(), position, ..Default::default() };
    let state = v1::GatewayState { at_ms: 1, cameras: vec![camera], ..Default::default() };
    let minute = now_ms() / 60_000;
    let told = |i: i64| {
        let minute_ms = (minute - i) * 60_000;
        let counts = vec![v1::MinuteCount {
            line: "north".into(),
            road_user: v1::RoadUser::Motorcycle.into(),
            direction: v1::Direction::ToLeft.into(),
            crossings: 10,
        }];
        let body =
            v1::MinuteCounts { camera: "c-1".into(), minute_ms, watched_ms: 60_000, analysed_ms: 9, counts };
        let body = Some(v1::event::Body::MinuteCounts(body));
        v1::Event { seq: i.cast_unsigned(), at_ms: minute_ms + 60_000, body }
    };
    let batch =
        v1::EventBatch { boot: 1_700_000_000_000, oldest_kept: 1, events: (1..=10).map(told).collect() };
    let sent = async {
        loop {
            for (key, bytes) in [("state", state.encode_to_vec()), ("events", batch.encode_to_vec())] {
                bus.publish(&format!("city/v1/pole-1/{key}"), bytes, Delivery::Wait).await.unwrap();
            }
            let answer = tokio::time::timeout(Duration::from_secs(1), stored.recv()).await;
            if let Ok(Some(answer)) = answer
                && v1::StoredUpTo::decode(&answer.payload[..]).unwrap().seq == 10
            {
                return;
            }
        }
    };
    tokio::time::timeout(WAIT, sent).await.expect("the hall stores what the camera counted");
    bus
}

async fn segments(person: &Person<'_>, hall: &Hall) -> v1::ListSegmentsResponse {
    let mut transit = TransitServiceClient::new(hall.channel.clone());
    let asked = person.with(v1::ListSegmentsRequest { roads: 0 });
    transit.list_segments(asked).await.unwrap().into_inner()
}

/// What the simulator had its bus do that goes east, or west: when, and where in degrees.
fn fixes(dir: &Path, east: bool) -> Vec<(i64, f64)> {
    let text = fs::read_to_string(dir.join("fixes.jsonl")).unwrap();
    let fixes = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of = fixes.filter_map(|fix| {
        let goes_east = (45.0..135.0).contains(&fix["course_deg"].as_f64()?);
        Some((fix["at_s"].as_i64()?, fix["lon"].as_f64()?)).filter(|_| goes_east == east)
    });
    of.collect()
}

/// How fast a bus went between two stops until a moment, away from both; `None` when it went too little of it.
fn driven(dir: &Path, (from, to): (usize, usize), until_ms: i64) -> Option<f64> {
    let between = lon(from.min(to)) + 35.0 / LON_M..=lon(from.max(to)) - 35.0 / LON_M;
    let mut fixes = fixes(dir, from < to);
    fixes.retain(|(at_s, lon)| between.contains(lon) && at_s * 1000 <= until_ms);
    let (first, last) = (fixes.first()?, fixes.last()?);
    let took_s = last.0 - first.0;
    (took_s >= 10).then(|| (last.1 - first.1).abs() * LON_M / took_s as f64)
}

/// The piece of road from one stop to another.
fn segment(told: &v1::ListSegmentsResponse, (from, to): (usize, usize)) -> &v1::Segment {
    let (from, to) = (format!("Trạm {from}"), format!("Trạm {to}"));
    told.segments.iter().find(|s| s.from_stop == from && s.to_stop == to).unwrap()
}

/// Whether the speed of the piece is told that the bus going east is on.
fn is_on_it(dir: &Path, told: &v1::ListSegmentsResponse) -> bool {
    let Some((_, lon_now)) = fixes(dir, true).pop() else { return false };
    let from = (0..STOPS - 1).find(|from| (lon(*from)..lon(from + 1)).contains(&lon_now));
    let Some(name) = from.map(|from| &segment(told, (from, from + 1)).segment) else { return false };
    told.now.iter().any(|now| now.segment == *name && now.speed_mps.is_some())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_speed_of_a_road_is_told_while_buses_drive_on_it_beside_what_a_camera_counts() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    import(dir);
    let (hall, password) = Hall::start_in(dir, "", "").await;
    let (_agent, trackers) = gateway(dir, &hall);
    let _street = street(dir, &trackers);
    let _pole = camera(dir, &hall).await;
    let admin = hall.sign_in("admin", &password.unwrap()).await;
    let (mut left, mut on_it) = (vec![(2, 3), (3, 2)], false);
    let until = tokio::time::Instant::now() + 2 * WAIT;
    while let Some(way) = left.last().copied() {
        let told = segments(&admin, &hall).await;
        assert!(tokio::time::Instant::now() < until, "{way:?}: nothing is told: {:?}", told.now);
        tokio::time::sleep(Duration::from_millis(300)).await;
        if told.segments.is_empty() {
            continue;
        }
        assert_eq!(told.segments.len(), 2 * (STOPS - 1), "{:?}", told.segments);
        on_it |= is_on_it(dir, &told);
        let segment = segment(&told, way);
        let now = told.now.iter().find(|now| now.segment == segment.segment && now.flow.is_some());
        let Some((now, speed)) = now.and_then(|now| Some((now, now.speed_mps?))) else { continue };
        let Some(want) = driven(dir, way, now.newest_ms) else { continue };
        println!("{way:?}: {speed:.1} m/s told, {want:.1} m/s driven");
        assert!((0.8 * want..1.25 * want).contains(&speed) && want > 6.0, "{speed} m/s, driven {want} m/s");
        assert!(now.fresh && now.buses == 1, "{now:?}");
        let takes_s = segment.length_m / speed;
        assert!(now.travel_s.is_some_and(|s| (s - takes_s).abs() < 0.1), "{takes_s} s: {now:?}");
        let flow = now.flow.as_ref().unwrap();
        let crossings: u64 = flow.classes.iter().map(|class| class.crossings).sum();
        assert_eq!((flow.camera.as_str(), flow.line.as_str()), ("c-1", "north"));
        assert!(crossings >= 80 && crossings == 10 * (flow.watched_ms / 60_000).cast_unsigned(), "{flow:?}");
        assert!((35.0..45.0).contains(&flow.away_m), "{flow:?}");
        left.pop();
    }
    assert!(on_it, "nothing was told of a piece of road while a bus was on it");
}
